//! The verbs `pub` and `sub`.

use crate::process::{DEADLINE, Process};
use crate::support::{
    Broker, assert_failed, assert_printed, await_count, command, next, publish, run,
};

#[test]
fn a_subscriber_prints_a_line_for_each_message() {
    let broker = Broker::start();
    let bus = broker.bus();
    let subscriber = broker.start_client(&["sub"]);
    publish(&bus, "room/1/temp", "21.5");
    assert_eq!(next(&subscriber), "room/1/temp 21.5");
    publish(&bus, "letter", "two\nlines, a tab\t and \u{1b}[2J");
    assert_eq!(
        next(&subscriber),
        "letter two\\nlines, a tab\\t and \\u{1b}[2J"
    );
    publish(&bus, "nothing", "");
    assert_eq!(next(&subscriber), "nothing");
}

#[test]
fn what_is_published_is_heard() {
    let broker = Broker::start();
    let heard = broker.bus().subscribe("**").expect("the broker answers");
    assert_printed(&broker.run(&["pub", "a//b/", "hello"]), &[]);
    let note = heard.recv_timeout(DEADLINE).expect("it comes");
    assert_eq!((note.topic(), &*note.text()), ("a/b", "hello"));
}

#[test]
fn a_body_is_read_from_standard_input() {
    let broker = Broker::start();
    let heard = broker.bus().subscribe("**").expect("the broker answers");
    let body = b"\x00\xff bytes\n";
    assert_printed(&broker.run_with(body, &["pub", "raw", "-"]), &[]);
    let note = heard.recv_timeout(DEADLINE).expect("it comes");
    assert_eq!(note.body(), body);
}

#[test]
fn a_subscriber_ends_after_the_first_message_if_told_to() {
    let broker = Broker::start();
    let subscriber = broker.start_client(&["sub", "-1", "a/*"]);
    let bus = broker.bus();
    await_count(&bus, "subscriptions", 1);
    bus.publish("b", "not this").expect("the bus is open");
    publish(&bus, "a/b", "this");
    assert_printed(&subscriber.finish(), &["a/b this"]);
}

#[test]
fn a_retained_message_is_there_for_who_comes_later() {
    let broker = Broker::start();
    assert_printed(&broker.run(&["pub", "state", "on", "--retain"]), &[]);
    assert_printed(&broker.run(&["sub", "-1", "state"]), &["state on"]);
    assert_printed(&broker.run(&["pub", "state", "", "--retain"]), &[]);
    assert_printed(&broker.run(&["pub", "other", "off", "--retain"]), &[]);
    assert_printed(&broker.run(&["sub", "-1"]), &["other off"]);
}

#[test]
fn a_verbose_subscriber_prints_headers() {
    let broker = Broker::start();
    let sent = broker.run(&["pub", "-r", "-Hunit: C", "-H", "by:me", "temp", "21.5"]);
    assert_printed(&sent, &[]);
    let ended = broker.run(&["sub", "-1v"]);
    assert_eq!(ended.lines[0], "temp 21.5");
    assert!(ended.lines[1].starts_with("    id: "), "{ended:?}");
    assert_eq!(
        ended.lines[2..],
        ["    retained: yes", "    unit: C", "    by: me"]
    );
}

#[test]
fn a_message_that_fits_two_patterns_is_printed_once() {
    let broker = Broker::start();
    let bus = broker.bus();
    let subscriber = broker.start_client(&["sub", "a/*", "**"]);
    await_count(&bus, "subscriptions", 2);
    for body in ["1", "2", "3"] {
        publish(&bus, "a/b", body);
    }
    let lines = [next(&subscriber), next(&subscriber), next(&subscriber)];
    assert_eq!(lines, ["a/b 1", "a/b 2", "a/b 3"]);
}

#[test]
fn joining_is_seen_under_sys() {
    let broker = Broker::start();
    let bus = broker.bus();
    let subscriber = broker.start_client(&["sub", "-1", "$sys/joined"]);
    await_count(&bus, "subscriptions", 1);
    let named = broker.start_client(&["sub", "--as", "ann"]);
    assert_printed(&subscriber.finish(), &["$sys/joined ann"]);
    drop(named);
}

#[test]
fn what_cannot_be_published_is_told() {
    let broker = Broker::start();
    assert_failed(&broker.run(&["pub", "a/*", "x"]), 1, "a/*");
    assert_failed(&broker.run(&["pub", "", "x"]), 1, "jackfield pub: ");
    assert_failed(&broker.run(&["pub", "a", "x", "-H", "ü:x"]), 1, "header");
}

#[test]
fn without_a_broker_a_publish_fails_and_says_where_it_looked() {
    let nowhere = "mem://nobody-listens-here";
    let ended = run(&["pub", "a", "b", "-t", "0.2", "-a", nowhere]);
    assert_failed(&ended, 1, "no broker answers at mem://nobody-listens-here");
}

#[test]
fn an_address_as_an_argument_counts_more_than_the_environment() {
    let (one, other) = (Broker::start(), Broker::start());
    let heard = other.bus().subscribe("**").expect("the broker answers");
    let ended = one.run(&["pub", "a", "b", "--address", &other.address]);
    assert_printed(&ended, &[]);
    assert_eq!(heard.recv_timeout(DEADLINE).expect("it comes").topic(), "a");
}

#[test]
fn a_broker_listens_at_each_address() {
    let path = std::env::temp_dir().join(format!("jackfield-cli-{}.sock", std::process::id()));
    let path = format!("unix://{}", path.display());
    let several = ["broker", "tcp://127.0.0.1:0", "ws://127.0.0.1:0", &path];
    let broker = Process::start(&mut command(&several));
    for scheme in ["tcp://127.0.0.1:", "ws://127.0.0.1:", &path] {
        let line = next(&broker);
        let address = line.strip_prefix("listening at ").expect("it says where");
        assert!(address.starts_with(scheme), "{address}");
        // A port that takes WebSocket takes programs as well.
        let address = address.replace("ws://", "tcp://");
        assert_printed(&run(&["pub", "a", "b", "-a", &address]), &[]);
    }
}
