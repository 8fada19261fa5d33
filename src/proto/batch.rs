//! The messages of one read: their bytes, and where each begins and ends.

use std::ops::Range;

use crate::proto::frame::{MessageId, sixteen};

/// Messages that arrived together, in order, still in the buffer that they were read into.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<Span>,
}

/// Where one message's payload lies in its batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
    /// The sender wants an ACK; its message id is the 16 bytes in front of the payload.
    pub(crate) wants_ack: bool,
}

impl Span {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }

    /// The message id, if the sender wants an ACK, in the bytes that the span is a place in.
    pub(crate) fn id_in(&self, bytes: &[u8]) -> Option<MessageId> {
        let start = self.start as usize;
        self.wants_ack
            .then(|| MessageId(sixteen(&bytes[start - 16..start])))
    }
}

impl Batch {
    /// Puts the messages of another batch behind these.
    pub(crate) fn append(&mut self, other: &Batch) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&other.bytes);
        let moved = other.spans.iter().map(|span| Span {
            start: start + span.start,
            ..*span
        });
        self.spans.extend(moved);
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Batch>() + self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    pub(crate) fn payload(&self, span: Span) -> &[u8] {
        &self.bytes[span.range()]
    }

    /// The message id of a span that wants an ACK.
    pub(crate) fn id(&self, span: Span) -> Option<MessageId> {
        span.id_in(&self.bytes)
    }
}
