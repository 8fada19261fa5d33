//! Names: one live client each, and who comes and goes.

use jackfield::bus::{Bus, Error};

use crate::plug::{ALL, join};
use crate::stage::{Way, broker, connected, named, next, patient};
use crate::support::{SLACK, Transport, eventually};

fn names(bus: &Bus) -> Vec<String> {
    let peers = bus.peers().expect("it is answered");
    let mut names: Vec<String> = peers.into_iter().filter_map(|peer| peer.name).collect();
    names.sort();
    names
}

#[test]
fn a_second_live_client_of_a_name_gets_name_taken() {
    for on in ALL {
        let (broker, there) = broker(on);
        let first = connected(named("first"), &there);
        let second = join(named("first"), &there);
        assert!(matches!(second, Err(Error::NameTaken)), "{second:?}");
        let attached = named("first").attach(&broker);
        assert!(matches!(attached, Err(Error::NameTaken)), "{attached:?}");
        assert_eq!(names(&first), ["first"]);
    }
}

#[test]
fn a_client_that_left_frees_its_name() {
    let (_broker, there) = broker(Transport::Tcp);
    drop(connected(named("one"), &there));
    eventually("the name is free", || join(named("one"), &there).is_ok());
}

#[test]
fn peers_lists_everyone_by_name_and_identity() {
    let (broker, there) = broker(Transport::Tcp);
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

#[test]
fn coming_and_going_is_told_under_sys() {
    let (broker, there) = broker(Transport::Tcp);
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

#[test]
fn the_counters_of_a_broker_are_a_service() {
    let (broker, there) = broker(Transport::Tcp);
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
