//! Who is told of room, when drops are told, and what a finished link still collects.

use super::side::{Frame, Side, at_least_once, id, round_robin, secs, who};
use super::wire;
use crate::config::Config;
use crate::event::DownReason;
use crate::message::Identity;
use crate::policy::{Limit, Overflow};
use crate::proto::hub::Next;
use crate::proto::link::LinkId;

const ENDPOINT: &str = "tcp://127.0.0.1:1";

#[test]
fn giving_up_makes_room_and_says_so() {
    let config = at_least_once().unacknowledged(1);
    let mut side = Side::new(config.max_resends(0));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let sent = super::side::ids(&side.write(link));
    assert!(side.send("b").is_err());
    let mut nack = super::side::decode(&[Frame::Nack(sent[0])]);
    side.hub.handle_reading(side.now, link, &mut nack, 0);
    assert_eq!(side.hub.stats().handed_back, 1);
    assert!(side.hub.take_effects().unwrap().wake.room);
}

/// The next chunk of a link leaves, but for so many bytes; says whether those are told who wait for
/// room.
fn tells_of_room(side: &mut Side, link: LinkId, but: usize) -> bool {
    side.settle();
    let mut chunk = side.hub.poll_chunk(link).expect("there is more to write");
    chunk.handle_taken(chunk.len() - but);
    side.hub.handle_back(side.now, link, chunk, true);
    side.hub.take_effects().is_some_and(|it| it.wake.room)
}

fn side_with_full_outbox(config: Config, len: usize) -> (Side, LinkId) {
    let mut side = Side::new(config);
    let link = side.up(who(1));
    while side.send(&"x".repeat(len)).is_ok() {}
    (side, link)
}

#[test]
fn room_is_told_of_when_a_quarter_of_an_outbox_has_left() {
    let config = round_robin().outbox(Limit {
        messages: 1_000,
        bytes: 1_000_000,
    });
    let (mut side, link) = side_with_full_outbox(config, 1_000);
    let told: Vec<bool> = (0..16).map(|_| tells_of_room(&mut side, link, 0)).collect();
    let fourth = |n: usize| n % 4 == 3 || n == 15;
    assert_eq!(told, (0..16).map(fourth).collect::<Vec<_>>());
}

#[test]
fn others_that_take_all_room_at_once_keep_nobody_asleep() {
    let (mut side, link) = side_with_full_outbox(round_robin(), 1_000);
    let mut told = false;
    for _ in 0..1_000 {
        told |= tells_of_room(&mut side, link, 0);
        while side.hub.send(&(&[0; 1_000]).into()).is_ok() {}
    }
    assert!(told);
}

#[test]
fn room_is_told_of_at_once_when_no_more_leaves() {
    let config = round_robin().outbox(Limit {
        messages: 8,
        bytes: 8_000_000,
    });
    let (mut side, link) = side_with_full_outbox(config, 200_000);
    assert!(!tells_of_room(&mut side, link, 0));
    assert!(tells_of_room(&mut side, link, 1_000));
    assert!(tells_of_room(&mut side, link, 0), "its peer is slow");
}

#[test]
fn room_is_told_of_when_an_outbox_is_empty() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 100,
        bytes: 8_000_000,
    }));
    let link = side.up(who(1));
    side.send("a").unwrap();
    assert!(side.send(&"x".repeat(7_999_999)).is_err());
    assert!(tells_of_room(&mut side, link, 0));
}

#[test]
fn any_room_is_told_of_where_memory_was_short() {
    let config = round_robin().outbox(Limit {
        messages: 1_000,
        bytes: 8_000_000,
    });
    let config = config.max_message(2_000_000).memory_budget(20_000_000);
    let mut side = Side::new(config);
    let [_, other, _] = [1, 2, 3].map(|n| side.up(who(n)));
    side.send_to(who(1), "x").unwrap();
    for _ in 0..4 {
        side.send_to(who(2), &"x".repeat(1_590_000)).unwrap();
    }
    side.send_to(who(3), &"x".repeat(500_000)).unwrap();
    assert!(side.send_to(who(1), &"x".repeat(1_900_000)).is_err());
    assert!(tells_of_room(&mut side, other, 0));
}

#[test]
fn what_expires_makes_room_and_says_so() {
    let mut side = Side::new(at_least_once().memory_budget(2_000).absent_ttl(secs(1)));
    let link = side.up(who(1));
    let large = "x".repeat(900);
    side.send_to(who(1), &large).unwrap();
    side.write(link);
    side.end(link, DownReason::Closed);
    side.up(who(2));
    assert!(side.send(&large).is_err());
    side.hub.handle_timeout(side.now + secs(2));
    assert!(side.hub.take_effects().unwrap().wake.room);
    assert!(side.send(&large).is_ok());
}

#[test]
fn a_peer_that_leaves_a_close_nothing_to_wait_for_says_so() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_to(who(1), "a").unwrap();
    side.end(link, DownReason::Closed);
    let link = side.accept();
    side.hello(link, who(1));
    side.hub.begin_close(side.now + secs(2));
    assert!(!side.hub.is_flushed());
    side.hub.handle_broken(side.now, link);
    assert!(side.hub.is_flushed());
    assert!(side.hub.take_effects().unwrap().wake.peers);
}

#[test]
fn dropping_the_oldest_makes_room_and_says_so() {
    let config = round_robin()
        .outbox(Limit {
            messages: 1,
            bytes: 10_000,
        })
        .memory_budget(2_000);
    let mut side = Side::publisher(config.overflow(Overflow::DropOldest));
    let large = "x".repeat(900);
    side.send(&large).unwrap();
    let link = side.accept();
    side.hello(link, who(1));
    assert!(side.send_to(who(1), &large).is_err());
    side.hub.publish(&b"a".into()).unwrap();
    assert!(side.hub.take_effects().unwrap().wake.room);
    assert!(side.send_to(who(1), &large).is_ok());
}

/// Sends into full queues every two seconds until `is_over`, and says how long that took.
fn drop_until(side: &mut Side, is_over: impl Fn(&Side) -> bool) -> u64 {
    for seconds in (0..60).step_by(2) {
        if is_over(side) {
            return seconds;
        }
        side.hub.publish(&b"x".into()).unwrap();
        if side.hub.poll_timeout().is_some_and(|due| due <= side.now) {
            side.hub.handle_timeout(side.now);
        }
        side.settle();
        side.pass(secs(2));
    }
    panic!("it never happens");
}

#[test]
fn drops_do_not_forgive_silence() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 1,
        bytes: 10,
    }));
    side.up(who(1));
    side.send_all(&["a"]);
    assert!(drop_until(&mut side, |side| !side.is_up(who(1))) < 20);
}

#[test]
fn drops_do_not_forgive_handshakes() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 1,
        bytes: 10,
    }));
    side.send_all(&["a"]);
    let link = side.accept();
    assert!(drop_until(&mut side, |side| side.is_gone(link)) < 9);
}

#[test]
fn dropping_the_oldest_of_what_waits_keeps_the_bounds() {
    let config = round_robin().overflow(Overflow::DropOldest);
    let config = config.outbox(Limit {
        messages: 1_000,
        bytes: 100_000,
    });
    let mut side = Side::publisher(config.memory_budget(200_000));
    (0..500).for_each(|_| side.send_all(&["s"]));
    let large = "x".repeat(50_000);
    (0..100).for_each(|_| side.send_all(&[&large]));
    assert!(side.hub.memory() <= 100_000, "{}", side.hub.memory());
}

/// The peer sends one message so often that too many acknowledgements wait to be written.
fn crowd(side: &mut Side, link: LinkId, peer: Identity) {
    side.read(link, &[Frame::Tracked(id(1), vec![])]);
    side.hub.handle_taken(&[(peer, id(1))]);
    let copies = vec![Frame::Tracked(id(1), vec![]); 1_000];
    while !side.hub.is_crowded_by_acks(link) {
        side.read(link, &copies);
    }
}

/// What is written to `link` now, and whether readers that wait are woken for it.
fn wakes_readers(side: &mut Side, link: LinkId) -> bool {
    let mut chunk = side.hub.poll_chunk(link).expect("there is something");
    let count = chunk.rest().0.len();
    chunk.handle_taken(count);
    side.hub.handle_back(side.now, link, chunk, true);
    let effects = side.hub.take_effects();
    effects.is_some_and(|effects| effects.wake.readers)
}

#[test]
fn readers_that_wait_for_acks_to_leave_are_woken_for_nothing_else() {
    let mut side = Side::new(round_robin());
    let [crowded, other] = [1, 2].map(|n| side.up(who(n)));
    crowd(&mut side, crowded, who(1));
    side.read(other, &[Frame::Tracked(id(1), vec![])]);
    side.hub.handle_taken(&[(who(2), id(1))]);
    side.hub.take_effects();
    assert!(!wakes_readers(&mut side, other));
    assert!(wakes_readers(&mut side, crowded));
}

#[test]
fn a_reader_that_waits_for_acks_to_leave_is_told_that_they_never_will() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    crowd(&mut side, link, who(1));
    side.hub.begin_close(side.now);
    side.hub.take_leave(side.now, side.now + secs(1));
    side.hub.take_effects();
    let chunk = side.hub.poll_chunk(link).expect("the acks");
    side.hub.handle_back(side.now, link, chunk, false);
    side.hub.handle_broken(side.now, link);
    assert!(!side.hub.is_crowded_by_acks(link));
    assert!(side.hub.take_effects().unwrap().wake.readers);
}

/// A link that we disconnected, with everything written, whose peer goes on sending.
fn finished(side: &mut Side) -> LinkId {
    let dial = side.connect(ENDPOINT).unwrap();
    let link = side.dial(dial);
    side.bring_up(link, who(1));
    side.write(link);
    side.read(link, &[Frame::Tracked(id(1), b"x".to_vec())]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.write(link);
    let endpoint = ENDPOINT.parse().unwrap();
    assert!(side.hub.handle_disconnect(side.now, &endpoint));
    side.settle();
    link
}

#[test]
fn a_finished_link_collects_no_acks() {
    let mut side = Side::new(round_robin());
    let link = finished(&mut side);
    let copies: Vec<Frame> = (0..1_000).map(|_| Frame::Tracked(id(1), vec![])).collect();
    for _ in 0..100 {
        assert_eq!(side.take(link, &mut wire::decode(&copies)), Next::ReadOn);
    }
    assert!(!side.hub.link(link).unwrap().outbox.is_crowded_by_acks());
}

#[test]
fn a_finished_link_does_not_keep_a_close_waiting() {
    let mut side = Side::new(round_robin());
    let link = finished(&mut side);
    side.read(link, &[Frame::Tracked(id(1), b"x".to_vec())]);
    side.hub.begin_close(side.now);
    assert!(side.hub.is_flushed());
}
