//! Joining: bursts that messages join, and what is decided for each message instead.

use std::time::Instant;

use super::side::{Frame, Side, at_least_once, ids, millis, round_robin, texts, who};
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::chunk::Chunk;
use crate::proto::hub::Sent;
use crate::proto::link::LinkId;

/// A side in the middle of a burst to so many peers: each has a message, and the keeper is told.
fn side_in_burst(mut side: Side, peers: u8) -> (Side, Vec<LinkId>) {
    let links: Vec<_> = (1..=peers).map(|n| side.up(who(n))).collect();
    while side.hub.poll_dirty().is_some() {}
    for link in &links {
        side.send("x").unwrap();
        side.hub.mark_dirty(*link);
    }
    (side, links)
}

#[test]
fn a_message_for_the_only_peer_joins_a_burst_only_if_that_changes_nothing_else() {
    let (mut side, links) = side_in_burst(Side::new(round_robin()), 1);
    side.send_all(&["a"]);
    assert_eq!(side.hub.join(b"b"), Some(1));
    assert_eq!(side.hub.join(&[0; 40_000]), None, "it is long");
    assert_eq!(side.hub.stats().accepted, 3);
    assert_eq!(texts(&side.write(links[0])), ["x", "a", "b"]);
    assert_eq!(side.hub.join(b"alone again"), None);
}

#[test]
fn a_burst_for_named_peers_is_not_joined() {
    let (mut side, _) = side_in_burst(Side::new(round_robin()), 3);
    for text in ["a", "b", "c"] {
        side.hub
            .send_to_each(&[who(1), who(3)], 75, &text.as_bytes().into());
    }
    assert!(side.hub.multicast.copies() > 0);
    assert_eq!(side.hub.join(b"for one of all"), None);
}

#[test]
fn messages_in_turn_join_one_peer_after_the_other() {
    let (mut side, links) = side_in_burst(Side::new(round_robin()), 3);
    for text in ["a", "b", "c", "d"] {
        assert_eq!(side.hub.join(text.as_bytes()), Some(1));
    }
    assert_eq!(
        side.send("e").unwrap(),
        Sent {
            queued: 1,
            ..Sent::default()
        }
    );
    assert_eq!(texts(&side.write(links[0])), ["x", "a", "d"]);
    assert_eq!(texts(&side.write(links[1])), ["x", "b", "e"]);
    assert_eq!(texts(&side.write(links[2])), ["x", "c"]);
    assert_eq!(side.hub.stats().accepted, 8);
}

#[test]
fn nobody_joins_a_peer_that_nobody_is_about_to_write() {
    let mut side = Side::new(round_robin());
    let links = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["a", "b", "c"]);
    assert_eq!(side.hub.join(b"d"), None, "the keeper has not been told");
    side.hub.mark_dirty(links[1]);
    assert_eq!(side.hub.join(b"d"), Some(1));
    assert_eq!(texts(&side.write(links[1])), ["b", "d"]);
    assert_eq!(side.hub.join(b"e"), None, "its turn is the first one's");
}

#[test]
fn nobody_joins_ahead_of_what_waits() {
    let mut side = Side::new(at_least_once().outbox(Limit {
        messages: 100,
        bytes: 20_000,
    }));
    let links = [1, 2].map(|n| side.up(who(n)));
    let long = "x".repeat(3_000);
    side.send_all(&[long.as_str(); 12]);
    side.hub.mark_dirty(links[0]);
    side.hub.mark_dirty(links[1]);
    // Six of them come back, for most of which the first one has no room. A short one would fit.
    side.end(links[1], DownReason::Reset);
    assert_eq!(side.hub.router.waiting.len(), 6);
    assert_eq!(side.hub.join(b"y"), None);
    side.write(links[0]);
    let link = side.hub.link(links[0]).unwrap();
    assert_eq!(
        (side.hub.router.waiting.len(), link.outbox.messages()),
        (0, 0)
    );
    side.hub.check_counts();
}

#[test]
fn who_writes_a_chunk_comes_back_for_what_joined_meanwhile() {
    let (mut side, links) = side_in_burst(Side::new(at_least_once()), 1);
    let now = side.now;
    assert_eq!(side.hub.poll_dirty(), Some(links[0]));
    let mut chunk = side.hub.poll_chunk(links[0]).expect("it is dirty");
    side.send_all(&["a"]);
    assert_eq!(side.hub.join(b"b"), Some(1));
    chunk.handle_taken(chunk.len());
    side.hub.handle_back(now, links[0], chunk, true);
    assert_eq!(side.hub.poll_dirty(), Some(links[0]));
    assert_eq!(texts(&side.write(links[0])), ["a", "b"]);
}

#[test]
fn what_fills_a_chunk_or_an_outbox_is_not_joined() {
    let (mut side, _) = side_in_burst(Side::new(round_robin()), 2);
    let text = [b'x'; 1_000];
    let joined = (0..1_000).take_while(|_| side.hub.join(&text).is_some());
    let count = joined.count();
    assert!(
        (120..132).contains(&count),
        "{count} of 1,000 bytes fill two chunks"
    );
    let sent = side.send(&"x".repeat(1_000)).unwrap();
    let claimed = side.hub.claim(sent.link.unwrap(), true, Instant::now);
    assert!(claimed.is_some(), "whoever fills a chunk writes it");

    let (mut side, _) = side_in_burst(
        Side::new(round_robin().outbox(Limit {
            messages: 10,
            bytes: 100_000,
        })),
        2,
    );
    assert_eq!(
        (0..100).filter(|_| side.hub.join(b"y").is_some()).count(),
        18
    );
    let (mut side, _) = side_in_burst(Side::new(round_robin().memory_budget(400_000)), 2);
    let joined = (0..1_000).take_while(|_| side.hub.join(&text).is_some());
    // Three quarters of what may go out, less what is always left.
    assert!(joined.count() < 125, "memory is short");
}

#[test]
fn tracked_messages_join_as_far_as_their_peer_may_owe_acks() {
    let (mut side, links) = side_in_burst(Side::new(at_least_once().unacknowledged(20)), 1);
    assert_eq!(
        (0..100).filter(|_| side.hub.join(b"y").is_some()).count(),
        19
    );
    assert_eq!(side.hub.stats().waiting, 20);
    side.hub.check_counts();
    let ids = ids(&side.write(links[0]));
    assert_eq!(ids.len(), 20);
    for acknowledged in [1, 12, 12] {
        side.read(links[0], &[Frame::Ack(ids[acknowledged])]);
        side.hub.check_counts();
    }
    assert_eq!(side.hub.stats().stray_acks, 1);
    side.pass(millis(5_001));
    assert_eq!(side.hub.stats().resent, 18);
    side.end(links[0], DownReason::Reset);
    side.hub.check_counts();
    let other = side.up(who(2));
    let expected = [&["x"][..], &["y"; 17]].concat();
    assert_eq!(texts(&side.write(other)), expected);
}

#[test]
fn what_was_tracked_in_a_burst_comes_back_in_order() {
    let (mut side, links) = side_in_burst(
        Side::new(at_least_once().outbox(Limit {
            messages: 20,
            bytes: 100_000,
        })),
        1,
    );
    let texts_sent: Vec<String> = (0..17).map(|n| n.to_string()).collect();
    for text in &texts_sent {
        side.send(text).unwrap();
        side.hub.check_counts();
    }
    let peer = side.hub.peer_of(links[0]).unwrap();
    side.send_to(peer, "direct").unwrap();
    side.send("last").unwrap();
    side.write_bytes(links[0], 100);
    side.hub.check_counts();
    side.end(links[0], DownReason::Reset);
    side.hub.check_counts();
    let again = side.up(peer);
    let back = texts(&side.write(again));
    let in_turn: Vec<&String> = back.iter().filter(|text| *text != "direct").collect();
    assert_eq!(in_turn[0], "x");
    assert!(
        in_turn[1..]
            .iter()
            .zip(&texts_sent)
            .all(|(got, sent)| *got == sent)
    );
    assert!(in_turn.last().is_some_and(|last| *last == "last"));
    assert_eq!(back.len(), 20);
}

/// A side with one peer that somebody is writing a message to, and all of it taken.
fn side_that_writes() -> (Side, LinkId, Chunk) {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(1));
    assert_eq!(side.hub.poll_dirty(), None);
    side.send_all(&["first"]);
    let now = side.now;
    let mut chunk = side.hub.claim(link, true, || now).expect("it is idle");
    chunk.handle_taken(chunk.len());
    (side, link, chunk)
}

/// A side whose keeper is on its way to the only peer.
fn side_of_one() -> (Side, LinkId) {
    let (mut side, link, chunk) = side_that_writes();
    let now = side.now;
    side.hub.handle_back(now, link, chunk, true);
    side.send_all(&["second"]);
    assert!(side.hub.claim(link, true, || now).is_none());
    (side, link)
}

#[test]
fn a_burst_to_the_only_peer_stays_in_order() {
    let (mut side, link) = side_of_one();
    side.send_all(&["a", "b"]);
    assert_eq!(side.hub.queued_for(link), 3);
    side.send_to(who(1), "c").unwrap();
    side.send_all(&["d"]);
    let expected = ["second", "a", "b", "c", "d"];
    assert_eq!(texts(&side.write(link)), expected);
}

#[test]
fn what_comes_while_the_only_peer_is_written_leaves_together() {
    let (mut side, link, chunk) = side_that_writes();
    for body in [b"a", b"b"] {
        side.hub.send(&body.into()).expect("there is room");
    }
    assert!(!side.hub.has_effects(), "the keeper has nothing to do yet");
    side.hub.handle_back(side.now, link, chunk, true);
    let effects = side.hub.take_effects();
    assert!(effects.is_some_and(|effects| effects.wake.keeper));
    side.hub.send(&b"c".into()).expect("there is room");
    assert_eq!(side.hub.poll_dirty(), Some(link));
    let chunk = side.hub.poll_chunk(link).expect("it is dirty");
    assert_eq!(chunk.messages(), 3, "all leave together");
    side.hub.handle_unwritten(link, chunk);
    assert_eq!(texts(&side.write(link)), ["a", "b", "c"]);
}

#[test]
fn what_fills_a_chunk_for_the_only_peer_is_written_by_its_sender() {
    let (mut side, link) = side_of_one();
    let text = "x".repeat(1_000);
    let joined = (0..100).take_while(|_| side.send(&text).unwrap().link.is_none());
    assert_eq!(joined.count(), 65, "the next one fills it");
    let now = side.now;
    assert!(side.hub.claim(link, true, || now).is_some());
}

#[test]
fn what_was_queued_for_a_peer_that_goes_is_for_the_next_one() {
    let (mut side, link) = side_of_one();
    side.send_all(&["a", "b"]);
    side.end(link, DownReason::Reset);
    let other = side.up(who(2));
    assert_eq!(texts(&side.write(other)), ["second", "a", "b"]);
}
