//! Word: something that a far end sends.

use crate::input::Input;
use crate::message::Identity;
use crate::proto::frame::{self, MessageId};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Word<'a> {
    Hello(u8),
    Heartbeat,
    Data(u8),
    Tracked {
        id: u8,
        len: u8,
    },
    /// Of a message that this end got, counted from the latest; `keep` may acknowledge it again.
    Ack {
        back: u8,
        keep: bool,
    },
    /// Of a message that some other end got, or nobody.
    StrayAck(u8),
    Unknown {
        kind: u8,
        len: u8,
    },
    Raw(&'a [u8]),
    /// The front of a large message, which will take its time.
    Large(u8),
    Flood(u8),
}

impl<'a> Word<'a> {
    pub(crate) fn new(input: &mut Input<'a>) -> Word<'a> {
        let word = input.byte();
        match word % 16 {
            0..=2 => Word::Heartbeat,
            3 | 4 => Word::Data(input.byte()),
            5 | 6 => Word::Tracked {
                id: input.byte() % 16,
                len: input.byte(),
            },
            7..=9 => Word::Ack {
                back: input.byte(),
                keep: word >= 128,
            },
            10 => Word::StrayAck(input.byte()),
            11 => Word::Unknown {
                kind: input.byte(),
                len: input.byte(),
            },
            12 => {
                let count = input.byte() % 32;
                Word::Raw(input.bytes(count.into()))
            }
            13 => Word::Large(input.byte()),
            14 => Word::Flood(input.byte() % 16),
            _ => Word::Hello(input.byte() % 6),
        }
    }
}

/// Identity number `n`; number 5 is the hub's own.
pub(crate) fn who(n: u8) -> Identity {
    Identity::new([n; 16])
}

pub(crate) fn message_id(n: u8) -> MessageId {
    MessageId([n; 16])
}

pub(crate) fn put_unknown(out: &mut Vec<u8>, kind: u8, len: u8) {
    out.extend((u32::from(len) + 1).to_be_bytes());
    out.push(kind);
    out.resize(out.len() + usize::from(len), 0);
}

pub(crate) fn put_data(out: &mut Vec<u8>, id: Option<MessageId>, len: u8) {
    frame::put_data_head(out, id, len.into());
    out.resize(out.len() + usize::from(len), 0);
}
