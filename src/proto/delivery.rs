//! Delivery: a batch on its way to the application, message by message.

use std::mem;

use crate::contents::{Body, Buffer, Contents, Home, Part};
use crate::message::{self, Identity};
use crate::proto::batch::{Batch, Span};
use crate::proto::frame::MessageId;
use crate::session::Session;

/// So many messages of one batch are taken before others have their turn: a batch may hold tens
/// of thousands.
const TURN: usize = 32;

/// Messages from this size on are not copied out of a batch that is theirs alone.
const OWN_FROM: usize = 32 * 1024;

/// Where messages are so large on average, they are not copied at all: they lie in the buffer that
/// they were read into until the application is done with them. Below, a copy costs less.
const PARTS_FROM: usize = 600;

/// What a message that comes back takes beside its payload: where it is noted, and what the
/// allocator adds.
const RETURNED: usize = size_of::<Body>() + 48;

/// A batch, of which some messages may have been taken.
pub(crate) struct Delivery {
    pub(crate) from: Identity,
    /// Its bytes, unless messages are parts of a buffer.
    batch: Batch,
    buffer: Option<Buffer>,
    next: usize,
    /// The message before which others have their turn.
    pause: usize,
    /// It is no batch: the peer came, or left, at this place among its messages.
    presence: Option<Box<Presence>>,
}

/// What happened to a peer between its messages.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    Up(Session),
    /// With what was sent to that connection alone and not written, in order.
    Down(Session, Vec<Body>),
}

impl Presence {
    pub(crate) fn peer(&self) -> Identity {
        match self {
            Presence::Up(session) | Presence::Down(session, _) => session.peer(),
        }
    }

    /// Bytes of memory that the messages take which come with it.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Presence::Up(_) => 0,
            Presence::Down(_, unsent) => unsent.iter().map(|body| body.len() + RETURNED).sum(),
        }
    }
}

/// A message as it leaves the inbox.
pub(crate) struct Arrived {
    pub(crate) from: Identity,
    pub(crate) body: Contents,
    /// Its id, if its sender wants an ACK.
    pub(crate) id: Option<MessageId>,
    /// How often it was given back here.
    pub(crate) returns: u32,
}

impl Delivery {
    pub(crate) fn new(from: Identity, batch: Batch) -> Delivery {
        Delivery {
            from,
            batch,
            buffer: None,
            next: 0,
            pause: 0,
            presence: None,
        }
    }

    pub(crate) fn of_presence(presence: Presence) -> Delivery {
        let from = presence.peer();
        Delivery {
            presence: Some(Box::new(presence)),
            ..Delivery::new(from, Batch::default())
        }
    }

    pub(crate) fn presence(&self) -> Option<&Presence> {
        self.presence.as_deref()
    }

    pub(crate) fn take_presence(&mut self) -> Option<Presence> {
        self.presence.take().map(|presence| *presence)
    }

    /// Messages that were not taken yet.
    pub(crate) fn left(&self) -> usize {
        self.batch.spans.len() - self.next
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        let presence = self.presence().map_or(0, Presence::memory);
        self.batch.memory() + self.buffer.as_ref().map_or(0, Buffer::memory) + presence
    }

    /// Bytes of memory of the buffer in which its messages may stay, if they are large enough for
    /// that and too small for an allocation of their own.
    pub(crate) fn divisible(&self) -> Option<usize> {
        let last = self.batch.spans.last()?;
        let is_large = self.batch.spans.len() == 1 && last.len as usize >= OWN_FROM;
        let are_short = last.range().end < PARTS_FROM * self.batch.spans.len();
        let may_divide = self.buffer.is_none() && !is_large && !are_short;
        may_divide.then(|| self.batch.bytes.capacity())
    }

    /// Its messages are parts of one buffer from now on, which goes home with the last of them.
    pub(crate) fn divide(&mut self, home: Home) {
        let bytes = mem::take(&mut self.batch.bytes);
        self.buffer = Some(Buffer::new(bytes, home));
    }

    pub(crate) fn is_divided(&self) -> bool {
        self.buffer.is_some()
    }

    fn bytes(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => buffer.bytes(),
            None => &self.batch.bytes,
        }
    }

    /// Others have their turn now.
    pub(crate) fn is_paused(&self) -> bool {
        self.next >= self.pause && self.left() > 0
    }

    /// It has another turn.
    pub(crate) fn go_on(&mut self) {
        self.pause = self.next + TURN;
    }

    /// The next message, if it is one of those that nearly all are: small, and in turn; and with
    /// an id only if ids `may_be_tracked`. Whoever called gets its parts in registers, which saves
    /// several stores and loads of them on the way to the application.
    #[inline(always)]
    pub(crate) fn next_plain(&mut self, may_be_tracked: bool) -> Option<(Span, Vec<u8>)> {
        let span = *self.batch.spans.get(self.next)?;
        let is_plain = (span.len as usize) < OWN_FROM && (may_be_tracked || !span.wants_ack);
        if !is_plain || self.next >= self.pause || self.buffer.is_some() {
            return None;
        }
        self.next += 1;
        Some((span, message::copy(self.batch.payload(span))))
    }

    /// The same for one that is a part of a buffer.
    #[inline(always)]
    pub(crate) fn next_part(&mut self, may_be_tracked: bool) -> Option<(Span, Part)> {
        let buffer = self.buffer.as_ref()?;
        let span = *self.batch.spans.get(self.next)?;
        if self.next >= self.pause || (span.wants_ack && !may_be_tracked) {
            return None;
        }
        self.next += 1;
        Some((span, buffer.part(span.start, span.len)))
    }

    /// The id of one of its messages, if its sender wants an ACK.
    #[inline(always)]
    pub(crate) fn id(&self, span: Span) -> Option<MessageId> {
        span.id_in(self.bytes())
    }

    pub(crate) fn next(&mut self) -> Option<Arrived> {
        let span = *self.batch.spans.get(self.next)?;
        let returns = self.batch.returns_of(self.next);
        self.next += 1;
        let id = self.id(span);
        let body = match &self.buffer {
            Some(buffer) => Contents::Part(buffer.part(span.start, span.len)),
            None => Contents::Own(self.own(span)),
        };
        let from = self.from;
        Some(Arrived {
            from,
            body,
            id,
            returns,
        })
    }

    /// A message that was read into an allocation of its own keeps it.
    fn own(&mut self, span: Span) -> Vec<u8> {
        let is_large = span.len as usize >= OWN_FROM && self.batch.spans.len() == 1;
        if !is_large || span.range().end != self.batch.bytes.len() {
            return self.batch.payload(span).to_vec();
        }
        let mut bytes = mem::take(&mut self.batch.bytes);
        bytes.drain(..span.start as usize);
        bytes
    }

    /// The batch, spent.
    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Messages of these lengths, one behind the other; each says its number.
    fn delivery(lengths: &[usize]) -> Delivery {
        let mut batch = Batch::default();
        for (number, len) in lengths.iter().enumerate() {
            batch.spans.push(Span {
                start: batch.bytes.len() as u32,
                len: *len as u32,
                wants_ack: false,
            });
            let end = batch.bytes.len() + len;
            batch.bytes.resize(end, number as u8);
        }
        Delivery::new(Identity::new([1; 16]), batch)
    }

    fn is_divisible(lengths: &[usize]) -> bool {
        delivery(lengths).divisible().is_some()
    }

    #[test]
    fn short_messages_and_what_has_its_own_allocation_are_not_divided() {
        assert!(!is_divisible(&[]));
        assert!(!is_divisible(&[599, 600]));
        assert!(is_divisible(&[500, 700]));
        assert!(is_divisible(&[OWN_FROM - 1]));
        assert!(!is_divisible(&[OWN_FROM]));
        assert!(is_divisible(&[10, OWN_FROM]));
    }

    #[test]
    fn what_is_divided_lies_where_it_was_read() {
        let mut delivery = delivery(&[900, 10, 1500]);
        let (memory, place) = (delivery.memory(), delivery.bytes().as_ptr_range());
        assert_eq!(delivery.divisible(), Some(delivery.batch.bytes.capacity()));
        delivery.divide(Arc::new(|_| {}));
        assert_eq!((delivery.memory(), delivery.left()), (memory, 3));
        assert!(delivery.divisible().is_none(), "it is divided");
        assert!(delivery.next_part(true).is_none(), "it is not its turn");
        delivery.go_on();
        assert!(delivery.next_plain(true).is_none());
        let (_, first) = delivery.next_part(true).expect("it is its turn");
        let mut all = vec![Contents::Part(first)];
        all.extend(std::iter::from_fn(|| Some(delivery.next()?.body)));
        for (number, (body, len)) in all.iter().zip([900, 10, 1500]).enumerate() {
            assert_eq!(body.bytes(), vec![number as u8; len]);
            assert!(place.contains(&body.bytes().as_ptr()));
        }
        assert_eq!((all.len(), delivery.left()), (3, 0));
    }
}
