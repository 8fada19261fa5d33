//! Clients that misbehave: what they do costs them, and nobody else.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use jackfield::bus::{Broker, Bus, Error as BusError, Limits, Post};
use jackfield::{Config, Error, Limit, Socket};

use crate::stage::{
    Asked, Home, Road, broker, broker_config, call, connected, echo, names, next_text, patient,
    stranger,
};
use crate::support::{self, SLACK, Transport, eventually};

on_all_ways!(;
    broker:
    malformed_messages_are_counted_and_change_nothing,
    answers_to_the_calls_of_others_are_not_taken,
    a_client_that_vanishes_leaves_nothing_behind,
);

/// A broker, and two clients of it that mean well.
pub struct Good {
    pub there: String,
    pub one: Bus,
    pub two: Bus,
    _serving: jackfield::bus::Serving,
    pub broker: Asked,
}

impl Good {
    pub fn new(on: Road) -> Good {
        let (broker, there) = broker(on);
        let (one, two) = (connected(patient(), &there), connected(patient(), &there));
        let _serving = one.serve("echo", echo).expect("accepted");
        Good {
            there,
            one,
            two,
            _serving,
            broker: Asked::new(broker),
        }
    }

    /// They notice nothing.
    pub fn assert_well(&self) {
        let news = self.one.subscribe("good/news").expect("accepted");
        let receipt = self.two.send(Post::new("good/news", "x"));
        assert!(receipt.expect("accepted").receivers >= 1);
        assert_eq!(next_text(&news), "x");
        assert_eq!(call(&self.two, "echo", "y").expect("served"), "y");
    }
}

fn malformed_messages_are_counted_and_change_nothing(on: Road) {
    let good = Good::new(on);
    let stranger = stranger(&good.there);
    let bad: [&[u8]; 12] = [
        b"",
        b"\n\n",
        b"pub",
        b"pub x a\n\n",
        b"pub 0 a",
        b"fly 00000000000000000000000000000001 away\n\n",
        b"call 00000000000000000000000000000001 echo soon\n\n",
        b"sub 00000000000000000000000000000001 %zz\n\n",
        b"done 00000000000000000000000000000001 x",
        b"event 00000000000000000000000000000001 good/news\n\nforged",
        b"\xff\xfe\n\n",
        b"ok 00000000000000000000000000000001\n\n",
    ];
    bad.iter().for_each(|bytes| support::send(&stranger, bytes));
    eventually("they are counted", || {
        let stats = good.broker.stats();
        (stats.malformed, stats.refused) == (11, 1)
    });
    good.assert_well();
    assert_eq!(good.broker.stats().clients, 3);
}

fn answers_to_the_calls_of_others_are_not_taken(on: Road) {
    let good = Good::new(on);
    let (keep, kept) = std::sync::mpsc::channel();
    let keep = move |job: jackfield::bus::Job| drop(keep.send(job));
    let _keeping = good.one.serve("keep", keep).expect("accepted");
    let asking = {
        let two = good.two.clone();
        std::thread::spawn(move || call(&two, "keep", ""))
    };
    let job = kept.recv_timeout(SLACK).expect("it came");
    let forger = stranger(&good.there);
    for number in 0..64 {
        let forged = format!("done {number:032x}\n\nforged");
        support::send(&forger, forged);
    }
    eventually("they are late", || good.broker.stats().late == 64);
    job.reply("true");
    assert_eq!(asking.join().expect("no panic").expect("served"), "true");
}

/// A broker with small outboxes, so that they are full soon.
fn narrow() -> (Broker, String) {
    let config = broker_config().outbox(Limit {
        messages: 64,
        bytes: 256 * 1024,
    });
    let home = Home::new(Road::Tcp);
    (home.start_with(config, Limits::default()), home.there)
}

/// A client that takes what it likes: nothing is read of it until somebody asks.
fn deaf(there: &str) -> Socket {
    let config = support::quick()
        .inbox(Limit {
            messages: 1,
            bytes: 1,
        })
        .memory_budget(64 * 1024 * 1024);
    let socket = support::connected(config, there);
    support::await_peers(&socket, 1);
    socket
}

#[test]
fn a_subscriber_that_does_not_read_loses_the_newest_and_is_told() {
    let (broker, there) = narrow();
    let slow = deaf(&there);
    support::send(&slow, "sub 00000000000000000000000000000001 a/**\n\n");
    let well = connected(patient(), &there);
    let heard = well.subscribe("a/**").expect("accepted");
    eventually("both are subscribed", || broker.stats().subscriptions == 2);
    let body = vec![b'x'; 64 * 1024];
    let began = Instant::now();
    let mut count = 0;
    let mut receivers = 2;
    while broker.stats().lost == 0 {
        let receipt = well.send(Post::new("a/b", &body));
        receivers = receipt.expect("nobody waits for the slow one").receivers;
        heard.recv_timeout(SLACK).expect("the others get all of it");
        count += 1;
        assert!(
            began.elapsed() < SLACK * 2,
            "after {count} it still takes them"
        );
    }
    assert_eq!(receivers, 1, "whoever has no room is no receiver");
    // It reads again, and hears that it missed something before it hears more.
    let mut was_told = false;
    while !was_told {
        while let Ok(message) = slow.recv_timeout(Duration::from_millis(100)) {
            was_told |= message.body().starts_with(b"lost ");
        }
        well.send(Post::new("a/b", "more")).expect("accepted");
        assert!(began.elapsed() < SLACK * 3, "it is never told");
    }
    assert_eq!(broker.stats().expelled, 0);
}

#[test]
fn a_client_that_does_not_take_its_answers_is_sent_away() {
    let (broker, there) = narrow();
    let deaf = deaf(&there);
    let well = connected(patient(), &there);
    let (say, answered) = mpsc::channel();
    let _large = well.serve("large", move |job: jackfield::bus::Job| {
        job.reply(vec![0; 100_000]);
        say.send(()).ok();
    });
    eventually("it is served", || broker.stats().services == 1);
    // One after the other: who answers too slowly for so many would be sent away as well.
    let mut asked = 0;
    while broker.stats().expelled == 0 {
        asked += 1;
        assert!(asked < 10_000, "it is never sent away");
        let ask = format!("call {asked:032x} large 60000\n\n");
        if deaf.try_send(ask).is_ok() {
            eventually("it is answered", || {
                answered.try_recv().is_ok() || broker.stats().expelled > 0
            });
        }
    }
    assert_eq!(
        well.call("large", "").expect("served").body().len(),
        100_000
    );
}

#[test]
fn a_client_that_floods_holds_up_nobody() {
    let good = Good::new(Road::Tcp);
    let flood = stranger(&good.there);
    let flooding = {
        let flood = flood.clone();
        std::thread::spawn(move || {
            let message = "pub 00000000000000000000000000000001 a/b/c\n\nnoise";
            while !matches!(flood.send(message), Err(error) if matches!(error.reason, Error::Closed))
            {
            }
        })
    };
    eventually("it floods", || good.broker.stats().published > 1_000);
    for _ in 0..20 {
        good.assert_well();
    }
    flood.close_within(Duration::ZERO);
    flooding.join().expect("no panic");
}

fn a_client_that_vanishes_leaves_nothing_behind(on: Road) {
    let good = Good::new(on);
    let before = good.broker.stats();
    let guest = stranger(&good.there);
    let asked = [
        "sub some/thing",
        "serve some/thing",
        "serve @",
        "hello guest",
    ];
    for (number, words) in asked.into_iter().enumerate() {
        let (verb, word) = words.split_once(' ').expect("two words");
        support::send(&guest, format!("{verb} {number:032x} {word}\n\n"));
    }
    let is_there = || names(&good.two) == ["guest"];
    eventually("it is there", is_there);
    assert_eq!(good.broker.stats().services, before.services + 2);
    guest.close_within(Duration::ZERO);
    eventually("it is gone", || {
        good.broker.stats().clients == before.clients
    });
    let after = good.broker.stats();
    assert_eq!(after.subscriptions, before.subscriptions);
    assert_eq!(after.services, before.services);
    assert!(!is_there());
    let result = good.two.call("@guest", "");
    assert!(matches!(result, Err(BusError::NoPeer)), "{result:?}");
    let result = good.two.call("some/thing", "");
    assert!(matches!(result, Err(BusError::NoService)), "{result:?}");
    good.assert_well();
}

/// Row 37: many and deep patterns are bounded, and cost whoever publishes elsewhere nothing.
#[test]
fn a_bomb_of_patterns_is_defused() {
    let good = Good::new(Road::Tcp);
    let bomber = stranger(&good.there);
    for number in 0..6_000_u128 {
        // All of them are half matched at each level of the topic that follows.
        let wild = |bit: u32| if number >> bit & 1 == 0 { "a/" } else { "*/" };
        let tokens: String = (0..13).map(wild).collect();
        support::send(&bomber, format!("sub {number:032x} **/{tokens}x\n\n"));
    }
    let endless = "a/".repeat(10_000);
    support::send(&bomber, format!("sub {:032x} {endless}\n\n", 1_u128 << 100));
    eventually("the rest are refused", || {
        good.broker.stats().refused > 1_000
    });
    let deep = vec!["a"; 128].join("/");
    for number in 0..64 {
        support::send(&bomber, format!("pub {number:032x} {deep}\n\n"));
    }
    let (_, took) = support::timed(|| good.assert_well());
    assert!(took < SLACK, "{took:?}");
    eventually("its own are published", || {
        good.broker.stats().published >= 65
    });
}

/// Row 37: the retained values that a subscription asks for go through its own bounded outbox.
#[test]
fn a_subscription_to_everything_retained_holds_up_nobody() {
    let (broker, there) = narrow();
    let well = connected(patient(), &there);
    for number in 0..5_000 {
        let post = Post::new(format!("value/{number}"), vec![b'x'; 1_000]).retain();
        well.send(post).expect("there is room");
    }
    let slow = deaf(&there);
    support::send(&slow, "sub 00000000000000000000000000000001 **\n\n");
    eventually("it is subscribed", || broker.stats().subscriptions == 1);
    let news = well.subscribe("news").expect("accepted");
    well.send(Post::new("news", "x")).expect("accepted");
    assert_eq!(next_text(&news), "x");
    assert_eq!(broker.stats().expelled, 0);
}

#[test]
fn plain_sockets_are_no_harm_to_buses_without_a_broker() {
    let (ours, theirs) = support::pair(Transport::Tcp, Config::default(), support::quick());
    let bus = patient().over(ours).expect("a bus");
    let _echo = bus.publish("a", "x");
    support::send(&theirs, "no message of the bus");
    support::send(&theirs, "sub 00000000000000000000000000000001 a\n\n");
    eventually("it has subscribed", || {
        bus.send(Post::new("a", "x"))
            .is_ok_and(|receipt| receipt.receivers == 1)
    });
    let is_news = |text: &str| text.starts_with("event ") && text.ends_with("\n\nx");
    while !is_news(&support::next_text(&theirs)) {}
}
