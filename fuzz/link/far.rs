//! Far: the other end of a connection, and what it may see of us.

use crate::message::Identity;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::frame::{self, MessageId};
use crate::word::{self, Word};

/// A message as it arrived at the far end.
pub(crate) struct Got {
    pub(crate) id: Option<MessageId>,
    pub(crate) body: Vec<u8>,
}

/// What one write meant to the far end.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) messages: Vec<Got>,
    pub(crate) acks: Vec<MessageId>,
    pub(crate) nacks: Vec<MessageId>,
}

pub(crate) struct Far {
    decoder: Decoder,
    /// Ids of the messages that it got and may acknowledge.
    pub(crate) got: Vec<MessageId>,
    /// It may be in the middle of a frame, and what it says is part of that.
    pub(crate) is_garbled: bool,
}

impl Far {
    pub(crate) fn new() -> Far {
        Far {
            decoder: Decoder::new(1 << 20),
            got: Vec::new(),
            is_garbled: false,
        }
    }

    /// Bytes were written to it: whole frames of the protocol, the first of them a HELLO.
    pub(crate) fn handle_bytes(&mut self, mut bytes: &[u8], us: Identity) -> Seen {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            let space = self.decoder.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            let reading = self.decoder.handle_read(count);
            assert_eq!((reading.violation, reading.skipped), (None, 0));
            assert!(reading.hello.is_none_or(|hello| hello == us));
            self.see(&reading, &mut seen);
        }
        seen
    }

    fn see(&mut self, reading: &Reading, seen: &mut Seen) {
        let batch = &reading.batch;
        for span in &batch.spans {
            let (id, body) = (batch.id(*span), batch.payload(*span).to_vec());
            self.got.extend(id);
            seen.messages.push(Got { id, body });
        }
        seen.acks.extend(&reading.acks);
        seen.nacks.extend(&reading.nacks);
    }

    /// What it sends, as bytes; `ids` are those that any far end has seen.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, word: Word<'_>, ids: &[MessageId]) {
        self.is_garbled |= matches!(word, Word::Raw(_) | Word::Large(_));
        match word {
            Word::Hello(n) => frame::put_hello(out, word::who(n)),
            Word::Heartbeat => frame::put_heartbeat(out),
            Word::Data(len) => word::put_data(out, None, len),
            Word::Tracked { id, len } => word::put_data(out, Some(word::message_id(id)), len),
            Word::Ack { back, keep } => {
                let count = self.got.len();
                let Some(at) = count.checked_sub(1 + usize::from(back) % count.max(1)) else {
                    return;
                };
                let id = if keep {
                    self.got[at]
                } else {
                    self.got.remove(at)
                };
                frame::put_ack(out, id);
            }
            Word::StrayAck(n) => {
                let seen = ids.iter().rev().nth(n.into()).copied();
                frame::put_ack(out, seen.unwrap_or(word::message_id(n)));
            }
            Word::Unknown { kind, len } => word::put_unknown(out, kind, len),
            Word::Raw(bytes) => out.extend(bytes),
            Word::Large(size) => {
                let len = 64 * 1024 + usize::from(size) * 300;
                frame::put_data_head(out, None, len);
                out.resize(out.len() + usize::from(size), 0);
            }
            Word::Flood(id) => {
                for _ in 0..66_000 {
                    word::put_data(out, Some(word::message_id(id)), 0);
                }
            }
        }
    }
}
