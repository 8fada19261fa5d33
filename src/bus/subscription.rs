//! Subscription: the published messages of one pattern, in a bounded queue.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bus::client::{Client, Handle};
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::note::Note;

/// No deadline that anybody sees.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What matches one pattern, as [`Bus::subscribe`](crate::bus::Bus::subscribe) gives it. Dropping
/// it unsubscribes; as an iterator it ends when the bus is closed.
///
/// Its queue is bounded: see [`Options::queue`](crate::bus::Options::queue). When it is full, the
/// newest messages are lost, and [`lost`](Subscription::lost) counts them.
#[must_use = "a subscription that is dropped ends"]
pub struct Subscription {
    pub(crate) id: Id,
    pub(crate) pattern: String,
    pub(crate) queue: Arc<Queue>,
    pub(crate) handle: Arc<Handle>,
}

impl Subscription {
    /// Waits for a message; after a close it still gives those that had come.
    pub fn recv(&self) -> Result<Note, Error> {
        self.queue.take(&self.handle.client, None)
    }

    /// As [`recv`](Subscription::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Note, Error> {
        let deadline = Instant::now() + timeout.min(FAR);
        self.queue.take(&self.handle.client, Some(deadline))
    }

    /// As [`recv`](Subscription::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Note, Error> {
        self.queue.try_take().inspect_err(|_| {
            self.handle.client.recall_ear();
        })
    }

    /// Messages, one after the other, until the bus is closed.
    pub fn iter(&self) -> Notes<'_> {
        Notes { subscription: self }
    }

    /// What was asked for.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Messages that came when the queue was full.
    pub fn lost(&self) -> u64 {
        self.queue.lock().lost
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.handle.client.unsubscribe(self.id);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({:?})", self.pattern)
    }
}

/// The messages of a subscription, as [`Subscription::iter`] gives them.
#[must_use]
#[derive(Debug)]
pub struct Notes<'a> {
    subscription: &'a Subscription,
}

impl Iterator for Notes<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.subscription.recv().ok()
    }
}

impl<'a> IntoIterator for &'a Subscription {
    type Item = Note;
    type IntoIter = Notes<'a>;

    fn into_iter(self) -> Notes<'a> {
        self.iter()
    }
}

/// Messages that came and were not taken.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    /// The bounds, in messages and bytes; one message always fits.
    messages: usize,
    bytes: usize,
}

struct Waiting {
    notes: VecDeque<Note>,
    bytes: usize,
    lost: u64,
    end: Option<Ended>,
    /// Threads that wait: a wake-up costs a system call even when nobody sleeps.
    sleepers: usize,
    /// Somebody was told that they are to be woken.
    is_owed: bool,
}

/// What became of a message that was put in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    /// It will be found.
    Kept,
    /// Somebody sleeps: `wake` must follow.
    Awaited,
    /// There was no room.
    Lost,
}

/// Why nothing more comes.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    Closed,
    /// The subscription was refused after all.
    Refused(String),
}

impl Waiting {
    fn take(&mut self) -> Result<Note, Error> {
        if let Some(note) = self.notes.pop_front() {
            self.bytes -= note.memory();
            return Ok(note);
        }
        Err(match &self.end {
            Some(Ended::Closed) => Error::Closed,
            Some(Ended::Refused(what)) => Error::Limit { what: what.clone() },
            None => Error::Empty,
        })
    }
}

impl Queue {
    pub(crate) fn new(messages: usize, bytes: usize) -> Queue {
        Queue {
            waiting: Mutex::new(Waiting {
                notes: VecDeque::new(),
                bytes: 0,
                lost: 0,
                end: None,
                sleepers: 0,
                is_owed: false,
            }),
            arrived: Condvar::new(),
            messages,
            bytes,
        }
    }

    pub(crate) fn push(&self, note: Note) -> Pushed {
        let memory = note.memory();
        let mut waiting = self.lock();
        let is_full = waiting.notes.len() >= self.messages || waiting.bytes + memory > self.bytes;
        if waiting.end.is_some() || is_full && !waiting.notes.is_empty() {
            waiting.lost += 1;
            return Pushed::Lost;
        }
        waiting.bytes += memory;
        waiting.notes.push_back(note);
        match waiting.sleepers > 0 && !waiting.is_owed {
            true => {
                waiting.is_owed = true;
                Pushed::Awaited
            }
            false => Pushed::Kept,
        }
    }

    /// Wakes who sleeps beside what was put in.
    pub(crate) fn wake(&self) {
        self.lock().is_owed = false;
        self.arrived.notify_all();
    }

    pub(crate) fn try_take(&self) -> Result<Note, Error> {
        self.lock().take()
    }

    pub(crate) fn take(
        &self,
        client: &Arc<Client>,
        deadline: Option<Instant>,
    ) -> Result<Note, Error> {
        let is_there = |taken: &Result<Note, Error>| !matches!(taken, Err(Error::Empty));
        let taken = self.try_take();
        if is_there(&taken) {
            return taken;
        }
        let _sleeper = client.let_hear();
        let mut waiting = self.lock();
        loop {
            let taken = waiting.take();
            if is_there(&taken) {
                return taken;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Error::Timeout);
            }
            waiting = self.sleep(waiting, left);
        }
    }

    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        waiting.sleepers += 1;
        let mut waiting = match left {
            None => self
                .arrived
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                let woken = self.arrived.wait_timeout(waiting, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        waiting.sleepers -= 1;
        waiting
    }

    pub(crate) fn end(&self, why: Ended) {
        self.lock().end.get_or_insert(why);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
