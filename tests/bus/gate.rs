//! The gate: what becomes of what is said while nobody is there, or somebody who is going.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::Socket;
use jackfield::bus::{Broker, Bus, Call, Error, Event, Events, Job, Limits, Post};

use crate::stage::{self, Stage, Way, broker_config, connected, echo, named, next_text, patient};
use crate::support::{self, SLACK, Transport, eventually, timed};

const SHORT: Duration = Duration::from_millis(100);

fn start(there: &str) -> Broker {
    let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
    broker.listen(there).expect("the address is free");
    broker
}

/// A socket at that place which is no broker, and knows one peer.
fn pretender(there: &str) -> Socket {
    let socket = support::bound(support::quick(), there);
    support::await_peers(&socket, 1);
    socket
}

fn await_event(events: &Events, is_it: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = events.recv_timeout(SLACK).expect("it comes");
        if is_it(&event) {
            return event;
        }
    }
}

/// The id in a line of words.
fn id_of(message: &str) -> &str {
    message.split([' ', '\n']).nth(1).expect("it has one")
}

#[test]
fn a_broker_that_dies_while_it_is_told_costs_the_next_one_nothing() {
    for on in [Transport::Tcp, Transport::Mem] {
        let there = on.endpoint();
        let broker = start(&there);
        let bus = connected(named("one"), &there);
        let subscribe = |number| bus.subscribe(format!("a/{number}")).expect("accepted");
        let _all: Vec<_> = (0..500).map(subscribe).collect();
        drop(broker);
        let half = pretender(&there);
        (0..10).for_each(|_| drop(support::next(&half)));
        half.close_within(Duration::ZERO);
        let broker = start(&there);
        eventually("all is said", || broker.stats().subscriptions == 500);
        bus.ready(SLACK).expect("it is known by its name");
        let peers = bus.peers().expect("answered");
        assert_eq!(peers[0].name.as_deref(), Some("one"));
    }
}

#[test]
fn a_call_that_has_timed_out_never_runs() {
    let there = Transport::Tcp.endpoint();
    let bus = patient().connect(&there).expect("a bus");
    for _ in 0..3 {
        let result = bus.call_timeout("count", "", SHORT);
        assert!(matches!(result, Err(Error::NoBroker { .. })), "{result:?}");
    }
    let broker = start(&there);
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let count = move |job: Job| {
        counted.fetch_add(1, Ordering::SeqCst);
        job.reply("");
    };
    let _serving = broker.bus().serve("count", count).expect("accepted");
    bus.call("count", "").expect("served");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_that_waited_has_less_time_when_it_is_said() {
    let there = Transport::Tcp.endpoint();
    let bus = patient().connect(&there).expect("a bus");
    let began = Instant::now();
    let asking = thread::spawn(move || bus.call_timeout("x", "", 2 * SLACK));
    eventually("it has waited", || began.elapsed() >= 2 * SHORT);
    let broker = pretender(&there);
    let hello = support::next_text(&broker);
    let peer = broker.peers()[0].identity;
    let ok = format!("ok {}\n\n", id_of(&hello));
    broker.send_to(peer, ok).expect("it is there");
    let call = support::next_text(&broker);
    let milliseconds = call.split([' ', '\n']).nth(3).expect("it has a time");
    let left = Duration::from_millis(milliseconds.parse().expect("a number"));
    assert!(left <= 2 * SLACK - 2 * SHORT, "{call}");
    let answer = format!("answer {}\n\nx", id_of(&call));
    broker.send_to(peer, answer).expect("it is there");
    let answered = asking.join().expect("no panic");
    assert_eq!(answered.expect("answered").text(), "x");
}

#[test]
fn a_post_with_a_receipt_that_has_timed_out_never_arrives() {
    let there = Transport::Tcp.endpoint();
    let bus = Bus::options().timeout(SHORT).config(stage::bus_config());
    let bus = bus.connect(&there).expect("a bus");
    let result = bus.send(Post::new("a", "x"));
    assert!(matches!(result, Err(Error::NoBroker { .. })), "{result:?}");
    let broker = start(&there);
    bus.ready(SLACK).expect("it is back");
    assert_eq!(broker.stats().published, 0);
}

#[test]
fn posts_wait_for_a_broker_in_order_and_in_bounds() {
    let there = Transport::Mem.endpoint();
    let options = Bus::options().timeout(SHORT).config(stage::bus_config());
    let bus = options.connect(&there).expect("a bus");
    let mut count = 0;
    let full = loop {
        match bus.publish("a", format!("{count:01000}")) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, Error::Timeout), "{full:?}");
    assert!((10_000..=65_536).contains(&count), "{count}");
    let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
    let all = broker.bus().subscribe("a").expect("accepted");
    broker.listen(&there).expect("the address is free");
    for number in 0..count {
        assert_eq!(next_text(&all), format!("{number:01000}"));
    }
}

#[test]
fn what_one_peer_refuses_ends_nothing_for_the_others() {
    let (ours, theirs) = support::pair(Transport::Tcp, support::quick(), support::quick());
    let bus = patient().over(ours).expect("a bus");
    let events = bus.events();
    let refusing = thread::spawn(move || {
        loop {
            let message = support::next_text(&theirs);
            let id = id_of(&message).to_owned();
            let peer = theirs.peers()[0].identity;
            if message.starts_with("hello") {
                theirs.send_to(peer, format!("ok {id}\n\n")).expect("there");
            } else if message.starts_with("sub") {
                let error = format!("error {id} Limit\n\nnot so many");
                theirs.send_to(peer, error).expect("there");
                return theirs;
            }
        }
    });
    let all = bus.subscribe("a").expect("our own table takes it");
    let _theirs = refusing.join().expect("no panic");
    let refused = await_event(&events, |event| matches!(event, Event::Refused { .. }));
    let told = r#"subscription "a" refused: limit reached: not so many"#;
    assert_eq!(refused.to_string(), told);
    bus.publish("a", "x").expect("accepted");
    assert_eq!(next_text(&all), "x");
}

#[test]
fn a_name_is_free_among_peers_when_its_owner_is_gone() {
    let (one, two) = (named("one"), named("one"));
    let Stage { one, two, .. } = Stage::with(Way::Direct(Transport::Tcp), one, two);
    let is_taken = |bus: &Bus| matches!(bus.ready(SHORT), Err(Error::NameTaken));
    eventually("it is taken", || is_taken(&one) || is_taken(&two));
    let (refused, owner) = match is_taken(&one) {
        true => (one, two),
        false => (two, one),
    };
    drop(owner);
    eventually("it is free", || refused.ready(SHORT).is_ok());
}

#[test]
fn what_cannot_be_said_is_refused_where_it_is_said() {
    let bus = patient().connect(Transport::Tcp.endpoint()).expect("a bus");
    let long = "x".repeat(20_000);
    let bad = |error: Option<Error>| matches!(error, Some(Error::BadTopic { .. }));
    for name in ["", "/", &long, "*", "@", "@a/b"] {
        assert!(bad(bus.call(name, "").err()), "{name:.9}");
        assert!(bad(bus.call_all(name, "").err()), "{name:.9}");
    }
    assert!(bad(bus.ping("a/b").err()));
    for topic in ["", &long, "$sys/x", "$sys", "a/*"] {
        assert!(bad(bus.publish(topic, "").err()), "{topic:.9}");
        assert!(bad(bus.send(Post::new(topic, "")).err()), "{topic:.9}");
    }
    for name in ["", &long, "$sys/stats", "@a", "**"] {
        assert!(bad(bus.serve(name, echo).err()), "{name:.9}");
    }
    let many = "x".repeat(70 * 1024);
    let post = bus.send(Post::new("a", "").header("a", &many));
    assert!(matches!(post, Err(Error::Limit { .. })), "{post:?}");
    let call = bus.ask(Call::new("a", "").header("a", &many));
    assert!(matches!(call, Err(Error::Limit { .. })), "{call:?}");
}

#[test]
fn a_service_that_is_refused_later_says_so() {
    let there = Transport::Tcp.endpoint();
    let bus = patient().connect(&there).expect("a bus");
    let events = bus.events();
    let serving = bus.serve("echo", echo).expect("it is offered later");
    let all = bus.subscribe("all").expect("it is asked for later");
    assert!(serving.refused().is_none());
    let broker = pretender(&there);
    let peer = broker.peers()[0].identity;
    for _ in 0..3 {
        let message = support::next_text(&broker);
        let id = id_of(&message);
        let answer = match message.starts_with("hello") {
            true => format!("ok {id}\n\n"),
            false => format!("error {id} Limit\n\nno more"),
        };
        broker.send_to(peer, answer).expect("it is there");
    }
    for what in [r#"service "echo""#, r#"subscription "all""#] {
        let is_it = |event: &Event| matches!(event, Event::Refused { what: it, .. } if it == what);
        await_event(&events, is_it);
    }
    let refused = serving.refused();
    assert!(matches!(refused, Some(Error::Limit { .. })), "{refused:?}");
    let ended = all.recv_timeout(SLACK);
    assert!(matches!(ended, Err(Error::Limit { .. })), "{ended:?}");
}

#[test]
fn a_timeout_may_be_for_ever() {
    let bus = Bus::options()
        .timeout(Duration::MAX)
        .local()
        .expect("a bus");
    let _echo = bus.serve("echo", echo).expect("accepted");
    assert_eq!(bus.call("echo", "x").expect("served").text(), "x");
    let call = Call::new("echo", "y").timeout(Duration::MAX);
    assert_eq!(bus.ask(call).expect("served").text(), "y");
    bus.ready(Duration::MAX).expect("it is known");
}

#[test]
fn a_connect_to_nobody_is_no_broker_and_says_why() {
    let bus = patient().connect(Transport::Tcp.endpoint()).expect("a bus");
    let Err(Error::NoBroker { why }) = bus.ready(SHORT) else {
        panic!("nobody is there");
    };
    assert!(why.contains("refused"), "{why}");
    let called = bus.call_timeout("a", "", SHORT);
    assert!(matches!(called, Err(Error::NoBroker { .. })), "{called:?}");
}

#[test]
fn what_answers_but_is_no_broker_is_said_to_be_none() {
    let there = Transport::Tcp.endpoint();
    let socket = support::bound(support::quick(), &there);
    let options = Bus::options().timeout(SHORT).config(stage::bus_config());
    let bus = options.connect(&there).expect("a bus");
    support::await_peers(&socket, 1);
    for _ in 0..2 {
        let Err(Error::NoBroker { why }) = bus.ready(SHORT) else {
            panic!("it is no broker");
        };
        assert!(why.contains("does not answer as a broker"), "{why}");
    }
}

#[test]
fn closing_with_nobody_there_returns_at_once_and_reports_what_is_lost() {
    let long = 6 * SLACK;
    let config = stage::bus_config().linger(long);
    let options = patient().config(config);
    let bus = options
        .clone()
        .connect(Transport::Tcp.endpoint())
        .expect("a bus");
    let post = Post::new("a/b", "x");
    bus.publish(post.topic(), post.body()).expect("it waits");
    let (report, took) = timed(|| bus.close_within(long));
    assert_eq!(report.unsent, [post]);
    assert!(took < SLACK, "{took:?}");
    let there = Transport::Tcp.endpoint();
    let broker = start(&there);
    let (quiet, left) = (
        connected(options.clone(), &there),
        connected(options, &there),
    );
    let (report, took) = timed(|| quiet.close_within(long));
    assert_eq!((report.unsent.len(), took < SLACK), (0, true), "{took:?}");
    drop(broker);
    let (_, took) = timed(|| drop(left));
    assert!(took < SLACK, "{took:?}");
}

#[test]
fn a_bus_over_a_socket_that_leads_to_a_broker_is_a_client_of_it() {
    let (broker, there) = stage::broker(Transport::Tcp);
    let other = connected(patient(), &there);
    let all = other.subscribe("a").expect("accepted");
    let socket = support::connected(stage::bus_config(), &there);
    support::await_peers(&socket, 1);
    let bus = patient().over(socket).expect("a bus");
    eventually("it knows that it is one", || {
        bus.send(Post::new("a", "x"))
            .is_ok_and(|it| it.receivers == 1)
    });
    assert_eq!(next_text(&all), "x");
    let _echo = other.serve("echo", echo).expect("accepted");
    assert_eq!(bus.call("echo", "y").expect("served").text(), "y");
    drop(broker);
}

#[test]
fn a_bus_tells_when_its_broker_comes_and_goes() {
    let there = Transport::Tcp.endpoint();
    let bus = patient().connect(&there).expect("a bus");
    let events = bus.events();
    let now = events.try_recv().expect("what is the case comes first");
    assert!(matches!(now, Event::Disconnected { .. }), "{now:?}");
    for _ in 0..2 {
        let broker = start(&there);
        await_event(&events, |event| matches!(event, Event::Connected { .. }));
        drop(broker);
        await_event(&events, |event| matches!(event, Event::Disconnected { .. }));
    }
    bus.close();
    while events.recv_timeout(SLACK).is_ok() {}
    assert!(matches!(events.recv(), Err(Error::Closed)));
}

#[test]
fn losses_are_told_as_one_event_and_hold_up_nobody() {
    let queue = jackfield::Limit {
        messages: 1,
        bytes: 100,
    };
    let bus = Bus::options().queue(queue).local().expect("a bus");
    let events = bus.events();
    let _slow = bus.subscribe("a").expect("accepted");
    for _ in 0..10_000 {
        bus.publish("a", "x").expect("accepted");
    }
    let lost = await_event(&events, |event| matches!(event, Event::Lost { .. }));
    assert_eq!(lost, Event::Lost { count: 9_999 });
    assert!(matches!(events.try_recv(), Err(Error::Empty)));
}
