//! Subscription: the published messages of one pattern, in a bounded queue.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::client::{Handle, deadline_after};
use crate::bus::end::Waits;
use crate::bus::mailbox::Mailbox;
use crate::bus::note::Note;
use crate::bus::words::{Error, Id};

/// What matches one pattern, as [`Bus::subscribe`](crate::bus::Bus::subscribe) gives it. Dropping
/// it unsubscribes; as an iterator it ends when the bus is closed.
///
/// Its queue is bounded: see [`Options::queue`](crate::bus::Options::queue). When it is full, the
/// newest messages are lost, and [`lost`](Subscription::lost) counts them.
#[must_use = "a subscription that is dropped ends"]
pub struct Subscription {
    pub(crate) id: Id,
    pub(crate) pattern: String,
    pub(crate) notes: Arc<Mailbox<Note>>,
    pub(crate) handle: Arc<Handle>,
}

impl Subscription {
    /// Waits for a message; after a close it still gives those that had come. If the other side
    /// refuses the subscription after all, its error comes instead.
    pub fn recv(&self) -> Result<Note, Error> {
        self.take(None)
    }

    /// As [`recv`](Subscription::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Note, Error> {
        self.take(Some(deadline_after(timeout)))
    }

    /// As [`recv`](Subscription::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Note, Error> {
        self.notes.try_take()
    }

    fn take(&self, deadline: Option<Instant>) -> Result<Note, Error> {
        match self.notes.try_take() {
            Err(Error::Empty) => self.handle.client.take(&self.notes, Waits::Only, deadline),
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
        self.notes.lost()
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

/// Messages, until the bus is closed. As a subscription ends when it is dropped, `for note in sub`
/// takes it along, and `for note in &sub` leaves it.
impl Iterator for Subscription {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.recv().ok()
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
