//! The wire of the hub's tests: frames to bytes, and bytes to frames through the real decoder.

use crate::message::Identity;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::frame::{self, MessageId};

/// A frame on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Frame {
    Hello(Identity),
    Heartbeat,
    Data(Vec<u8>),
    Tracked(MessageId, Vec<u8>),
    Ack(MessageId),
    Nack(MessageId),
}

/// What was written to a link and not yet looked at.
pub(super) struct Wire {
    out: Vec<u8>,
    decoder: Decoder,
}

/// The payloads of `frames`, as text, tracked or not.
pub(super) fn texts(frames: &[Frame]) -> Vec<String> {
    let bodies = frames.iter().filter_map(|frame| match frame {
        Frame::Data(body) | Frame::Tracked(_, body) => Some(body),
        _ => None,
    });
    bodies
        .map(|body| String::from_utf8_lossy(body).into_owned())
        .collect()
}

pub(super) fn ids(frames: &[Frame]) -> Vec<MessageId> {
    let ids = frames.iter().filter_map(|frame| match frame {
        Frame::Tracked(id, _) => Some(*id),
        _ => None,
    });
    ids.collect()
}

pub(super) fn encode(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in frames {
        match one {
            Frame::Hello(identity) => frame::put_hello(&mut out, *identity),
            Frame::Heartbeat => frame::put_heartbeat(&mut out),
            Frame::Ack(id) => frame::put_ack(&mut out, *id),
            Frame::Nack(id) => frame::put_nack(&mut out, *id),
            Frame::Data(body) => {
                frame::put_data_head(&mut out, None, body.len());
                out.extend_from_slice(body);
            }
            Frame::Tracked(id, body) => {
                frame::put_data_head(&mut out, Some(*id), body.len());
                out.extend_from_slice(body);
            }
        }
    }
    out
}

impl Wire {
    pub(super) fn new() -> Wire {
        let mut wire = Wire {
            out: Vec::new(),
            decoder: Decoder::new(u32::MAX - 64),
        };
        feed(
            &mut wire.decoder,
            &encode(&[Frame::Hello(Identity::new([0; 16]))]),
        );
        wire
    }

    /// The kernel took `bytes`.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The whole frames that are here; the front of another may stay.
    pub(super) fn take_frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(end) = whole_frame(&self.out) {
            let bytes: Vec<u8> = self.out.drain(..end).collect();
            frames.push(self.decode(&bytes));
        }
        frames
    }

    fn decode(&mut self, bytes: &[u8]) -> Frame {
        if bytes[4] == frame::kind::HELLO {
            return Frame::Hello(Identity::new(frame::sixteen(&bytes[6..])));
        }
        let reading = feed(&mut self.decoder, bytes);
        assert_eq!((reading.frames, reading.skipped), (1, 0));
        if let Some(id) = reading.acks.first() {
            return Frame::Ack(*id);
        }
        if let Some(id) = reading.nacks.first() {
            return Frame::Nack(*id);
        }
        let Some(span) = reading.batch.spans.first() else {
            return Frame::Heartbeat;
        };
        let body = reading.batch.payload(*span).to_vec();
        match reading.batch.id(*span) {
            Some(id) => Frame::Tracked(id, body),
            None => Frame::Data(body),
        }
    }
}

/// What one read of these frames brings, behind a HELLO that was read before.
pub(super) fn decode(frames: &[Frame]) -> Reading {
    let mut decoder = Decoder::new(u32::MAX - 64);
    feed(
        &mut decoder,
        &encode(&[Frame::Hello(Identity::new([0; 16]))]),
    );
    feed(&mut decoder, &encode(frames))
}

fn whole_frame(bytes: &[u8]) -> Option<usize> {
    let end = frame::LENGTH + frame::envelope_len(bytes.get(..frame::LENGTH)?) as usize;
    (end <= bytes.len()).then_some(end)
}

/// The last reading of these bytes; they must fit one read, or be one frame.
fn feed(decoder: &mut Decoder, mut bytes: &[u8]) -> Reading {
    let mut last = Reading::default();
    while !bytes.is_empty() {
        let space = decoder.space();
        let count = space.len().min(bytes.len());
        space[..count].copy_from_slice(&bytes[..count]);
        last = decoder.handle_read(count);
        assert_eq!(last.violation, None);
        bytes = &bytes[count..];
    }
    last
}
