//! Parser: what a WebSocket client sends to the bytes in it, in place and in any chunking.

#[cfg(test)]
mod tests;

use super::frame::{FINAL, MASKED, RESERVED, SHORT, code, opcode};

/// The longest head: two bytes, eight of length, four of masking key.
const HEAD: usize = 2 + 8 + 4;

/// Bytes under which the rest of a payload is unmasked one by one.
const WIDE: usize = 16;

/// Takes the frames of one connection apart.
///
/// The payloads of binary messages, end to end, are the stream that the connection carries; where
/// a message or a fragment ends means nothing.
#[derive(Default)]
pub(crate) struct Parser {
    head: [u8; HEAD],
    head_len: usize,
    frame: Option<Frame>,
    /// A message was begun and not finished.
    is_in_message: bool,
    control: Vec<u8>,
    end: Option<End>,
}

/// A frame whose head is through.
struct Frame {
    opcode: u8,
    /// Bytes of its payload that are still to come.
    left: u64,
    /// The first byte of it is for the payload's next byte.
    mask: [u8; 4],
}

/// What one read brought.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Parsed {
    /// Bytes of the stream; they are at the front of the buffer now.
    pub(crate) len: usize,
    /// What the last ping said. Only the last one needs an answer.
    pub(crate) ping: Option<Vec<u8>>,
    /// Nothing that follows means anything.
    pub(crate) end: Option<End>,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// The other side says that it is done, and why, if it does.
    Closed(Option<u16>),
    /// It broke the rules, and is told so with this code.
    Broken(u16),
}

impl Parser {
    /// Takes the bytes of one read.
    ///
    /// After an end the parser is dead: it takes no more bytes and repeats the end.
    pub(crate) fn parse(&mut self, bytes: &mut [u8]) -> Parsed {
        let mut parsed = Parsed::default();
        let mut at = 0;
        while at < bytes.len() && self.end.is_none() {
            let Some(frame) = &mut self.frame else {
                self.handle_head_byte(bytes[at]);
                at += 1;
                self.finish_frame(&mut parsed);
                continue;
            };
            let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let count = left.min(bytes.len() - at);
            unmask(&mut bytes[at..at + count], &mut frame.mask);
            if is_control(frame.opcode) {
                self.control.extend_from_slice(&bytes[at..at + count]);
            } else {
                bytes.copy_within(at..at + count, parsed.len);
                parsed.len += count;
            }
            frame.left -= count as u64;
            at += count;
            self.finish_frame(&mut parsed);
        }
        parsed.end = self.end;
        parsed
    }

    /// What is wrong with a frame is found with the first byte that shows it.
    fn handle_head_byte(&mut self, byte: u8) {
        self.head[self.head_len] = byte;
        self.head_len += 1;
        if self.head_len < 2 {
            return;
        }
        let [first, second] = [self.head[0], self.head[1]];
        let extra = match second & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.head_len == 2 {
            self.end = self.fault(first, second).map(End::Broken);
        }
        let key = 2 + extra;
        if extra == 8 && self.head_len == 3 && byte >= 0x80 {
            self.end = Some(End::Broken(code::PROTOCOL_ERROR));
        }
        if self.end.is_some() || self.head_len < key + 4 {
            return;
        }
        let short = u64::from(second & !MASKED);
        let long = |len, byte: &u8| len << 8 | u64::from(*byte);
        let left = match extra {
            0 => short,
            _ => self.head[2..key].iter().fold(0, long),
        };
        let mask = self.head[key..key + 4].try_into();
        self.head_len = 0;
        self.frame = Some(Frame {
            opcode: first & 0x0f,
            left,
            mask: mask.expect("four bytes of key"),
        });
    }

    /// What the first two bytes of a head break, as a close code.
    fn fault(&self, first: u8, second: u8) -> Option<u16> {
        let (opcode, len) = (first & 0x0f, usize::from(second & !MASKED));
        let is_final = first & FINAL != 0;
        let is_wrong = match opcode {
            opcode::CONTINUATION => !self.is_in_message,
            opcode::TEXT | opcode::BINARY => self.is_in_message,
            opcode::CLOSE | opcode::PING | opcode::PONG => !is_final || len > SHORT,
            _ => true,
        };
        if is_wrong || first & RESERVED != 0 || second & MASKED == 0 {
            return Some(code::PROTOCOL_ERROR);
        }
        (opcode == opcode::TEXT).then_some(code::UNSUPPORTED)
    }

    /// Draws the consequences of a frame whose last byte is there.
    fn finish_frame(&mut self, parsed: &mut Parsed) {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else {
            return;
        };
        match frame.opcode {
            opcode::PING => parsed.ping = Some(std::mem::take(&mut self.control)),
            opcode::PONG => self.control.clear(),
            opcode::CLOSE => self.end = Some(judge_close(&self.control)),
            _ => self.is_in_message = self.head[0] & FINAL == 0,
        }
    }
}

fn is_control(opcode: u8) -> bool {
    opcode & 0x8 != 0
}

/// RFC 6455, sections 5.5.1 and 7.4.
fn judge_close(payload: &[u8]) -> End {
    let (code, reason) = match payload {
        [] => return End::Closed(None),
        [_] => return End::Broken(code::PROTOCOL_ERROR),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    match may_be_sent && std::str::from_utf8(reason).is_ok() {
        true => End::Closed(Some(code)),
        false => End::Broken(code::PROTOCOL_ERROR),
    }
}

/// Takes the mask off, and turns it so that it fits what comes next.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let wide: [u8; WIDE] = std::array::from_fn(|at| mask[at % 4]);
    mask.rotate_left(bytes.len() % 4);
    // Whole groups of a fixed length are what the compiler turns into wide instructions.
    let mut groups = bytes.chunks_exact_mut(WIDE);
    for group in &mut groups {
        group
            .iter_mut()
            .zip(wide)
            .for_each(|(byte, key)| *byte ^= key);
    }
    let rest = groups.into_remainder().iter_mut();
    rest.zip(wide).for_each(|(byte, key)| *byte ^= key);
}
