//! Reading: what one read brought.

use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::frame::{MessageId, Violation};

/// What one read brought.
#[derive(Default, Debug)]
pub(crate) struct Reading {
    /// The peer's identity: once, in the reading that completed HELLO.
    pub(crate) hello: Option<Identity>,
    pub(crate) batch: Batch,
    pub(crate) acks: Vec<MessageId>,
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
        self.frames > self.skipped && self.batch.spans.is_empty() && self.acks.is_empty()
    }
}
