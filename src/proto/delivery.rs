//! Delivery: a batch on its way to the application, message by message.

use crate::message::{self, Identity};
use crate::proto::batch::{Batch, Span};
use crate::proto::frame::MessageId;

/// So many messages of one batch are taken before others have their turn: a batch may hold tens
/// of thousands.
const TURN: usize = 32;

/// Messages from this size on are not copied out of a batch that is theirs alone.
const OWN_FROM: usize = 32 * 1024;

/// A batch, of which some messages may have been taken.
pub(crate) struct Delivery {
    pub(crate) from: Identity,
    batch: Batch,
    next: usize,
    /// The message before which others have their turn.
    pause: usize,
    /// It is no batch: the peer came, or left, at this place among its messages.
    presence: Option<Presence>,
}

/// What happened to a peer between its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    Up,
    Down,
}

/// A message as it leaves the inbox.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Arrived {
    pub(crate) from: Identity,
    pub(crate) body: Vec<u8>,
    /// Its id, if its sender wants an ACK.
    pub(crate) id: Option<MessageId>,
}

impl Delivery {
    pub(crate) fn new(from: Identity, batch: Batch) -> Delivery {
        Delivery {
            from,
            batch,
            next: 0,
            pause: 0,
            presence: None,
        }
    }

    pub(crate) fn of_presence(from: Identity, presence: Presence) -> Delivery {
        Delivery {
            presence: Some(presence),
            ..Delivery::new(from, Batch::default())
        }
    }

    pub(crate) fn presence(&self) -> Option<Presence> {
        self.presence
    }

    /// Messages that were not taken yet.
    pub(crate) fn left(&self) -> usize {
        self.batch.spans.len() - self.next
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.batch.memory()
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
        if !is_plain || self.next >= self.pause {
            return None;
        }
        self.next += 1;
        Some((span, message::copy(self.batch.payload(span))))
    }

    /// The id of one of its messages, if its sender wants an ACK.
    #[inline(always)]
    pub(crate) fn id(&self, span: Span) -> Option<MessageId> {
        self.batch.id(span)
    }

    pub(crate) fn next(&mut self) -> Option<Arrived> {
        let span = *self.batch.spans.get(self.next)?;
        self.next += 1;
        let id = self.batch.id(span);
        let body = match span.len as usize >= OWN_FROM {
            true => self.large_body(span),
            false => self.batch.payload(span).to_vec(),
        };
        let from = self.from;
        Some(Arrived { from, body, id })
    }

    /// A message that was read into an allocation of its own keeps it.
    fn large_body(&mut self, span: Span) -> Vec<u8> {
        let is_alone = self.batch.spans.len() == 1;
        if !is_alone || span.range().end != self.batch.bytes.len() {
            return self.batch.payload(span).to_vec();
        }
        let mut bytes = std::mem::take(&mut self.batch.bytes);
        bytes.drain(..span.start as usize);
        bytes
    }

    /// The batch, spent.
    pub(crate) fn into_batch(self) -> Batch {
        self.batch
    }
}
