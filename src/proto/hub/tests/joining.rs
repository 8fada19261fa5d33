//! Joining: bursts that messages join, and what is decided for each message instead.

use super::side::{Side, at_least_once, ids, millis, round_robin, texts, who};
use crate::proto::hub::Sent;
use crate::proto::link::LinkId;

/// A side in the middle of a burst to so many peers: each has a message, and the keeper is told.
fn side_in_burst(mut side: Side, peers: u8) -> (Side, Vec<LinkId>) {
    let links: Vec<_> = (1..=peers).map(|n| side.up(who(n))).collect();
    for link in &links {
        side.send("x").unwrap();
        side.hub.mark_dirty(*link);
    }
    (side, links)
}

#[test]
fn a_message_for_the_only_peer_joins_a_burst_only_if_that_changes_nothing_else() {
    let (mut side, links) = side_in_burst(Side::new(round_robin()), 1);
    assert_eq!(side.hub.join(b"alone"), None);
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
        side.hub.send_to_each(&[who(1), who(3)], text.as_bytes());
    }
    assert!(side.hub.gathered.copies().0 > 0);
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
    let (mut side, links) = side_in_burst(Side::new(round_robin()), 2);
    side.write(links[0]);
    assert_eq!(side.hub.join(b"for the first"), None);
    side.send_all(&["a"]);
    assert_eq!(side.hub.join(b"b"), Some(1));
    assert_eq!(texts(&side.write(links[1])), ["x", "b"]);
}

#[test]
fn who_writes_a_chunk_comes_back_for_what_joined_meanwhile() {
    let (mut side, links) = side_in_burst(Side::new(at_least_once()), 1);
    let now = side.now;
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
    assert!(sent.link.is_some(), "whoever fills a chunk writes it");

    let (mut side, _) = side_in_burst(Side::new(round_robin().outbox(10, 100_000)), 2);
    assert_eq!(
        (0..100).filter(|_| side.hub.join(b"y").is_some()).count(),
        18
    );
    let (mut side, _) = side_in_burst(Side::new(round_robin().memory_budget(400_000)), 2);
    let joined = (0..1_000).take_while(|_| side.hub.join(&text).is_some());
    // Three quarters of what may go out, less what is always left.
    assert!(joined.count() < 130, "memory is short");
}

#[test]
fn tracked_messages_join_as_far_as_their_peer_may_owe_acks() {
    let (mut side, links) = side_in_burst(Side::new(at_least_once().unacknowledged(5)), 1);
    assert_eq!(
        (0..100).filter(|_| side.hub.join(b"y").is_some()).count(),
        4
    );
    assert_eq!(side.hub.stats().waiting, 5);
    side.hub.check_counts();
    assert_eq!(ids(&side.write(links[0])).len(), 5);
    side.pass(millis(5_001));
    assert_eq!(side.hub.stats().resent, 5);
}
