//! Tests of the decoder: the wire's vectors, every chunking, what peers do wrong, memory.

mod large;
mod spent;

use super::large::LARGE_FRAME;
use super::{Decoder, Reading, SIZES};
use crate::message::Identity;
use crate::proto::backoff::Rng;
use crate::proto::frame::{
    MessageId, Violation, put_ack, put_data_head, put_heartbeat, put_hello, put_nack,
};

const MAX: u32 = 16 * 1024 * 1024;
const SMALL_BUFFER: usize = SIZES[0];
const FULL_BUFFER: usize = SIZES[2];
const ME: Identity = Identity::new([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
const ID: MessageId = MessageId([
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
]);

const HELLO: &str = "00000012 01 01 000102030405060708090a0b0c0d0e0f";
const HEARTBEAT: &str = "00000001 02";
const DATA: &str = "00000003 03 6869";
const EMPTY_DATA: &str = "00000001 03";
const DATA_REQ: &str = "00000013 04 101112131415161718191a1b1c1d1e1f 6869";
const ACK: &str = "00000011 05 101112131415161718191a1b1c1d1e1f";
const NACK: &str = "00000011 06 101112131415161718191a1b1c1d1e1f";

type Message = (Option<MessageId>, Vec<u8>);

/// Everything that several readings brought.
#[derive(Default, PartialEq, Debug)]
struct Seen {
    hello: Option<Identity>,
    messages: Vec<Message>,
    acks: Vec<MessageId>,
    nacks: Vec<MessageId>,
    frames: u32,
    skipped: u32,
    violation: Option<Violation>,
}

impl Seen {
    fn add(&mut self, reading: Reading) {
        assert!(self.hello.is_none() || reading.hello.is_none());
        self.hello = self.hello.or(reading.hello);
        let batch = reading.batch;
        let message = |&span| (batch.id(span), batch.payload(span).to_vec());
        self.messages.extend(batch.spans.iter().map(message));
        self.acks.extend(reading.acks);
        self.nacks.extend(reading.nacks);
        self.frames += reading.frames;
        self.skipped += reading.skipped;
        self.violation = self.violation.or(reading.violation);
    }
}

fn hex(parts: &[&str]) -> Vec<u8> {
    let digits: Vec<u8> = parts.concat().bytes().filter(|it| *it != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Puts `bytes` into the decoder's space, in reads of `chunk()` bytes at the most.
fn feed(decoder: &mut Decoder, mut bytes: &[u8], mut chunk: impl FnMut() -> usize) -> Seen {
    let mut seen = Seen::default();
    while !bytes.is_empty() {
        let space = decoder.space();
        assert!(!space.is_empty());
        let n = space.len().min(bytes.len()).min(chunk().max(1));
        space[..n].copy_from_slice(&bytes[..n]);
        bytes = &bytes[n..];
        seen.add(decoder.handle_read(n));
    }
    seen
}

fn decode(bytes: &[u8]) -> Seen {
    feed(&mut Decoder::new(MAX), bytes, || usize::MAX)
}

fn violation_of(parts: &[&str]) -> Option<Violation> {
    decode(&hex(parts)).violation
}

/// A decoder that is through HELLO.
fn greeted(max_message: u32) -> Decoder {
    let mut decoder = Decoder::new(max_message);
    feed(&mut decoder, &hex(&[HELLO]), || usize::MAX);
    decoder
}

fn message(id: Option<MessageId>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_data_head(&mut frame, id, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.next() as u8).collect()
}

/// HELLO and some hundred frames of all kinds, a few of them large.
fn random_stream(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_hello(&mut bytes, ME);
    for _ in 0..1 + rng.below(200) {
        let longest = [0, 20, 300, 6_000, 40_000, 200_000][rng.below(6) as usize];
        let mut body = rng.below(longest + 1);
        if rng.below(4) > 0 {
            body = body.min(100);
        }
        let body = noise(rng, body as usize);
        match rng.below(8) {
            0 => put_ack(&mut bytes, ID),
            7 => put_nack(&mut bytes, ID),
            1 => put_heartbeat(&mut bytes),
            2 => bytes.extend([0; 4]),
            3 | 4 => bytes.extend(message(None, &body)),
            5 => bytes.extend(message(Some(ID), &body)),
            _ => {
                bytes.extend((body.len() as u32 + 1).to_be_bytes());
                bytes.extend([&[0x77], &body[..]].concat());
            }
        }
    }
    bytes
}

fn mixed() -> Vec<u8> {
    let skipped = ["00000000", HELLO, "00000003 77 0102"].concat();
    let trailing = "00000003 02 0304  00000012 05 101112131415161718191a1b1c1d1e1f ff";
    let known = [HELLO, DATA, HEARTBEAT, DATA_REQ, ACK, NACK, EMPTY_DATA].concat();
    hex(&[&known, &skipped, trailing, DATA])
}

fn assert_mixed(seen: &Seen) {
    let messages = [(None, "hi"), (Some(ID), "hi"), (None, ""), (None, "hi")];
    let expected = Seen {
        hello: Some(ME),
        messages: messages.map(|(id, text)| (id, text.into())).into(),
        acks: vec![ID, ID],
        nacks: vec![ID],
        frames: 13,
        skipped: 3,
        violation: None,
    };
    assert_eq!(*seen, expected);
}

#[test]
fn the_wire_vectors_mean_what_the_protocol_says() {
    assert_mixed(&decode(&mixed()));
}

#[test]
fn one_byte_at_a_time_is_the_same_stream() {
    assert_mixed(&feed(&mut Decoder::new(MAX), &mixed(), || 1));
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    let bytes = mixed();
    for first in 1..bytes.len() {
        for second in [1, 2, 3, 5, 8, 13, 21, usize::MAX] {
            let mut sizes = [first, second].into_iter();
            let chunk = || sizes.next().unwrap_or(usize::MAX);
            assert_mixed(&feed(&mut Decoder::new(MAX), &bytes, chunk));
        }
    }
}

#[test]
fn random_streams_are_the_same_in_any_chunks() {
    let mut rng = Rng::new(1);
    for _ in 0..60 {
        let bytes = random_stream(&mut rng);
        let whole = decode(&bytes);
        assert_eq!(whole.violation, None);
        for longest in [10, 1_000, 10_000, 300_000] {
            let mut decoder = Decoder::new(MAX);
            let seen = feed(&mut decoder, &bytes, || 1 + rng.below(longest) as usize);
            assert!(seen == whole);
        }
    }
}

#[test]
fn any_beginning_of_a_stream_reads_the_same_in_any_chunks() {
    let mut bytes = mixed();
    bytes.extend(hex(&["00000005 04 00 01"]));
    for len in 0..bytes.len() {
        let slow = feed(&mut Decoder::new(MAX), &bytes[..len], || 1);
        assert_eq!(slow, decode(&bytes[..len]));
    }
}

#[test]
fn a_longer_hello_is_accepted_as_far_as_it_fits() {
    for (len, expected) in [(18, None), (60, None), (61, Some(Violation::BadHello))] {
        let mut bytes = vec![0, 0, 0, len, 0x01, 0x01];
        bytes.extend(ME.as_bytes());
        bytes.resize(4 + usize::from(len), 0xff);
        bytes.extend(hex(&[DATA]));
        let seen = decode(&bytes);
        assert_eq!(seen.violation, expected);
        assert_eq!(seen.messages.is_empty(), expected.is_some());
    }
}

#[test]
fn what_is_wrong_with_a_hello_shows_as_early_as_it_can() {
    let bad = Some(Violation::BadHello);
    for front in [
        "ff",
        "47",
        "0001",
        "000050",
        "00000011",
        "0000003d",
        "00000012 03",
    ] {
        assert_eq!(violation_of(&[front]), bad, "{front}");
    }
    let version = Some(Violation::Version(2));
    assert_eq!(violation_of(&["00000012 01 02"]), version);
    assert_eq!(violation_of(&["00000012 01 01 00"]), None);
}

/// Row 13: no more than 64 bytes are read.
#[test]
fn before_hello_no_more_than_64_bytes_are_buffered() {
    let mut decoder = Decoder::new(MAX);
    let bytes = hex(&[HELLO]);
    for (n, &byte) in bytes.iter().enumerate() {
        assert_eq!(decoder.space().len(), 64 - n);
        feed(&mut decoder, &[byte], || 1);
    }
    assert!(decoder.space().len() > 64);
}

#[test]
fn a_known_frame_too_short_for_its_id_is_a_violation() {
    let (ack, nack, req) = (0x05, 0x06, 0x04);
    let truncated = |kind, len| Some(Violation::Truncated { kind, len });
    assert_eq!(violation_of(&[HELLO, "00000010 05"]), truncated(ack, 16));
    assert_eq!(violation_of(&[HELLO, "00000010 06"]), truncated(nack, 16));
    assert_eq!(violation_of(&[HELLO, "00000010 04"]), truncated(req, 16));
    assert_eq!(violation_of(&[HELLO, "00000001 04"]), truncated(req, 1));
}

/// Row 15: refused by its length alone.
#[test]
fn a_length_over_the_limit_is_refused_before_anything_is_allocated() {
    let mut decoder = greeted(MAX);
    let held = decoder.held();
    let seen = feed(&mut decoder, &(MAX + 18).to_be_bytes(), || usize::MAX);
    let max = MAX + 17;
    let expected = Violation::TooLarge { len: max + 1, max };
    assert_eq!(seen.violation, Some(expected));
    assert_eq!(decoder.held(), held);
}

#[test]
fn the_largest_payload_passes_both_ways() {
    let body = [9; 100];
    for id in [None, Some(ID)] {
        let seen = feed(&mut greeted(100), &message(id, &body), || usize::MAX);
        assert_eq!(seen.messages, [(id, body.to_vec())]);
    }
    let seen = feed(&mut greeted(99), &message(Some(ID), &body), || usize::MAX);
    assert!(seen.violation.is_some());
}

#[test]
fn frames_in_front_of_a_violation_are_delivered_and_none_behind() {
    let bytes = hex(&[HELLO, DATA, ACK, "00000002 05 00", DATA]);
    let mut decoder = Decoder::new(MAX);
    let seen = feed(&mut decoder, &bytes, || usize::MAX);
    let counts = (seen.messages.len(), seen.acks.len(), seen.frames);
    assert_eq!(counts, (1, 1, 3));
    let later = feed(&mut decoder, &bytes, || 3);
    assert!(seen.violation.is_some() && later.violation == seen.violation);
    assert_eq!((later.messages.len(), later.frames), (0, 0));
}

#[test]
fn large_frames_arrive_whole_and_alone() {
    let mut rng = Rng::new(3);
    let body = noise(&mut rng, 1024 * 1024);
    for id in [None, Some(ID)] {
        let bytes = [message(None, b"a"), message(id, &body), message(None, b"b")].concat();
        let a = (None, b"a".to_vec());
        let expected = [a, (id, body.clone()), (None, b"b".to_vec())];
        for longest in [7_777, 65_537, 99_999, usize::MAX] {
            let seen = feed(&mut greeted(MAX), &bytes, || longest);
            assert!(seen.messages == expected);
            assert_eq!(seen.frames, 3);
        }
    }
}

#[test]
fn memory_grows_with_what_arrived_and_not_with_what_was_claimed() {
    for kind in [0x03, 0x04, 0x05, 0x77] {
        let mut decoder = greeted(MAX);
        let mut bytes = MAX.to_be_bytes().to_vec();
        bytes.push(kind);
        bytes.resize(100, 0);
        feed(&mut decoder, &bytes, || usize::MAX);
        assert!(decoder.held() <= SMALL_BUFFER + LARGE_FRAME + 100);
        for arrived in (1..200).map(|n| n * 50_000) {
            feed(&mut decoder, &[0; 50_000], || 1460);
            assert!(decoder.held() <= 2 * arrived + FULL_BUFFER);
        }
    }
}

#[test]
fn the_buffer_grows_while_it_is_filled_and_shrinks_when_it_is_not() {
    let mut decoder = greeted(MAX);
    assert_eq!(decoder.space().len(), SMALL_BUFFER);
    feed(&mut decoder, &[0, 0, 0, 1, 2].repeat(200_000), || {
        usize::MAX
    });
    assert!(decoder.space().len() > FULL_BUFFER - 5);
    feed(&mut decoder, &hex(&[HEARTBEAT]), || usize::MAX);
    feed(&mut decoder, &hex(&[HEARTBEAT]), || usize::MAX);
    assert_eq!(decoder.space().len(), SMALL_BUFFER);
}

#[test]
fn a_full_buffer_is_handed_over_and_a_sparse_one_copied() {
    let mut decoder = greeted(MAX);
    let frames = message(None, &[5; 1019]);
    feed(&mut decoder, &frames.repeat(4 + 32), || usize::MAX);
    assert_eq!(decoder.space().len(), FULL_BUFFER);
    decoder.space()[..16 * 1024].copy_from_slice(&frames.repeat(16));
    assert_eq!(
        decoder.handle_read(16 * 1024).batch.bytes.len(),
        FULL_BUFFER
    );
    decoder.space()[..15 * 1024].copy_from_slice(&frames.repeat(15));
    assert_eq!(decoder.handle_read(15 * 1024).batch.bytes.len(), 15 * 1024);
}

#[test]
fn acks_and_heartbeats_hand_nothing_over() {
    let mut decoder = greeted(MAX);
    let frames = hex(&[ACK, HEARTBEAT]);
    let n = frames.len();
    decoder.space()[..n].copy_from_slice(&frames);
    let reading = decoder.handle_read(n);
    assert_eq!(reading.batch.bytes.capacity(), 0);
    assert_eq!((reading.acks.len(), reading.frames), (1, 2));
}

#[test]
fn garbage_never_panics() {
    let mut rng = Rng::new(6);
    for _ in 0..200_000 {
        let mut decoder = greeted([0, 300, MAX, u32::MAX][rng.below(4) as usize]);
        if rng.below(8) == 0 {
            decoder = Decoder::new(MAX);
        }
        let len = rng.below(200) as usize;
        let mut bytes = noise(&mut rng, len);
        // Small lengths and known types now and then, so that some of it is frames.
        for byte in &mut bytes {
            if rng.below(4) > 0 {
                *byte = [0, 0, 0, 1, 3, 4, 5, 17, 18][rng.below(9) as usize];
            }
        }
        let longest = 1 + rng.below(200);
        feed(&mut decoder, &bytes, || rng.below(longest) as usize);
    }
}
