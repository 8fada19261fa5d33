//! How verbs end, and what survives the end of a broker.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use jackfield::bus::Post;

use crate::process::{DEADLINE, Process};
use crate::support::{
    Broker, NOWHERE, assert_failed, assert_printed, await_count, await_line, command, complaints,
    eventually, next, publish, run,
};

/// Its status, once its standard error is at its end, and what it said there.
fn finish(mut child: Child) -> (ExitStatus, String) {
    let mut stderr = child.stderr.take().expect("it is piped");
    let (said, end) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).ok();
        said.send(text).ok();
    });
    let text = end.recv_timeout(DEADLINE);
    if text.is_err() {
        child.kill().ok();
    }
    let status = child.wait().expect("a child to wait for");
    (status, text.expect("it ends by itself"))
}

#[test]
fn a_subscriber_ends_quietly_when_nobody_reads_it_any_more() {
    let broker = Broker::start();
    let bus = broker.bus();
    let mut child = command(&["sub", "-a", &broker.address])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    publish(&bus, "a", "1");
    let mut reader = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line");
    assert_eq!(line, "a 1\n");
    drop(reader);
    // Another test that starts a process may still have a copy of the pipe for a moment, so that
    // what is published once could be written to nobody, without an error.
    eventually("it ends by itself", || {
        bus.send(Post::new("a", "2")).expect("it is accepted");
        child.try_wait().expect("it is ours").is_some()
    });
    let (status, said) = finish(child);
    assert_eq!((status.code(), &*complaints(&said)), (Some(0), ""));
}

#[test]
fn every_verb_that_only_prints_ends_quietly_without_a_reader() {
    let broker = Broker::start();
    for arguments in [&["demo"][..], &["peers"], &["--help"], &["sub", "--help"]] {
        let child = command(arguments)
            .env("JACKFIELD_ADDR", &broker.address)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("it starts");
        drop(child.stdout.take());
        let (status, said) = finish(child);
        assert_eq!(
            (status.code(), &*complaints(&said)),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn subscribers_and_services_outlive_their_broker() {
    let broker = Broker::start_alone(1);
    let address = broker.address.clone();
    let subscriber = broker.start_client(&["sub", "--as", "ann", "a/**"]);
    let _serving = broker.serve("echo", "cat");
    publish(&broker.bus(), "a/b", "before");
    assert_eq!(next(&subscriber), "a/b before");
    drop(broker);

    let broker = Broker::start_at(&address);
    let bus = broker.bus();
    await_count(&bus, "services", 1);
    await_count(&bus, "subscriptions", 1);
    publish(&bus, "a/c", "after");
    assert_eq!(next(&subscriber), "a/c after");
    assert_printed(
        &broker.run(&["call", "echo", "still here"]),
        &["still here"],
    );
    assert_eq!(broker.run(&["ping", "ann"]).status, Some(0));
}

#[test]
fn a_subscriber_says_whether_its_broker_is_there() {
    let address = Broker::start_alone(3).address.clone();
    let subscriber = Process::start(&mut command(&["sub", "-a", &address]));
    let says = |what: &str| await_line(&subscriber, &[&format!("jackfield sub: {what} {address}")]);
    says("waiting for a broker at");
    let broker = Broker::start_at(&address);
    says("connected to the broker at");
    drop(broker);
    says("lost the broker at");
    let _broker = Broker::start_at(&address);
    says("connected to the broker at");
}

#[test]
fn a_call_without_a_broker_fails_at_once() {
    let address = Broker::start_alone(4).address.clone();
    let begin = Instant::now();
    let ended = run(&["call", "a", "-t", "1000", "-a", &address]);
    let reason = format!("no broker answers at {address}; start one: jackfield broker {address}");
    assert_failed(&ended, 1, &reason);
    assert!(begin.elapsed() < DEADLINE);
}

#[test]
fn what_answers_as_no_broker_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("tcp://{}", silent.local_addr().expect("it is bound"));
    let begin = Instant::now();
    let ended = run(&["call", "a", "-t", "0.5", "-a", &address]);
    assert_failed(&ended, 1, &format!("no broker answers at {address}"));
    assert!(begin.elapsed() < DEADLINE);
}

#[test]
fn a_subscriber_may_start_before_the_broker() {
    let address = Broker::start_alone(2).address.clone();
    let subscriber = Process::start(&mut command(&["sub", "-1", "-a", &address]));
    let broker = Broker::start_at(&address);
    publish(&broker.bus(), "a", "b");
    let ended = subscriber.finish();
    assert_eq!(
        (ended.status, &*ended.lines),
        (Some(0), &["a b".to_owned()][..])
    );
}

#[test]
fn a_name_that_is_taken_is_told() {
    let broker = Broker::start();
    let _first = broker.start_client(&["sub", "--as", "ann"]);
    eventually("ann is there", || {
        broker.run(&["ping", "ann"]).status == Some(0)
    });
    let ended = broker.run(&["sub", "--as", "ann"]);
    assert_failed(&ended, 1, "another client has the name \"ann\"");
}

#[test]
fn a_name_that_nobody_could_call_is_refused() {
    for name in ["@ann", "a/b", ""] {
        let ended = run(&["sub", "-1", "--as", name, "-a", NOWHERE]);
        assert_failed(&ended, 2, "a name is one token of at most 256 bytes");
    }
}

#[test]
fn an_address_in_use_is_told() {
    let broker = Broker::start();
    let ended = run(&["broker", &broker.address]);
    assert_failed(&ended, 1, &format!("bind {}", broker.address));
}
