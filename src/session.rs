//! Session: one connection of a peer, for what is meant for that one alone.

use crate::message::Identity;

/// One connection of a peer, from [`Arrival::Up`](crate::Arrival::Up) to
/// [`Arrival::Down`](crate::Arrival::Down). An identity may come back; its next connection is
/// another session. It means something to the socket that gave it, and to no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Session {
    peer: Identity,
    /// The name of its link, as a number.
    link: u64,
}

impl Session {
    pub(crate) fn new(peer: Identity, link: u64) -> Session {
        Session { peer, link }
    }

    /// Whose connection it is, or was.
    pub fn peer(&self) -> Identity {
        self.peer
    }

    pub(crate) fn link(&self) -> u64 {
        self.link
    }
}
