//! Stream: the bytes of one connection and the pieces in which they come, from fuzz input.

use crate::input::Input;
use crate::message::Identity;
use crate::proto::frame::{self, MessageId};

/// Largest messages worth a try: the smallest, the borders of a large frame, the default, and
/// the largest that a socket takes.
const LARGEST: [u32; 8] = [
    1,
    16,
    300,
    64 * 1024 - 21,
    64 * 1024,
    200_000,
    16 * 1024 * 1024,
    u32::MAX - 64,
];

/// Room for one large frame; few streams need more, and they take their time.
const LONG: usize = 100_000;
const LONGEST: usize = 600_000;

pub(crate) struct Stream {
    pub(crate) max_message: u32,
    pub(crate) bytes: Vec<u8>,
    /// Lengths of the pieces, in turn.
    pub(crate) cuts: Vec<usize>,
}

impl Stream {
    /// A byte of flags, the largest message, the cuts, and then either the bytes themselves or a
    /// word for each frame.
    pub(crate) fn new(data: &[u8]) -> Stream {
        let mut input = Input::new(data);
        let flags = input.byte();
        let max_message = LARGEST[usize::from(input.byte()) % LARGEST.len()];
        let count = 1 + usize::from(input.byte()) % 6;
        let cuts = input.bytes(count).to_vec();
        let mut bytes = Vec::new();
        if flags & 1 != 0 {
            frame::put_hello(&mut bytes, Identity::new([flags; 16]));
        }
        let enough = if flags >= 0xf0 { LONGEST } else { LONG };
        match flags & 2 != 0 {
            true => bytes.extend(input.bytes(usize::MAX)),
            false => {
                while !input.is_empty() && bytes.len() < enough {
                    put_word(&mut bytes, &mut input);
                }
            }
        }
        let finest = if bytes.len() > 2_000 { 61 } else { 1 };
        let cuts = cuts.into_iter().map(|cut| piece(cut).max(finest));
        let cuts: Vec<usize> = cuts.collect();
        Stream {
            max_message,
            bytes,
            cuts: if cuts.is_empty() { vec![finest] } else { cuts },
        }
    }
}

/// Short pieces, long ones, and as much as there is.
fn piece(cut: u8) -> usize {
    match cut {
        0..128 => usize::from(cut),
        128..255 => usize::from(cut - 127) * 700,
        255 => usize::MAX,
    }
}

fn put_word(out: &mut Vec<u8>, input: &mut Input<'_>) {
    let word = input.byte() % 11;
    match word {
        0 => {
            let count = input.byte().into();
            out.extend(input.bytes(count));
        }
        1 => frame::put_hello(out, Identity::new([input.byte(); 16])),
        2 => frame::put_heartbeat(out),
        3 | 4 => put_message(out, input, None, word == 4),
        5 | 6 => {
            let id = MessageId([input.byte(); 16]);
            put_message(out, input, Some(id), word == 6);
        }
        7 => frame::put_ack(out, MessageId([input.byte(); 16])),
        10 => frame::put_nack(out, MessageId([input.byte(); 16])),
        8 => {
            let (claimed, kind) = (input.short(), input.byte());
            let sent = usize::from(input.short());
            out.extend(u32::from(claimed).to_be_bytes());
            out.resize(out.len() + sent, kind);
        }
        _ => {
            out.extend([input.byte(), input.byte(), input.byte(), input.byte()]);
            out.push(input.byte() % 8);
        }
    }
}

/// A message of a few bytes of input, or a long one of one byte again and again.
fn put_message(out: &mut Vec<u8>, input: &mut Input<'_>, id: Option<MessageId>, is_long: bool) {
    if is_long {
        let len = usize::from(input.short()) * 5 / 4;
        frame::put_data_head(out, id, len);
        out.resize(out.len() + len, input.byte());
    } else {
        let count = input.byte().into();
        let payload = input.bytes(count);
        frame::put_data_head(out, id, payload.len());
        out.extend(payload);
    }
}
