//! When an endpoint is dialled, and when it need not be.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use super::side::{Side, millis, round_robin, secs, who};
use crate::event::{DownReason, Event};
use crate::proto::dial::{DialId, DialStep};
use crate::proto::news::MAX_EVENTS;

/// The pause before the next attempt of `dial`.
fn pause(side: &mut Side, dial: DialId) -> Duration {
    match side.hub.poll_dial(side.now, dial) {
        DialStep::Wait { until } => until - side.now,
        DialStep::Connect { .. } => Duration::ZERO,
        other => panic!("no pause but {other:?}"),
    }
}

/// Connects, stands for `time` as a peer, and ends.
fn stand(side: &mut Side, dial: DialId, time: Duration) {
    let link = side.dial(dial);
    side.bring_up(link, who(1));
    for _ in 0..time.as_secs() {
        side.pass_alive(1, &[link]);
    }
    side.end(link, DownReason::Closed);
}

#[test]
fn connecting_twice_is_one_dial() {
    let mut side = Side::new(round_robin());
    assert!(side.connect("mem://a").is_some());
    assert!(side.connect("mem://a").is_none());
    assert!(side.connect("mem://b").is_some());
}

#[test]
fn the_first_dial_is_at_once() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    let step = side.hub.poll_dial(side.now, dial);
    assert_eq!(step, DialStep::Connect { attempt: 0 });
    assert_eq!(side.hub.poll_dial(side.now, dial), DialStep::Hold);
}

#[test]
fn a_dial_that_fails_is_told_and_tried_again() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    side.hub.poll_dial(side.now, dial);
    let error = Error::from(ErrorKind::ConnectionRefused);
    side.hub.handle_dial_failed(side.now, dial, error);
    side.settle();
    assert!(matches!(side.events[..], [Event::DialFailed { .. }]));
    assert!(pause(&mut side, dial) <= millis(100));
    side.pass(millis(100));
    let step = side.hub.poll_dial(side.now, dial);
    assert_eq!(step, DialStep::Connect { attempt: 1 });
}

/// The longest pause over many seeds after `ends` links that stood for `time` each.
fn longest_pause(ends: usize, time: Duration) -> Duration {
    let pauses = (0..60).map(|seed| {
        let mut side = Side::new(round_robin());
        side.hub.rng = crate::proto::backoff::Rng::new(seed);
        let dial = side.connect("mem://a").unwrap();
        (0..ends).for_each(|_| stand(&mut side, dial, time));
        pause(&mut side, dial)
    });
    pauses.max().expect("sixty pauses")
}

/// Row 23: not stable, not forgiven.
#[test]
fn short_links_do_not_start_the_pauses_over() {
    assert!(longest_pause(1, secs(1)) <= millis(100));
    assert!(longest_pause(5, secs(1)) > millis(800));
    assert!(longest_pause(12, secs(1)) > millis(4_000));
    assert!(longest_pause(12, secs(1)) <= secs(5));
}

/// Row 23: stable.
#[test]
fn stable_links_do() {
    assert!(longest_pause(5, secs(10)) <= millis(100));
}

#[test]
fn a_link_that_was_refused_is_a_failed_attempt() {
    let mut longest = Duration::ZERO;
    for seed in 0..60 {
        let mut side = Side::new(round_robin());
        side.hub.rng = crate::proto::backoff::Rng::new(seed);
        let dial = side.connect("mem://a").unwrap();
        for _ in 0..5 {
            let link = side.dial(dial);
            side.hello(link, who(1));
            side.end(link, DownReason::Closed);
        }
        longest = longest.max(pause(&mut side, dial));
    }
    assert!(longest > millis(800));
}

#[test]
fn a_dial_whose_peer_is_up_through_another_link_waits_until_that_ends() {
    let mut side = Side::new(round_robin());
    let first = side.up(who(1));
    side.pass(secs(2));
    let dial = side.connect("mem://a").unwrap();
    let link = side.dial(dial);
    side.hello(link, who(1));
    assert!(side.is_gone(link));
    side.pass_alive(100, &[first]);
    assert_eq!(side.hub.poll_dial(side.now, dial), DialStep::Hold);
    side.end(first, DownReason::Closed);
    assert!(pause(&mut side, dial) <= millis(200));
    let again = side.dial(dial);
    side.bring_up(again, who(1));
    assert!(side.is_up(who(1)));
}

#[test]
fn a_dial_that_is_covered_is_woken_by_the_end_of_that_peer_alone() {
    let mut side = Side::new(round_robin());
    let [cover, other] = [1, 2].map(|n| side.up(who(n)));
    side.pass(secs(2));
    let dial = side.connect("mem://a").unwrap();
    let link = side.dial(dial);
    side.hub.handle_hello(side.now, link, who(1));
    side.hub.handle_gone(side.now, link, DownReason::Duplicate);
    assert!(side.hub.take_effects().is_some_and(|it| it.wake.dials));
    assert_eq!(side.hub.poll_dial(side.now, dial), DialStep::Hold);
    side.hub.handle_gone(side.now, other, DownReason::Closed);
    assert!(side.hub.take_effects().is_some_and(|it| !it.wake.dials));
    side.hub.handle_gone(side.now, cover, DownReason::Closed);
    assert!(side.hub.take_effects().is_some_and(|it| it.wake.dials));
    assert!(pause(&mut side, dial) <= millis(200));
}

#[test]
fn disconnect_stops_the_dial_and_takes_leave() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    let link = side.dial(dial);
    side.bring_up(link, who(1));
    side.send_all(&["a"]);
    let endpoint = "mem://a".parse().unwrap();
    assert!(side.hub.handle_disconnect(side.now, &endpoint));
    assert_eq!(super::side::texts(&side.write(link)), ["a"]);
    side.end(link, DownReason::Closed);
    assert_eq!(side.downs(), [(DownReason::Disconnected, 0)]);
    assert_eq!(side.hub.poll_dial(side.now, dial), DialStep::Stop);
    assert!(!side.hub.handle_disconnect(side.now, &endpoint));
}

#[test]
fn disconnect_wakes_a_reader_that_waits_for_an_older_link() {
    let mut side = Side::new(round_robin());
    let old = side.up(who(1));
    side.absent_readers.insert(old);
    side.pass(secs(8));
    let dial = side.connect("mem://a").unwrap();
    let link = side.dial(dial);
    side.hello(link, who(1));
    assert!(side.hub.is_succeeding(link));
    let endpoint = "mem://a".parse().unwrap();
    side.hub.handle_disconnect(side.now, &endpoint);
    let effects = side.hub.take_effects().expect("there is something to do");
    assert!(effects.wake.readers && !side.hub.is_succeeding(link));
}

/// Whoever holds the lock must not drop it: it may be the program's own, and do anything.
#[test]
fn an_error_that_nobody_is_told_of_is_handed_out() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    let fail = |side: &mut Side| {
        let error = Error::from(ErrorKind::ConnectionRefused);
        side.hub.handle_dial_failed(side.now, dial, error);
        side.hub.take_effects().map_or(0, |it| it.lost.len())
    };
    let lost: usize = (0..MAX_EVENTS + 3).map(|_| fail(&mut side)).sum();
    assert_eq!((lost, side.hub.stats().events_lost), (3, 3));
    let endpoint = "mem://a".parse().unwrap();
    assert!(side.hub.handle_disconnect(side.now, &endpoint));
    side.hub.poll_dial(side.now, dial);
    assert_eq!(fail(&mut side), 1, "its dial is gone");
}

#[test]
fn a_connection_that_nobody_wants_any_more_is_dropped() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    side.hub.poll_dial(side.now, dial);
    side.hub
        .handle_disconnect(side.now, &"mem://a".parse().unwrap());
    let link = side
        .hub
        .handle_dialled(side.now, dial, crate::endpoint::Remote::Mem);
    assert_eq!(link, None);
}
