//! Reading: what one read brought.

use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::frame::{MessageId, Violation, kind};

/// What one read brought.
#[derive(Default, Debug)]
pub(crate) struct Reading {
    /// The peer's identity: once, in the reading that completed HELLO.
    pub(crate) hello: Option<Identity>,
    pub(crate) batch: Batch,
    pub(crate) acks: Vec<MessageId>,
    /// Messages that were given back.
    pub(crate) nacks: Vec<MessageId>,
    /// Frames of all types whose last byte came with this read.
    pub(crate) frames: u32,
    /// Frames that mean nothing here: an unknown type, no type, a second HELLO.
    pub(crate) skipped: u32,
    /// Ends the connection, after everything above was dealt with.
    pub(crate) violation: Option<Violation>,
}

impl Reading {
    /// Frames came, and there is nothing in them to deliver or to settle.
    pub(crate) fn is_heartbeat(&self) -> bool {
        self.frames > self.skipped && self.batch.spans.is_empty() && !self.has_answers()
    }

    /// The peer has said what became of messages of ours.
    pub(crate) fn has_answers(&self) -> bool {
        !self.acks.is_empty() || !self.nacks.is_empty()
    }

    /// An ACK or a NACK came.
    pub(super) fn answer(&mut self, kind: u8, id: MessageId) {
        match kind {
            kind::ACK => self.acks.push(id),
            _ => self.nacks.push(id),
        }
    }
}
