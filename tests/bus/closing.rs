//! Closing: drop is the off switch, and nobody is left waiting.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jackfield::bus::{Bus, Error, Job};

use crate::stage::{Road, Stage, Way, broker, connected, echo, named, next_text, patient};
use crate::support::{SLACK, eventually, timed};

on_all_ways!(
    a_close_ends_a_blocked_recv_and_a_blocked_call,
    a_closed_bus_is_closed_for_everything;
    two:
    the_calls_of_a_provider_that_goes_are_no_peer_at_once,
    a_subscription_keeps_its_bus_open,
    a_service_keeps_its_bus_open;
    broker:
    what_was_published_before_a_close_arrives,
    a_closed_broker_closes_the_buses_on_it,
    a_closed_broker_ends_the_calls_of_its_clients_at_once,
);

fn a_close_ends_a_blocked_recv_and_a_blocked_call(way: Way) {
    let stage = Stage::new(way);
    let (keep, kept) = mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    let _serving = stage.two.serve("never", keep).expect("accepted");
    let never = stage.one.subscribe("never").expect("accepted");
    let waiting = thread::spawn(move || never.recv());
    let bus = stage.one.clone();
    let asking = thread::spawn(move || bus.call("never", ""));
    let _job = kept.recv_timeout(SLACK).expect("the call came");
    stage.one.close();
    let received = waiting.join().expect("no panic");
    assert!(matches!(received, Err(Error::Closed)), "{received:?}");
    let answered = asking.join().expect("no panic");
    assert!(matches!(answered, Err(Error::Closed)), "{answered:?}");
}

fn a_closed_bus_is_closed_for_everything(way: Way) {
    let stage = Stage::new(way);
    let bus = &stage.one;
    bus.close();
    bus.close();
    assert!(matches!(bus.publish("a", ""), Err(Error::Closed)));
    assert!(matches!(bus.subscribe("a"), Err(Error::Closed)));
    assert!(matches!(bus.serve("a", echo), Err(Error::Closed)));
    assert!(matches!(bus.call("a", ""), Err(Error::Closed)));
    assert!(matches!(bus.peers(), Err(Error::Closed)));
    assert!(matches!(bus.ready(SLACK), Err(Error::Closed)));
}

fn the_calls_of_a_provider_that_goes_are_no_peer_at_once(way: Way) {
    let stage = Stage::new(way);
    let (keep, kept) = mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    let _serving = stage.one.serve("keep", keep).expect("accepted");
    let bus = stage.two.clone();
    let long = Duration::from_secs(50);
    let asking = thread::spawn(move || timed(|| bus.call_timeout("keep", "", long)));
    let _job = kept.recv_timeout(SLACK).expect("the call came");
    stage.one.close();
    let (result, took) = asking.join().expect("no panic");
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
    assert!(took < long / 2, "{took:?}");
}

fn a_subscription_keeps_its_bus_open(way: Way) {
    let mut stage = Stage::new(way);
    let subscription = stage.one.subscribe("a").expect("accepted");
    // The last handle of it that is not the subscription's.
    stage.one = stage.two.clone();
    stage.two.publish("a", "x").expect("accepted");
    assert_eq!(next_text(&subscription), "x");
}

fn a_service_keeps_its_bus_open(way: Way) {
    let mut stage = Stage::new(way);
    let serving = stage.one.serve("echo", echo).expect("accepted");
    // The last handle of it that is not the service's.
    stage.one = stage.two.clone();
    assert_eq!(stage.two.call("echo", "x").expect("served").text(), "x");
    drop(serving);
    eventually("it is withdrawn", || {
        matches!(stage.two.call("echo", ""), Err(Error::NoService))
    });
}

fn what_was_published_before_a_close_arrives(on: Road) {
    let (broker, there) = broker(on);
    let all = broker.bus().subscribe("**").expect("accepted");
    let long = Duration::from_secs(5);
    let config = crate::stage::bus_config().linger(long);
    let bus = connected(patient().config(config), &there);
    for number in 0..1_000 {
        bus.publish("a", number.to_string()).expect("accepted");
    }
    drop(bus);
    for number in 0..1_000 {
        assert_eq!(next_text(&all), number.to_string());
    }
}

fn a_closed_broker_closes_the_buses_on_it(on: Road) {
    let (broker, _) = broker(on);
    let bus = broker.bus();
    let all = bus.subscribe("**").expect("accepted");
    broker.close();
    broker.close();
    assert!(matches!(all.recv(), Err(Error::Closed)));
    assert!(matches!(broker.bus().publish("a", ""), Err(Error::Closed)));
    assert!(matches!(named("late").attach(&broker), Err(Error::Closed)));
}

fn a_closed_broker_ends_the_calls_of_its_clients_at_once(on: Road) {
    let (broker, there) = broker(on);
    let bus = connected(patient(), &there);
    let (keep, kept) = mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    let _serving = broker.bus().serve("keep", keep).expect("accepted");
    let asking: thread::JoinHandle<(Result<_, Error>, Duration)> =
        thread::spawn(move || timed(|| bus.call_timeout("keep", "", Duration::from_secs(50))));
    let _job = kept.recv_timeout(SLACK).expect("the call came");
    broker.close();
    let (result, took) = asking.join().expect("no panic");
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
    assert!(took < Duration::from_secs(25), "{took:?}");
}

#[test]
fn a_bus_may_be_dropped_in_its_own_handlers() {
    let bus = Bus::local().expect("a bus");
    let (done, ended) = mpsc::channel();
    let mut own = Some(bus.clone());
    let watch = bus.on("a", move |_| {
        own.take().inspect(|own| drop(own.close()));
        done.send(()).ok();
    });
    let _watch = watch.expect("accepted");
    bus.publish("a", "").expect("accepted");
    assert_eq!(ended.recv_timeout(SLACK), Ok(()));
}
