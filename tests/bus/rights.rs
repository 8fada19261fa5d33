//! Rights: what a client may do by how it came, and what it hears when it may not.

use std::time::Duration;

use jackfield::bus::{Access, Broker, Bus, Error, Event, Limits, Post};

use crate::plug::{join, listen_as};
use crate::stage::{
    Home, Road, broker, broker_config, bus_config, call, connected, echo, named, next_text,
    patient, stranger,
};
use crate::support::{self, SLACK};

/// Long enough for a connection that is refused.
const SHORT: Duration = Duration::from_secs(1);

on_all_ways!(
    ; broker:
    who_may_only_read_reads_and_does_nothing_else,
    what_may_be_done_is_done,
    a_name_that_a_client_may_not_have_is_denied,
    a_late_refusal_is_told,
    a_post_that_wants_no_receipt_is_refused_aloud,
    a_hasty_client_has_the_rights_of_its_door,
    the_authorize_hook_decides_who_becomes_a_client,
);

/// Another way into a broker, for those who may do what `access` says.
fn door(broker: &Broker, on: Road, access: Access) -> String {
    let home = Home::new(on);
    listen_as(broker, &home.here, access).expect("it is free");
    home.there
}

/// A broker, a bus that may do everything, and another one that may do what `access` says.
fn house(on: Road, access: Access) -> (Broker, Bus, Bus) {
    let (broker, there) = broker(on);
    let for_guests = door(&broker, on, access);
    let (host, guest) = (named("host"), named("guest"));
    (
        broker,
        connected(host, &there),
        connected(guest, &for_guests),
    )
}

fn denied<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Denied { what }) => what,
        other => panic!("{other:?}"),
    }
}

fn who_may_only_read_reads_and_does_nothing_else(on: Road) {
    let access = Access::read_only(["room/**"]).may_serve("@guest");
    let (broker, host, guest) = house(on, access);
    let rooms = guest.subscribe("room/*/temp").expect("allowed");
    host.publish("room/1/temp", "21.5").expect("accepted");
    assert_eq!(next_text(&rooms), "21.5");
    let _echo = host.serve("echo", echo).expect("accepted");
    let what = denied(guest.send(Post::new("room/1/temp", "x")));
    assert_eq!(what, r#"to publish to "room/1/temp" (allowed: nothing)"#);
    denied(guest.clear("room/1/temp"));
    denied(guest.serve("echo", echo).map(drop));
    denied(guest.call("echo", "x"));
    denied(guest.call("nobody/serves/this", ""));
    denied(guest.call_all("echo", "x"));
    denied(guest.call("$sys/stats", ""));
    denied(guest.call("@host", ""));
    denied(guest.ping("host"));
    denied(guest.peers());
    let what = denied(guest.subscribe("**").map(drop));
    assert_eq!(what, r#"to subscribe to "**" (allowed: "room/**")"#);
    denied(guest.subscribe("$sys/joined").map(drop));
    assert_eq!(broker.stats().denied, 12);
    assert_eq!(broker.stats().published, 1);
    let kept = guest.stats();
    assert_eq!((kept.subscriptions, kept.services), (1, 0));
}

fn what_may_be_done_is_done(on: Road) {
    let access = Access::default()
        .may_publish("door/*")
        .may_serve("guest/**")
        .may_serve("@guest")
        .may_call("echo")
        .may_call("@host")
        .may_call("$sys/*");
    let (broker, host, guest) = house(on, access);
    let all = host.subscribe("**").expect("accepted");
    guest.publish("door/1", "open").expect("accepted");
    assert_eq!(next_text(&all), "open");
    let _echo = host.serve("echo", echo).expect("accepted");
    let _own = host.serve("@", echo).expect("accepted");
    assert_eq!(call(&guest, "echo", "x").expect("allowed"), "x");
    assert_eq!(call(&guest, "@host", "y").expect("allowed"), "y");
    assert!(guest.ping("host").is_ok());
    assert_eq!(guest.peers().expect("allowed").len(), 2);
    assert!(guest.call("$sys/stats", "").is_ok());
    let _upper = guest.serve("guest/echo", echo).expect("allowed");
    let _own = guest.serve("@", echo).expect("it may be called that");
    assert_eq!(call(&host, "guest/echo", "z").expect("served"), "z");
    assert_eq!(call(&host, "@guest", "z").expect("served"), "z");
    denied(guest.ping("guest"));
    assert_eq!(broker.stats().denied, 1);
}

fn a_name_that_a_client_may_not_have_is_denied(on: Road) {
    let (broker, _) = broker(on);
    let access = Access::read_only(["**"]).may_serve("@guest");
    let there = door(&broker, on, access);
    let what = denied(join(named("anna"), &there));
    assert_eq!(what, r#"to serve "@anna" (allowed: "@guest")"#);
    let guest = connected(named("guest"), &there);
    assert!(guest.subscribe("room").is_ok());
    assert!(named("anna").attach(&broker).is_ok(), "nobody has it");
}

/// A post that nobody waits for, and a right that is taken away while a broker restarts.
fn a_late_refusal_is_told(on: Road) {
    let home = Home::new(on);
    let start = |access: Access| {
        let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
        listen_as(&broker, &home.here, access).expect("it is free");
        broker
    };
    let broker = start(Access::read_only(["room/*", "hall"]));
    let guest = connected(patient(), &home.there);
    let events = guest.events();
    let refused = |what: &str| {
        let told = || events.recv_timeout(SLACK).expect("it is told");
        let is_it = |event: &Event| matches!(event, Event::Refused { .. });
        let event = std::iter::repeat_with(told).find(is_it).expect("it is");
        assert!(event.to_string().contains(what), "{event}");
    };
    guest.publish("room/1", "x").expect("it is said");
    refused(r#"denied: to publish to "room/1""#);
    let room = guest.subscribe("room/1").expect("allowed");
    let hall = guest.subscribe("hall").expect("allowed");
    drop(broker);
    let broker = start(Access::read_only(["hall"]));
    denied(room.recv_timeout(SLACK));
    refused(r#"denied: to subscribe to "room/1""#);
    guest.ready(SLACK).expect("it is known");
    broker.bus().publish("hall", "y").expect("accepted");
    assert_eq!(next_text(&hall), "y");
}

/// A client that only talks is told as well, or it would go on.
fn a_post_that_wants_no_receipt_is_refused_aloud(on: Road) {
    let (broker, _) = broker(on);
    let guest = stranger(&door(&broker, on, Access::read_only(["room"])));
    support::send(&guest, "pub 00000000000000000000000000000001 room\n\nx");
    let heard = support::next_text(&guest);
    let words = "error 00000000000000000000000000000001 Denied\n\n";
    assert!(heard.starts_with(words), "{heard}");
    assert_eq!(broker.stats().denied, 1);
}

/// Who comes, speaks and goes before anybody looks has no more rights for it, and no less.
fn a_hasty_client_has_the_rights_of_its_door(on: Road) {
    let (broker, there) = broker(on);
    let access = Access::read_only(["room/**"]).may_publish("door");
    let for_guests = door(&broker, on, access);
    let host = connected(patient(), &there);
    let all = host.subscribe("**").expect("accepted");
    for round in 1..=50 {
        let hasty = support::connected(support::quick().linger(SLACK), &for_guests);
        let id = "00000000000000000000000000000001";
        support::send(&hasty, format!("pub {id} room/1\n\nforged"));
        support::send(&hasty, format!("pub {id} door\n\n{round}"));
        hasty.close();
        assert_eq!(next_text(&all), round.to_string());
    }
    assert_eq!(broker.stats().denied, 50);
}

fn the_authorize_hook_decides_who_becomes_a_client(on: Road) {
    let known = support::identity(7);
    let config = broker_config().authorize(move |candidate| candidate.identity == known);
    let home = Home::new(on);
    let broker = home.start_with(config, Limits::default());
    let guest = patient().config(bus_config().identity(known));
    let guest = connected(guest, &home.there);
    let stranger = join(named("stranger"), &home.there).expect("it is tried again");
    let what = denied(stranger.ready(SHORT));
    assert!(what.ends_with("before it said who it is"), "{what}");
    denied(stranger.call_timeout("echo", "", SHORT));
    let own = guest.subscribe("room").expect("accepted");
    stranger.publish("room", "forged").expect("it waits");
    guest.publish("room", "own").expect("accepted");
    assert_eq!(next_text(&own), "own");
    assert!(matches!(guest.ping("stranger"), Err(Error::NoPeer)));
    assert_eq!(broker.stats().clients, 1);
}

#[test]
fn rights_that_are_no_patterns_are_told_before_anybody_listens() {
    let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
    for pattern in ["", "/", &"a/".repeat(200)] {
        let access = Access::read_only([pattern]);
        let result = broker.listen_as("tcp://127.0.0.1:0", access);
        assert!(matches!(result, Err(Error::BadTopic { .. })), "{result:?}");
    }
    assert!(broker.endpoints().is_empty());
}
