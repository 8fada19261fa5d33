//! Subscription: the published messages of one pattern, in a bounded queue.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::bus::client::{Client, Handle};
use crate::bus::note::Note;
use crate::bus::wakes::{Sleepers, Wakes};
use crate::bus::words::{Error, Id};

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
        match self.recv_timeout(Duration::ZERO) {
            Err(Error::Timeout) => Err(Error::Empty),
            taken => taken,
        }
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
    /// The bounds, in messages and bytes; one message always fits.
    messages: usize,
    bytes: usize,
}

struct Waiting {
    notes: VecDeque<Note>,
    bytes: usize,
    lost: u64,
    end: Option<Ended>,
    /// Threads that wait, and were not woken for a message yet.
    sleepers: Sleepers,
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
                sleepers: Sleepers::default(),
            }),
            messages,
            bytes,
        }
    }

    /// Whether there is room for it.
    pub(crate) fn push(&self, note: Note, wakes: &mut Wakes) -> bool {
        let memory = note.memory();
        let mut waiting = self.lock();
        let is_full = waiting.notes.len() >= self.messages || waiting.bytes + memory > self.bytes;
        if waiting.end.is_some() || is_full && !waiting.notes.is_empty() {
            waiting.lost += 1;
            return false;
        }
        waiting.bytes += memory;
        waiting.notes.push_back(note);
        let sleepers = waiting.sleepers.take_all();
        sleepers.for_each(|thread| wakes.owe(&thread));
        true
    }

    pub(crate) fn take(&self, client: &Client, deadline: Option<Instant>) -> Result<Note, Error> {
        let taken = client.wait_for_news(deadline, || self.poll());
        if taken.is_err() {
            self.lock().sleepers.remove();
        }
        taken?
    }

    /// A message, or that there will be none; the calling thread is woken when there may be.
    fn poll(&self) -> Option<Result<Note, Error>> {
        let mut waiting = self.lock();
        match waiting.take() {
            Err(Error::Empty) => {
                waiting.sleepers.add();
                None
            }
            taken => Some(taken),
        }
    }

    pub(crate) fn end(&self, why: Ended) {
        let mut waiting = self.lock();
        waiting.end.get_or_insert(why);
        waiting
            .sleepers
            .take_all()
            .for_each(|thread| thread.unpark());
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
