//! Report: what a socket answers about messages, peers and its own end.

use crate::endpoint::{Endpoint, Remote};
use crate::message::Identity;

/// What became of a message that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Receipt {
    /// Peers that it is on its way to; 0 if it waits for one to come.
    pub queued: usize,
    /// Peers that had no room for it.
    pub dropped: usize,
}

/// A peer that is connected.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Who.
    pub identity: Identity,
    /// Where.
    pub remote: Remote,
    /// The endpoint that it came to, as [`bind`](crate::Socket::bind) returned it; `None` if we
    /// dialled it.
    pub listener: Option<Endpoint>,
    /// Messages in its outbox.
    pub queued: usize,
    /// At-least-once messages that it has not acknowledged.
    pub unacknowledged: usize,
}

/// What [`Socket::close`](crate::Socket::close) did and could not do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// At-most-once messages that were given to the system while closing.
    pub flushed: u64,
    /// At-least-once messages that were sent and not acknowledged: they may have arrived.
    pub unacknowledged: Vec<Unsent>,
    /// Messages that never left.
    pub unsent: Vec<Unsent>,
}

/// A message that a closed socket hands back.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Unsent {
    /// Whom it was for, or who had it last; `None` if it waited for whoever is next.
    pub peer: Option<Identity>,
    /// Its payload.
    pub body: Vec<u8>,
}
