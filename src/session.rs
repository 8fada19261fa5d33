//! Session: one connection of a peer, for what is meant for that one alone.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::endpoint::Endpoint;
use crate::message::Identity;

/// One connection of a peer, from [`Arrival::Up`](crate::Arrival::Up) to
/// [`Arrival::Down`](crate::Arrival::Down). An identity may come back; its next connection is
/// another session. It means something to the socket that gave it, and to no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Session {
    peer: Identity,
    /// The name of its link, as a number.
    link: u64,
    /// Stands for the endpoint that it came to: those of one socket are few, and its own.
    listener: Option<u64>,
}

impl Session {
    pub(crate) fn new(peer: Identity, link: u64, listener: Option<&Endpoint>) -> Session {
        Session {
            peer,
            link,
            listener: listener.map(hash_of),
        }
    }

    /// Whose connection it is, or was.
    pub fn peer(&self) -> Identity {
        self.peer
    }

    /// Whether it came to that endpoint, as [`bind`](crate::Socket::bind) returned it. One that we
    /// dialled came to none.
    pub fn came_to(&self, listener: &Endpoint) -> bool {
        self.listener == Some(hash_of(listener))
    }

    pub(crate) fn link(&self) -> u64 {
        self.link
    }
}

/// The same for equal ones in one process.
fn hash_of(endpoint: &Endpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    endpoint.hash(&mut hasher);
    hasher.finish()
}
