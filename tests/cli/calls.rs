//! The verbs `call`, `serve`, `peers` and `ping`.

use crate::process::Ended;
use crate::support::{Broker, assert_failed, assert_printed, await_count, eventually};

#[test]
fn a_command_answers_calls() {
    let broker = Broker::start();
    let _serving = broker.serve("text/upper", "tr a-z A-Z");
    assert_printed(&broker.run(&["call", "text/upper", "hello"]), &["HELLO"]);
    let answered = broker.run_with(b"two\nlines\n", &["call", "text/upper", "-"]);
    assert_printed(&answered, &["TWO", "LINES"]);
}

#[test]
fn nobody_to_call_is_told_at_once() {
    let broker = Broker::start();
    let ended = broker.run(&["call", "nobody/home", "-t", "1000"]);
    assert_failed(&ended, 1, "jackfield call: nobody serves \"nobody/home\"");
}

#[test]
fn what_a_command_says_of_its_failure_reaches_the_caller() {
    let broker = Broker::start();
    let _serving = broker.serve("bad", "echo 'no luck' >&2; exit 3");
    assert_failed(&broker.run(&["call", "bad"]), 1, "Exit: no luck");
    let _serving = broker.start_client(&["serve", "none", "--", "/nowhere/at/all"]);
    await_count(&broker.bus(), "services", 2);
    assert_failed(&broker.run(&["call", "none"]), 1, "Start: ");
}

#[test]
fn a_call_gives_up_after_its_time() {
    let broker = Broker::start();
    let _serving = broker.serve("slow", "exec sleep 20");
    let ended = broker.run(&["call", "slow", "-t", "3"]);
    assert_failed(&ended, 1, "no answer from \"slow\" within 3.00 s");
}

#[test]
fn every_provider_answers_a_call_to_all() {
    let broker = Broker::start();
    let _one = broker.serve("who", "echo one");
    let _two = broker.serve("who", "echo two");
    let mut ended = broker.run(&["call", "--all", "who"]);
    ended.lines.sort();
    assert_printed(&ended, &[r"one\n", r"two\n"]);
}

#[test]
fn the_bytes_of_an_answer_are_all_that_a_pipe_gets() {
    let broker = Broker::start();
    let _serving = broker.serve("bytes", r"printf '\377\\\n\000'");
    let output = broker.command(&["call", "bytes"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.stdout, b"\xff\\\n\x00");
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn one_provider_that_fails_is_told_beside_the_answers() {
    let broker = Broker::start();
    let _good = broker.serve("who", "echo good");
    let _bad = broker.serve("who", "exit 1");
    let ended = broker.run(&["call", "--all", "who"]);
    assert_eq!(
        (ended.status, &ended.lines[..]),
        (Some(1), &[r"good\n".to_owned()][..])
    );
    assert!(ended.diagnostics.contains("1 of 2 failed"), "{ended:?}");
    assert!(ended.diagnostics.contains("Exit: "), "{ended:?}");
}

#[test]
fn commands_run_at_the_same_time_if_told_to() {
    let broker = Broker::start();
    // Each of two commands ends only when the other one has begun.
    let directory = std::env::temp_dir().join(format!("jackfield-cli-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory to meet in");
    let meet = directory.display();
    let script =
        format!("touch {meet}/$$; until [ $(ls {meet} | wc -l) = 2 ]; do :; done; echo met");
    let serving = ["serve", "meet", "-w", "2", "--", "sh", "-c", &script];
    let _serving = broker.start_client(&serving);
    await_count(&broker.bus(), "services", 1);
    let calls = [(); 2].map(|()| broker.start_client(&["call", "meet", "-t", "20"]));
    let ended: [Ended; 2] = calls.map(|call| call.finish());
    std::fs::remove_dir_all(&directory).ok();
    ended
        .iter()
        .for_each(|ended| assert_printed(ended, &["met"]));
}

#[test]
fn one_client_is_called_by_its_name() {
    let broker = Broker::start();
    let serving = ["serve", "@", "--as", "ann", "--", "echo", "I am ann"];
    let _serving = broker.start_client(&serving);
    eventually("ann is there", || {
        broker.run(&["ping", "ann"]).status == Some(0)
    });
    await_count(&broker.bus(), "services", 1);
    assert_printed(&broker.run(&["call", "@ann"]), &["I am ann"]);
}

#[test]
fn peers_are_listed_in_columns() {
    let broker = Broker::start();
    let bus = broker.bus();
    let _named = broker.start_client(&["sub", "--as", "ann"]);
    await_count(&bus, "subscriptions", 1);
    let ended = broker.run(&["peers"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let heads: Vec<&str> = ended.lines[0].split_whitespace().collect();
    assert_eq!(heads[..4], ["name", "address", "age", "subscriptions"]);
    let named = ended.lines.iter().find(|line| line.starts_with("ann"));
    let words: Vec<&str> = named.expect("ann is there").split_whitespace().collect();
    // Her age has a unit behind it.
    let (address, subscriptions) = (words[1], words[4]);
    assert!(address.starts_with("tcp://127.0.0.1:"), "{ended:?}");
    assert_eq!(subscriptions, "1", "{ended:?}");
    let line_of = |name: &str| {
        ended
            .lines
            .iter()
            .filter(|line| line.starts_with(name))
            .count()
    };
    // Our own bus and the program that asks have no names.
    assert_eq!((line_of("ann   "), line_of("-     ")), (1, 2), "{ended:?}");
}

#[test]
fn the_counters_of_a_broker_are_listed() {
    let broker = Broker::start();
    let _bus = broker.bus();
    let ended = broker.run(&["stats"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let counter = |name: &str| {
        let mut lines = ended.lines.iter().map(|line| line.split_whitespace());
        let line = lines.find_map(|mut words| (words.next()? == name).then(|| words.next())?);
        line.and_then(|value| value.parse::<u64>().ok())
    };
    let counters = ["clients", "published", "socket_peers_up"].map(counter);
    assert_eq!(counters, [Some(2), Some(0), Some(2)], "{ended:?}");
}

#[test]
fn a_ping_says_how_long_it_took() {
    let broker = Broker::start();
    let _named = broker.start_client(&["sub", "--as", "ann"]);
    await_count(&broker.bus(), "subscriptions", 1);
    let ended = broker.run(&["ping", "ann"]);
    let time = ended.lines[0].strip_prefix("ann: ").expect("a name first");
    assert!(
        time.ends_with("s") && time.starts_with(|c: char| c.is_ascii_digit()),
        "{time}"
    );
    assert_eq!(ended.status, Some(0));
}

#[test]
fn a_ping_to_nobody_fails_at_once() {
    let broker = Broker::start();
    let ended = broker.run(&["ping", "nobody", "-t", "1000"]);
    assert_failed(&ended, 1, "jackfield ping: ");
}
