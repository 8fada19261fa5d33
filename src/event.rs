//! Event: what happened to a socket, for programs that want to know.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::endpoint::{Endpoint, Remote};
use crate::message::Identity;

/// Something that happened to a [`Socket`](crate::Socket), as told by
/// [`Socket::events`](crate::Socket::events).
///
/// A peer's `PeerUp` can be read before its first message can be received, and its `PeerDown`
/// only after its last message can be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A peer is connected: it takes its turn and gets what is published.
    PeerUp {
        /// Who.
        peer: Identity,
        /// Where.
        remote: Remote,
    },
    /// A peer's connection ended.
    PeerDown {
        /// Who.
        peer: Identity,
        /// Why.
        reason: DownReason,
        /// At-most-once messages written to it lately that it may not have read.
        in_doubt: u64,
    },
    /// A connection ended before it became a peer.
    Rejected {
        /// Where it came from, or where it was dialled.
        remote: Remote,
        /// Why.
        reason: DownReason,
    },
    /// Messages were dropped; one event may stand for many.
    Dropped {
        /// Whose messages, if they were for one peer.
        peer: Option<Identity>,
        /// Why.
        reason: DropReason,
        /// How many since the last such event.
        count: u64,
    },
    /// An at-least-once message is handed back: it was sent again as often as allowed, or the
    /// peer it was for did not come back.
    GaveUp {
        /// The peer it was last sent to, if any.
        peer: Option<Identity>,
        /// The message.
        message: Vec<u8>,
    },
    /// A dial failed; another follows after a pause.
    DialFailed {
        /// What was dialled.
        endpoint: Endpoint,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// Accepting failed; it is tried again.
    AcceptFailed {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// A bug in this library: its own code has panicked. The socket has ended, with all that was
    /// in it, and every call answers [`Error::Closed`](crate::Error::Closed).
    Failed {
        /// Which of our threads: `keeper`, `connection`, `dialer`, `acceptor`, `drain` or `hook`;
        /// `application` if it was in a call.
        thread: &'static str,
    },
}

/// What the system said, or code of the program's own, whose `Drop` may do anything.
pub(crate) type Cause = Arc<io::Error>;

impl Event {
    /// What a hook is told: a message that is handed back is not copied for it.
    pub(crate) fn for_hook(&self) -> Event {
        match self {
            Event::GaveUp { peer, .. } => Event::GaveUp {
                peer: *peer,
                message: Vec::new(),
            },
            event => event.clone(),
        }
    }

    /// What is to be dropped without a lock.
    pub(crate) fn into_cause(self) -> Option<Cause> {
        match self {
            Event::DialFailed { error, .. } | Event::AcceptFailed { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Bytes of the message in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Event::GaveUp { message, .. } => message.len(),
            _ => 0,
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DownReason {
    /// The other side closed it.
    Closed,
    /// The connection broke.
    Reset,
    /// Nothing came for the heartbeat timeout.
    Silent,
    /// No handshake within its time.
    HandshakeTimeout,
    /// What came first was no handshake of this protocol.
    NotAPeer,
    /// The other side speaks another version of the protocol.
    Version(u8),
    /// The other side broke the protocol.
    Malformed,
    /// The other side announced a message over the limit.
    TooLarge {
        /// The length it announced.
        len: u32,
    },
    /// The other side is this very socket.
    OurselvesDialled,
    /// The same identity is connected already.
    Duplicate,
    /// The same identity came back on a new connection, and this one was silent.
    Replaced,
    /// The `authorize` hook said no.
    Refused,
    /// It took nothing for the slow-peer timeout, and the socket is set to disconnect such peers.
    SlowPeer,
    /// Too many connections or half-open connections.
    Crowded,
    /// We ended it: `disconnect` or `close`.
    Disconnected,
    /// The system has no thread for it.
    NoThread,
    /// It asked for something else than our WebSocket, and was answered with this HTTP status.
    BadUpgrade {
        /// The status.
        status: u16,
    },
    /// A page whose origin is not [allowed](crate::Config::allow_origin) wanted a WebSocket.
    ForeignOrigin,
    /// It wanted a WebSocket of a [host](crate::Config::allow_host) that we are not.
    ForeignHost,
    /// The stream that this program [brought](crate::Duplex) says that what came cannot be right:
    /// a handshake that failed, or something that was changed on its way.
    BadStream,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DownReason::Closed => f.write_str("closed by the other side"),
            DownReason::Reset => f.write_str("connection broken"),
            DownReason::Silent => f.write_str("silent for the heartbeat timeout"),
            DownReason::HandshakeTimeout => f.write_str("no handshake in time"),
            DownReason::NotAPeer => f.write_str("not a peer of this protocol"),
            DownReason::Version(version) => write!(f, "speaks version {version}"),
            DownReason::Malformed => f.write_str("malformed frame"),
            DownReason::TooLarge { len } => write!(f, "announced a frame of {len} bytes"),
            DownReason::OurselvesDialled => f.write_str("dialled ourselves"),
            DownReason::Duplicate => f.write_str("the same identity is connected already"),
            DownReason::Replaced => f.write_str("replaced by a newer connection"),
            DownReason::Refused => f.write_str("refused by the authorize hook"),
            DownReason::SlowPeer => f.write_str("took nothing for the slow-peer timeout"),
            DownReason::Crowded => f.write_str("too many connections"),
            DownReason::Disconnected => f.write_str("ended by us"),
            DownReason::NoThread => f.write_str("no thread for it"),
            DownReason::BadUpgrade { status } => write!(f, "no WebSocket: HTTP status {status}"),
            DownReason::ForeignOrigin => f.write_str("a page of an origin that is not allowed"),
            DownReason::ForeignHost => f.write_str("it asked for a host that we are not"),
            DownReason::BadStream => f.write_str("the stream says that what came is not right"),
        }
    }
}

/// Why a message was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum DropReason {
    /// The peer's outbox was full.
    OutboxFull,
    /// Nobody was connected, and what waits was full.
    WaitingFull,
    /// The memory budget was reached.
    MemoryBudget,
    /// The peer it was for did not come back in time.
    PeerGone,
}
