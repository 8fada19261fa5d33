//! At least once: when a message is sent again, to whom, and when it is given up.

use super::side::{Frame, Side, at_least_once, ids, millis, secs, texts, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::link::LinkId;

/// `peer` shows life every second; the seconds in which a resend came.
fn resends(side: &mut Side, link: LinkId, seconds: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    for second in 1..=seconds {
        let frames = side.pass_alive(1, &[link]);
        seen.extend(texts(&frames).iter().map(|_| second));
    }
    seen
}

#[test]
fn a_living_peer_gets_the_same_id_after_5_and_10_and_20_seconds() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let first = ids(&side.write(link));
    let mut seen = Vec::new();
    for second in 1..=160 {
        let frames = side.pass_alive(1, &[link]);
        ids(&frames).iter().for_each(|id| assert_eq!(*id, first[0]));
        seen.extend(ids(&frames).iter().map(|_| second));
    }
    assert_eq!(seen, [5, 15, 35, 75, 135]);
}

#[test]
fn another_peer_gets_it_only_when_the_link_has_ended() {
    let mut side = Side::new(at_least_once());
    let [link, other] = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["a"]);
    let first = ids(&side.write(link));
    assert!(texts(&side.pass_alive(100, &[other, link])).len() >= 3);
    side.write(other);
    assert_eq!(side.hub.link(other).unwrap().unacknowledged, 0);
    side.end(link, DownReason::Reset);
    assert_eq!(ids(&side.write(other)), first);
}

#[test]
fn resends_to_a_living_peer_do_not_count_towards_giving_up() {
    let mut side = Side::new(at_least_once().max_resends(1));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    assert!(resends(&mut side, link, 300).len() > 5);
    assert!(side.given_up().is_empty());
}

#[test]
fn everything_that_is_given_up_at_once_is_handed_back() {
    let mut side = Side::new(at_least_once().max_resends(0).outbox(Limit {
        messages: 8_192,
        bytes: 1_000_000,
    }));
    let link = side.up(who(1));
    (0..3_000).for_each(|_| side.send_all(&["some text to hand back"]));
    side.write(link);
    side.end(link, DownReason::Reset);
    assert_eq!(side.given_up().len(), 3_000);
}

#[test]
fn a_message_is_given_up_after_so_many_links_that_ended() {
    let mut side = Side::new(at_least_once().max_resends(2));
    side.send_all(&["a"]);
    for n in 1..=3 {
        assert!(side.given_up().is_empty());
        let link = side.up(who(n));
        assert_eq!(texts(&side.write(link)), ["a"]);
        side.end(link, DownReason::Reset);
    }
    assert_eq!(side.given_up(), [(Some(who(3)), "a".to_string())]);
}

#[test]
fn links_that_never_had_it_written_do_not_count() {
    let mut side = Side::new(at_least_once().max_resends(0));
    side.send_all(&["a"]);
    for n in 1..=10 {
        let link = side.up(who(n));
        side.write_bytes(link, 20);
        side.end(link, DownReason::Reset);
    }
    assert!(side.given_up().is_empty());
    assert_eq!(side.hub.stats().resent, 0);
}

/// Row 4: by identity, under the same id.
#[test]
fn a_direct_message_is_sent_again_to_its_identity_alone() {
    let mut side = Side::new(at_least_once());
    let [link, other] = [1, 2].map(|n| side.up(who(n)));
    side.send_to(who(1), "a").unwrap();
    let first = ids(&side.write(link));
    side.end(link, DownReason::Reset);
    assert_eq!(side.write(other), []);
    let again = side.up(who(1));
    assert_eq!(ids(&side.write(again)), first);
}

#[test]
fn an_unwritten_message_is_not_sent_again() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    for _ in 0..30 {
        side.pass(secs(1));
        side.read(link, &[Frame::Heartbeat]);
    }
    assert_eq!(texts(&side.write(link)), ["a"]);
    assert_eq!(side.hub.stats().resent, 0);
}

#[test]
fn a_resend_waits_where_the_outbox_is_full() {
    let mut side = Side::new(at_least_once().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    }));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    side.pass(millis(4_900));
    side.send_all(&["b"]);
    side.pass(millis(1_000));
    assert_eq!(texts(&side.write(link)), ["b"]);
    side.read(link, &[Frame::Heartbeat]);
    side.pass(secs(5));
    assert!(texts(&side.write(link)).contains(&"a".to_string()));
}

#[test]
fn a_peer_gets_only_so_many_unacknowledged_messages() {
    let mut side = Side::new(at_least_once().unacknowledged(2));
    let [link, other] = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["a", "b", "c", "d"]);
    assert!(side.send("e").is_err());
    let sent = ids(&side.write(link));
    side.write(other);
    assert!(side.send("e").is_err());
    side.read(link, &[Frame::Ack(sent[0])]);
    side.send_all(&["e"]);
    assert_eq!(texts(&side.write(link)), ["e"]);
    assert_eq!(texts(&side.write(other)), [""; 0]);
}

#[test]
fn who_finds_no_room_is_told_whether_acks_make_some() {
    let mut side = Side::new(at_least_once().unacknowledged(2).outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    assert!(!side.hub.lacks_acks());
    side.send_all(&["b"]);
    assert!(side.hub.lacks_acks());
    let sent = ids(&side.write(link));
    side.read(link, &[Frame::Ack(sent[0])]);
    assert!(!side.hub.lacks_acks());

    let mut side = Side::new(Config::default().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    }));
    side.up(who(1));
    side.send_all(&["a"]);
    assert!(side.send("b").is_err());
    assert!(!side.hub.lacks_acks(), "writing makes it");
}

#[test]
fn an_ack_lets_a_waiting_message_go() {
    let mut side = Side::new(at_least_once().unacknowledged(1));
    side.send_all(&["a", "b"]);
    let link = side.up(who(1));
    let sent = side.write(link);
    assert_eq!(texts(&sent), ["a"]);
    side.read(link, &[Frame::Ack(ids(&sent)[0])]);
    assert_eq!(texts(&side.write(link)), ["b"]);
}

#[test]
fn manual_acknowledgement_lowers_the_bound() {
    let manual = crate::policy::AckMode::Manual;
    let mut side = Side::new(at_least_once().ack_mode(manual));
    side.up(who(1));
    let sent = (0..1_000).take_while(|_| side.send("a").is_ok()).count();
    assert_eq!(sent, 256);
}
