//! The decoder: the same frames from the same bytes, however they are cut.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::decoder::Decoder;
use crate::proto::frame::{self, MessageId, Violation};

const MAX: u32 = 200_000;

/// Everything that a stream of bytes means.
#[derive(Default, PartialEq, Debug)]
struct Meaning {
    hello: Option<Identity>,
    messages: Vec<(Option<MessageId>, Vec<u8>)>,
    acks: Vec<MessageId>,
    nacks: Vec<MessageId>,
    frames: u32,
    skipped: u32,
    violation: Option<Violation>,
}

/// Reads `bytes` in pieces of the lengths that `cuts` gives in turn.
fn read(bytes: &[u8], cuts: &[usize]) -> Meaning {
    read_within(bytes, cuts, &[128 * 1024])
}

/// The same where the buffer may be so long, which changes with each read.
fn read_within(bytes: &[u8], cuts: &[usize], limits: &[usize]) -> Meaning {
    let mut limits = limits.iter().cycle();
    let mut decoder = Decoder::new(MAX);
    let mut meaning = Meaning::default();
    let (mut at, mut turns) = (0, cuts.iter().cycle());
    // Of the latest batch, for the next that has a use for it.
    let mut spent = None;
    while at < bytes.len() && meaning.violation.is_none() {
        let cut = *turns.next().expect("there is a cut");
        let space = decoder.space();
        assert!(!space.is_empty(), "there is always space");
        let count = cut.clamp(1, space.len()).min(bytes.len() - at);
        space[..count].copy_from_slice(&bytes[at..at + count]);
        at += count;
        let lacking = decoder.lacks(count);
        if let Some(spent) = spent.take_if(|it: &mut Batch| lacking == Some(it.bytes.len())) {
            decoder.adopt(spent);
        }
        let limit = *limits.next().expect("there is a limit");
        decoder.limit_buffer(limit);
        let reading = decoder.handle_read(count);
        let is_short = decoder.is_in_large_message() || decoder.space().len() <= limit;
        assert!(is_short || reading.violation.is_some());
        if let Some(surplus) = decoder.surplus() {
            spent = Some(surplus);
        }
        let bound = 2 * at + 2 * 128 * 1024 + 64 * 1024;
        assert!(
            decoder.held() <= bound,
            "{} held after {at}",
            decoder.held()
        );
        meaning.hello = meaning.hello.or(reading.hello);
        meaning.acks.extend(reading.acks);
        meaning.nacks.extend(reading.nacks);
        meaning.frames += reading.frames;
        meaning.skipped += reading.skipped;
        meaning.violation = reading.violation;
        let batch = &reading.batch;
        let messages = batch.spans.iter();
        let messages = messages.map(|span| (batch.id(*span), batch.payload(*span).to_vec()));
        meaning.messages.extend(messages);
        let needed = 2 * reading.batch.spans.len().max(8);
        let is_handed_over = reading.batch.bytes.len() >= 32 * 1024;
        assert!(is_handed_over || reading.batch.spans.capacity() <= needed);
        spent = reading.batch.into_spent().or(spent);
    }
    meaning
}

fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let short = prop::collection::vec(any::<u8>(), 0..300);
    let long = (any::<u8>(), 0..180_000_usize).prop_map(|(byte, len)| vec![byte; len]);
    let payload = prop_oneof![8 => short, 1 => long];
    let kind = prop_oneof![4 => Just(3_u8), 4 => Just(4), 2 => Just(5), 2 => Just(6), 1 => Just(2), 1 => any::<u8>()];
    (kind, any::<[u8; 16]>(), payload).prop_map(|(kind, id, payload)| {
        let mut envelope = vec![kind];
        if matches!(kind, 4..=6) {
            envelope.extend(id);
        }
        if kind != 2 {
            envelope.extend(payload);
        }
        let mut frame = (envelope.len() as u32).to_be_bytes().to_vec();
        frame.extend(envelope);
        frame
    })
}

fn hello() -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::put_hello(&mut bytes, Identity::new([7; 16]));
    bytes
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    let cut = prop_oneof![Just(1_usize), 1..10_usize, 1..5_000_usize, Just(usize::MAX)];
    prop::collection::vec(cut, 1..8)
}

fn is_prefix(part: &Meaning, whole: &Meaning) -> bool {
    whole.messages.starts_with(&part.messages)
        && whole.acks.starts_with(&part.acks)
        && whole.nacks.starts_with(&part.nacks)
        && part.frames <= whole.frames
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn frames_come_out_the_same_however_they_are_cut(
        frames in prop::collection::vec(some_frame(), 0..12),
        cuts in cuts(),
    ) {
        let bytes = [hello(), frames.concat()].concat();
        // Long frames byte by byte take their time.
        let cuts: Vec<usize> = match bytes.len() > 20_000 {
            true => cuts.iter().map(|cut| (*cut).max(97)).collect(),
            false => cuts,
        };
        let whole = read(&bytes, &[usize::MAX]);
        prop_assert_eq!(whole.frames as usize, 1 + frames.len());
        prop_assert!(whole.violation.is_none());
        prop_assert_eq!(read(&bytes, &cuts), whole);
    }

    #[test]
    fn a_buffer_that_is_kept_short_changes_nothing(
        frames in prop::collection::vec(some_frame(), 0..12),
        cuts in prop::collection::vec(97..100_000_usize, 1..8),
        limits in prop::collection::vec(prop_oneof![4 => Just(4), 1 => Just(32), 1 => Just(128)], 1..8),
    ) {
        let limits: Vec<usize> = limits.iter().map(|kib| kib * 1024).collect();
        let bytes = [hello(), frames.concat()].concat();
        let whole = read(&bytes, &[usize::MAX]);
        prop_assert_eq!(read_within(&bytes, &cuts, &limits), whole);
    }

    #[test]
    fn garbage_means_the_same_however_it_is_cut(
        greeted in any::<bool>(),
        garbage in prop::collection::vec(prop_oneof![2 => 0..6_u8, 1 => any::<u8>()], 0..600),
        cuts in cuts(),
    ) {
        let front = if greeted { hello() } else { Vec::new() };
        let bytes = [front, garbage].concat();
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[1]));
    }

    #[test]
    fn the_front_of_a_stream_means_the_front_of_what_it_means(
        frames in prop::collection::vec(some_frame(), 0..6),
        part in 0.0..1.0_f64,
    ) {
        let bytes = [hello(), frames.concat()].concat();
        let end = (bytes.len() as f64 * part) as usize;
        let front = read(&bytes[..end], &[usize::MAX]);
        prop_assert!(is_prefix(&front, &read(&bytes, &[usize::MAX])));
    }

    #[test]
    fn what_cannot_become_a_hello_ends_at_its_first_wrong_byte(
        len in 18..=60_u8,
        at in 0..6_usize,
        byte in any::<u8>(),
        behind in prop::collection::vec(any::<u8>(), 0..80),
        cuts in cuts(),
    ) {
        let front = [&[0, 0, 0, len, 1, 1][..at], &[byte]].concat();
        let is_good = match at {
            0..3 => byte == 0,
            3 => (18..=60).contains(&byte),
            _ => byte == 1,
        };
        let expected = match at {
            _ if is_good => None,
            5 => Some(Violation::Version(byte)),
            _ => Some(Violation::BadHello),
        };
        prop_assert_eq!(read(&front, &cuts).violation, expected);
        if !is_good {
            let whole = read(&[front, behind].concat(), &cuts);
            prop_assert_eq!(whole, Meaning { violation: expected, ..Meaning::default() });
        }
    }
}
