//! Arrivals: messages, and between them who comes and goes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contents::Contents;
use crate::engine::Core;
use crate::engine::core::deadline_after;
use crate::engine::inbox::{Acks, Taken};
use crate::engine::shelf::is_worth_keeping;
use crate::engine::turns::{Lead, Role, Waited};
use crate::error::Error;
use crate::message::Message;
use crate::policy::AckMode;
use crate::proto::delivery::{Arrived, Presence};
use crate::session::Session;

/// A leader that has received nothing for so long looks again for what it waits for, which others
/// may have made, and lets a thread lead that serves.
const QUIET: Duration = Duration::from_millis(100);

/// A thread that serves handles so much at once before it looks for what it waits for.
const TOGETHER: usize = 32;

/// One of the things that [`Arrivals`] gives.
#[derive(Debug)]
#[non_exhaustive]
pub enum Arrival {
    /// A peer is connected, in a session of its own; its messages follow.
    Up(Session),
    /// A message. Where two sockets connect to each other at once, one of the two connections gives
    /// way, and what was read of it before comes without an [`Up`](Arrival::Up) of its own.
    Message(Message),
    /// A session has ended, and its last message was before this. One that came and went before
    /// anybody looked is told of neither way.
    Down {
        /// Whose, and which.
        session: Session,
        /// What [`send_in`](crate::Socket::send_in) was given for it and was not written, in
        /// order. While the socket closes it is in the
        /// [`CloseReport`](crate::CloseReport::unsent) instead. Until this is taken it counts as
        /// [memory](crate::Config::memory_budget).
        unsent: Vec<Vec<u8>>,
    },
}

/// What a socket receives, in order, as [`Socket::arrivals`](crate::Socket::arrivals) gives it;
/// as an iterator it ends when the socket is closed. It does not keep the socket open.
///
/// # Several threads, one order
///
/// The callers of a client wait for different answers that come in one stream. With
/// [`recv_until`](Arrivals::recv_until) they share it: one of them, the leader, receives for all,
/// and the others are [parked](std::thread::park). Everything is handled once and in order, and a
/// caller that receives its own answer need not be woken.
///
/// ```
/// use jackfield::{Arrival, Arrivals, Config, Error, Socket};
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::thread::{self, Thread};
/// use std::time::{Duration, Instant};
///
/// struct Client {
///     socket: Socket,
///     arrivals: Arrivals,
///     /// Who asked what, and the answer.
///     asked: Mutex<HashMap<String, (Thread, Option<String>)>>,
/// }
///
/// impl Client {
///     /// Every thread may ask at the same time.
///     fn ask(&self, question: &str) -> Result<String, Error> {
///         let asking = (thread::current(), None);
///         self.asked.lock().unwrap().insert(question.to_owned(), asking);
///         self.socket.send(question)?;
///         let deadline = Instant::now() + Duration::from_secs(5);
///         let answer = || self.asked.lock().unwrap().get_mut(question)?.1.take();
///         self.arrivals.recv_until(Some(deadline), answer, |arrival| self.handle(arrival))
///     }
///
///     /// Called by whichever thread leads.
///     fn handle(&self, arrival: Arrival) {
///         let Arrival::Message(message) = arrival else { return };
///         let text = message.text().into_owned();
///         let Some((question, answer)) = text.split_once('=') else { return };
///         if let Some((thread, place)) = self.asked.lock().unwrap().get_mut(question) {
///             *place = Some(answer.to_owned());
///             thread.unpark();
///         }
///     }
/// }
///
/// let server = Socket::new(Config::default())?;
/// let there = server.bind("tcp://127.0.0.1:0")?;
/// thread::spawn(move || {
///     while let Ok(question) = server.recv() {
///         let answer = format!("{0}={0}!", question.text());
///         server.send_to(question.sender(), answer).ok();
///     }
/// });
///
/// let socket = Socket::new(Config::default())?;
/// socket.connect(there)?;
/// let client = Client { arrivals: socket.arrivals(), socket, asked: Mutex::default() };
/// thread::scope(|scope| {
///     for question in ["who", "what", "when"] {
///         let client = &client;
///         scope.spawn(move || assert_eq!(client.ask(question).unwrap(), format!("{question}!")));
///     }
/// });
/// # Ok::<(), Error>(())
/// ```
///
/// - `is_there` looks for what its thread waits for. When it gives something, the call returns it.
/// - `handle` gets each arrival. It runs outside of all locks. It must not wait for what arrives:
///   its thread is the one that receives.
/// - **Whoever makes something for a thread that may be parked
///   [unparks](std::thread::Thread::unpark) it**; if it is awake this costs next to nothing.
///   Without that it looks when it is its turn to lead. A leader looks after each arrival, and
///   after 100 ms without one. The next `park` of a thread that was woken may return at once.
/// - A thread that panics in `handle` or `is_there` gives up the lead as it leaves.
///
/// What arrives while nobody waits stays in the inbox. If it is to be handled even then, one more
/// thread calls [`serve_until`](Arrivals::serve_until). Threads that leave the handling to others
/// wait with [`wait_until`](Arrivals::wait_until). Who calls [`recv`](Arrivals::recv) meanwhile
/// takes arrivals away from all of them.
#[must_use]
pub struct Arrivals {
    core: Arc<Core>,
}

impl Arrivals {
    pub(super) fn new(core: Arc<Core>) -> Arrivals {
        let mut shared = core.lock();
        let present = shared.hub.tell_inbox();
        present
            .iter()
            .for_each(|session| core.inbox.push_present(*session));
        drop(shared);
        Arrivals { core }
    }

    /// Waits for something to arrive.
    pub fn recv(&self) -> Result<Arrival, Error> {
        self.take(None)
    }

    /// As [`recv`](Arrivals::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Arrival, Error> {
        self.take(Some(deadline_after(timeout)))
    }

    /// As [`recv`](Arrivals::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Arrival, Error> {
        let taken = self.core.try_take_next()?;
        Ok(self.arrival(taken))
    }

    /// Waits until `is_there` gives something, and leads if nobody else does: then `handle` gets what
    /// arrives. Answers [`Error::Timeout`] at the deadline, and [`Error::Closed`] when the socket is
    /// closed and, where callers lead, what had arrived is handled.
    pub fn recv_until<T>(
        &self,
        deadline: Option<Instant>,
        mut is_there: impl FnMut() -> Option<T>,
        mut handle: impl FnMut(Arrival),
    ) -> Result<T, Error> {
        let turns = &self.core.inbox.turns;
        let mut free = turns.try_lead();
        loop {
            let lead = match free.take() {
                Some(lead) => lead,
                None => match turns.wait(Role::Receive, deadline, &mut is_there)? {
                    Waited::There(it) => return Ok(it),
                    Waited::Lead(lead) => lead,
                },
            };
            if let Some(it) = self.lead(lead, deadline, &mut is_there, &mut handle)? {
                return Ok(it);
            }
        }
    }

    /// As [`recv_until`](Arrivals::recv_until), for a thread that is in no hurry: it leads while
    /// nobody else wants to, and leaves the lead to callers that come back within 2 ms. It calls
    /// `is_there` when it has handled what is there, 32 arrivals at most, and when it is unparked
    /// while another thread leads. So what it waits for is made by `handle`; from elsewhere, a close
    /// ends it.
    pub fn serve_until<T>(
        &self,
        mut is_there: impl FnMut() -> Option<T>,
        mut handle: impl FnMut(Arrival),
    ) -> Result<T, Error> {
        let turns = &self.core.inbox.turns;
        let mut free = turns.try_lead();
        loop {
            let lead = match free.take() {
                Some(lead) => lead,
                None => match turns.wait(Role::Serve, None, &mut is_there)? {
                    Waited::There(it) => return Ok(it),
                    Waited::Lead(lead) => lead,
                },
            };
            // Nothing came to whoever handed it over, and nothing would again.
            let mut has_use = !lead.is_handed;
            loop {
                let is_idle = self.handle_many(&mut handle)?;
                // Asked before anybody is woken, who might be gone then.
                let gives_way = is_idle && has_use && turns.is_wanted();
                if let Some(it) = is_there() {
                    return Ok(it);
                }
                match is_idle {
                    _ if gives_way => break,
                    true => {
                        handle(self.take(None)?);
                        has_use = true;
                    }
                    false => {}
                }
            }
        }
    }

    /// As [`recv_until`](Arrivals::recv_until), for a thread that handles nothing itself: another
    /// one has to lead, such as one that serves.
    pub fn wait_until<T>(
        &self,
        deadline: Option<Instant>,
        mut is_there: impl FnMut() -> Option<T>,
    ) -> Result<T, Error> {
        let turns = &self.core.inbox.turns;
        match turns.wait(Role::Wait, deadline, &mut is_there)? {
            Waited::There(it) => Ok(it),
            Waited::Lead(_) => unreachable!("who only waits never leads"),
        }
    }

    /// Receives until `is_there` gives something, or a thread that serves is to lead.
    fn lead<T>(
        &self,
        lead: Lead<'_>,
        deadline: Option<Instant>,
        is_there: &mut impl FnMut() -> Option<T>,
        handle: &mut impl FnMut(Arrival),
    ) -> Result<Option<T>, Error> {
        let mut lead = lead;
        loop {
            if let Some(it) = is_there() {
                return Ok(Some(it));
            }
            let now = Instant::now();
            if deadline.is_some_and(|at| at <= now) {
                return Err(Error::Timeout);
            }
            let quiet = now + QUIET;
            match self.take(Some(deadline.map_or(quiet, |at| at.min(quiet)))) {
                Ok(arrival) => handle(arrival),
                Err(Error::Timeout) => match lead.try_hand_to_server() {
                    Ok(()) => return Ok(None),
                    Err(kept) => lead = kept,
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Handles what is there, but not for long; says whether nothing is left.
    fn handle_many(&self, handle: &mut impl FnMut(Arrival)) -> Result<bool, Error> {
        for _ in 0..TOGETHER {
            match self.core.poll_next() {
                Ok(taken) => handle(self.arrival(taken)),
                Err(Error::Empty) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn take(&self, deadline: Option<Instant>) -> Result<Arrival, Error> {
        let taken = self.core.take_next(deadline)?;
        Ok(self.arrival(taken))
    }

    fn arrival(&self, taken: Taken) -> Arrival {
        match taken {
            Taken::Message(arrived, acks) => Arrival::Message(hand_out(&self.core, arrived, acks)),
            Taken::Presence(Presence::Up(session)) => Arrival::Up(session),
            Taken::Presence(Presence::Down(session, unsent)) => Arrival::Down {
                session,
                unsent: unsent.iter().map(|body| body.to_vec()).collect(),
            },
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.recv().ok()
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrivals({})", self.core.me)
    }
}

/// The application gets a message: from here on it is acknowledged, or will be.
pub(super) fn hand_out(core: &Arc<Core>, arrived: Arrived, acks: Acks) -> Message {
    let Arrived {
        from,
        body,
        id,
        returns,
    } = arrived;
    let body = match body {
        Contents::Own(own) if is_worth_keeping(own.len()) => {
            Contents::large(own, core.home.clone())
        }
        body => body,
    };
    let message = Message::new(from, id.map(|it| it.0), body).returned(returns);
    let Some(id) = id else { return message };
    if core.config.ack_mode == AckMode::OnRecv {
        core.see_to(acks);
        return message;
    }
    let core = Arc::downgrade(core);
    message.unsettled(Box::new(move |is_done| {
        let Some(core) = core.upgrade() else { return };
        let mut shared = core.lock();
        match is_done {
            true => shared.hub.handle_taken(&[(from, id)]),
            false => shared.hub.handle_given_back(from, id),
        }
    }))
}
