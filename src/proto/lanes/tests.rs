//! The lanes: order, turns, shares and bounds.

use super::*;
use crate::policy::Limit;
use crate::proto::batch::Span;

fn who(n: u8) -> Identity {
    Identity::new([n; 16])
}

/// Messages of one byte each.
fn batch(text: &str) -> Batch {
    let span = |start: usize| Span {
        start: start as u32,
        len: 1,
        wants_ack: false,
    };
    Batch {
        bytes: text.into(),
        spans: (0..text.len()).map(span).collect(),
        ..Batch::default()
    }
}

/// One message of so many bytes.
fn large(len: usize) -> Batch {
    let (start, wants_ack) = (0, false);
    let span = Span {
        start,
        len: len as u32,
        wants_ack,
    };
    Batch {
        bytes: vec![b'x'; len],
        spans: vec![span],
        ..Batch::default()
    }
}

fn lanes(messages: usize, bytes: usize) -> Lanes {
    Lanes::new(&Config::default().inbox(Limit { messages, bytes }))
}

/// Room for so many bytes in all.
fn narrow(hard_limit: usize) -> Lanes {
    let mut lanes = Lanes::new(&Config::default().memory_budget(4 * hard_limit));
    (1..=3).for_each(|n| lanes.open(who(n)));
    lanes
}

fn texts(delivery: &mut Delivery) -> String {
    let bodies = std::iter::from_fn(|| delivery.next()).map(|one| one.body.bytes().to_vec());
    String::from_utf8(bodies.collect::<Vec<_>>().concat()).expect("it was text")
}

fn take_all(lanes: &mut Lanes) -> Vec<(u8, String)> {
    std::iter::from_fn(|| lanes.take())
        .map(|mut delivery| (delivery.from.as_bytes()[0], texts(&mut delivery)))
        .collect()
}

#[test]
fn what_came_on_the_last_link_goes_out_before_what_comes_on_the_next() {
    let mut lanes = lanes(100, 100_000);
    lanes.open(who(1));
    assert!(lanes.push(who(1), batch("a")));
    lanes.end(who(1));
    lanes.open(who(1));
    lanes.push(who(1), batch("b"));
    assert_eq!(take_all(&mut lanes), [(1, "a".into()), (1, "b".into())]);
}

#[test]
fn peers_take_turns() {
    let mut lanes = lanes(100, 100_000);
    for (peer, text) in [(1, "a"), (1, "b"), (1, "c"), (2, "d")] {
        lanes.push(who(peer), batch(text));
    }
    let order: Vec<u8> = take_all(&mut lanes).iter().map(|(peer, _)| *peer).collect();
    assert_eq!(order, [1, 2, 1, 1]);
}

#[test]
fn a_long_batch_lets_others_have_their_turn() {
    let mut lanes = lanes(10_000, 1_000_000);
    lanes.push(who(1), batch(&"m".repeat(1_000)));
    lanes.push(who(2), batch("l"));
    let mut delivery = lanes.take().unwrap();
    let first = (0..1_000).take_while(|_| !delivery.is_paused() && delivery.next().is_some());
    assert!((1..100).contains(&first.count()));
    lanes.put_back(delivery);
    let order: Vec<u8> = take_all(&mut lanes).iter().map(|(peer, _)| *peer).collect();
    assert_eq!(order, [2, 1]);
    assert_eq!(lanes.load, Load::default());
}

#[test]
fn peers_that_went_leave_nothing_behind() {
    let mut lanes = lanes(100, 100_000);
    for number in 0..100 {
        lanes.open(who(number));
        lanes.push(who(number), batch("x"));
        lanes.end(who(number));
    }
    take_all(&mut lanes);
    assert!(lanes.lanes.is_empty());
    assert_eq!((lanes.load, lanes.ready()), (Load::default(), 0));
}

#[test]
fn a_lane_with_its_share_is_held_up_and_no_other_is() {
    let mut lanes = lanes(8, 100_000);
    lanes.open(who(1));
    lanes.open(who(2));
    lanes.push(who(1), batch("a"));
    assert!(!lanes.is_held_up(who(1)));
    lanes.push(who(1), batch("b"));
    lanes.push(who(2), batch("c"));
    assert!(lanes.is_held_up(who(1)) && !lanes.is_held_up(who(2)));
    lanes.end(who(1));
    assert!(!lanes.is_held_up(who(1)), "there is nobody to read on");
}

#[test]
fn a_parked_reader_is_woken_when_its_own_lane_is_short_again() {
    let mut lanes = lanes(8, 100_000);
    for peer in [who(1), who(2)] {
        lanes.open(peer);
        for text in ["a", "b", "c"] {
            lanes.push(peer, batch(text));
        }
        lanes.park(peer, true);
    }
    let woken: Vec<Vec<Identity>> = (0..4)
        .map(|_| {
            lanes.take();
            lanes.take_woken()
        })
        .collect();
    assert_eq!(woken, [vec![], vec![], vec![who(1)], vec![who(2)]]);
}

#[test]
fn a_link_over_its_share_reads_on_for_a_while() {
    let mut lanes = lanes(4, 4_000);
    let pushed: Vec<bool> = (0..5)
        .map(|_| lanes.push(who(1), large(300 * 1024)))
        .collect();
    assert_eq!(pushed, [true, true, true, true, false]);
    lanes.park(who(1), false);
    assert!(lanes.push(who(1), large(300 * 1024)));
}

/// Row 40: messages that nobody takes.
#[test]
fn at_the_hard_limit_nothing_more_comes_in() {
    let mut lanes = narrow(1_000_000);
    assert!(lanes.has_room(2_000_000), "one batch always fits");
    lanes.push(who(1), large(600_000));
    assert!(lanes.has_room(300_000) && !lanes.has_room(600_000));
}

#[test]
fn what_does_not_fit_goes_in_when_its_turn_has_come() {
    let mut lanes = narrow(1_000_000);
    lanes.push(who(1), large(600_000));
    lanes.queue_up(who(2), 600_000);
    lanes.queue_up(who(3), 10);
    assert!(!lanes.has_room(10), "nobody goes ahead of those who wait");
    assert!(lanes.is_queued(who(2)) && lanes.is_queued(who(3)));
    lanes.take();
    assert_eq!(lanes.take_woken(), [who(2)]);
    assert!(!lanes.is_queued(who(2)) && lanes.is_queued(who(3)));
    lanes.leave_queue(who(2));
    assert_eq!(lanes.take_woken(), [who(3)]);
    assert!(!lanes.is_queued(who(3)));
}

#[test]
fn who_waits_for_room_is_woken_when_its_link_ends() {
    let mut lanes = narrow(1_000_000);
    lanes.push(who(1), large(1_000_000));
    lanes.queue_up(who(2), 600_000);
    lanes.end(who(2));
    assert_eq!(lanes.take_woken(), [who(2)]);
    assert!(!lanes.is_queued(who(2)) && lanes.has_ended(who(2)));
}

#[test]
fn what_comes_back_with_a_presence_counts_until_it_is_taken() {
    let mut lanes = narrow(1_000);
    let session = Session::new(who(1), 1, None);
    lanes.push_presence(Presence::Up(session));
    assert!(lanes.take().is_some_and(|it| it.presence().is_some()));
    let unsent = vec![[0; 2_000].as_slice().into()];
    lanes.push_presence(Presence::Down(session, unsent));
    assert!(!lanes.has_room(1), "it is memory");
    let mut delivery = lanes.take().expect("it is there");
    assert!(matches!(delivery.take_presence(), Some(Presence::Down(..))));
    assert!(lanes.has_room(1_000));
}

#[test]
fn who_comes_and_goes_unseen_is_told_of_neither_way() {
    let mut lanes = narrow(1_000);
    for link in 1..=3 {
        let session = Session::new(who(1), link, None);
        lanes.push_presence(Presence::Up(session));
        lanes.push_presence(Presence::Down(session, Vec::new()));
    }
    assert!(lanes.take().is_none());
    assert!(lanes.has_room(1_000));
}
