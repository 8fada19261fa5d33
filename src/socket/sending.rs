//! Sending: one message to the next peer, to one that is named, or to all.

use std::time::{Duration, Instant};

use crate::engine::core::{Life, Locked, deadline_after};
use crate::error::{Error, SendError};
use crate::message::Identity;
use crate::payload::Payload;
use crate::proto::chunk::Chunk;
use crate::proto::hub::{Hub, Refusal, Sent};
use crate::proto::link::LinkId;
use crate::report::Receipt;
use crate::session::Session;
use crate::socket::Socket;

impl Socket {
    /// Sends to one peer: each has its turn.
    ///
    /// With nobody connected the message waits in the socket. When there is no room, the call waits
    /// for some, at most for the socket's [`send_timeout`](crate::Config::send_timeout).
    pub fn send<'a>(&self, body: impl Into<Payload<'a>>) -> Result<Receipt, SendError> {
        let body = body.into();
        match self.core().join_burst(body.as_bytes(), Hub::join) {
            Some(queued) => Ok(Receipt { queued, dropped: 0 }),
            None => self.dispatch(To::Next, body, self.default_patience()),
        }
    }

    /// As [`send`](Socket::send), but answers [`Error::Full`] instead of waiting. Nor does it wait
    /// for the system to take the message: another thread writes it.
    pub fn try_send<'a>(&self, body: impl Into<Payload<'a>>) -> Result<Receipt, SendError> {
        self.dispatch(To::Next, body.into(), Patience::None)
    }

    /// As [`send`](Socket::send), but answers [`Error::Timeout`] after `timeout`.
    pub fn send_timeout<'a>(
        &self,
        body: impl Into<Payload<'a>>,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        let patience = Patience::Within(timeout);
        self.dispatch(To::Next, body.into(), patience)
    }

    /// Sends to the peer of that identity; [`Error::NoPeer`] if it is not connected.
    ///
    /// When there is no room, the call waits as [`send`](Socket::send) does.
    pub fn send_to<'a>(
        &self,
        peer: Identity,
        body: impl Into<Payload<'a>>,
    ) -> Result<Receipt, SendError> {
        self.dispatch(To::Peer(peer), body.into(), self.default_patience())
    }

    /// As [`send_to`](Socket::send_to), but answers [`Error::Full`] instead of waiting. Nor does it
    /// wait for the system to take the message: another thread writes it.
    pub fn try_send_to<'a>(
        &self,
        peer: Identity,
        body: impl Into<Payload<'a>>,
    ) -> Result<Receipt, SendError> {
        self.dispatch(To::Peer(peer), body.into(), Patience::None)
    }

    /// As [`send_to`](Socket::send_to), but answers [`Error::Timeout`] after `timeout`.
    pub fn send_to_timeout<'a>(
        &self,
        peer: Identity,
        body: impl Into<Payload<'a>>,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        let patience = Patience::Within(timeout);
        self.dispatch(To::Peer(peer), body.into(), patience)
    }

    /// Sends to one connection of a peer, and never to its next one: [`Error::NoPeer`] once that
    /// session has ended, also while the call waits for room, as [`send`](Socket::send) does.
    ///
    /// It is sent at most once, on an at-least-once socket as well. What was not written when the
    /// session ends comes back with its [`Arrival::Down`](crate::Arrival::Down), and counts as
    /// [handed back](crate::Stats::handed_back); what was written is in doubt, as any other
    /// message is. Whoever takes the arrivals had better not wait here for room, which what came
    /// back and was not taken may use up.
    ///
    /// ```
    /// use jackfield::{Arrival, Config, Error, Socket};
    ///
    /// let server = Socket::new(Config::default())?;
    /// server.bind("mem://in-session")?;
    /// let arrivals = server.arrivals();
    /// let client = Socket::new(Config::default())?;
    /// client.connect("mem://in-session")?;
    /// let Arrival::Up(session) = arrivals.recv()? else { panic!("it comes first") };
    /// server.send_in(session, "welcome")?;
    /// assert_eq!(client.recv()?.text(), "welcome");
    /// client.close();
    /// assert!(matches!(arrivals.recv()?, Arrival::Down { unsent, .. } if unsent.is_empty()));
    /// let error = server.send_in(session, "too late").unwrap_err();
    /// assert!(matches!(error.reason, Error::NoPeer));
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    pub fn send_in<'a>(
        &self,
        session: Session,
        body: impl Into<Payload<'a>>,
    ) -> Result<Receipt, SendError> {
        let to = To::Session(session);
        self.dispatch(to, body.into(), self.default_patience())
    }

    /// As [`send_in`](Socket::send_in), but answers [`Error::Full`] instead of waiting. Nor does it
    /// wait for the system to take the message: another thread writes it.
    pub fn try_send_in<'a>(
        &self,
        session: Session,
        body: impl Into<Payload<'a>>,
    ) -> Result<Receipt, SendError> {
        self.dispatch(To::Session(session), body.into(), Patience::None)
    }

    /// As [`send_in`](Socket::send_in), but answers [`Error::Timeout`] after `timeout`.
    pub fn send_in_timeout<'a>(
        &self,
        session: Session,
        body: impl Into<Payload<'a>>,
        timeout: Duration,
    ) -> Result<Receipt, SendError> {
        let patience = Patience::Within(timeout);
        self.dispatch(To::Session(session), body.into(), patience)
    }

    /// Sends to every peer that is connected, at most once.
    ///
    /// It does not wait: a peer without room does not get the message, which the receipt, the
    /// counters and an event tell, unless [`Overflow`](crate::Overflow) says otherwise. With nobody
    /// connected the message waits, and goes to the first peer that comes, to that one alone.
    pub fn publish<'a>(&self, body: impl Into<Payload<'a>>) -> Result<Receipt, SendError> {
        let body = body.into();
        match self.core().join_burst(body.as_bytes(), Hub::join_publish) {
            Some(sent) => Ok(sent.into()),
            None => self.dispatch(To::Everyone, body, self.default_patience()),
        }
    }

    fn default_patience(&self) -> Patience {
        match self.core().config.send_timeout {
            None => Patience::Forever,
            Some(timeout) => Patience::Within(timeout),
        }
    }

    fn dispatch(
        &self,
        to: To,
        mut body: Payload<'_>,
        patience: Patience,
    ) -> Result<Receipt, SendError> {
        match self.try_dispatch(to, &mut body, patience) {
            Ok(sent) => Ok(sent.into()),
            Err(reason) => Err(SendError {
                reason,
                body: body.into_owned(),
            }),
        }
    }

    fn try_dispatch(
        &self,
        to: To,
        body: &mut Payload<'_>,
        mut patience: Patience,
    ) -> Result<Sent, Error> {
        let core = self.core();
        core.check_length(body.len())?;
        body.share();
        let body = &*body;
        // What is shared is written from where it is in any case.
        let borrowed = (!body.is_shared()).then(|| body.as_bytes());
        let mut shared = core.lock_to_send();
        core.stumble("sender");
        loop {
            if shared.life != Life::Open {
                return Err(Error::Closed);
            }
            let waits = !matches!(patience, Patience::None);
            let lent = borrowed.filter(|_| waits);
            let lent = lent.and_then(|body| to.lend(&mut shared.hub, body));
            if let Some((link, chunk)) = lent {
                core.carry_on(shared, link, chunk, body.as_bytes());
                return Ok(Sent::to(1));
            }
            match to.offer(&mut shared.hub, body) {
                Ok(sent) => {
                    if let Some(link) = sent.link {
                        self.write(shared, link, matches!(to, To::Next | To::Everyone), waits);
                    }
                    return Ok(sent);
                }
                Err(Refusal::NoPeer) => return Err(Error::NoPeer),
                Err(Refusal::Full) => {
                    patience = patience.begun();
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

    /// Writes what was queued on `link`, or leaves it to the keeper, as whoever must not wait does.
    fn write(&self, mut shared: Locked<'_>, link: LinkId, in_turn: bool, waits: bool) {
        if !waits {
            return shared.hub.mark_dirty(link);
        }
        if let Some(chunk) = shared.hub.claim(link, in_turn, Instant::now) {
            self.core().carry_on(shared, link, chunk, &[]);
        }
    }
}

/// Whom a message is for.
#[derive(Clone, Copy)]
enum To {
    Next,
    Everyone,
    Peer(Identity),
    Session(Session),
}

impl To {
    fn offer(self, hub: &mut Hub, body: &Payload<'_>) -> Result<Sent, Refusal> {
        match self {
            To::Next => hub.send(body),
            To::Everyone => hub.publish(body),
            To::Peer(peer) => hub.send_to(peer, body),
            To::Session(session) => hub.send_in(session, body),
        }
    }

    /// A large message for an idle link is written from where its sender has it.
    fn lend(self, hub: &mut Hub, body: &[u8]) -> Option<(LinkId, Chunk)> {
        match self {
            To::Next => hub.lend(None, body),
            To::Everyone => None,
            To::Peer(peer) => hub.lend(Some(peer), body),
            To::Session(session) => hub.lend_in(session, body),
        }
    }
}

/// How long a send waits for room.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    None,
    Until(Instant),
    /// So long from when there is none.
    Within(Duration),
    Forever,
}

impl Patience {
    /// From now on. Who finds room at once need not ask the clock.
    fn begun(self) -> Patience {
        match self {
            Patience::Within(timeout) => Patience::Until(deadline_after(timeout)),
            patience => patience,
        }
    }

    /// Until when to wait for room now, if at all.
    pub(super) fn deadline(self) -> Result<Option<Instant>, Error> {
        match self {
            Patience::None => Err(Error::Full),
            Patience::Until(deadline) if Instant::now() >= deadline => Err(Error::Timeout),
            Patience::Until(deadline) => Ok(Some(deadline)),
            Patience::Within(timeout) => Ok(Some(deadline_after(timeout))),
            Patience::Forever => Ok(None),
        }
    }
}

impl From<Sent> for Receipt {
    fn from(sent: Sent) -> Receipt {
        Receipt {
            queued: sent.queued,
            dropped: sent.dropped,
        }
    }
}
