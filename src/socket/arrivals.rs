//! Arrivals: messages, and between them who comes and goes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contents::Contents;
use crate::engine::Core;
use crate::engine::core::deadline_after;
use crate::engine::inbox::{Acks, Taken};
use crate::engine::shelf::is_worth_keeping;
use crate::error::Error;
use crate::message::{Identity, Message};
use crate::policy::AckMode;
use crate::proto::delivery::{Arrived, Presence};

/// One of the things that [`Arrivals`] gives.
#[derive(Debug)]
#[non_exhaustive]
pub enum Arrival {
    /// The peer is connected; its messages follow.
    Up(Identity),
    /// A message.
    Message(Message),
    /// The peer's connection has ended, and its last message was before this. One that came and
    /// went before anybody looked is told of neither way.
    Down(Identity),
}

/// What a socket receives, in order, as [`Socket::arrivals`](crate::Socket::arrivals) gives it;
/// as an iterator it ends when the socket is closed. It does not keep the socket open.
#[must_use]
pub struct Arrivals {
    core: Arc<Core>,
}

impl Arrivals {
    pub(super) fn new(core: Arc<Core>) -> Arrivals {
        let mut shared = core.lock();
        let present = shared.hub.tell_inbox();
        present
            .iter()
            .for_each(|peer| core.inbox.push_present(*peer));
        drop(shared);
        Arrivals { core }
    }

    /// Waits for something to arrive.
    pub fn recv(&self) -> Result<Arrival, Error> {
        self.take(None)
    }

    /// As [`recv`](Arrivals::recv), but answers [`Error::Timeout`] after `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Arrival, Error> {
        self.take(Some(deadline_after(timeout)))
    }

    /// As [`recv`](Arrivals::recv), but answers [`Error::Empty`] instead of waiting.
    pub fn try_recv(&self) -> Result<Arrival, Error> {
        let taken = self.core.try_take_next()?;
        Ok(self.arrival(taken))
    }

    fn take(&self, deadline: Option<Instant>) -> Result<Arrival, Error> {
        let taken = self.core.take_next(deadline)?;
        Ok(self.arrival(taken))
    }

    fn arrival(&self, taken: Taken) -> Arrival {
        match taken {
            Taken::Message(arrived, acks) => Arrival::Message(hand_out(&self.core, arrived, acks)),
            Taken::Presence(peer, Presence::Up) => Arrival::Up(peer),
            Taken::Presence(peer, Presence::Down) => Arrival::Down(peer),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        self.recv().ok()
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrivals({})", self.core.me)
    }
}

/// The application gets a message: from here on it is acknowledged, or will be.
pub(super) fn hand_out(core: &Arc<Core>, arrived: Arrived, acks: Acks) -> Message {
    let Arrived {
        from,
        body,
        id,
        returns,
    } = arrived;
    let is_large = matches!(&body, Contents::Own(own) if is_worth_keeping(own.len()));
    let mut message = Message::new(from, id.map(|it| it.0), body).returned(returns);
    if is_large {
        message = message.with_home(core.home.clone());
    }
    let Some(id) = id else { return message };
    if core.config.ack_mode == AckMode::OnRecv {
        core.see_to(acks);
        return message;
    }
    let core = Arc::downgrade(core);
    message.unsettled(Box::new(move |is_done| {
        let Some(core) = core.upgrade() else { return };
        let mut shared = core.lock();
        match is_done {
            true => shared.hub.handle_taken(&[(from, id)]),
            false => shared.hub.handle_given_back(from, id),
        }
    }))
}
