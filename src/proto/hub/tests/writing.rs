//! Bytes to the kernel: stalls, bursts, drains, and writes that fail.

use std::time::Duration;

use super::side::{Frame, Side, at_least_once, data, millis, round_robin, texts, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::chunk::Chunk;
use crate::proto::link::LinkId;

#[test]
fn a_heartbeat_that_stalls_does_no_harm_to_a_message_behind_it() {
    for taken in 0..5 {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.pass(millis(5_250));
        side.write_bytes(link, taken);
        side.send_all(&["a", "b"]);
        let frames = side.write(link);
        assert_eq!(frames, [Frame::Heartbeat, data("a"), data("b")]);
        assert_eq!(side.hub.queued_bytes, 0);
    }
}

#[test]
fn a_message_behind_a_stalled_heartbeat_comes_back_when_the_link_ends() {
    for taken in 0..5 {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.pass(millis(5_250));
        side.write_bytes(link, taken);
        side.send_all(&["a"]);
        side.end(link, DownReason::Reset);
        let other = side.up(who(2));
        assert_eq!(side.write(other), [data("a")]);
    }
}

#[test]
fn the_first_message_of_an_idle_link_is_written_by_its_sender() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(1));
    assert_eq!(side.hub.poll_dirty(), None);
    side.send_all(&["a"]);
    let now = side.now;
    let mut chunk = side
        .hub
        .claim(link, true, || now)
        .expect("the link is idle");
    side.send_all(&["b"]);
    assert!(side.hub.claim(link, true, || now).is_none());
    chunk.handle_taken(chunk.len());
    side.hub.handle_back(now, link, chunk, true);
    assert_eq!(side.hub.poll_dirty(), Some(link));
}

#[test]
fn a_burst_is_left_to_the_keeper() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    side.send_all(&["b"]);
    let now = side.now;
    assert!(side.hub.claim(link, true, || now).is_none());
    assert_eq!(side.hub.poll_dirty(), Some(link));
}

#[test]
fn the_keeper_rests_while_somebody_floods_several_in_turn_or_what_is_tracked() {
    let nap_of = |config: &Config, peers: u8, messages: usize, body: &str| {
        let mut side = Side::new(config.clone());
        let links: Vec<_> = (1..=peers).map(|n| side.up(who(n))).collect();
        for _ in 0..messages {
            side.send(body).unwrap();
        }
        links.iter().for_each(|link| side.hub.mark_dirty(*link));
        side.hub
            .moment_before_writing(side.now)
            .map(|moment| moment.nap)
    };
    let nap = |peers, messages, body| nap_of(&round_robin(), peers, messages, body);
    assert_eq!(nap(3, 3 * 31, "little"), Some(Duration::ZERO));
    assert!(nap(3, 3 * 33, "little") > Some(Duration::ZERO));
    assert_eq!(nap(1, 200, "little"), Some(Duration::ZERO), "it is alone");
    let nap_of_one = |messages| nap_of(&at_least_once(), 1, messages, "little");
    assert_eq!(nap_of_one(31), Some(Duration::ZERO));
    assert!(nap_of_one(33) > Some(Duration::ZERO));
    let config = at_least_once().unacknowledged(40);
    assert_eq!(
        nap_of(&config, 1, 40, "little"),
        Some(Duration::ZERO),
        "no more can come"
    );
    let long = "x".repeat(3_000);
    assert_eq!(nap(3, 3 * 33, &long), None, "there is enough to write");
}

/// A chunk of full length is sent by a caller, who writes it; so long after that it is through.
fn flood(side: &mut Side, link: LinkId, time: Duration) {
    let text = "x".repeat(1_000);
    let mut claimed = None;
    while claimed.is_none() {
        let now = side.now;
        let sent = side.send(&text).expect("there is room");
        claimed = sent.link.and_then(|id| side.hub.claim(id, true, || now));
    }
    let mut chunk = claimed.expect("it was claimed");
    chunk.handle_taken(chunk.len());
    side.pass(time);
    side.hub.handle_back(side.now, link, chunk, true);
}

#[test]
fn the_keeper_rests_while_somebody_fills_whole_chunks() {
    let nap = |side: &Side| {
        let moment = side.hub.moment_before_writing(side.now);
        moment.map_or(Duration::ZERO, |moment| moment.nap)
    };
    for (time, is_flood) in [(100, true), (500, false)] {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.pass(millis(1));
        for _ in 0..8 {
            flood(&mut side, link, Duration::from_micros(time));
            assert_eq!(nap(&side), Duration::ZERO, "it has just begun");
        }
        for _ in 0..8 {
            flood(&mut side, link, Duration::from_micros(time));
        }
        assert_eq!(nap(&side) > Duration::ZERO, is_flood, "{time} µs");
        side.pass(millis(1));
        assert_eq!(nap(&side), Duration::ZERO, "it is over");
    }
}

#[test]
fn the_keeper_does_not_rest_over_what_a_flood_has_left_nor_at_the_end() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(1));
    (0..16).for_each(|_| flood(&mut side, link, Duration::from_micros(100)));
    let now = side.now;
    assert!(side.hub.moment_before_writing(now).is_some());
    side.hub.begin_close(now + millis(100));
    assert_eq!(side.hub.moment_before_writing(now), None, "it closes");

    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let text = "x".repeat(1_000);
    for _ in 0..2_000 {
        side.send(&text).expect("there is room");
    }
    while side.hub.poll_dirty() == Some(link) {
        let mut chunk = side.hub.poll_chunk(link).expect("it is dirty");
        chunk.handle_taken(chunk.len());
        side.pass(Duration::from_micros(250));
        side.hub.handle_back(side.now, link, chunk, true);
        let moment = side.hub.moment_before_writing(side.now);
        assert!(moment.is_none_or(|moment| moment.nap == Duration::ZERO));
    }
    assert_eq!(side.hub.queued_bytes, 0);
}

#[test]
fn small_outboxes_are_not_left_to_fill() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 1_000,
        bytes: 1 << 20,
    }));
    let link = side.up(who(1));
    side.pass(millis(1));
    (0..16).for_each(|_| flood(&mut side, link, Duration::from_micros(100)));
    let moment = side.hub.moment_before_writing(side.now);
    assert!(moment.is_none_or(|moment| moment.nap == Duration::ZERO));
}

#[test]
fn who_floods_a_link_writes_two_chunks_for_one() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let write = |side: &mut Side, chunk: Option<Chunk>| {
        let mut chunk = chunk.expect("there is one");
        assert!(chunk.len() > 32_000);
        chunk.handle_taken(chunk.len());
        side.hub.handle_back(side.now, link, chunk, true);
    };
    side.send_all(&["a"]);
    side.write(link);
    let text = "x".repeat(1_000);
    for _ in 0..150 {
        side.send(&text).expect("there is room");
    }
    let now = side.now;
    let chunk = side.hub.claim(link, true, || now);
    write(&mut side, chunk);
    let chunk = side.hub.claim_another(link);
    write(&mut side, chunk);
    assert!(side.hub.claim_another(link).is_none(), "it is not full");
    assert_eq!(side.hub.poll_dirty(), Some(link));
    assert!(!side.write(link).is_empty(), "the keeper writes the rest");
}

#[test]
fn messages_in_turn_are_one_burst_whoever_gets_the_next() {
    let mut side = Side::new(round_robin());
    let links = [1, 2].map(|n| side.up(who(n)));
    side.pass(millis(1));
    assert_eq!(side.hub.poll_dirty(), None);
    let now = side.now;
    let first = side.send("a").unwrap().link.expect("it is queued");
    let mut chunk = side.hub.claim(first, true, || now).expect("all are idle");
    chunk.handle_taken(chunk.len());
    side.hub.handle_back(now, first, chunk, true);
    let second = side.send("b").unwrap().link.expect("it is queued");
    assert_ne!(first, second);
    assert!(side.hub.claim(second, true, || now).is_none());
    assert_eq!(side.hub.poll_dirty(), Some(second));
    side.write(links[1]);
    side.write(links[0]);
    assert_eq!(side.hub.poll_dirty(), None);
    side.send_to(who(1), "c").unwrap();
    let later = now + millis(1);
    assert!(side.hub.claim(links[0], false, || later).is_some());
}

/// Row 27: a write that gives up has only stalled.
#[test]
fn a_stalled_link_is_the_drains_until_it_has_caught_up() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write_bytes(link, 2);
    side.pass(millis(1));
    let now = side.now;
    side.send_all(&["b"]);
    assert!(side.hub.claim(link, true, || now).is_none());
    assert_eq!(texts(&side.write(link)), ["a", "b"]);
    side.pass(millis(1));
    assert_eq!(side.hub.poll_dirty(), None);
    side.send_all(&["c"]);
    let now = side.now;
    assert!(side.hub.claim(link, true, || now).is_some());
}

#[test]
fn a_link_whose_write_failed_is_still_read() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let sent = super::side::ids(&side.write(link));
    side.hub.handle_broken(side.now, link);
    side.settle();
    assert!(!side.is_up(who(1)) && !side.is_gone(link));
    assert_eq!(
        side.read(link, &[Frame::Ack(sent[0]), data("x")]),
        [data("x")]
    );
    assert_eq!(side.hub.stats().acknowledged, 1);
    side.pass(millis(1_000));
    assert_eq!(side.downs(), [(DownReason::Reset, 0)]);
}

#[test]
fn what_a_failed_write_left_goes_to_another_peer() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a", "b"]);
    side.write_bytes(link, 8);
    side.hub.handle_broken(side.now, link);
    side.end(link, DownReason::Closed);
    assert_eq!(side.downs(), [(DownReason::Reset, 1)]);
    let other = side.up(who(2));
    assert_eq!(side.write(other), [data("b")]);
}

#[test]
fn heartbeats_are_written_ahead_of_messages() {
    let mut side = Side::new(round_robin());
    let [busy, quiet] = [1, 2].map(|n| side.up(who(n)));
    side.pass(millis(5_200));
    while side.hub.poll_dirty().is_some() {}
    side.send_all(&["a"]);
    side.hub.mark_dirty(busy);
    side.pass(millis(50));
    assert_eq!(side.hub.poll_dirty(), Some(quiet));
    assert_eq!(side.hub.poll_dirty(), Some(busy));
}

#[test]
fn what_nobody_tried_to_write_goes_out_in_its_place() {
    for is_ended in [false, true] {
        let mut side = Side::new(round_robin());
        let link = side.up(who(1));
        side.send_all(&["a"]);
        let chunk = side.hub.poll_chunk(link).expect("there is a message");
        side.send_all(&["b"]);
        if is_ended {
            side.end(link, DownReason::Reset);
        }
        side.hub.handle_unwritten(link, chunk);
        side.settle();
        let next = match is_ended {
            true => side.up(who(2)),
            false => link,
        };
        assert_eq!(texts(&side.write(next)), ["a", "b"]);
    }
}
