//! Decoder: any bytes in any pieces mean what the model says, within the memory that they pay for.

#![no_main]
#![allow(dead_code, rustdoc::broken_intra_doc_links)]

#[path = "../src/contents.rs"]
mod contents;
#[path = "../src/message.rs"]
mod message;
#[path = "../src/payload.rs"]
mod payload;
#[path = "../src/proto"]
mod proto {
    pub(crate) mod backoff;
    pub(crate) mod batch;
    pub(crate) mod decoder;
    pub(crate) mod frame;
}

#[path = "decoder/allocated.rs"]
mod allocated;
mod input;
#[path = "decoder/model.rs"]
mod model;
#[path = "decoder/stream.rs"]
mod stream;

use libfuzzer_sys::fuzz_target;
use model::Meaning;
use proto::decoder::{Decoder, Reading};
use proto::frame::{self, Violation};
use stream::Stream;

const SMALL_BUFFER: usize = 4 * 1024;
const FULL_BUFFER: usize = 128 * 1024;
const LARGE_FRAME: usize = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    let stream = Stream::new(data);
    let meaning = model::read(&stream.bytes, stream.max_message);
    read_as(&stream, &[usize::MAX], &meaning);
    read_as(&stream, &stream.cuts, &meaning);
    write_again(&stream, &meaning.ends);
});

/// What has come out of the decoder so far.
#[derive(Default)]
struct Progress {
    arrived: usize,
    hello: bool,
    messages: usize,
    acks: usize,
    nacks: usize,
    frames: usize,
    skipped: u32,
}

/// Reads the stream in pieces of the lengths that `cuts` gives in turn: it means what the model
/// says, and takes the memory that it pays for.
fn read_as(stream: &Stream, cuts: &[usize], meaning: &Meaning) {
    let before = allocated::live();
    let mut decoder = Decoder::new(stream.max_message);
    let (mut progress, mut cuts) = (Progress::default(), cuts.iter().cycle());
    while progress.arrived < stream.bytes.len() {
        let cut = *cuts.next().expect("there is a cut");
        let rest = &stream.bytes[progress.arrived..];
        let (reading, count) = read_some(&mut decoder, &rest[..cut.clamp(1, rest.len())]);
        progress.arrived += count;
        progress.check(&reading, &stream.bytes, meaning);
        let live = allocated::live() - before;
        check_memory(live, progress.arrived, &reading, &decoder, &meaning.ends);
        if let Some(violation) = reading.violation {
            assert_eq!(meaning.violation, Some(violation));
            check_dead(&mut decoder, violation);
            return progress.check_end(meaning);
        }
        if let Some(spent) = reading.batch.into_spent() {
            decoder.adopt(spent);
        }
    }
    assert_eq!(meaning.violation, None);
    progress.check_end(meaning);
}

impl Progress {
    /// A reading brings what comes next.
    fn check(&mut self, reading: &Reading, bytes: &[u8], meaning: &Meaning) {
        if reading.hello.is_some() {
            assert_eq!((self.hello, reading.hello), (false, meaning.hello));
            self.hello = true;
        }
        let batch = &reading.batch;
        for span in &batch.spans {
            let (id, range) = &meaning.messages[self.messages];
            assert_eq!(batch.id(*span), *id);
            assert!(batch.payload(*span) == &bytes[range.clone()], "{range:?}");
            self.messages += 1;
        }
        assert!(meaning.acks[self.acks..].starts_with(&reading.acks));
        self.acks += reading.acks.len();
        assert!(meaning.nacks[self.nacks..].starts_with(&reading.nacks));
        self.nacks += reading.nacks.len();
        self.frames += reading.frames as usize;
        self.skipped += reading.skipped;
        let whole = meaning.ends.partition_point(|end| *end <= self.arrived);
        assert_eq!(self.frames, whole, "after {} bytes", self.arrived);
    }

    fn check_end(&self, meaning: &Meaning) {
        assert_eq!(self.hello, meaning.hello.is_some());
        assert_eq!(self.messages, meaning.messages.len());
        assert_eq!(self.acks, meaning.acks.len());
        assert_eq!(self.nacks, meaning.nacks.len());
        assert_eq!(self.skipped, meaning.skipped);
    }
}

/// What lives is paid for by what arrived, whatever was announced.
fn check_memory(live: usize, arrived: usize, reading: &Reading, decoder: &Decoder, ends: &[usize]) {
    let whole = ends[..ends.partition_point(|end| *end <= arrived)].last();
    let unfinished = arrived - whole.copied().unwrap_or_default();
    let held = 2 * unfinished + LARGE_FRAME;
    assert!(decoder.held() <= held, "{} held", decoder.held());
    let buffer = FULL_BUFFER.min(SMALL_BUFFER.max(8 * arrived));
    let answers = reading.acks.capacity() + reading.nacks.capacity();
    let read = reading.batch.memory() + answers * 16;
    let bound = 3 * buffer + held + read;
    assert!(live <= bound, "{live} bytes live after {arrived}");
}

/// One read, of as much as there is space for.
fn read_some(decoder: &mut Decoder, bytes: &[u8]) -> (Reading, usize) {
    let space = decoder.space();
    assert!(!space.is_empty(), "there is always space");
    let count = space.len().min(bytes.len());
    space[..count].copy_from_slice(&bytes[..count]);
    (decoder.handle_read(count), count)
}

/// After a violation nothing means anything any more.
fn check_dead(decoder: &mut Decoder, violation: Violation) {
    let mut more = Vec::new();
    frame::put_heartbeat(&mut more);
    for _ in 0..2 {
        let (reading, _) = read_some(decoder, &more);
        assert_eq!(reading.violation, Some(violation));
        let nothing = (None, 0, 0, 0, 0);
        let spans = reading.batch.spans.len();
        let all = (
            reading.hello,
            spans,
            reading.acks.len() + reading.nacks.len(),
            reading.frames,
            reading.skipped,
        );
        assert_eq!(all, nothing);
    }
}

/// Each frame, read alone and written again, is the same bytes.
fn write_again(stream: &Stream, ends: &[usize]) {
    let mut decoder = Decoder::new(stream.max_message);
    let (mut start, mut again) = (0, Vec::new());
    for end in ends {
        let bytes = &stream.bytes[start..*end];
        let mut rest = bytes;
        again.clear();
        while !rest.is_empty() {
            let (reading, count) = read_some(&mut decoder, rest);
            rest = &rest[count..];
            put_reading(&mut again, &reading);
            if let Some(spent) = reading.batch.into_spent() {
                decoder.adopt(spent);
            }
        }
        check_same(bytes, &again);
        start = *end;
    }
}

fn put_reading(out: &mut Vec<u8>, reading: &Reading) {
    reading
        .hello
        .into_iter()
        .for_each(|me| frame::put_hello(out, me));
    for span in &reading.batch.spans {
        let payload = reading.batch.payload(*span);
        frame::put_data_head(out, reading.batch.id(*span), payload.len());
        out.extend_from_slice(payload);
    }
    reading
        .acks
        .iter()
        .for_each(|ack| frame::put_ack(out, *ack));
    reading
        .nacks
        .iter()
        .for_each(|nack| frame::put_nack(out, *nack));
}

/// Frames that carry nothing are gone; behind the fields of HELLO, ACK and NACK there may be more.
fn check_same(bytes: &[u8], again: &[u8]) {
    match bytes.get(4) {
        Some(3 | 4) => assert!(bytes == again, "{} bytes", bytes.len()),
        Some(5 | 6) => assert_eq!(bytes[4..21], again[4..]),
        Some(1) if !again.is_empty() => assert_eq!(bytes[4..22], again[4..]),
        _ => assert!(again.is_empty()),
    }
}
