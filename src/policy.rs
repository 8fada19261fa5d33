//! Policy: the choices that a configuration makes.

use std::time::Duration;

use crate::endpoint::{Endpoint, Remote};
use crate::message::Identity;
use crate::stream::Credentials;

/// What [`send`](crate::Socket::send) and [`send_to`](crate::Socket::send_to) promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Delivery {
    /// Sent once; lost if the connection breaks at the wrong moment.
    #[default]
    AtMostOnce,
    /// Kept and sent again, under the same message id, until the receiver acknowledges it.
    AtLeastOnce,
}

/// When a message that asks for it is acknowledged to its sender.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AckMode {
    /// When `recv` hands it to the application.
    #[default]
    OnRecv,
    /// When the application calls [`Message::ack`](crate::Message::ack); a message that is
    /// dropped without it is given back, as by [`Message::nack`](crate::Message::nack).
    Manual,
}

/// What a [`publish`](crate::Socket::publish) does for a peer whose outbox is full. What was sent
/// with `send` or `send_to` never gives way to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overflow {
    /// The call waits until all have room.
    Block,
    /// That peer does not get the message, which is counted and told.
    #[default]
    DropNewest,
    /// The oldest message of that outbox is dropped for it, counted and told, if it was published
    /// too; otherwise as `DropNewest`.
    DropOldest,
    /// As `DropNewest`, and a peer that takes nothing for
    /// [`slow_peer_timeout`](crate::Config::slow_peer_timeout) is disconnected.
    Disconnect,
}

/// The bound of a queue: whichever is reached first. One message always fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// So many messages.
    pub messages: usize,
    /// So many bytes of them.
    pub bytes: usize,
}

impl Limit {
    pub(crate) fn doubled(self) -> Limit {
        Limit {
            messages: self.messages.saturating_mul(2),
            bytes: self.bytes.saturating_mul(2),
        }
    }

    /// So much of it, rounded up.
    pub(crate) fn percent(self, percent: u8) -> Limit {
        let part = |whole: usize| (whole as u128 * u128::from(percent)).div_ceil(100);
        let part = |whole: usize| usize::try_from(part(whole)).unwrap_or(usize::MAX);
        Limit {
            messages: part(self.messages),
            bytes: part(self.bytes),
        }
    }
}

/// When a heartbeat is sent, and when its absence ends a link: see
/// [`Config::heartbeat`](crate::Config::heartbeat).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// So long without a send.
    pub interval: Duration,
    /// So long without a byte of the peer.
    pub timeout: Duration,
}

/// Pauses that double from one attempt to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pauses {
    /// The first of them.
    pub first: Duration,
    /// The longest of them.
    pub max: Duration,
}

/// What is remembered of peers that went away: see
/// [`Config::absent_peers`](crate::Config::absent_peers).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absent {
    /// So many of them at most.
    pub peers: usize,
    /// So long at most.
    pub remembered: Duration,
}

/// The bound on accepted connections that have not said who they are: see
/// [`Config::half_open`](crate::Config::half_open).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HalfOpen {
    /// In all.
    pub total: usize,
    /// Of one address.
    pub per_address: usize,
}

/// A connection whose handshake is done, before it becomes a peer: what an `authorize` hook sees.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// Who it claims to be.
    pub identity: Identity,
    /// Where it came from, or where it was found.
    pub remote: Remote,
    /// We dialled it; otherwise it dialled us.
    pub dialled: bool,
    /// The endpoint that it came to, as [`bind`](crate::Socket::bind) returned it; `None` if we
    /// dialled it.
    pub listener: Option<Endpoint>,
    /// What a stream of the program's own knows of it: see
    /// [`Duplex::credentials`](crate::Duplex::credentials).
    pub credentials: Option<Credentials>,
}
