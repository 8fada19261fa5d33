//! Published messages that are gathered once for all peers.

use super::side::{Side, data, publish, texts, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::proto::link::LinkId;

fn side_of_three(config: Config) -> (Side, [LinkId; 3]) {
    let mut side = Side::new(config);
    let links = [1, 2, 3].map(|n| side.up(who(n)));
    (side, links)
}

#[test]
fn a_long_run_of_small_messages_reaches_everybody_in_order() {
    let (mut side, links) = side_of_three(publish());
    let run: Vec<String> = (0..3_000).map(|n| format!("{n:040}")).collect();
    for text in &run {
        assert_eq!(side.send(text).unwrap().queued, 3);
    }
    for link in links {
        assert_eq!(texts(&side.write(link)), run);
    }
    assert_eq!(side.hub.stats().written, 9_000);
}

#[test]
fn what_is_sent_to_one_comes_behind_what_was_published_before() {
    let (mut side, links) = side_of_three(publish());
    side.send_all(&["a"]);
    side.send_to(who(2), "b").unwrap();
    side.send_all(&["c"]);
    assert_eq!(texts(&side.write(links[1])), ["a", "b", "c"]);
    assert_eq!(texts(&side.write(links[0])), ["a", "c"]);
}

#[test]
fn a_peer_that_comes_later_gets_nothing_of_what_was_gathered() {
    let (mut side, links) = side_of_three(publish());
    side.send_all(&["a"]);
    let late = side.up(who(4));
    side.send_all(&["b"]);
    assert_eq!(side.write(late), [data("b")]);
    assert_eq!(texts(&side.write(links[2])), ["a", "b"]);
}

#[test]
fn a_peer_that_goes_leaves_its_copies_of_what_was_gathered() {
    let (mut side, links) = side_of_three(publish());
    side.send_all(&["a", "b"]);
    side.end(links[0], DownReason::Reset);
    let again = side.up(who(1));
    assert_eq!(texts(&side.write(again)), ["a", "b"]);
    assert_eq!(texts(&side.write(links[1])), ["a", "b"]);
}

#[test]
fn copies_are_dropped_only_for_the_peer_that_has_no_room() {
    let (mut side, links) = side_of_three(publish().outbox(2, 1_000));
    side.send_all(&["a", "b"]);
    side.write(links[0]);
    side.write(links[1]);
    let sent = side.send("c").unwrap();
    assert_eq!((sent.queued, sent.dropped), (2, 1));
    assert_eq!(texts(&side.write(links[2])), ["a", "b"]);
    assert_eq!(texts(&side.write(links[0])), ["c"]);
}

#[test]
fn what_is_gathered_counts_as_waiting_and_as_memory() {
    let (mut side, _) = side_of_three(publish());
    side.send_all(&["a", "b"]);
    assert_eq!(side.hub.gathered(), 2);
    assert_eq!(side.hub.stats().waiting, 6);
    assert_eq!(side.hub.queued_bytes, 36);
}

#[test]
fn a_run_that_nobody_writes_ends_at_the_memory_budget() {
    let (mut side, _) = side_of_three(publish().memory_budget(200_000));
    let text = "x".repeat(1_000);
    for _ in 0..200 {
        side.send(&text).unwrap();
        assert!(side.hub.queued_bytes <= 100_000);
    }
    assert!(side.hub.stats().dropped_memory_budget > 0);
}
