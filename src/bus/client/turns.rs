//! Turns: who hears what comes: the bus's own thread, or one that waits for something of it.
//!
//! A caller that hears its own answer saves a wake-up, and so does a worker that hears its own
//! calls. The bus's thread lends its ear to those whom it has just woken, because they often come
//! back; it takes the ear back when none did. Subscribers sleep while others hear.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::bus::client::Client;
use crate::bus::wakes::Wakes;
use crate::error::Error as SocketError;
use crate::loan::{Loan, is_patient, wait_for_return};
use crate::socket::{Arrival, Arrivals};

/// Who has heard nothing for so long leaves it to the bus's own thread, and sleeps.
const QUIET: Duration = Duration::from_millis(100);

/// What it takes to hear. There is one, so everything is heard in its order.
pub(crate) struct Ear {
    arrivals: Arrivals,
    wakes: Wakes,
    /// Heard by a thread that must not wait, and left to the bus's own: handling it may.
    left: Option<Arrival>,
}

#[derive(Default)]
pub(super) struct Turns {
    turn: Mutex<Turn>,
    /// Where the bus's own thread waits for the ear.
    returned: Condvar,
}

#[derive(Default)]
struct Turn {
    loan: Loan<Box<Ear>>,
    borrower: Option<ThreadId>,
    /// Threads that wait for something, and hear nothing.
    sleepers: usize,
}

/// A thread that waits for somebody else to hear. While there is one the ear is not on offer, but
/// for a moment, in which it is woken.
pub(crate) struct Sleeper<'a>(&'a Turns);

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.0.lock().sleepers -= 1;
    }
}

/// The ear in the hands of a thread that is not the bus's own.
struct Borrowed<'a> {
    turns: &'a Turns,
    ear: Option<Box<Ear>>,
}

impl Borrowed<'_> {
    fn ear(&mut self) -> &mut Ear {
        self.ear.as_mut().expect("held until it is passed on")
    }

    /// It is for whoever comes first, unless somebody sleeps.
    fn pass_on(mut self) {
        let mut turn = self.turns.lock();
        let ear = self.ear.take_if(|_| turn.sleepers == 0);
        if let Some(ear) = ear {
            turn.borrower = None;
            turn.loan.offer(ear);
        }
    }
}

/// What is not passed on goes back to the bus's own thread.
impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(ear) = self.ear.take() {
            let mut turn = self.turns.lock();
            turn.borrower = None;
            self.turns.give_back(&mut turn, ear);
        }
    }
}

impl Ear {
    pub(crate) fn new(arrivals: Arrivals) -> Box<Ear> {
        Box::new(Ear {
            arrivals,
            wakes: Wakes::default(),
            left: None,
        })
    }

    /// What is there already.
    fn poll(&mut self) -> Result<Arrival, SocketError> {
        match self.left.take() {
            Some(arrival) => Ok(arrival),
            // Not `try_recv`, which tells the socket that nobody is about to wait.
            None => self.arrivals.recv_timeout(Duration::ZERO),
        }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ear, if it is on offer and nobody sleeps.
    fn borrow(&self) -> Option<Borrowed<'_>> {
        let mut turn = self.lock();
        if turn.sleepers > 0 {
            return None;
        }
        let ear = Some(turn.loan.borrow()?);
        turn.borrower = Some(thread::current().id());
        Some(Borrowed { turns: self, ear })
    }

    /// An ear on offer is to be used by the bus's own thread.
    fn recall(&self, turn: &mut Turn) {
        if let Some(ear) = turn.loan.borrow() {
            self.give_back(turn, ear);
        }
    }

    fn give_back(&self, turn: &mut Turn, ear: Box<Ear>) {
        turn.loan.give_back(ear);
        self.returned.notify_one();
    }

    /// Wakes who is to be woken, and lends the ear to them if nobody else would be kept waiting.
    fn lend(&self, mut ear: Box<Ear>) -> Option<Box<Ear>> {
        let mut wakes = std::mem::take(&mut ear.wakes);
        let mut turn = self.lock();
        let hearers = wakes.hearers();
        if hearers == 0 || turn.sleepers > hearers {
            drop(turn);
            wakes.wake();
            return Some(ear);
        }
        turn.loan.offer(ear);
        drop(turn);
        // They find it on offer when they come back.
        wakes.wake();
        wait_for_return(self.lock(), &self.returned, |turn| &mut turn.loan)
    }
}

impl Client {
    /// For a thread that is about to wait until `is_there`: it hears in the meantime if the ear is
    /// on offer. Otherwise it is one that sleeps, for as long as it keeps what this returns.
    pub(crate) fn hear_until(
        self: &Arc<Client>,
        deadline: Option<Instant>,
        is_there: impl Fn() -> bool,
    ) -> Option<Sleeper<'_>> {
        let borrowed = is_patient(deadline).then(|| self.turns.borrow()).flatten();
        if let Some(borrowed) = borrowed {
            self.take_turn(borrowed, deadline, &is_there);
        }
        (!is_there()).then(|| self.let_hear())
    }

    /// For a thread that is about to wait, and that does not hear.
    pub(crate) fn let_hear(&self) -> Sleeper<'_> {
        let mut turn = self.turns.lock();
        self.turns.recall(&mut turn);
        turn.sleepers += 1;
        Sleeper(&self.turns)
    }

    /// For a thread that looks now and then for what others are to hear.
    pub(crate) fn recall_ear(&self) {
        self.turns.recall(&mut self.turns.lock());
    }

    /// Whether the calling thread is the one that hears, and is not the bus's own.
    pub(super) fn hears_here(&self) -> bool {
        self.turns.lock().borrower == Some(thread::current().id())
    }

    fn take_turn(
        self: &Arc<Client>,
        mut borrowed: Borrowed<'_>,
        deadline: Option<Instant>,
        is_there: &impl Fn() -> bool,
    ) {
        while !is_there() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(QUIET).min(QUIET);
            if left.is_zero() {
                // What is there already could be heard for ever.
                return;
            }
            let ear = borrowed.ear();
            match ear.arrivals.recv_timeout(left) {
                Ok(Arrival::Message(message)) => {
                    let from = message.sender();
                    self.handle_message(Some(from), message.into_body(), &mut ear.wakes);
                    ear.wakes.wake();
                }
                other => {
                    ear.left = other.ok();
                    return;
                }
            }
        }
        borrowed.pass_on();
    }
}

/// The thread of a bus that is connected to a broker: it hears everything that nobody else hears,
/// and waits for nothing but the next word.
pub(crate) fn listen(client: &Weak<Client>, mut ear: Box<Ear>) {
    loop {
        let mut arrival = ear.poll();
        if let Err(SocketError::Timeout) = arrival {
            if let Some(client) = client.upgrade() {
                let Some(back) = client.turns.lend(ear) else {
                    return;
                };
                ear = back;
            }
            arrival = match ear.left.take() {
                Some(left) => Ok(left),
                None => ear.arrivals.recv(),
            };
        }
        let (Ok(arrival), Some(client)) = (arrival, client.upgrade()) else {
            return;
        };
        client.handle_arrival(arrival, &mut ear.wakes);
    }
}
