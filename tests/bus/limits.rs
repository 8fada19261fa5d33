//! Limits: what one client can have a broker remember.

use std::time::Duration;

use jackfield::bus::{Broker, Bus, Error, Job, Limits, Post};

use crate::stage::{Home, Road, broker_config, connected, echo, next_text, patient};
use crate::support::{Transport, eventually};

fn limited(change: impl FnOnce(&mut Limits)) -> (Broker, Bus) {
    let mut limits = Limits::default();
    change(&mut limits);
    let home = Home::new(Road::Tcp);
    let broker = home.start_with(broker_config(), limits);
    let bus = connected(patient(), &home.there);
    (broker, bus)
}

#[test]
fn a_client_has_so_many_subscriptions_and_no_more() {
    let (broker, bus) = limited(|limits| limits.subscriptions = 2);
    let first = bus.subscribe("a").expect("accepted");
    let _second = bus.subscribe("b").expect("accepted");
    assert!(matches!(bus.subscribe("c"), Err(Error::Limit { .. })));
    drop(first);
    let _third = bus.subscribe("c").expect("there is room again");
    let other = broker.bus();
    assert!(
        other.subscribe("c").is_ok(),
        "the bound is each client's own"
    );
}

#[test]
fn patterns_and_names_have_so_many_bytes() {
    let (_broker, bus) = limited(|limits| limits.pattern_bytes = 10);
    let _first = bus.subscribe("12345678").expect("accepted");
    assert!(matches!(bus.subscribe("123"), Err(Error::Limit { .. })));
    assert!(matches!(bus.serve("123", echo), Err(Error::Limit { .. })));
    let _second = bus.serve("12", echo).expect("accepted");
}

#[test]
fn tokens_behind_a_wildcard_for_many_are_bounded() {
    let (_broker, bus) = limited(|limits| limits.open_tokens = 3);
    let first = bus.subscribe("a/b/c/d/**/x/y").expect("accepted");
    assert!(matches!(bus.subscribe("**/x/y"), Err(Error::Limit { .. })));
    let _second = bus.subscribe("**").expect("nothing is behind it");
    drop(first);
    let _third = bus.subscribe("**/x/*").expect("there is room again");
}

#[test]
fn a_client_has_so_many_services() {
    let (_broker, bus) = limited(|limits| limits.services = 1);
    let serving = bus.serve("a", echo).expect("accepted");
    assert!(matches!(bus.serve("b", echo), Err(Error::Limit { .. })));
    drop(serving);
    let _other = bus.serve("b", echo).expect("there is room again");
}

#[test]
fn a_client_has_so_many_calls_in_hand() {
    let (broker, bus) = limited(|limits| limits.calls = 1);
    let (keep, kept) = std::sync::mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    let _serving = broker.bus().serve("keep", keep).expect("accepted");
    let asking = {
        let bus = bus.clone();
        std::thread::spawn(move || bus.call("keep", ""))
    };
    let job = kept.recv_timeout(crate::support::SLACK).expect("it runs");
    assert!(matches!(bus.call("keep", ""), Err(Error::Busy)));
    job.reply("");
    asking.join().expect("no panic").expect("served");
    bus.call("$sys/stats", "").expect("there is room again");
}

#[test]
fn retained_values_are_bounded_in_number_and_bytes() {
    let (broker, bus) = limited(|limits| {
        limits.retained = 4;
        limits.retained_bytes = 8_000;
    });
    let retain = |topic: &str, body: &str| bus.send(Post::new(topic, body).retain());
    retain("a", "1").expect("there is room");
    retain("b", "1").expect("there is room");
    assert!(matches!(retain("c", "1"), Err(Error::Limit { .. })));
    let large = "x".repeat(4_000);
    assert!(matches!(retain("a", &large), Err(Error::Limit { .. })));
    retain("a", "2").expect("it takes the place of the first");
    bus.clear("b").expect("accepted");
    assert_eq!(broker.stats().retained, 1);
    let values = bus.subscribe("**").expect("accepted");
    assert_eq!(next_text(&values), "2");
}

#[test]
fn a_subscription_that_is_not_read_loses_the_newest_and_says_so() {
    let bus = Bus::options()
        .queue(jackfield::Limit {
            messages: 3,
            bytes: 1_000_000,
        })
        .local()
        .expect("a bus");
    let slow = bus.subscribe("a").expect("accepted");
    let other = bus.subscribe("a").expect("accepted");
    for number in 0..5 {
        bus.publish("a", number.to_string()).expect("accepted");
        assert_eq!(next_text(&other), number.to_string());
    }
    let texts: Vec<String> = (0..3).map(|_| next_text(&slow)).collect();
    assert_eq!(texts, ["0", "1", "2"]);
    assert_eq!((slow.lost(), other.lost(), bus.stats().lost), (2, 0, 2));
    assert!(matches!(slow.try_recv(), Err(Error::Empty)));
}

#[test]
fn a_call_that_nobody_cancels_ends_at_its_deadline() {
    let (broker, there) = crate::stage::broker(Transport::Tcp);
    let provider = broker.bus();
    let (keep, kept) = std::sync::mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    let _serving = provider.serve("keep", keep).expect("accepted");
    let caller = crate::stage::stranger(&there);
    caller
        .send("call 00000000000000000000000000000001 keep 50\n\n")
        .expect("there is room");
    let answer = crate::support::next(&caller);
    assert!(
        answer
            .text()
            .starts_with("error 00000000000000000000000000000001 Timeout\n")
    );
    assert_eq!(broker.stats().timed_out, 1);
    assert_eq!(broker.stats().calls, 1, "its runner may be at it");
    drop::<Job>(kept.recv_timeout(crate::support::SLACK).expect("it came"));
    eventually("it is forgotten", || broker.stats().calls == 0);
    assert!(matches!(
        caller.recv_timeout(Duration::ZERO),
        Err(jackfield::Error::Timeout)
    ));
}
