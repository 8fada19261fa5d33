//! Frames that are read into an allocation of their own.

use super::*;
use crate::proto::decoder::large::{BEHIND, LARGE_FRAME};

#[test]
fn the_space_of_a_large_frame_ends_a_little_behind_it() {
    let mut decoder = greeted(MAX);
    let bytes = message(Some(ID), &[1; LARGE_FRAME]);
    let last = bytes.len() - 3;
    feed(&mut decoder, &bytes[..last], || usize::MAX);
    assert_eq!(decoder.space().len(), 3 + BEHIND);
    let seen = feed(&mut decoder, &bytes[last..], || usize::MAX);
    assert_eq!(seen.messages.len(), 1);
    assert!(decoder.space().len() > 3 + BEHIND);
}

#[test]
fn a_reader_may_nap_where_all_is_read_and_much_is_to_come() {
    let bytes = message(None, &[1; 8 * LARGE_FRAME]).repeat(2);
    let (first, _) = bytes.split_at(bytes.len() / 2);
    let far_after = |parts: &[usize]| {
        let (mut decoder, mut rest) = (greeted(MAX), &bytes[..]);
        for part in parts {
            let (now, later) = rest.split_at(*part);
            feed(&mut decoder, now, || usize::MAX);
            rest = later;
        }
        decoder.is_far_from_whole()
    };
    let with_head = first.len() + 50;
    assert!(!far_after(&[with_head]), "there may be more at once");
    assert!(far_after(&[with_head, 10_000]));
    assert!(
        !far_after(&[with_head, 5 * LARGE_FRAME]),
        "it is near its end"
    );
    assert!(!far_after(&[first.len(), 10_000]), "nothing came behind");
}

#[test]
fn large_frames_in_a_row_take_one_read_each() {
    let large = message(None, &[7; LARGE_FRAME]);
    let bytes = large.repeat(50);
    let mut decoder = greeted(MAX);
    let (mut at, mut reads, mut messages) = (0, 0, 0);
    while at < bytes.len() {
        let space = decoder.space();
        let count = space.len().min(bytes.len() - at);
        space[..count].copy_from_slice(&bytes[at..at + count]);
        at += count;
        reads += 1;
        messages += decoder.handle_read(count).batch.spans.len();
    }
    assert_eq!(messages, 50);
    assert!(reads <= 60, "{reads} reads");
}

#[test]
fn small_messages_right_behind_a_large_one_come_with_it() {
    let large = noise(&mut Rng::new(4), 2 * LARGE_FRAME);
    let small = [
        message(None, b"b"),
        message(Some(ID), b"c"),
        message(None, b"d"),
    ]
    .concat();
    let bytes = [message(None, &large), small].concat();
    let mut decoder = greeted(MAX);
    let space = |decoder: &mut Decoder, from: &[u8]| {
        let space = decoder.space();
        let count = space.len().min(from.len());
        space[..count].copy_from_slice(&from[..count]);
        (count, decoder.handle_read(count))
    };
    let (mut at, mut bodies) = (0, Vec::new());
    while at < bytes.len() {
        let (count, reading) = space(&mut decoder, &bytes[at..]);
        at += count;
        let batch = &reading.batch;
        bodies.push(
            batch
                .spans
                .iter()
                .map(|span| batch.payload(*span).to_vec())
                .collect::<Vec<_>>(),
        );
    }
    let last = bodies.pop().unwrap_or_default();
    assert_eq!(last, [large, b"b".to_vec(), b"c".to_vec(), b"d".to_vec()]);
}

#[test]
fn a_large_body_holds_little_more_than_its_length() {
    let bytes = message(None, &[1; 900_000]);
    let mut decoder = greeted(MAX);
    feed(&mut decoder, &bytes[..bytes.len() - 1], || usize::MAX);
    decoder.space()[0] = 1;
    let batch = decoder.handle_read(1).batch;
    assert_eq!(batch.bytes.len(), 900_000);
    assert_eq!(batch.bytes.capacity(), 900_000 + BEHIND);
}

#[test]
fn a_large_frame_goes_on_in_an_allocation_that_it_is_given() {
    let body = noise(&mut Rng::new(5), 3 * LARGE_FRAME);
    let bytes = message(Some(ID), &body);
    for begun in [5, 30, 4_000, LARGE_FRAME + 100] {
        for length in [0, 10, bytes.len() / 2, bytes.len() + 500] {
            let mut decoder = greeted(MAX);
            feed(&mut decoder, &bytes[..begun], || 1_000);
            if decoder.lacks_large().is_none() {
                continue;
            }
            let mut spent = vec![9; length];
            spent.reserve_exact(bytes.len() + 500 - length);
            decoder.adopt_large(spent);
            assert_eq!(decoder.lacks_large(), None);
            let rest = [&bytes[begun..], &message(None, b"next")].concat();
            let seen = feed(&mut decoder, &rest, || 50_000);
            let expected = [(Some(ID), body.clone()), (None, b"next".to_vec())];
            assert!(seen.messages == expected, "{begun} bytes, then {length}");
        }
    }
}
