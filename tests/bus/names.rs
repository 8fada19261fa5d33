//! Names: one live client each, and who comes and goes.

use std::sync::mpsc;

use jackfield::bus::{Bus, Error, Limits};

use crate::plug::join;
use crate::stage::{
    Home, Road, Way, assert_quiet, broker, broker_config, bus_config, connected, named, names,
    next, patient,
};
use crate::support::{SLACK, Transport, eventually, identity};

on_all_ways!(;
    broker:
    a_second_live_client_of_a_name_gets_name_taken,
    a_client_that_left_frees_its_name,
    peers_lists_everyone_by_name_and_identity,
    coming_and_going_is_told_under_sys,
    the_counters_of_a_broker_are_a_service,
    whom_a_broker_does_not_authorize_is_no_client,
);

fn a_second_live_client_of_a_name_gets_name_taken(on: Road) {
    let (broker, there) = broker(on);
    let first = connected(named("first"), &there);
    let second = join(named("first"), &there);
    assert!(matches!(second, Err(Error::NameTaken)), "{second:?}");
    let attached = named("first").attach(&broker);
    assert!(matches!(attached, Err(Error::NameTaken)), "{attached:?}");
    assert_eq!(names(&first), ["first"]);
}

fn a_client_that_left_frees_its_name(on: Road) {
    let (_broker, there) = broker(on);
    drop(connected(named("one"), &there));
    eventually("the name is free", || join(named("one"), &there).is_ok());
}

fn peers_lists_everyone_by_name_and_identity(on: Road) {
    let (broker, there) = broker(on);
    let one = connected(named("one"), &there);
    let _two = named("zwei & more").attach(&broker).expect("it is free");
    let _nameless = connected(patient(), &there);
    assert_eq!(names(&one), ["one", "zwei & more"]);
    let peers = one.peers().expect("it is answered");
    assert_eq!(peers.len(), 3);
    assert!(peers.iter().all(|peer| !peer.identity.is_empty()));
}

#[test]
fn a_name_is_one_token() {
    let (broker, _) = broker(Transport::Mem);
    for name in ["", "a/b", &"n".repeat(257)] {
        let result = named(name).attach(&broker);
        assert!(matches!(result, Err(Error::BadTopic { .. })), "{result:?}");
        let result = named(name).connect("mem://nobody");
        assert!(matches!(result, Err(Error::BadTopic { .. })), "{result:?}");
    }
}

fn coming_and_going_is_told_under_sys(on: Road) {
    let (broker, there) = broker(on);
    let bus = broker.bus();
    let watched = bus.subscribe("$sys/*").expect("accepted");
    let everything = bus.subscribe("**").expect("accepted");
    let guest = connected(named("guest"), &there);
    let joined = next(&watched);
    assert_eq!(
        (joined.topic(), joined.body()),
        ("$sys/joined", &b"guest"[..])
    );
    assert_eq!(joined.header("name"), Some("guest"));
    let identity = joined.header("identity").expect("it has one").to_owned();
    drop(guest);
    let left = next(&watched);
    assert_eq!(
        (left.topic(), left.header("identity")),
        ("$sys/left", Some(&*identity))
    );
    bus.publish("last", "").expect("accepted");
    assert_eq!(next(&everything).topic(), "last");
}

fn the_counters_of_a_broker_are_a_service(on: Road) {
    let (broker, there) = broker(on);
    let bus = connected(patient(), &there);
    let _one = bus.subscribe("a").expect("accepted");
    let answer = bus.call("$sys/stats", "").expect("it is answered");
    let text = answer.text();
    assert!(text.contains("clients 1\nsubscriptions 1\n"), "{text}");
    assert_eq!(broker.stats().subscriptions, 1);
}

#[test]
fn the_same_name_among_two_peers_without_a_broker_is_taken() {
    let stage = crate::stage::Stage::with(Way::Direct(Transport::Tcp), named("one"), named("one"));
    let is_refused = |bus: &Bus| matches!(bus.ready(SLACK), Err(Error::NameTaken));
    eventually("one of them is refused", || {
        is_refused(&stage.one) || is_refused(&stage.two)
    });
}

fn whom_a_broker_does_not_authorize_is_no_client(on: Road) {
    let home = Home::new(on);
    let stranger = identity(7);
    let (ask, asked) = mpsc::channel();
    let config = broker_config().authorize(move |candidate| {
        ask.send(candidate.identity).ok();
        candidate.identity != stranger
    });
    let broker = home.start_with(config, Limits::default());
    let friend = connected(named("friend"), &home.there);
    let all = friend.subscribe("**").expect("accepted");
    assert_ne!(asked.recv_timeout(SLACK), Ok(stranger));
    let options = named("stranger").config(bus_config().identity(stranger));
    let refused = join(options, &home.there).expect("a bus, which dials on");
    refused.publish("a", "from a stranger").expect("it waits");
    // It is turned away again and again.
    for _ in 0..3 {
        assert_eq!(asked.recv_timeout(SLACK), Ok(stranger));
    }
    assert_eq!((broker.stats().clients, broker.stats().published), (1, 0));
    assert_eq!(names(&friend), ["friend"]);
    assert_quiet(&friend, &all, "a");
}
