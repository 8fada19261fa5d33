//! Socket: the public handle.

mod any;
mod arrivals;
mod brought;
mod chosen;
mod endpoints;
mod sending;
mod streams;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::engine::Core;
use crate::engine::core::{Life, deadline_after};
use crate::engine::signals::Signal;
use crate::error::Error;
use crate::message::{Identity, Message};
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId};
use crate::report::{CloseReport, Peer};
use crate::session::Session;
use crate::stats::Stats;

pub use any::recv_any;
pub use arrivals::{Arrival, Arrivals};
pub use streams::{Events, Messages};

use arrivals::hand_out;

/// A socket that many peers plug into.
///
/// It binds and connects to any number of endpoints. It sends to one peer in turn
/// ([`send`](Socket::send)), to one by identity ([`send_to`](Socket::send_to)), or to all
/// ([`publish`](Socket::publish)); what any peer sends comes out of [`recv`](Socket::recv). A `Socket` is a handle: clone it into as many threads as you like;
/// dropping the last handle closes it.
///
/// ```
/// use jackfield::{Config, Socket};
///
/// let server = Socket::new(Config::default())?;
/// let here = server.bind("tcp://127.0.0.1:0")?;
/// let client = Socket::new(Config::default())?;
/// client.connect(&here)?;
/// client.send("hello")?;
/// let message = server.recv()?;
/// assert_eq!(message.body(), b"hello");
/// server.send_to(message.sender(), "hello yourself")?;
/// assert_eq!(client.recv()?.text(), "hello yourself");
/// # Ok::<(), jackfield::Error>(())
/// ```
#[must_use = "the last handle that is dropped closes the socket"]
#[derive(Clone)]
pub struct Socket {
    handle: Arc<Handle>,
}

/// The last of a socket's handles closes it.
struct Handle {
    core: Arc<Core>,
}

impl Socket {
    /// A socket with these settings, connected to nothing yet.
    pub fn new(config: Config) -> Result<Socket, Error> {
        let core = Core::new(config)?;
        Ok(Socket {
            handle: Arc::new(Handle { core }),
        })
    }

    /// Who this socket is to its peers.
    pub fn identity(&self) -> Identity {
        self.core().me
    }

    /// Waits for a message of any peer; peers that have sent something take turns.
    ///
    /// After a close it still gives the at-most-once messages that had arrived, then
    /// [`Error::Closed`].
    pub fn recv(&self) -> Result<Message, Error> {
        match self.core().take_plain() {
            Some(message) => Ok(message),
            None => self.wait(None),
        }
    }

    /// As [`recv`](Socket::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Message, Error> {
        match self.core().take_plain() {
            Some(message) => Ok(message),
            None => self.take_any(),
        }
    }

    /// As [`recv`](Socket::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Message, Error> {
        match self.core().take_plain() {
            Some(message) => Ok(message),
            None => self.wait(Some(timeout)),
        }
    }

    // Cold, so that all of the plain way is inlined into the calls above.
    #[cold]
    fn take_any(&self) -> Result<Message, Error> {
        if let Some(message) = self.core().take_part() {
            return Ok(message);
        }
        let (arrived, acks) = self.core().try_take()?;
        Ok(hand_out(self.core(), arrived, acks))
    }

    #[cold]
    fn wait(&self, timeout: Option<Duration>) -> Result<Message, Error> {
        if let Some(message) = self.core().take_part() {
            return Ok(message);
        }
        let (arrived, acks) = self.core().take(timeout.map(deadline_after))?;
        Ok(hand_out(self.core(), arrived, acks))
    }

    /// Received messages, one after the other, until the socket is closed.
    pub fn messages(&self) -> Messages<'_> {
        Messages { socket: self }
    }

    /// The peers that are connected, in the order in which they came.
    pub fn peers(&self) -> Vec<Peer> {
        let shared = self.core().lock();
        let peers = shared.hub.peers();
        peers
            .filter_map(|(id, link)| look_at(&shared.hub, id, link))
            .collect()
    }

    /// What is known of the peer of a session, such as where it came from; `None` when that has
    /// ended.
    pub fn peer(&self, session: Session) -> Option<Peer> {
        let shared = self.core().lock();
        let (id, link) = shared.hub.peer(session)?;
        look_at(&shared.hub, id, link)
    }

    /// Waits until at least `count` peers are connected; [`Error::Timeout`] if that takes longer.
    pub fn wait_for_peers(&self, count: usize, timeout: Duration) -> Result<(), Error> {
        let deadline = deadline_after(timeout);
        let mut shared = self.core().lock();
        while shared.hub.peer_count() < count {
            if shared.life != Life::Open {
                return Err(Error::Closed);
            }
            if Instant::now() >= deadline {
                return Err(Error::Timeout);
            }
            shared = shared.wait(Signal::Peers, Some(deadline));
        }
        Ok(())
    }

    /// What happens to this socket. All handles to its events read from one queue of 1,024; the
    /// oldest are lost when nobody reads them, and [`Stats::events_lost`] counts them. Messages
    /// handed back are not bound by that number, but count as
    /// [memory](Config::memory_budget), and give way to new messages when that is short.
    pub fn events(&self) -> Events {
        Events {
            core: self.core().clone(),
        }
    }

    /// What [`recv`](Socket::recv) gives, and in their place among the messages who comes and
    /// goes, each in its [`Session`]. Ask for it before messages are received: who
    /// is there already is told first. [`recv`](Socket::recv) passes over those, with what comes
    /// back at the end of a session.
    pub fn arrivals(&self) -> Arrivals {
        Arrivals::new(self.core().clone())
    }

    /// The counters of this socket.
    pub fn stats(&self) -> Stats {
        self.core().lock().hub.stats()
    }

    /// Closes with the socket's [`linger`](Config::linger): see
    /// [`close_within`](Socket::close_within).
    pub fn close(&self) -> CloseReport {
        self.close_within(self.core().config.linger)
    }

    /// Closes the socket: blocked calls return [`Error::Closed`], what is queued leaves, and
    /// acknowledgements are awaited, for up to `linger`. It returns within `linger` and a second
    /// and reports what is left. Closing again waits for the first close and reports nothing.
    pub fn close_within(&self, linger: Duration) -> CloseReport {
        let Some(outcome) = self.core().close(linger) else {
            return CloseReport::default();
        };
        CloseReport {
            flushed: outcome.flushed,
            unacknowledged: outcome.remains.unacknowledged,
            unsent: outcome.remains.unsent,
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }
}

fn look_at(hub: &Hub, id: LinkId, link: &Link) -> Option<Peer> {
    Some(Peer {
        identity: link.peer?,
        remote: link.remote,
        listener: link.listener.clone(),
        queued: hub.queued_for(id),
        unacknowledged: link.unacknowledged,
    })
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close(self.core.config.linger);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({})", self.identity())
    }
}
