//! Codec: frames to bytes and back, without a stream.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::figure::Unit;
use crate::harness::Run;
use crate::message::Identity;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::Decoder;
use crate::proto::frame::{MessageId, put_ack, put_hello};
use crate::proto::whose::Whose;

const ID: MessageId = MessageId([9; 16]);

/// Bytes that are decoded over and over, at least.
const STREAM: usize = 1024 * 1024;

const MAX_MESSAGE: u32 = 16 * 1024 * 1024;

/// What one read brings: all that there is room for, or a segment of Ethernet.
const WHOLE: usize = usize::MAX;
const SEGMENT: usize = 1_460;

pub fn run(run: &Run) -> Outcome {
    for (name, id, size) in [
        ("DATA 64 B", None, 64),
        ("DATA 1 KiB", None, 1_024),
        ("DATA_REQ 64 B", Some(ID), 64),
    ] {
        run.figure(&format!("encode {name}"), Unit::Seconds, |plan| {
            plan.repeat(|| Ok(encode(id, size, plan.budget)))
        })?;
    }
    let acks = || {
        let mut acks = Vec::new();
        while acks.len() < STREAM {
            put_ack(&mut acks, ID);
        }
        acks
    };
    for (name, stream, piece) in [
        ("DATA 64 B", messages(None, 64), WHOLE),
        (
            "DATA 64 B, in reads of 1,460 B",
            messages(None, 64),
            SEGMENT,
        ),
        ("DATA 1 KiB", messages(None, 1_024), WHOLE),
        ("DATA 64 KiB", messages(None, 64 * 1_024), WHOLE),
        ("DATA_REQ 64 B", messages(Some(ID), 64), WHOLE),
        ("ACK", acks(), WHOLE),
    ] {
        run.figure(&format!("decode {name}"), Unit::Seconds, |plan| {
            plan.repeat(|| decode(&stream, piece, plan.budget))
        })?;
    }
    Ok(())
}

/// Seconds for a frame, put into chunks as they are written.
fn encode(id: Option<MessageId>, size: usize, budget: Duration) -> f64 {
    let payload = vec![7; size];
    let (mut bytes, mut frames) = (Vec::new(), 0);
    let began = Instant::now();
    while began.elapsed() < budget {
        let mut chunk = Chunk::reusing(bytes);
        while chunk.has_room() {
            chunk.push(id, Whose::Anyone, black_box(&payload));
        }
        frames += chunk.messages();
        black_box(chunk.rest_with(&[]));
        bytes = chunk.into_bytes();
    }
    began.elapsed().as_secs_f64() / frames as f64
}

fn messages(id: Option<MessageId>, size: usize) -> Vec<u8> {
    let payload = vec![7; size];
    let mut stream = Vec::new();
    while stream.len() < STREAM {
        let mut chunk = Chunk::default();
        chunk.push(id, Whose::Anyone, &payload);
        stream.extend_from_slice(chunk.rest_with(&[]).0);
    }
    stream
}

/// Seconds for a frame, and for the copy that a read makes of it.
fn decode(stream: &[u8], piece: usize, budget: Duration) -> Outcome<f64> {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut hello = Vec::new();
    put_hello(&mut hello, Identity::new([7; 16]));
    feed(&mut decoder, &hello, WHOLE)?;
    let mut frames = 0;
    let began = Instant::now();
    while began.elapsed() < budget {
        frames += feed(&mut decoder, stream, piece)?;
    }
    Ok(began.elapsed().as_secs_f64() / f64::from(frames))
}

/// How many frames were whole.
fn feed(decoder: &mut Decoder, mut stream: &[u8], piece: usize) -> Outcome<u32> {
    let mut frames = 0;
    while !stream.is_empty() {
        let space = decoder.space();
        let count = space.len().min(stream.len()).min(piece);
        let (read, rest) = stream.split_at(count);
        space[..count].copy_from_slice(read);
        stream = rest;
        let reading = black_box(decoder.handle_read(count));
        if let Some(violation) = reading.violation {
            return Err(format!("the decoder found {violation:?}").into());
        }
        frames += reading.frames;
        if let Some(spent) = reading.batch.into_spent() {
            decoder.adopt(spent);
        }
    }
    Ok(frames)
}
