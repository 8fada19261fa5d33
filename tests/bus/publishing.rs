//! Topics: who gets what is published, how often, and in which order.

use std::sync::mpsc::RecvTimeoutError;

use jackfield::bus::{Error, Post};

use crate::plug::listen;
use crate::stage::{Road, Stage, Way, assert_quiet, connected, next, next_text, patient};
use crate::support::{SLACK, Transport};

on_all_ways!(
    what_matches_arrives_with_its_topic_and_headers,
    two_patterns_of_a_client_bring_one_copy_to_each_subscription,
    two_handles_on_one_pattern_are_independent,
    after_subscribe_returns_no_publish_is_missed,
    a_dropped_subscription_gets_nothing_and_costs_nothing,
    messages_of_one_publisher_keep_their_order,
    a_wildcard_or_the_empty_name_is_a_bad_topic,
    topics_have_one_form,
    patterns_have_one_form,
    any_text_is_a_topic,
    a_watch_is_called_with_each_message,
    a_watch_may_publish_and_call,
    a_watch_that_panics_goes_on;
    two:
    a_post_says_how_many_receive_it,
    without_echo_the_others_get_it_and_we_do_not;
    broker:
    one_copy_for_each_client_goes_over_the_wire,
);

fn what_matches_arrives_with_its_topic_and_headers(way: Way) {
    let stage = Stage::new(way);
    let rooms = stage.one.subscribe("room/*/temp").expect("it is accepted");
    let post = Post::new("room/1/temp", "21.5").header("unit", "C");
    stage.two.publish("room/1/door", "open").expect("accepted");
    stage.two.send(post).expect("it is accepted");
    let note = next(&rooms);
    assert_eq!((note.topic(), note.body()), ("room/1/temp", &b"21.5"[..]));
    assert_eq!(note.header("Unit"), Some("C"));
    assert!(!note.is_retained());
}

fn two_patterns_of_a_client_bring_one_copy_to_each_subscription(way: Way) {
    let stage = Stage::new(way);
    let all = stage.one.subscribe("**").expect("accepted");
    let some = stage.one.subscribe("a/*").expect("accepted");
    let receipt = stage.two.send(Post::new("a/b", "x")).expect("accepted");
    assert_eq!(receipt.receivers, 1);
    assert_eq!(
        (next_text(&all), next_text(&some)),
        ("x".into(), "x".into())
    );
    assert_quiet(&stage.two, &all, "a/b");
    assert_quiet(&stage.one, &some, "a/c");
}

fn two_handles_on_one_pattern_are_independent(way: Way) {
    let stage = Stage::new(way);
    let first = stage.one.subscribe("a").expect("accepted");
    let second = stage.one.subscribe("a").expect("accepted");
    stage.two.publish("a", "1").expect("accepted");
    assert_eq!(
        (next_text(&first), next_text(&second)),
        ("1".into(), "1".into())
    );
    drop(first);
    stage.two.publish("a", "2").expect("accepted");
    assert_eq!(next_text(&second), "2");
}

fn after_subscribe_returns_no_publish_is_missed(way: Way) {
    let stage = Stage::new(way);
    for round in 0..50 {
        let topic = format!("round/{round}");
        let subscription = stage.one.subscribe(&topic).expect("accepted");
        let receipt = stage.two.send(Post::new(&topic, topic.as_bytes()));
        assert_eq!(receipt.expect("accepted").receivers, 1);
        assert_eq!(next_text(&subscription), topic);
    }
}

fn a_dropped_subscription_gets_nothing_and_costs_nothing(way: Way) {
    let stage = Stage::new(way);
    drop(stage.one.subscribe("a").expect("accepted"));
    // Behind the word that it is dropped.
    let fence = stage.one.subscribe("fence").expect("accepted");
    let receivers = |topic: &str| stage.two.send(Post::new(topic, "x")).map(|it| it.receivers);
    assert_eq!(receivers("a").expect("accepted"), 0);
    assert_eq!(receivers("fence").expect("accepted"), 1);
    assert_eq!(stage.one.stats().subscriptions, 1);
    assert_eq!(next_text(&fence), "x");
}

fn a_post_says_how_many_receive_it(way: Way) {
    let stage = Stage::new(way);
    let receivers = || stage.two.send(Post::new("a/b", "x")).map(|it| it.receivers);
    assert_eq!(receivers().expect("accepted"), 0);
    let _one = stage.one.subscribe("a/*").expect("accepted");
    assert_eq!(receivers().expect("accepted"), 1);
    let _two = stage.two.subscribe("a/**").expect("accepted");
    assert_eq!(receivers().expect("accepted"), 2);
}

fn without_echo_the_others_get_it_and_we_do_not(way: Way) {
    let stage = Stage::new(way);
    let own = stage.one.subscribe("a").expect("accepted");
    let other = stage.two.subscribe("a").expect("accepted");
    let receipt = stage.one.send(Post::new("a", "x").no_echo());
    assert_eq!(receipt.expect("accepted").receivers, 1);
    assert_eq!(next_text(&other), "x");
    assert_quiet(&stage.one, &own, "a");
}

fn messages_of_one_publisher_keep_their_order(way: Way) {
    let stage = Stage::new(way);
    let all = stage.one.subscribe("number/**").expect("accepted");
    for number in 0..2_000 {
        let topic = format!("number/{}", number % 7);
        stage
            .two
            .publish(topic, number.to_string())
            .expect("accepted");
    }
    for number in 0..2_000 {
        assert_eq!(next_text(&all), number.to_string());
    }
}

fn a_wildcard_or_the_empty_name_is_a_bad_topic(way: Way) {
    let stage = Stage::new(way);
    for topic in ["", "/", "a/*", "**", "a/**/b", "$sys/joined"] {
        let error = stage.two.send(Post::new(topic, "x")).unwrap_err();
        assert!(
            matches!(error, Error::BadTopic { .. }),
            "{topic}: {error:?}"
        );
    }
    let deep = vec!["a"; 129].join("/");
    assert!(matches!(
        stage.one.subscribe(deep),
        Err(Error::BadTopic { .. })
    ));
    assert!(matches!(
        stage.one.subscribe("//"),
        Err(Error::BadTopic { .. })
    ));
    assert!(stage.two.send(Post::new("*foo", "x")).is_ok());
}

fn topics_have_one_form(way: Way) {
    let stage = Stage::new(way);
    let subscription = stage.one.subscribe("/a//b/").expect("accepted");
    stage.two.publish("a/b/", "x").expect("accepted");
    assert_eq!(next(&subscription).topic(), "a/b");
    assert_eq!(subscription.pattern(), "a/b");
}

fn patterns_have_one_form(way: Way) {
    let stage = Stage::new(way);
    let forms = [
        ("/a//*/", "a/*"),
        ("**/**", "**"),
        ("**/*", "*/**"),
        ("a/**/*/**/b", "a/*/**/b"),
        ("*foo/**bar", "*foo/**bar"),
    ];
    for (written, form) in forms {
        let subscription = stage.one.subscribe(written).expect("accepted");
        assert_eq!(subscription.pattern(), form, "{written}");
    }
}

fn any_text_is_a_topic(way: Way) {
    let stage = Stage::new(way);
    let topic = "Küche/50% links\n\u{1F321}";
    let subscription = stage.one.subscribe("Küche/*").expect("accepted");
    stage.two.publish(topic, [0, 255, b'\n']).expect("accepted");
    let note = next(&subscription);
    assert_eq!((note.topic(), note.body()), (topic, &[0, 255, b'\n'][..]));
}

fn a_watch_is_called_with_each_message(way: Way) {
    let stage = Stage::new(way);
    let (said, heard) = std::sync::mpsc::channel();
    let tell = move |note: jackfield::bus::Note| drop(said.send(note.to_string()));
    let watch = stage.one.on("a/*", tell).expect("accepted");
    stage.two.publish("a/1", "x").expect("accepted");
    stage.two.publish("a/2", "y").expect("accepted");
    let next = || heard.recv_timeout(SLACK);
    assert_eq!((next(), next()), (Ok("a/1 x".into()), Ok("a/2 y".into())));
    drop(watch);
    // Its thread has ended, and the function is dropped.
    assert_eq!(next(), Err(RecvTimeoutError::Disconnected));
}

fn a_watch_may_publish_and_call(way: Way) {
    let stage = Stage::new(way);
    let _echo = stage
        .two
        .serve("echo", crate::stage::echo)
        .expect("accepted");
    let answers = stage.two.subscribe("answer").expect("accepted");
    let bus = stage.one.clone();
    let relay = move |note: jackfield::bus::Note| {
        let answer = bus.call("echo", note.body()).expect("it is served");
        bus.publish("answer", answer).expect("accepted");
    };
    let _watch = stage.one.on("question", relay).expect("accepted");
    stage.two.publish("question", "why?").expect("accepted");
    assert_eq!(next_text(&answers), "why?");
}

fn a_watch_that_panics_goes_on(way: Way) {
    let stage = Stage::new(way);
    let (said, heard) = std::sync::mpsc::channel();
    let fall = move |note: jackfield::bus::Note| {
        assert_ne!(note.text(), "fall", "it was asked to");
        said.send(note.text().into_owned()).ok();
    };
    let _watch = stage.one.on("a", fall).expect("accepted");
    stage.two.publish("a", "fall").expect("accepted");
    stage.two.publish("a", "stand").expect("accepted");
    assert_eq!(heard.recv_timeout(SLACK), Ok("stand".into()));
    assert_eq!(stage.one.stats().panicked, 1);
}

fn one_copy_for_each_client_goes_over_the_wire(on: Road) {
    let (broker, there) = crate::stage::broker(on);
    let bus = connected(patient(), &there);
    let _one = bus.subscribe("a/*").expect("accepted");
    let _two = bus.subscribe("**").expect("accepted");
    let _three = bus.subscribe("a/b").expect("accepted");
    let before = broker.stats().delivered;
    bus.send(Post::new("a/b", "x")).expect("accepted");
    assert_eq!(broker.stats().delivered - before, 1);
}

#[test]
fn what_a_local_bus_publishes_is_there_at_once() {
    let bus = jackfield::Bus::local().expect("a bus");
    let all = bus.subscribe("**").expect("accepted");
    bus.publish("a", "x").expect("accepted");
    assert_eq!(all.try_recv().expect("it is there").text(), "x");
    assert!(matches!(all.try_recv(), Err(Error::Empty)));
}

#[test]
fn a_broker_listens_at_several_endpoints_of_every_kind() {
    let config = crate::stage::broker_config().allow_origin("http://localhost:8000");
    let broker = jackfield::Broker::new(config, jackfield::bus::Limits::default());
    let broker = broker.expect("a broker");
    let (unix, mem) = (Transport::Unix.endpoint(), Transport::Mem.endpoint());
    for here in ["tcp://127.0.0.1:0", &unix, &mem, "ws://127.0.0.1:0"] {
        listen(&broker, here).expect("it is free");
    }
    let tcp_of = |there: jackfield::Endpoint| there.to_string().replace("ws://", "tcp://");
    let connect = |there| connected(patient(), &tcp_of(there));
    let buses: Vec<_> = broker.endpoints().into_iter().map(connect).collect();
    let subscribe = |bus: &jackfield::Bus| bus.subscribe("news").expect("accepted");
    let subscriptions: Vec<_> = buses.iter().map(subscribe).collect();
    let receipt = broker.bus().send(Post::new("news", "x"));
    assert_eq!(receipt.expect("accepted").receivers, 4);
    subscriptions
        .iter()
        .for_each(|one| assert_eq!(next_text(one), "x"));
}
