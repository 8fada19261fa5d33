//! Who gets a message: waiting, in turn, published, by identity.

use super::side::{Side, at_least_once, data, ids, round_robin, texts, who};
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::hub::{Refusal, Sent};

#[test]
fn messages_without_a_peer_wait_and_leave_in_order() {
    for mut side in [
        Side::new(round_robin()),
        Side::publisher(round_robin()),
        Side::new(at_least_once()),
    ] {
        assert_eq!(side.send("a"), Ok(Sent::default()));
        side.send_all(&["b", "c"]);
        let link = side.up(who(1));
        side.send_all(&["d"]);
        assert_eq!(texts(&side.write(link)), ["a", "b", "c", "d"]);
    }
}

#[test]
fn what_was_sent_and_published_to_nobody_leaves_in_order() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config);
        side.send_all(&["a"]);
        side.publish("b").unwrap();
        side.send_all(&["c"]);
        side.publish("d").unwrap();
        let link = side.up(who(1));
        side.up(who(2));
        assert_eq!(texts(&side.write(link)), ["a", "b", "c", "d"]);
    }
}

#[test]
fn what_was_published_to_nobody_does_not_wait_behind_what_finds_no_room() {
    let mut side = Side::new(at_least_once().unacknowledged(1));
    side.send_all(&["a", "b"]);
    side.publish("c").unwrap();
    side.send_all(&["d"]);
    let first = side.up(who(1));
    let second = side.up(who(2));
    assert_eq!(texts(&side.write(first)), ["a", "c"]);
    assert_eq!(texts(&side.write(second)), ["b"]);
    assert_eq!(side.hub.stats().waiting, 3);
}

#[test]
fn what_is_published_is_not_tracked() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.publish("b").unwrap();
    let frames = side.write(link);
    assert_eq!(
        (texts(&frames), ids(&frames).len()),
        (vec!["a".into(), "b".into()], 1)
    );
    let stats = side.hub.stats();
    assert_eq!((stats.accepted, stats.written, stats.waiting), (2, 1, 1));
    side.end(link, DownReason::Reset);
    assert_eq!(side.hub.stats().in_doubt, 1);
    let other = side.up(who(2));
    assert_eq!(texts(&side.write(other)), ["a"]);
}

#[test]
fn each_peer_has_its_turn() {
    let mut side = Side::new(round_robin());
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    side.send_all(&["a", "b", "c", "d", "e", "f", "g"]);
    let got = links.map(|link| texts(&side.write(link)).concat());
    assert_eq!(got, ["adg", "be", "cf"]);
}

#[test]
fn a_full_peer_is_passed_over() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    let [slow, quick] = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["a", "b", "c", "d"]);
    assert_eq!(texts(&side.write(quick)), ["b", "d"]);
    side.send_all(&["e", "f"]);
    assert_eq!(texts(&side.write(quick)), ["e", "f"]);
    assert_eq!(texts(&side.write(slow)), ["a", "c"]);
}

#[test]
fn with_everyone_full_a_send_is_refused_until_there_is_room() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    }));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    assert_eq!(side.send("b"), Err(Refusal::Full));
    assert_eq!(side.send_to(who(1), "b"), Err(Refusal::Full));
    side.write(link);
    assert!(side.send("b").is_ok());
    assert_eq!(side.hub.stats().accepted, 2);
}

#[test]
fn every_peer_gets_a_copy_of_what_is_published() {
    let mut side = Side::publisher(round_robin());
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    let large = "x".repeat(20_000);
    assert_eq!(side.send(&large).unwrap().queued, 3);
    assert_eq!(side.send("a").unwrap().queued, 3);
    for link in links {
        assert_eq!(side.write(link), [data(&large), data("a")]);
    }
    assert_eq!(side.hub.stats().accepted, 6);
}

#[test]
fn what_waited_for_subscribers_goes_to_the_first_that_comes() {
    let mut side = Side::publisher(round_robin());
    side.send_all(&["a"]);
    let [first, second] = [1, 2].map(|n| side.up(who(n)));
    assert_eq!(texts(&side.write(first)), ["a"]);
    assert!(side.write(second).is_empty());
}

#[test]
fn a_peer_that_is_not_connected_is_no_peer() {
    let mut side = Side::new(round_robin());
    assert_eq!(side.send_to(who(1), "a"), Err(Refusal::NoPeer));
    let link = side.up(who(1));
    assert_eq!(side.send_to(who(1), "a").unwrap().link, Some(link));
    side.write(link);
    side.end(link, crate::event::DownReason::Closed);
    assert_eq!(side.send_to(who(1), "b"), Err(Refusal::NoPeer));
}

#[test]
fn what_waits_is_bounded() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config.outbox(Limit {
            messages: 2,
            bytes: 1_000,
        }));
        side.send_all(&["a", "b"]);
        assert_eq!(side.send("c"), Err(Refusal::Full));
    }
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 100,
        bytes: 10,
    }));
    side.send_all(&["one that is longer than ten bytes always fits"]);
    assert_eq!(side.send("c"), Err(Refusal::Full));
}

#[test]
fn nothing_overtakes_what_waits() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    side.send_all(&["a", "b"]);
    let link = side.up(who(1));
    side.write_bytes(link, 0);
    assert_eq!(side.send("c"), Err(Refusal::Full));
    assert_eq!(texts(&side.write(link)), ["a", "b"]);
    side.send_all(&["c"]);
    assert_eq!(texts(&side.write(link)), ["c"]);
}

#[test]
fn news_that_waited_go_out_before_newer_ones_even_to_a_peer_with_a_backlog() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    let link = side.up(who(1));
    side.send_all(&["a", "b"]);
    side.end(link, DownReason::Reset);
    side.send_all(&["c", "d"]);
    let again = side.up(who(1));
    let late = side.up(who(2));
    assert_eq!(texts(&side.write(again)), ["a", "b", "c", "d"]);
    side.send_all(&["e"]);
    assert_eq!(texts(&side.write(again)), ["e"]);
    assert_eq!(texts(&side.write(late)), ["e"]);
}

#[test]
fn all_three_verbs_keep_their_order_to_one_peer() {
    let mut side = Side::new(round_robin());
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    for links in [&links[..], &links[1..], &links[2..]] {
        for (number, text) in ["a", "b", "c", "d", "e", "f", "g"].iter().enumerate() {
            let sent = match number % 3 {
                0 => side.publish(text),
                1 => side.send_to(who(3), text),
                _ => side.send(text),
            };
            assert!(sent.is_ok());
        }
        for link in links {
            let got = texts(&side.write(*link));
            assert!(got.len() >= 3 && got.is_sorted(), "{got:?}");
        }
        side.end(links[0], DownReason::Reset);
    }
}
