//! From HELLO to PeerUp: who speaks when, and that a refused link loses nothing.

use super::side::{Frame, Side, at_least_once, data, millis, round_robin, texts, who};
use crate::event::{DownReason, Event};
use crate::proto::hub::{Shut, Verdict};

#[test]
fn both_ends_say_hello_first_and_nothing_else() {
    let mut side = Side::new(round_robin());
    side.send_all(&["a"]);
    let link = side.accept();
    assert_eq!(side.write(link), [Frame::Hello(who(100))]);
    side.pass(millis(4_000));
    assert_eq!(side.write(link), []);
}

#[test]
fn a_heartbeat_follows_the_peers_hello_and_no_data_does() {
    let mut side = Side::new(round_robin());
    side.send_all(&["a"]);
    let link = side.accept();
    assert_eq!(side.hello(link, who(1)), Verdict::Accepted);
    assert_eq!(side.write(link), [Frame::Hello(who(100)), Frame::Heartbeat]);
    side.pass(millis(49));
    assert_eq!(side.write(link), []);
    assert!(side.events.is_empty() && !side.is_up(who(1)));
}

#[test]
fn the_peers_first_frame_opens_the_gate() {
    let mut side = Side::new(round_robin());
    side.send_all(&["a", "b"]);
    let link = side.accept();
    side.hello(link, who(1));
    side.write(link);
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.write(link), [data("a"), data("b")]);
    assert!(matches!(side.events[..], [Event::PeerUp { peer, .. }] if peer == who(1)));
}

#[test]
fn fifty_milliseconds_open_the_gate_where_no_frame_comes() {
    let mut side = Side::new(round_robin());
    side.send_all(&["a"]);
    let link = side.accept();
    side.hello(link, who(1));
    side.write(link);
    side.pass(millis(50));
    assert_eq!(side.write(link), [data("a")]);
    assert!(side.is_up(who(1)));
}

#[test]
fn a_hello_alone_is_no_frame_after_hello() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.hello(link, who(1));
    let mut reading = super::side::decode(&[]);
    (reading.hello, reading.frames) = (Some(who(1)), 1);
    side.take(link, &mut reading);
    assert!(!side.is_up(who(1)));
    reading.frames = 2;
    side.take(link, &mut reading);
    assert!(side.is_up(who(1)));
}

#[test]
fn data_behind_hello_is_delivered_and_opens_the_gate() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.hello(link, who(1));
    assert_eq!(side.read(link, &[data("x")]), [data("x")]);
    assert!(side.is_up(who(1)));
}

#[test]
fn a_link_that_is_refused_late_was_no_peer_and_loses_nothing() {
    for mut side in [
        Side::new(round_robin()),
        Side::publisher(round_robin()),
        Side::new(at_least_once()),
    ] {
        side.send_all(&["a", "b"]);
        let link = side.accept();
        side.hello(link, who(1));
        side.write(link);
        side.pass(millis(49));
        side.end(link, DownReason::Closed);
        assert_eq!(side.rejections(), [DownReason::Closed]);
        assert_eq!((side.downs().len(), side.hub.stats().waiting), (0, 2));
        let next = side.up(who(2));
        assert_eq!(texts(&side.write(next)), ["a", "b"]);
    }
}

#[test]
fn a_handshake_that_takes_too_long_ends() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.pass(millis(4_999));
    assert!(!side.is_shut(link, Shut::Both));
    side.pass(millis(1));
    assert_eq!(side.rejections(), [DownReason::HandshakeTimeout]);
    assert!(side.is_gone(link));
}

#[test]
fn our_own_identity_is_ourselves_dialled() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    assert_eq!(side.hello(link, side.me), Verdict::Rejected);
    assert_eq!(side.rejections(), [DownReason::OurselvesDialled]);
    assert!(side.is_gone(link));
}

#[test]
fn a_hook_that_says_no_leaves_no_peer_behind() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.end(link, DownReason::Refused);
    assert_eq!(side.rejections(), [DownReason::Refused]);
    assert!(side.hub.peers.is_empty() && !side.hub.has_links());
}

#[test]
fn a_message_to_a_peer_in_its_handshake_waits_for_it() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.hello(link, who(1));
    side.send_to(who(1), "direct").unwrap();
    side.write(link);
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.write(link), [data("direct")]);
}

#[test]
fn a_message_sent_during_a_handshake_that_failed_is_dropped_in_time() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.hello(link, who(1));
    side.send_to(who(1), "direct").unwrap();
    side.end(link, DownReason::Closed);
    side.pass(millis(31_000));
    assert_eq!(side.hub.stats().dropped_peer_gone, 1);
}
