//! Tests of the decoder's buffer: how long it is, and what it is made of.

use super::{
    ACK, FULL_BUFFER, MAX, SMALL_BUFFER, Seen, decode, feed, greeted, hex, message, random_stream,
};
use crate::proto::backoff::Rng;
use crate::proto::batch::Batch;
use crate::proto::decoder::{Decoder, SIZES, next_size};

#[test]
fn the_buffer_changes_by_one_size_at_a_time() {
    let [small, middle, full] = SIZES;
    for (size, filled, next) in [
        (small, 1, small),
        (small, small - 1, small),
        (small, small, middle),
        (middle, middle / 16, middle),
        (middle, middle / 16 - 1, small),
        (middle, middle, full),
        (full, full / 16 - 1, middle),
        (full, full, full),
    ] {
        assert_eq!(next_size(size, filled), next, "{filled} of {size}");
        assert!(next > filled || filled == size, "what is kept fits");
    }
}

#[test]
fn what_was_spent_is_read_into_again() {
    let mut decoder = greeted(MAX);
    let frames = message(None, &[5; 1019]);
    feed(&mut decoder, &frames.repeat(4 + 32), || usize::MAX);
    let mut read = |spent: Option<Batch>| {
        decoder.space()[..32 * 1024].copy_from_slice(&frames.repeat(32));
        assert_eq!(decoder.lacks(32 * 1024), Some(FULL_BUFFER));
        if let Some(spent) = spent {
            decoder.adopt(spent);
        }
        let batch = decoder.handle_read(32 * 1024).batch;
        assert!(decoder.surplus().is_none(), "it is in use");
        (batch.bytes.as_ptr(), batch.spans.as_ptr(), batch)
    };
    let (bytes, spans, first) = read(None);
    let (_, again, _second) = read(first.into_spent());
    assert_eq!(spans, again);
    let (again, _, _third) = read(None);
    assert_eq!(bytes, again);
}

#[test]
fn what_is_spent_and_not_needed_comes_back() {
    let mut decoder = greeted(MAX);
    let frames = message(None, &[5; 1019]);
    feed(&mut decoder, &frames.repeat(4 + 32), || usize::MAX);
    let acks = hex(&[ACK]).repeat(1_000);
    decoder.space()[..acks.len()].copy_from_slice(&acks);
    let size = decoder.lacks(acks.len()).expect("they may be messages");
    decoder.adopt(Batch {
        bytes: vec![0; size],
        spans: Vec::with_capacity(100),
        ..Batch::default()
    });
    assert_eq!(decoder.handle_read(acks.len()).acks.len(), 1_000);
    let surplus = decoder.surplus().expect("they were none");
    assert_eq!((surplus.bytes.len(), surplus.spans.capacity()), (size, 100));
    assert_eq!(decoder.lacks(10 * 1024), None, "they are copied");
}

#[test]
fn only_buffers_are_spent() {
    let spent = |len, spans| {
        let batch = Batch {
            bytes: vec![0; len],
            spans: Vec::with_capacity(spans),
            ..Batch::default()
        };
        batch.into_spent().map(|spent| spent.spans.capacity())
    };
    assert_eq!(spent(FULL_BUFFER, 7), Some(7));
    assert_eq!(spent(FULL_BUFFER, FULL_BUFFER), Some(0));
    for len in [0, SMALL_BUFFER, FULL_BUFFER - 1, 1_000_000] {
        assert_eq!(spent(len, 0), None);
    }
}

#[test]
fn handing_buffers_back_changes_nothing() {
    let mut rng = Rng::new(2);
    let mut bytes = random_stream(&mut rng);
    bytes.extend(message(None, &[7; 90]).repeat(50_000));
    let (mut decoder, mut seen, mut rest) = (Decoder::new(MAX), Seen::default(), &bytes[..]);
    while !rest.is_empty() {
        let space = decoder.space();
        let n = space.len().min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        let reading = decoder.handle_read(n);
        let spent = Batch {
            bytes: reading.batch.bytes.clone(),
            spans: reading.batch.spans.clone(),
            ..Batch::default()
        };
        seen.add(reading);
        if let Some(spent) = spent.into_spent() {
            decoder.adopt(spent);
        }
        assert!(decoder.held() <= 3 * FULL_BUFFER);
    }
    assert!(seen == decode(&bytes));
}
