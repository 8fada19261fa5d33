//! Speed: nothing on the way waits for a timer.

use std::time::Duration;

use jackfield::bus::Post;

use crate::stage::{Road, broker, call, connected, echo, next_text, patient};
use crate::support::{SLACK, timed};

on_all_ways!(;
    broker:
    a_call_through_a_broker_waits_for_no_timer,
    a_publish_through_a_broker_waits_for_no_timer,
    a_hundred_subscribers_hear_everything,
);

/// A poll or a pause on the way would cost each round more than this; the way itself is a
/// hundredth of it.
const ROUND: Duration = Duration::from_millis(5);
const ROUNDS: usize = 1_000;

/// Most rounds: some are late where the processors have other work.
fn assert_most_are_quick(mut round: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| timed(&mut round).1).collect();
    times.sort();
    let usual = times[ROUNDS / 2];
    assert!(usual < ROUND, "{usual:?} for a round");
}

fn a_call_through_a_broker_waits_for_no_timer(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = one.serve("echo", echo).expect("accepted");
    assert_most_are_quick(|| assert_eq!(call(&two, "echo", "x").expect("served"), "x"));
}

fn a_publish_through_a_broker_waits_for_no_timer(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let news = one.subscribe("news").expect("accepted");
    assert_most_are_quick(|| {
        two.publish("news", "x").expect("accepted");
        assert_eq!(next_text(&news), "x");
    });
}

fn a_hundred_subscribers_hear_everything(on: Road) {
    let (_broker, there) = broker(on);
    let publisher = connected(patient(), &there);
    let buses: Vec<_> = (0..100).map(|_| connected(patient(), &there)).collect();
    let subscribe = |bus: &jackfield::Bus| bus.subscribe("news").expect("accepted");
    let subscriptions: Vec<_> = buses.iter().map(subscribe).collect();
    for number in 0..50 {
        let receipt = publisher.send(Post::new("news", number.to_string()));
        assert_eq!(receipt.expect("accepted").receivers, 100);
    }
    for subscription in &subscriptions {
        for number in 0..50 {
            let note = subscription.recv_timeout(SLACK).expect("it comes");
            assert_eq!(note.text(), number.to_string());
        }
    }
}
