//! Socket: the public handle.

mod any;
mod arrivals;
mod brought;
mod chosen;
mod endpoints;
mod streams;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::engine::Core;
use crate::engine::core::{Life, deadline_after};
use crate::engine::signals::Signal;
use crate::error::{Error, SendError};
use crate::message::{Identity, Message};
use crate::proto::hub::{Hub, Refusal, Sent};
use crate::report::{CloseReport, Peer, Receipt};
use crate::stats::Stats;

pub use any::recv_any;
pub use arrivals::{Arrival, Arrivals};
pub use streams::{Events, Messages};

use arrivals::hand_out;

/// A socket that many peers plug into.
///
/// It binds and connects to any number of endpoints. Sends go to one peer in turn or to all
/// ([`SendMode`](crate::SendMode)), or to one by identity; what any peer sends comes out of
/// [`recv`](Socket::recv). A `Socket` is a handle: clone it into as many threads as you like;
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

    /// Sends to one peer in turn, or to all, as the socket's send mode says.
    ///
    /// With nobody connected the message waits. When there is no room, it waits for some, at most
    /// for the socket's [`send_timeout`](Config::send_timeout); a publish does not wait but drops
    /// the message for the peers that have none.
    pub fn send(&self, body: impl AsRef<[u8]>) -> Result<Receipt, SendError> {
        let body = body.as_ref();
        match self.core().send_on(body) {
            Some(queued) => Ok(Receipt { queued, dropped: 0 }),
            None => self.dispatch(None, body, self.default_patience()),
        }
    }

    /// As [`send`](Socket::send), but answers [`Error::Full`] instead of waiting.
    pub fn try_send(&self, body: impl AsRef<[u8]>) -> Result<Receipt, SendError> {
        self.dispatch(None, body.as_ref(), Patience::None)
    }

    /// As [`send`](Socket::send), but answers [`Error::Timeout`] after `timeout`.
    pub fn send_timeout(
        &self,
        body: impl AsRef<[u8]>,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        self.dispatch(
            None,
            body.as_ref(),
            Patience::Until(deadline_after(timeout)),
        )
    }

    /// Sends to the peer of that identity; [`Error::NoPeer`] if it is not connected.
    ///
    /// When its outbox is full, what happens is the socket's overflow setting, which for a
    /// publishing socket is to drop.
    pub fn send_to(&self, peer: Identity, body: impl AsRef<[u8]>) -> Result<Receipt, SendError> {
        self.dispatch(Some(peer), body.as_ref(), self.default_patience())
    }

    /// As [`send_to`](Socket::send_to), but answers [`Error::Full`] instead of waiting.
    pub fn try_send_to(
        &self,
        peer: Identity,
        body: impl AsRef<[u8]>,
    ) -> Result<Receipt, SendError> {
        self.dispatch(Some(peer), body.as_ref(), Patience::None)
    }

    /// As [`send_to`](Socket::send_to), but answers [`Error::Timeout`] after `timeout`.
    pub fn send_to_timeout(
        &self,
        peer: Identity,
        body: impl AsRef<[u8]>,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        self.dispatch(
            Some(peer),
            body.as_ref(),
            Patience::Until(deadline_after(timeout)),
        )
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
        let peers = shared.hub.peers().filter_map(|(id, link)| {
            Some(Peer {
                identity: link.peer?,
                remote: link.remote,
                listener: link.listener.clone(),
                queued: shared.hub.queued_for(id),
                unacknowledged: link.unacknowledged,
            })
        });
        peers.collect()
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
    /// goes. Ask for it before messages are received: who is there already is told first.
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

    fn default_patience(&self) -> Patience {
        match self.core().config.send_timeout {
            None => Patience::Forever,
            Some(timeout) => Patience::Until(deadline_after(timeout)),
        }
    }

    fn dispatch(
        &self,
        to: Option<Identity>,
        body: &[u8],
        patience: Patience,
    ) -> Result<Receipt, SendError> {
        self.try_dispatch(to, body, patience)
            .map(|sent| Receipt {
                queued: sent.queued,
                dropped: sent.dropped,
            })
            .map_err(|reason| SendError {
                reason,
                message: body.to_vec(),
            })
    }

    fn try_dispatch(
        &self,
        to: Option<Identity>,
        body: &[u8],
        patience: Patience,
    ) -> Result<Sent, Error> {
        let core = self.core();
        core.check_length(body)?;
        let mut shared = core.lock_to_send();
        core.stumble("sender");
        loop {
            if shared.life != Life::Open {
                return Err(Error::Closed);
            }
            if let Some((link, chunk)) = shared.hub.lend(to, body) {
                core.carry_on(shared, link, chunk, body);
                return Ok(Sent::to(1));
            }
            match offer(&mut shared.hub, to, body) {
                Ok(sent) => {
                    let claimed = sent.link.and_then(|link| {
                        Some((link, shared.hub.claim(link, to.is_none(), Instant::now)?))
                    });
                    if let Some((link, chunk)) = claimed {
                        core.carry_on(shared, link, chunk, &[]);
                    }
                    return Ok(sent);
                }
                Err(Refusal::NoPeer) => return Err(Error::NoPeer),
                Err(Refusal::Full) => {
                    let deadline = patience.deadline();
                    // Who does not wait must not leave ACKs unread.
                    let deadline = deadline.inspect_err(|_| core.inbox.recall())?;
                    shared = match shared.hub.claim_next() {
                        Some((link, chunk)) => core.carry_on(shared, link, chunk, &[]),
                        None => core.wait_for_room(shared, deadline),
                    };
                }
            }
        }
    }
}

/// How long a send waits for room.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Instant),
    Forever,
}

impl Patience {
    /// Until when to wait for room now, if at all.
    fn deadline(self) -> Result<Option<Instant>, Error> {
        match self {
            Patience::None => Err(Error::Full),
            Patience::Until(deadline) if Instant::now() >= deadline => Err(Error::Timeout),
            Patience::Until(deadline) => Ok(Some(deadline)),
            Patience::Forever => Ok(None),
        }
    }
}

fn offer(hub: &mut Hub, to: Option<Identity>, body: &[u8]) -> Result<Sent, Refusal> {
    match to {
        None => hub.send(body),
        Some(peer) => hub.send_to(peer, body),
    }
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
