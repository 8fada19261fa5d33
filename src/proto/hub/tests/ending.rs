//! How a link ends, and where the messages go that it did not deliver.

use super::side::{Frame, Side, at_least_once, data, millis, round_robin, secs, texts, who};
use crate::event::{DownReason, DropReason, Event};
use crate::policy::Absent;

const BODIES: [&str; 3] = ["one", "two", "three"];

/// Bytes on the wire of a DATA frame around `text`.
fn frame(text: &str) -> usize {
    5 + text.len()
}

fn after(taken: usize) -> usize {
    let ends = [frame("one"), frame("one") + frame("two"), 3 * 5 + 11];
    ends.iter().filter(|end| **end <= taken).count()
}

/// Row 27: ended in mid-frame: the frame comes back whole.
/// Row 28: what was not written comes back in order, the rest is in doubt.
#[test]
fn round_robin_frames_go_back_to_the_front_whatever_was_taken() {
    for taken in 0..=26 {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.send_all(&BODIES);
        side.write_bytes(link, taken);
        side.end(link, DownReason::Reset);
        let written = after(taken);
        assert_eq!(side.downs(), [(DownReason::Reset, written as u64)]);
        side.send_all(&["new"]);
        let other = side.up(who(2));
        let expected = [&BODIES[written..], &["new"]].concat();
        assert_eq!(texts(&side.write(other)), expected, "{taken} taken");
        assert_eq!(side.hub.stats().in_doubt, written as u64);
    }
}

#[test]
fn direct_frames_go_back_to_their_identity_alone() {
    for taken in 0..=26 {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        for text in BODIES {
            side.send_to(who(1), text).unwrap();
        }
        side.write_bytes(link, taken);
        side.end(link, DownReason::Reset);
        let other = side.up(who(2));
        assert_eq!(side.write(other), []);
        let again = side.up(who(1));
        assert_eq!(texts(&side.write(again)), BODIES[after(taken)..]);
    }
}

#[test]
fn published_copies_go_back_to_their_identity_alone() {
    for taken in 0..=26 {
        let mut side = Side::publisher(round_robin());
        let [link, other] = [1, 2].map(|n| side.up(who(n)));
        side.send_all(&BODIES);
        side.write_bytes(link, taken);
        side.end(link, DownReason::Reset);
        assert_eq!(texts(&side.write(other)), BODIES);
        let again = side.up(who(1));
        side.send_all(&["new"]);
        let expected = [&BODIES[after(taken)..], &["new"]].concat();
        assert_eq!(texts(&side.write(again)), expected, "{taken} taken");
    }
}

/// Row 28: at least once, all of it goes on.
#[test]
fn tracked_frames_go_to_another_peer_under_their_ids_whatever_was_taken() {
    for taken in 0..=3 * 21 + 11 {
        let mut side = Side::new(at_least_once());
        let link = side.up(who(1));
        side.send_all(&BODIES);
        side.write_bytes(link, taken);
        side.end(link, DownReason::Reset);
        let other = side.up(who(2));
        let frames = side.write(other);
        assert_eq!(texts(&frames), BODIES, "{taken} taken");
        let ids = super::side::ids(&frames);
        assert!(ids[0] < ids[1] && ids[1] < ids[2]);
        assert_eq!(side.downs(), [(DownReason::Reset, 0)]);
    }
}

#[test]
fn large_bodies_come_back_as_well() {
    let large = "x".repeat(100_000);
    for taken in [0, 6, 20, 50_000, 100_010, 100_011, 100_016] {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.send_all(&["a", &large, "b"]);
        side.write_bytes(link, taken);
        side.end(link, DownReason::Reset);
        let other = side.up(who(2));
        let all = ["a".to_string(), large.clone(), "b".to_string()];
        let written = [6, 100_011].iter().filter(|end| **end <= taken).count();
        assert_eq!(texts(&side.write(other)), all[written..]);
    }
}

#[test]
fn a_peer_that_is_heard_for_two_timeouts_takes_the_doubt_away() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.pass_alive(36, &[link]);
    side.send_all(&["b"]);
    side.write(link);
    side.end(link, DownReason::Reset);
    assert_eq!(side.downs(), [(DownReason::Reset, 1)]);
    assert_eq!(side.hub.stats().written, 1);
}

/// The peer may have left for our silence, a timeout after it last heard us, and what it said
/// before may have come as late.
#[test]
fn a_peer_that_is_heard_for_one_timeout_does_not() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.pass_alive(28, &[link]);
    side.end(link, DownReason::Closed);
    assert_eq!(side.downs(), [(DownReason::Closed, 1)]);
}

#[test]
fn all_that_a_silent_peer_may_have_missed_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.pass_alive(40, &[link]);
    for _ in 0..14 {
        side.send_all(&["lost"]);
        side.write(link);
        side.pass(secs(1));
    }
    side.pass(secs(2));
    assert_eq!(side.downs(), [(DownReason::Silent, 14)]);
    assert_eq!(side.hub.stats().written, 1);
}

#[test]
fn a_writer_keeps_its_chunk_until_it_is_done() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let mut chunk = side.hub.poll_chunk(link).unwrap();
    side.end(link, DownReason::Reset);
    assert!(!side.is_gone(link) && side.downs().is_empty());
    chunk.handle_taken(6);
    side.hub.handle_back(side.now, link, chunk, true);
    side.settle();
    assert!(side.is_gone(link));
    assert_eq!(side.downs(), [(DownReason::Reset, 1)]);
}

#[test]
fn what_waits_for_an_absent_peer_is_dropped_with_a_reason() {
    let mut side = Side::publisher(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a", "b"]);
    side.end(link, DownReason::Closed);
    side.pass(millis(29_999));
    assert_eq!(side.hub.stats().waiting, 2);
    side.pass(secs(1));
    assert_eq!(side.hub.stats().dropped_peer_gone, 2);
    let dropped = side.events.iter().any(|event| {
        matches!(event, Event::Dropped { peer, reason: DropReason::PeerGone, count: 2 }
            if *peer == Some(who(1)))
    });
    assert!(dropped);
}

#[test]
fn a_tracked_message_for_an_absent_peer_is_handed_back() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_to(who(1), "job").unwrap();
    side.end(link, DownReason::Closed);
    let other = side.up(who(2));
    side.pass_alive(31, &[other]);
    assert_eq!(side.given_up(), [(Some(who(1)), "job".to_string())]);
    assert_eq!(side.hub.stats().handed_back, 1);
}

#[test]
fn only_so_many_absent_peers_are_remembered() {
    let mut side = Side::publisher(round_robin().absent_peers(Absent {
        peers: 2,
        remembered: secs(600),
    }));
    for n in 1..=4 {
        let link = side.up(who(n));
        side.send_all(&["a"]);
        side.pass(millis(10));
        side.end(link, DownReason::Closed);
    }
    assert_eq!(side.hub.peers.len(), 2);
    assert_eq!(side.hub.stats().dropped_peer_gone, 2);
    let again = side.up(who(4));
    assert_eq!(side.write(again), [data("a")]);
}

#[test]
fn strangers_that_come_and_go_do_not_cost_an_absent_peer_its_messages() {
    let mut side = Side::publisher(round_robin().absent_peers(Absent {
        peers: 3,
        remembered: secs(600),
    }));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.end(link, DownReason::Closed);
    for n in 2..=20 {
        side.pass(millis(10));
        let link = side.up(who(n));
        side.read(link, &[Frame::Tracked(super::side::id(n), b"x".to_vec())]);
        side.end(link, DownReason::Closed);
    }
    assert_eq!(side.hub.peers.len(), 3);
    let again = side.up(who(1));
    assert_eq!(side.write(again), [data("a")]);
}

#[test]
fn what_is_known_of_an_absent_peer_is_forgotten_in_time() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let copy = Frame::Tracked(super::side::id(1), b"x".to_vec());
    side.read(link, &[copy]);
    side.end(link, DownReason::Closed);
    side.pass(secs(599));
    assert_eq!(side.hub.peers.len(), 1);
    side.pass(secs(2));
    assert!(side.hub.peers.is_empty());
}

#[test]
fn peers_that_leave_nothing_behind_are_forgotten_at_once() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.end(link, DownReason::Closed);
    assert!(side.hub.peers.is_empty() && !side.hub.has_links());
}

#[test]
fn an_absent_peer_of_which_nothing_is_left_to_know_is_forgotten() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.read(link, &[Frame::Tracked(super::side::id(9), b"x".to_vec())]);
    side.end(link, DownReason::Closed);
    assert_eq!(side.hub.peers.len(), 1);
    side.hub.handle_returned(who(1), super::side::id(9));
    side.settle();
    assert!(side.hub.peers.is_empty());
}

/// Its time to live ends while there is a connection that never becomes a peer.
#[test]
fn what_waits_for_a_peer_whose_return_fails_expires_in_time() {
    let mut side = Side::new(round_robin());
    let [link, other] = [1, 2].map(|n| side.up(who(n)));
    side.send_to(who(1), "direct").unwrap();
    side.end(link, DownReason::Reset);
    side.pass_alive(29, &[other]);
    side.pass(millis(980));
    let again = side.accept();
    side.hello(again, who(1));
    side.pass(millis(30));
    assert!(!side.is_up(who(1)));
    side.absent_readers.insert(again);
    side.hub
        .handle_farewell(side.now, again, DownReason::Closed);
    side.settle();
    side.pass(millis(500));
    assert_eq!(side.hub.stats().dropped_peer_gone, 1);
    assert!(!side.is_gone(again));
}

#[test]
fn messages_of_several_lost_links_all_go_on() {
    let mut side = Side::new(round_robin());
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    side.send_all(&["a", "b", "c", "d", "e", "f"]);
    for link in links {
        side.end(link, DownReason::Reset);
    }
    let other = side.up(who(4));
    let mut got = texts(&side.write(other));
    got.sort();
    assert_eq!(got, ["a", "b", "c", "d", "e", "f"]);
}
