//! Large frame: a long message on its way, read straight into an allocation of its own.

use crate::proto::batch::Batch;
use crate::proto::decoder::head::Head;
use crate::proto::decoder::{ID, span};
use crate::proto::frame::{DATA_HEADER, kind};

/// A longer frame that is not whole after a read gets an allocation of its own.
pub(super) const LARGE_FRAME: usize = 64 * 1024;

/// The farthest that a large frame's allocation is made ready ahead of the bytes that arrived.
const LARGE_AHEAD: usize = 256 * 1024;

/// Read behind a large frame together with its end: the head of the next one, which is likely large
/// as well, needs no read of its own.
pub(super) const BEHIND: usize = 64;

/// Where so much of a message is still to come, it pays to let more of it gather before the next
/// read.
const FAR: usize = 256 * 1024;

/// A DATA or DATA_REQ frame read straight into its own allocation.
pub(super) struct LargeFrame {
    /// What follows the type byte, and a little behind the frame: initialised some way ahead of
    /// `arrived`.
    body: Vec<u8>,
    arrived: usize,
    len: usize,
    wants_ack: bool,
    /// The last read left room: there was no more.
    is_drained: bool,
}

impl LargeFrame {
    /// The frame that `bytes` are the front of, if it is one to be read on its own: one that is
    /// long, or that a buffer as long as it may be does not hold.
    pub(super) fn begin(bytes: &[u8], max: u32, buffer: usize) -> Option<LargeFrame> {
        let head = Head::parse(bytes, max).ok().flatten()?;
        let is_message = matches!(head.kind, kind::DATA | kind::DATA_REQ);
        if !is_message || head.frame_len() <= LARGE_FRAME.min(buffer) {
            return None;
        }
        let body = bytes[DATA_HEADER..].to_vec();
        Some(LargeFrame {
            arrived: body.len(),
            body,
            len: head.frame_len() - DATA_HEADER,
            wants_ack: head.kind == kind::DATA_REQ,
            is_drained: false,
        })
    }

    /// Takes `n` more bytes and says whether the message is whole.
    pub(super) fn handle_read(&mut self, n: usize) -> bool {
        self.arrived += n;
        self.is_drained = self.arrived < self.body.len();
        self.arrived >= self.len
    }

    /// All that came so far is read, and much is still to come.
    pub(super) fn is_far(&self) -> bool {
        self.is_drained && self.arrived + FAR <= self.len
    }

    /// What its allocation has to hold, while it does not.
    pub(super) fn lacks(&self) -> Option<usize> {
        let end = self.len + BEHIND;
        (self.body.capacity() < end).then_some(end)
    }

    /// Goes on in another allocation.
    pub(super) fn adopt(&mut self, mut spent: Vec<u8>) {
        spent.resize(spent.len().clamp(self.arrived, self.len + BEHIND), 0);
        spent[..self.arrived].copy_from_slice(&self.body[..self.arrived]);
        self.body = spent;
    }

    /// Where the next read goes; never empty.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.make_ready();
        &mut self.body[self.arrived..]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.body.capacity()
    }

    /// Of a whole frame: the few bytes that were read behind it.
    pub(super) fn take_behind(&mut self) -> Vec<u8> {
        let behind = self.body[self.len..self.arrived].to_vec();
        self.body.truncate(self.len);
        behind
    }

    pub(super) fn into_batch(self) -> Batch {
        let payload = if self.wants_ack { ID } else { 0 };
        Batch {
            spans: vec![span(payload, self.len, self.wants_ack)],
            bytes: self.body,
            ..Batch::default()
        }
    }

    /// Extends the body: its capacity doubles, and only what the next read may fill is zeroed.
    fn make_ready(&mut self) {
        let ahead = self.arrived.clamp(LARGE_FRAME, LARGE_AHEAD);
        let end = self.len + BEHIND;
        let ready = end.min(self.arrived + ahead);
        if ready > self.body.capacity() {
            let capacity = end.min(ready.max(2 * self.arrived));
            self.body.reserve_exact(capacity - self.body.len());
        }
        self.body.resize(ready.max(self.body.len()), 0);
    }
}
