//! Event: what happens to a bus, for programs that want to know.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::mailbox::{Mailbox, park_until};
use crate::bus::words::Error;

/// Something that happened to a [`Bus`](crate::bus::Bus), as told by
/// [`Bus::events`](crate::bus::Bus::events).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The other side knows who we are, what we want and what we serve.
    Connected {
        /// Who: the identity of its socket.
        peer: String,
    },
    /// It is gone. What is published meanwhile waits, and all that we want and serve is said again
    /// to whoever comes.
    Disconnected {
        /// Who.
        peer: String,
        /// Why, as far as it is known.
        why: String,
    },
    /// Something was refused when nobody waited for the answer any more.
    Refused {
        /// What: `name "anna"`, `subscription "room/*"`, `service "text/upper"`; a `request`, such
        /// as a post that wanted no receipt, if we have no right to it.
        what: String,
        /// What the other side said.
        why: String,
    },
    /// Messages for subscriptions of ours are lost: they were not read in time, here or on the way.
    /// One event may stand for many.
    Lost {
        /// How many since the last such event.
        count: u64,
    },
}

impl Event {
    /// Losses in a row are one.
    pub(crate) fn add(&mut self, next: &Event) -> bool {
        match (self, next) {
            (Event::Lost { count }, Event::Lost { count: more }) => {
                *count += more;
                true
            }
            _ => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected { peer } => write!(f, "connected to {peer}"),
            Event::Disconnected { peer, why } => write!(f, "disconnected from {peer}: {why}"),
            Event::Refused { what, why } => write!(f, "{what} refused: {why}"),
            Event::Lost { count } => write!(f, "{count} messages lost"),
        }
    }
}

/// What happens to a bus from now on, as [`Bus::events`](crate::bus::Bus::events) gives it; as an
/// iterator it ends when the bus is closed, which it does not keep open.
///
/// Each holds 1,024 events that nobody has taken; then it misses the newest.
#[must_use]
pub struct Events {
    pub(crate) mailbox: Arc<Mailbox<Event>>,
}

impl Events {
    /// Waits for an event.
    pub fn recv(&self) -> Result<Event, Error> {
        self.mailbox.take(|is_there| park_until(None, is_there))
    }

    /// As [`recv`](Events::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Event, Error> {
        // Longer than the clock goes is for ever.
        let deadline = Instant::now().checked_add(timeout);
        self.mailbox.take(|is_there| park_until(deadline, is_there))
    }

    /// As [`recv`](Events::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Event, Error> {
        self.mailbox.try_take()
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.recv().ok()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
