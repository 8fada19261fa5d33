//! Turns: who hears what comes: the bus's own thread, or one that waits for something of it.
//!
//! A thread that hears its own answer saves a wake-up. The bus's thread lends its ear to those
//! whom it has just woken, because they often come back; it takes the ear back when none did.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::bus::client::Client;
use crate::bus::wakes::Wakes;
use crate::error::Error as SocketError;
use crate::loan::Loan;
use crate::socket::{Arrival, Arrivals};

/// An ear that was offered and not used for so long goes back to the bus's own thread.
const GRACE: Duration = Duration::from_millis(2);

/// Who waits for less than this does not hear in the meantime: a receive that ends by itself may
/// be late by several milliseconds.
const PATIENT: Duration = Duration::from_millis(50);

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

    fn give_back(&self, turn: &mut Turn, ear: Box<Ear>) {
        turn.loan.give_back(ear);
        self.returned.notify_one();
    }

    /// Wakes who is to be woken, and lends the ear to them if nobody else would be kept waiting.
    fn lend(&self, mut ear: Box<Ear>) -> Box<Ear> {
        let mut wakes = std::mem::take(&mut ear.wakes);
        let mut turn = self.lock();
        if wakes.owed() == 0 || turn.sleepers > wakes.owed() {
            drop(turn);
            wakes.wake();
            return ear;
        }
        turn.loan.offer(ear);
        drop(turn);
        // They find it on offer when they come back.
        wakes.wake();
        let mut turn = self.lock();
        loop {
            let offers = turn.loan.offers();
            let woken = self.returned.wait_timeout(turn, GRACE);
            turn = woken.unwrap_or_else(PoisonError::into_inner).0;
            if let Some(ear) = turn.loan.take_back(offers) {
                return ear;
            }
        }
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
        if let Some(ear) = self.turns.borrow(deadline) {
            self.take_turn(ear, deadline, &is_there);
        }
        if is_there() {
            return None;
        }
        self.turns.lock().sleepers += 1;
        Some(Sleeper(&self.turns))
    }

    fn take_turn(
        self: &Arc<Client>,
        mut ear: Box<Ear>,
        deadline: Option<Instant>,
        is_there: &impl Fn() -> bool,
    ) {
        while !is_there() {
            let quiet = Instant::now() + QUIET;
            let until = deadline.map_or(quiet, |at| at.min(quiet));
            let left = until.saturating_duration_since(Instant::now());
            match ear.arrivals.recv_timeout(left) {
                Ok(Arrival::Message(message)) => {
                    let from = message.from();
                    self.handle_message(Some(from), message.into_body(), &mut ear.wakes);
                    ear.wakes.wake();
                }
                other => {
                    ear.left = other.ok();
                    let mut turn = self.turns.lock();
                    return self.turns.give_back(&mut turn, ear);
                }
            }
        }
        let mut turn = self.turns.lock();
        match turn.sleepers {
            0 => turn.loan.offer(ear),
            _ => self.turns.give_back(&mut turn, ear),
        }
    }

    /// For a thread that looks for something now and then: what it does not find, it does not
    /// hear either.
    pub(crate) fn leave_hearing(&self) {
        let mut turn = self.turns.lock();
        if let Some(ear) = turn.loan.borrow() {
            self.turns.give_back(&mut turn, ear);
        }
    }
}

impl Turns {
    fn borrow(&self, deadline: Option<Instant>) -> Option<Box<Ear>> {
        let mut turn = self.lock();
        let ear = turn.loan.borrow()?;
        let is_patient = deadline.is_none_or(|at| at >= Instant::now() + PATIENT);
        if is_patient && turn.sleepers == 0 {
            return Some(ear);
        }
        self.give_back(&mut turn, ear);
        None
    }
}

/// The thread of a bus that is connected to a broker: it hears everything that nobody else hears,
/// and waits for nothing but the next word.
pub(crate) fn listen(client: &Weak<Client>, mut ear: Box<Ear>) {
    loop {
        let mut arrival = ear.poll();
        if let Err(SocketError::Timeout) = arrival {
            if let Some(client) = client.upgrade() {
                ear = client.turns.lend(ear);
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
