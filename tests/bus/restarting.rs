//! Restarts: a broker that is closed and comes back finds its clients as they were.

use std::time::Duration;

use jackfield::Limit;
use jackfield::bus::{Bus, Error};

use crate::plug::join;
use crate::stage::{
    Home, Road, assert_quiet, bus_config, call, connected, echo, named, names, next_text, patient,
};
use crate::support::{self, SLACK, eventually};

on_all_ways!(;
    broker:
    a_restarted_broker_finds_subscriptions_services_and_names,
    a_bus_may_be_opened_before_its_broker_runs,
    without_a_broker_a_call_waits_for_its_deadline,
    a_call_that_waited_for_the_broker_is_answered,
    what_was_unsubscribed_while_the_broker_was_away_stays_so,
    what_is_published_while_there_is_no_broker_is_bounded_and_keeps_its_order,
    a_broker_that_dies_while_it_is_told_everything_costs_the_next_one_nothing,
);

fn a_restarted_broker_finds_subscriptions_services_and_names(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let mut broker = home.start();
    let one = connected(named("one"), there);
    let two = connected(patient(), there);
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
        broker = home.start();
    }
}

fn a_bus_may_be_opened_before_its_broker_runs(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let one = join(named("one"), there).expect("a bus");
    let two = join(patient(), there).expect("a bus");
    let all = one.subscribe("a").expect("accepted");
    let _echo = one.serve("echo", echo).expect("accepted");
    one.publish("a", "from itself")
        .expect("it waits in the socket");
    let _broker = home.start();
    assert_eq!(next_text(&all), "from itself");
    eventually("the service is known", || two.call("echo", "").is_ok());
    assert_eq!(
        call(&two, "@one", "").err().map(|it| it.to_string()),
        Some(Error::NoService.to_string())
    );
}

fn without_a_broker_a_call_waits_for_its_deadline(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let bus = join(patient(), there).expect("a bus");
    // A tunnel that finds nobody turns away whoever comes, which looks like a refusal.
    let is_nobody = |error: &Error| match on {
        Road::WebSocket => matches!(error, Error::NoBroker { .. } | Error::Denied { .. }),
        _ => matches!(error, Error::NoBroker { .. }),
    };
    let result = bus.call_timeout("echo", "", Duration::from_millis(50));
    assert!(result.as_ref().is_err_and(is_nobody), "{result:?}");
    let known = bus.ready(Duration::ZERO);
    assert!(known.as_ref().is_err_and(is_nobody), "{known:?}");
}

fn a_call_that_waited_for_the_broker_is_answered(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let bus = join(patient(), there).expect("a bus");
    let asking = std::thread::spawn(move || bus.call_timeout("$sys/stats", "", SLACK));
    let _broker = home.start();
    let answer = asking.join().expect("no panic").expect("it is answered");
    assert!(answer.text().starts_with("clients 1\n"));
}

fn what_was_unsubscribed_while_the_broker_was_away_stays_so(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let broker = home.start();
    let bus = connected(patient(), there);
    let (gone, _kept) = (
        bus.subscribe("gone"),
        bus.subscribe("kept").expect("accepted"),
    );
    drop(broker);
    drop(gone.expect("accepted"));
    let broker = home.start();
    eventually("it is back", || {
        bus.peers().is_ok() && broker.stats().subscriptions == 1
    });
    let receipt = bus.send(jackfield::Post::new("gone", "x"));
    assert_eq!(receipt.expect("accepted").receivers, 0);
}

fn what_is_published_while_there_is_no_broker_is_bounded_and_keeps_its_order(on: Road) {
    const ROOM: usize = 100;
    let home = Home::new(on);
    let room = Limit {
        messages: ROOM,
        bytes: 1024 * 1024,
    };
    let options = Bus::options().timeout(Duration::from_secs(1));
    let options = options.config(bus_config()).outbox(room);
    let bus = join(options, &home.there).expect("a bus");
    let all = bus.subscribe("a").expect("accepted");
    let publish = |number: usize| Some((number, bus.publish("a", number.to_string()).err()?));
    let (count, error) = (0..=ROOM).find_map(publish).expect("it is bounded");
    assert!(matches!(error, Error::Timeout), "{error:?}");
    assert_eq!(count, ROOM);
    let _broker = home.start();
    for number in 0..count {
        assert_eq!(next_text(&all), number.to_string());
    }
    assert_quiet(&bus, &all, "a");
}

fn a_broker_that_dies_while_it_is_told_everything_costs_the_next_one_nothing(on: Road) {
    const TOPICS: usize = 2_000;
    let home = Home::new(on);
    let broker = home.start();
    // Whoever says all of it waits for room meanwhile.
    let room = Limit {
        messages: 100,
        bytes: 1024 * 1024,
    };
    let options = named("one").config(bus_config().outbox(room));
    let bus = connected(options, &home.there);
    let subscribe = |number| bus.subscribe(format!("topic/{number}")).expect("accepted");
    let topics: Vec<_> = (0..TOPICS).map(subscribe).collect();
    let _echo = bus.serve("echo", echo).expect("accepted");
    drop(broker);
    // These hear some of it, know nothing of the bus, and are gone.
    let little = Limit {
        messages: 1,
        bytes: 1,
    };
    for part in [1, 2, 20, 300, 1_500, 1_900] {
        let deaf = support::bound(support::quick().inbox(little), &home.here);
        let patience = |heard| {
            if heard == 0 {
                SLACK
            } else {
                Duration::from_millis(50)
            }
        };
        let heard = (0..part).take_while(|heard| deaf.recv_timeout(patience(*heard)).is_ok());
        assert!(heard.count() > 0, "a bus says something");
        deaf.close_within(Duration::ZERO);
    }
    let broker = home.start();
    eventually("all of it is there", || {
        let stats = broker.stats();
        (stats.subscriptions, stats.services) == (TOPICS, 1)
    });
    assert_eq!(names(&bus), ["one"]);
    let other = connected(patient(), &home.there);
    assert_eq!(call(&other, "echo", "x").expect("served"), "x");
    for (number, topic) in topics.iter().enumerate().step_by(100) {
        other
            .publish(format!("topic/{number}"), "y")
            .expect("accepted");
        assert_eq!(next_text(topic), "y");
    }
}
