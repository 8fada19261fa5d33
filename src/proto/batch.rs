//! The messages of one read: their bytes, and where each begins and ends.

use std::ops::Range;

use crate::proto::frame::{MessageId, sixteen};

/// Messages that arrived together, in order, still in the buffer that they were read into.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<Span>,
    /// Messages that were given back here before: which of the spans, in order, and how often. It is
    /// nearly always empty.
    pub(crate) returns: Vec<(u32, u32)>,
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
        debug_assert!(other.returns.is_empty(), "nobody has looked at it");
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
        let spans = self.spans.capacity() * size_of::<Span>();
        let returns = self.returns.capacity() * size_of::<(u32, u32)>();
        size_of::<Batch>() + self.bytes.capacity() + spans + returns
    }

    /// How often that one of its messages was given back.
    pub(crate) fn returns_of(&self, index: usize) -> u32 {
        let at = self
            .returns
            .binary_search_by_key(&index, |(at, _)| *at as usize);
        at.map_or(0, |at| self.returns[at].1)
    }

    pub(crate) fn payload(&self, span: Span) -> &[u8] {
        &self.bytes[span.range()]
    }

    /// The message id of a span that wants an ACK.
    pub(crate) fn id(&self, span: Span) -> Option<MessageId> {
        span.id_in(&self.bytes)
    }
}
