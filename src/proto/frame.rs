//! Frames to bytes: the constants and encoders of the wire, and what a peer can do wrong on it.

use crate::message::Identity;

/// The protocol's version, the first byte of every HELLO body.
pub(crate) const VERSION: u8 = 0x01;

/// Bytes of the length field in front of every envelope.
pub(crate) const LENGTH: usize = 4;

/// Bytes in front of a DATA payload: length and type.
pub(crate) const DATA_HEADER: usize = LENGTH + 1;

/// Bytes in front of a DATA_REQ payload: length, type and message id.
pub(crate) const DATA_REQ_HEADER: usize = DATA_HEADER + 16;

/// Bytes of a whole HELLO frame as we send it.
pub(crate) const HELLO_FRAME: usize = DATA_HEADER + 1 + 16;

/// Bytes of a whole ACK or NACK frame.
pub(crate) const ACK_FRAME: usize = DATA_HEADER + 16;

/// The type byte of each known frame; every other value is skipped and counted.
pub(crate) mod kind {
    pub(crate) const HELLO: u8 = 0x01;
    pub(crate) const HEARTBEAT: u8 = 0x02;
    pub(crate) const DATA: u8 = 0x03;
    pub(crate) const DATA_REQ: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x05;
    /// Ours: peers that do not know it skip it.
    pub(crate) const NACK: u8 = 0x06;
}

/// Names one at-least-once message; every resend carries the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct MessageId(pub(crate) [u8; 16]);

/// What a peer did against the protocol; it ends that peer's connection and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    /// The first frame was not a HELLO, or a HELLO too short to be one.
    BadHello,
    /// The HELLO speaks a version that we do not.
    Version(u8),
    /// A known type whose body is too short for its fields.
    Truncated { kind: u8, len: u32 },
    /// An envelope longer than we accept.
    TooLarge { len: u32, max: u32 },
}

pub(crate) fn put_hello(out: &mut Vec<u8>, me: Identity) {
    put_head(out, kind::HELLO, 1 + 16);
    out.push(VERSION);
    out.extend_from_slice(me.as_bytes());
}

pub(crate) fn put_heartbeat(out: &mut Vec<u8>) {
    put_head(out, kind::HEARTBEAT, 0);
}

pub(crate) fn put_ack(out: &mut Vec<u8>, id: MessageId) {
    put_head(out, kind::ACK, 16);
    out.extend_from_slice(&id.0);
}

pub(crate) fn put_nack(out: &mut Vec<u8>, id: MessageId) {
    put_head(out, kind::NACK, 16);
    out.extend_from_slice(&id.0);
}

/// Bytes of a whole DATA (no id) or DATA_REQ frame around a payload of `len` bytes.
#[inline(always)]
pub(crate) fn data_len(id: Option<MessageId>, len: usize) -> usize {
    match id {
        None => DATA_HEADER + len,
        Some(_) => DATA_REQ_HEADER + len,
    }
}

/// The header of a DATA (no id) or DATA_REQ frame around a payload of `len` bytes. Inlined as far as
/// to where an id is made, so that the id stays in registers on its way.
#[inline(always)]
pub(crate) fn put_data_head(out: &mut Vec<u8>, id: Option<MessageId>, len: usize) {
    match id {
        None => put_head(out, kind::DATA, len),
        Some(id) => {
            put_head(out, kind::DATA_REQ, 16 + len);
            out.extend_from_slice(&id.0);
        }
    }
}

#[inline(always)]
fn put_head(out: &mut Vec<u8>, kind: u8, body: usize) {
    let envelope = u32::try_from(1 + body).expect("max_message keeps envelopes below 4 GiB");
    let [a, b, c, d] = envelope.to_be_bytes();
    out.extend_from_slice(&[a, b, c, d, kind]);
}

/// The id and the payload of each whole DATA_REQ frame among encoded ones.
pub(crate) fn tracked(mut bytes: &[u8]) -> impl Iterator<Item = (MessageId, &[u8])> {
    std::iter::from_fn(move || {
        while bytes.len() >= DATA_HEADER {
            let end = LENGTH + envelope_len(bytes) as usize;
            let (frame, rest) = bytes.split_at_checked(end)?;
            bytes = rest;
            if frame[LENGTH] == kind::DATA_REQ {
                let id = MessageId(sixteen(&frame[DATA_HEADER..]));
                return Some((id, &frame[DATA_REQ_HEADER..]));
            }
        }
        None
    })
}

/// The length field at the start of `bytes`, which holds at least four.
pub(crate) fn envelope_len(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..LENGTH].try_into().expect("four bytes of length"))
}

/// The 16 bytes at the start of `bytes` as an array.
pub(crate) fn sixteen(bytes: &[u8]) -> [u8; 16] {
    bytes[..16].try_into().expect("sixteen bytes of id")
}
