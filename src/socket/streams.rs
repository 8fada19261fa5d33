//! Streams: a socket's messages and events, one after the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Core;
use crate::engine::core::{Life, deadline_after};
use crate::engine::signals::Signal;
use crate::error::Error;
use crate::event::Event;
use crate::message::Message;
use crate::socket::Socket;
use crate::socket::sending::Patience;

/// The messages of a socket, as [`Socket::messages`] gives them.
#[must_use]
#[derive(Debug)]
pub struct Messages<'a> {
    pub(super) socket: &'a Socket,
}

impl Iterator for Messages<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.socket.recv().ok()
    }
}

/// The events of a socket, as [`Socket::events`] gives them; as an iterator it ends when the
/// socket is closed. It does not keep the socket open.
#[must_use]
pub struct Events {
    pub(super) core: Arc<Core>,
}

impl Events {
    /// Waits for an event.
    pub fn recv(&self) -> Result<Event, Error> {
        self.wait(Patience::Forever)
    }

    /// The next event, or [`Error::Empty`].
    pub fn try_recv(&self) -> Result<Event, Error> {
        self.wait(Patience::None).map_err(|error| match error {
            Error::Full => Error::Empty,
            error => error,
        })
    }

    /// Waits for an event; [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Event, Error> {
        self.wait(Patience::Until(deadline_after(timeout)))
    }

    fn wait(&self, patience: Patience) -> Result<Event, Error> {
        let mut shared = self.core.lock();
        loop {
            if let Some(event) = shared.hub.poll_event() {
                return Ok(event);
            }
            if shared.life >= Life::Stopped {
                return Err(Error::Closed);
            }
            let deadline = patience.deadline()?;
            shared = shared.wait(Signal::Events, deadline);
        }
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
        write!(f, "Events({})", self.core.me)
    }
}
