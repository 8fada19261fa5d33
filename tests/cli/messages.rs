//! The verbs `pub` and `sub`.

use jackfield::json::{self, Value};

use crate::process::{DEADLINE, Process};
use crate::support::{
    Broker, NOWHERE, assert_failed, assert_printed, await_count, command, next, publish, run,
};

#[test]
fn a_subscriber_prints_a_line_for_each_message() {
    let broker = Broker::start();
    let bus = broker.bus();
    let subscriber = broker.start_client(&["sub"]);
    publish(&bus, "room/1/temp", "21.5");
    assert_eq!(next(&subscriber), "room/1/temp 21.5");
    publish(&bus, "letter", "two\nlines, a tab\t and \u{1b}[2J");
    assert_eq!(next(&subscriber), r"letter two\nlines, a tab\t and \x1b[2J");
    publish(&bus, "nothing", "");
    assert_eq!(next(&subscriber), "nothing");
}

#[test]
fn what_is_different_is_printed_differently() {
    let broker = Broker::start();
    let bus = broker.bus();
    let subscriber = broker.start_client(&["sub"]);
    publish(&bus, "q", "a\nb");
    assert_eq!(next(&subscriber), r"q a\nb");
    publish(&bus, "q", r"a\nb");
    assert_eq!(next(&subscriber), r"q a\\nb");
    bus.publish("q", b"\xff\xfe").expect("the bus is open");
    assert_eq!(next(&subscriber), r"q \xff\xfe");
    publish(&bus, "the hall", "x");
    assert_eq!(next(&subscriber), r"the\x20hall x");
}

#[test]
fn a_subscriber_ends_after_as_many_messages_as_it_is_told() {
    let broker = Broker::start();
    let subscriber = broker.start_client(&["sub", "-n", "2"]);
    let bus = broker.bus();
    publish(&bus, "a", "1");
    publish(&bus, "a", "2");
    assert_printed(&subscriber.finish(), &["a 1", "a 2"]);
}

#[test]
fn time_and_label_stand_in_front() {
    let broker = Broker::start();
    assert_printed(&broker.run(&["pub", "-r", "a", "b"]), &[]);
    let ended = broker.run(&["sub", "-1", "-t", "-l", "kitchen"]);
    let words: Vec<&str> = ended.lines[0].split(' ').collect();
    let is_time = |text: &str| text.len() == 24 && text.ends_with('Z');
    assert!(
        is_time(words[0]) && words[1..] == ["kitchen", "a", "b"],
        "{ended:?}"
    );
}

#[test]
fn a_raw_body_is_written_to_a_file_as_it_came() {
    let broker = Broker::start();
    let path = std::env::temp_dir().join(format!("jackfield-cli-{}.raw", std::process::id()));
    let body = b"\x00\xff\\ no end";
    assert_printed(&broker.run_with(body, &["pub", "-r", "a", "-"]), &[]);
    let file = path.to_str().expect("a path of text");
    assert_printed(&broker.run(&["sub", "-1", "--raw", "-o", file]), &[]);
    let written = std::fs::read(&path).expect("it is there");
    std::fs::remove_file(&path).ok();
    assert_eq!(written, body);
}

#[test]
fn json_is_an_object_a_line() {
    let broker = Broker::start();
    let sent = broker.run(&["pub", "-r", "-H", "unit:C", "the hall", "21.5"]);
    assert_printed(&sent, &[]);
    let ended = broker.run(&["sub", "-1", "--json"]);
    let value: Value = json::from_str(&ended.lines[0]).expect("it is JSON");
    let text = |key: &str| value.field::<String>(key).expect("it is there");
    assert_eq!((&*text("topic"), &*text("body")), ("the hall", "21.5"));
    let headers: Vec<(String, String)> = value.field("headers").expect("they are there");
    assert_eq!(headers, [("unit".to_owned(), "C".to_owned())]);
}

#[test]
fn each_line_is_published() {
    let broker = Broker::start();
    let heard = broker.bus().subscribe("**").expect("the broker answers");
    let input = b"one\n\nthree \\ \xff\r\nfour";
    assert_printed(&broker.run_with(input, &["pub", "a", "--lines"]), &[]);
    let wanted: [&[u8]; 4] = [b"one", b"", b"three \\ \xff\r", b"four"];
    for body in wanted {
        let note = heard.recv_timeout(DEADLINE).expect("it comes");
        assert_eq!((note.topic(), note.body()), ("a", body));
    }
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
    assert_failed(&broker.run(&["pub", "a/*", "x"]), 2, "a/*");
    assert_failed(&broker.run(&["pub", "", "x"]), 2, "jackfield pub: ");
    let cases = [
        ("ü:x", "header \"ü\": a name is visible ASCII"),
        (
            "x:a\nb",
            "header \"x\": there is a line end in its value \"a\\nb\"",
        ),
    ];
    for (header, reason) in cases {
        assert_failed(&broker.run(&["pub", "a", "x", "-H", header]), 2, reason);
    }
}

#[test]
fn without_a_broker_a_publish_fails_and_says_where_it_looked() {
    let ended = run(&["pub", "a", "b", "-t", "0.2", "-a", NOWHERE]);
    assert_failed(&ended, 1, &format!("no broker answers at {NOWHERE}"));
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
fn a_broker_remembers_no_more_than_it_may() {
    let small = ["broker", "-m", "1", "tcp://127.0.0.1:0"];
    let broker = Process::start(&mut command(&small));
    let line = next(&broker);
    let address = line.strip_prefix("listening at ").expect("it says where");
    let body = "x".repeat(64 * 1024);
    let publish = |topic: String| run(&["pub", "-r", &topic, &body, "-a", address]);
    let mut ended = (0..8).map(|number| publish(format!("a/{number}")));
    let refused = ended.find(|ended| ended.status != Some(0));
    assert_failed(
        &refused.expect("one is too much"),
        1,
        "jackfield pub: limit reached",
    );
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
        assert_printed(&run(&["pub", "a", "b", "-a", address]), &[]);
    }
}
