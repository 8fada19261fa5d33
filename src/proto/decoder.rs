//! Decoder: bytes in any chunking to whole frames, with memory bounded by what has arrived.

mod head;
mod large;
mod reading;
pub(crate) mod sizes;

use std::mem;

use crate::message::Identity;
use crate::proto::batch::{Batch, Span};
use crate::proto::decoder::head::Head;
use crate::proto::decoder::large::LargeFrame;
pub(crate) use crate::proto::decoder::reading::Reading;
use crate::proto::decoder::sizes::{SIZES, next_size};
use crate::proto::frame::{
    DATA_HEADER, DATA_REQ_HEADER, HELLO_FRAME, LENGTH, MessageId, VERSION, Violation, envelope_len,
    kind, sixteen,
};

/// Messages that fill less than this, or less than an eighth of the buffer, are copied out of it.
const WORTH_HANDING_OVER: usize = 8 * 1024;

/// Bytes buffered before HELLO is complete (PROTOCOL, Limits).
const BEFORE_HELLO: usize = 64;

/// Where the last byte of a length is. Those before it are zero in a HELLO.
const LENGTH_END: usize = LENGTH - 1;

/// Bytes in front of an envelope's id and payload that are no payload: the id of a DATA_REQ.
const ID: usize = DATA_REQ_HEADER - DATA_HEADER;

/// A sender that did not wait for an answer to a large frame most likely does not for so many more.
const PRESSED: u32 = 16;

/// Turns one connection's bytes into frames.
///
/// Read into [`space`](Decoder::space), then tell [`handle_read`](Decoder::handle_read) how much
/// came. What comes out, taken together, depends on the bytes alone and not on how they were cut.
pub(crate) struct Decoder {
    max_envelope: u32,
    greeted: bool,
    /// Initialised to its full length; the first `filled` bytes are the front of one frame.
    buffer: Vec<u8>,
    filled: usize,
    /// The buffer becomes no longer than this.
    longest: usize,
    /// Bytes still to come of a frame of which nothing more is kept.
    skip: usize,
    large: Option<LargeFrame>,
    /// Something came right behind one of the last large frames: their sender does not wait for
    /// answers. It counts for so many more.
    pressed: u32,
    /// A spent batch, or nothing.
    spare: Batch,
    violation: Option<Violation>,
}

impl Decoder {
    /// A decoder for payloads of up to `max_message` bytes.
    pub(crate) fn new(max_message: u32) -> Decoder {
        Decoder {
            max_envelope: max_message.saturating_add((1 + ID) as u32),
            greeted: false,
            buffer: vec![0; SIZES[0]],
            filled: 0,
            longest: SIZES[2],
            skip: 0,
            large: None,
            pressed: 0,
            spare: Batch::default(),
            violation: None,
        }
    }

    /// Where the next read goes; never empty.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if let Some(large) = &mut self.large {
            return large.space();
        }
        let end = if self.greeted {
            self.buffer.len()
        } else {
            BEFORE_HELLO
        };
        &mut self.buffer[self.filled..end]
    }

    /// Takes the `n` bytes that were put at the start of [`space`](Decoder::space).
    ///
    /// After a violation the decoder is dead: it repeats the violation and takes nothing.
    pub(crate) fn handle_read(&mut self, n: usize) -> Reading {
        let mut reading = Reading {
            violation: self.violation,
            ..Reading::default()
        };
        if reading.violation.is_some() {
            return reading;
        }
        if let Some(large) = &mut self.large {
            if large.handle_read(n) {
                self.finish_large(&mut reading);
            }
            return reading;
        }
        if self.is_worth_handing_over(self.filled + n) {
            reading.batch.spans = mem::take(&mut self.spare.spans);
        }
        self.filled += n;
        if let Some(from) = self.begin(&mut reading) {
            let at = self.scan(from, &mut reading);
            self.settle(at, &mut reading);
        }
        reading
    }

    /// The large frame is whole; what was read behind it may hold others.
    fn finish_large(&mut self, reading: &mut Reading) {
        let Some(mut large) = self.large.take() else {
            return;
        };
        let behind = large.take_behind();
        self.pressed = match behind.is_empty() {
            true => self.pressed.saturating_sub(1),
            false => PRESSED,
        };
        self.filled = behind.len();
        self.buffer[..self.filled].copy_from_slice(&behind);
        reading.frames = 1;
        let at = self.scan(0, reading);
        self.settle(at, reading);
        let others = mem::replace(&mut reading.batch, large.into_batch());
        reading.batch.append(&others);
    }

    /// The buffer is to be no longer than that from the next read on.
    pub(crate) fn limit_buffer(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// How long the bytes of a spent batch have to be that the next `n` bytes have a use for.
    pub(crate) fn lacks(&self, n: usize) -> Option<usize> {
        if self.large.is_some() {
            return None;
        }
        let (size, filled) = (self.buffer.len(), self.filled + n);
        let next = next_size(size, filled).min(self.longest);
        let is_replaced = next != size || self.is_worth_handing_over(filled);
        (is_replaced && next > SIZES[0]).then_some(next)
    }

    /// Such a batch: what is read next needs no new memory, and none of it is zeroed again.
    pub(crate) fn adopt(&mut self, spent: Batch) {
        self.spare = spent;
    }

    /// A spent batch that there is no use for.
    pub(crate) fn surplus(&mut self) -> Option<Batch> {
        mem::take(&mut self.spare).into_spent()
    }

    /// A large frame has begun, and an allocation of so many bytes would do for all of it.
    pub(crate) fn lacks_large(&self) -> Option<usize> {
        self.large.as_ref().and_then(LargeFrame::lacks)
    }

    /// Such an allocation: no other is made, and none of it is zeroed again.
    pub(crate) fn adopt_large(&mut self, spent: Vec<u8>) {
        if let Some(large) = &mut self.large {
            large.adopt(spent);
        }
    }

    /// Bytes of memory that a frame takes which is not complete.
    pub(crate) fn held(&self) -> usize {
        let large = self.large.as_ref().map_or(0, LargeFrame::held);
        self.filled + large
    }

    /// How long the large frame is that has begun, if one has.
    pub(crate) fn expects(&self) -> usize {
        self.large.as_ref().map_or(0, LargeFrame::len)
    }

    /// Such messages come one behind the other. All that came so far of this one is read, and much
    /// of it is still to come.
    pub(crate) fn is_far_from_whole(&self) -> bool {
        self.pressed > 0 && self.large.as_ref().is_some_and(LargeFrame::is_far)
    }

    /// In the middle of a message that is read into an allocation of its own.
    pub(crate) fn is_in_large_message(&self) -> bool {
        self.large.is_some()
    }

    /// Where in the buffer the next frame starts, if HELLO is through.
    fn begin(&mut self, reading: &mut Reading) -> Option<usize> {
        if self.greeted {
            let skipped_whole = self.skip > 0 && self.skip <= self.filled;
            reading.frames += u32::from(skipped_whole);
            return Some(self.skip);
        }
        match parse_hello(&self.buffer[..self.filled]) {
            Ok(Some((identity, end))) => {
                self.greeted = true;
                reading.hello = Some(identity);
                reading.frames = 1;
                Some(end)
            }
            Ok(None) => None,
            Err(violation) => {
                self.filled = 0;
                self.violation = Some(violation);
                reading.violation = self.violation;
                None
            }
        }
    }

    /// Takes the frames in the buffer and returns where the first unfinished one starts, or, past
    /// the end of the bytes, where one ends of which nothing more is kept.
    fn scan(&mut self, from: usize, reading: &mut Reading) -> usize {
        let bytes = &self.buffer[..self.filled];
        let mut at = from;
        loop {
            at = take_messages(bytes, at, self.max_envelope, reading);
            let rest = bytes.get(at..).unwrap_or_default();
            let head = match Head::parse(rest, self.max_envelope) {
                Ok(Some(head)) => head,
                Ok(None) => return at,
                Err(violation) => {
                    self.violation = Some(violation);
                    reading.violation = self.violation;
                    return bytes.len();
                }
            };
            let end = at + head.frame_len();
            match head.kind {
                kind::DATA | kind::DATA_REQ => return at,
                kind::ACK | kind::NACK => match rest.get(DATA_HEADER..DATA_HEADER + ID) {
                    Some(id) => reading.answer(head.kind, MessageId(sixteen(id))),
                    None => return at,
                },
                kind::HEARTBEAT => {}
                _ => reading.skipped += 1,
            }
            reading.frames += u32::from(end <= bytes.len());
            at = end;
        }
    }

    /// Hands the messages over and keeps the unfinished frame at `at`.
    fn settle(&mut self, at: usize, reading: &mut Reading) {
        self.skip = at.saturating_sub(self.filled);
        let unfinished = &self.buffer[at.min(self.filled)..self.filled];
        self.large = LargeFrame::begin(unfinished, self.max_envelope, self.longest);
        let keep = match self.large {
            Some(_) => self.filled..self.filled,
            None => self.filled - unfinished.len()..self.filled,
        };

        let size = match self.large {
            // The next is likely large too: read little more than its head.
            Some(_) => SIZES[0],
            None => next_size(self.buffer.len(), self.filled).min(self.longest),
        };
        let end = reading.batch.spans.last().map_or(0, |it| it.range().end);
        let hand_over = self.is_worth_handing_over(end);
        if !hand_over {
            reading.batch.bytes = self.buffer[..end].to_vec();
        }
        if !hand_over && !self.spare.bytes.is_empty() {
            // The spans are those of a spent batch that is not needed, and may be far too many.
            let few = reading.batch.spans.as_slice().to_vec();
            self.spare.spans = mem::replace(&mut reading.batch.spans, few);
            self.spare.spans.clear();
        }
        self.filled = keep.len();
        if !hand_over && size == self.buffer.len() {
            self.buffer.copy_within(keep, 0);
            return;
        }
        let mut fresh = self.fresh_buffer(size);
        fresh[..keep.len()].copy_from_slice(&self.buffer[keep]);
        let spent = mem::replace(&mut self.buffer, fresh);
        match hand_over {
            true => reading.batch.bytes = spent,
            false => self.spare.bytes = spent,
        }
    }

    /// Messages that come to so many bytes go to the application in the buffer itself.
    fn is_worth_handing_over(&self, bytes: usize) -> bool {
        bytes >= WORTH_HANDING_OVER.max(self.buffer.len() / 8)
    }

    fn fresh_buffer(&mut self, size: usize) -> Vec<u8> {
        match self.spare.bytes.len() == size {
            true => mem::take(&mut self.spare.bytes),
            false => vec![0; size],
        }
    }
}

impl Batch {
    /// Without its messages, if its bytes are a buffer that can be read into again.
    pub(crate) fn into_spent(mut self) -> Option<Batch> {
        let size = self.bytes.len();
        if !SIZES[1..].contains(&size) {
            return None;
        }
        self.spans.clear();
        self.returns = Vec::new();
        if self.memory() > 2 * size + size_of::<Batch>() {
            self.spans = Vec::new();
        }
        Some(self)
    }
}

/// The identity in the HELLO at the front of `bytes`, and where that frame ends.
///
/// What is wrong with it is said by the first byte that shows it, whether more came or not.
fn parse_hello(bytes: &[u8]) -> Result<Option<(Identity, usize)>, Violation> {
    for (at, &byte) in bytes.iter().take(DATA_HEADER + 1).enumerate() {
        let is_good = match at {
            0..LENGTH_END => byte == 0,
            LENGTH_END => (HELLO_FRAME..=BEFORE_HELLO).contains(&(LENGTH + byte as usize)),
            LENGTH => byte == kind::HELLO,
            _ if byte == VERSION => true,
            _ => return Err(Violation::Version(byte)),
        };
        if !is_good {
            return Err(Violation::BadHello);
        }
    }
    if bytes.len() < HELLO_FRAME {
        return Ok(None);
    }
    let end = LENGTH + envelope_len(bytes) as usize;
    let identity = bytes.get(DATA_HEADER + 1..end);
    Ok(identity.map(|it| (Identity::new(sixteen(it)), end)))
}

/// Takes the whole messages from `at` on, one behind the other, as nearly all frames are. Says where
/// something else begins.
fn take_messages(bytes: &[u8], mut at: usize, max_envelope: u32, reading: &mut Reading) -> usize {
    let rest = |at| bytes.get(at..).unwrap_or_default();
    while let Some(&[a, b, c, d, kind]) = rest(at).first_chunk() {
        let header = match kind {
            kind::DATA => DATA_HEADER,
            kind::DATA_REQ => DATA_REQ_HEADER,
            _ => break,
        };
        let len = u32::from_be_bytes([a, b, c, d]);
        if len > head::longest(kind, max_envelope) {
            break;
        }
        let (payload, end) = (at + header, at + LENGTH + len as usize);
        if payload > end || end > bytes.len() {
            break;
        }
        let wants_ack = kind == kind::DATA_REQ;
        reading.batch.spans.push(span(payload, end, wants_ack));
        reading.frames += 1;
        at = end;
    }
    at
}

fn span(start: usize, end: usize, wants_ack: bool) -> Span {
    Span {
        start: start as u32,
        len: (end - start) as u32,
        wants_ack,
    }
}

#[cfg(test)]
mod tests;
