//! Restarts: a broker that is closed and comes back finds its clients as they were.

use std::time::Duration;

use jackfield::bus::{Broker, Error, Limits};

use crate::plug::{ALL, join, listen};
use crate::stage::{broker_config, call, connected, echo, named, next_text, patient};
use crate::support::{SLACK, Transport, eventually};

fn start(there: &str) -> Broker {
    let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
    listen(&broker, there).expect("the address is free");
    broker
}

#[test]
fn a_restarted_broker_finds_subscriptions_services_and_names() {
    for on in ALL {
        let there = on.endpoint();
        let mut broker = start(&there);
        let one = connected(named("one"), &there);
        let two = connected(patient(), &there);
        let all = one.subscribe("a/*").expect("accepted");
        let _echo = one.serve("echo", echo).expect("accepted");
        let _own = one.serve("@", echo).expect("accepted");
        for round in 0..3 {
            eventually("the provider is back", || two.call("echo", "").is_ok());
            eventually("both services are", || broker.stats().services == 2);
            assert_eq!(call(&two, "@one", "y").expect("served"), "y");
            two.publish("a/b", round.to_string()).expect("accepted");
            assert_eq!(next_text(&all), round.to_string());
            assert_eq!(broker.stats().subscriptions, 1);
            broker.close();
            broker = start(&there);
        }
    }
}

#[test]
fn a_bus_may_be_opened_before_its_broker_runs() {
    for on in ALL {
        let there = on.endpoint();
        let one = join(named("one"), &there).expect("a bus");
        let two = join(patient(), &there).expect("a bus");
        let all = one.subscribe("a").expect("accepted");
        let _echo = one.serve("echo", echo).expect("accepted");
        one.publish("a", "from itself")
            .expect("it waits in the socket");
        let _broker = start(&there);
        assert_eq!(next_text(&all), "from itself");
        eventually("the service is known", || two.call("echo", "").is_ok());
        assert_eq!(
            call(&two, "@one", "").err().map(|it| it.to_string()),
            Some(Error::NoService.to_string())
        );
    }
}

#[test]
fn without_a_broker_a_call_waits_for_its_deadline() {
    let there = Transport::Tcp.endpoint();
    let bus = join(patient(), &there).expect("a bus");
    let result = bus.call_timeout("echo", "", Duration::from_millis(50));
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(matches!(bus.ready(Duration::ZERO), Err(Error::Timeout)));
}

#[test]
fn a_call_that_waited_for_the_broker_is_answered() {
    let there = Transport::Mem.endpoint();
    let bus = join(patient(), &there).expect("a bus");
    let asking = std::thread::spawn(move || bus.call_timeout("$sys/stats", "", SLACK));
    let _broker = start(&there);
    let answer = asking.join().expect("no panic").expect("it is answered");
    assert!(answer.text().starts_with("clients 1\n"));
}

#[test]
fn what_was_unsubscribed_while_the_broker_was_away_stays_so() {
    for on in ALL {
        let there = on.endpoint();
        let broker = start(&there);
        let bus = connected(patient(), &there);
        let (gone, _kept) = (
            bus.subscribe("gone"),
            bus.subscribe("kept").expect("accepted"),
        );
        drop(broker);
        drop(gone.expect("accepted"));
        let broker = start(&there);
        eventually("it is back", || {
            bus.peers().is_ok() && broker.stats().subscriptions == 1
        });
        let receipt = bus.send(jackfield::Post::new("gone", "x"));
        assert_eq!(receipt.expect("accepted").receivers, 0);
    }
}
