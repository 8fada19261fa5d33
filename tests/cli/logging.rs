//! What a broker says of its clients on standard error.

use std::io::Write;
use std::net::TcpStream;

use jackfield::bus::Post;

use crate::process::Process;
use crate::support::{Broker, assert_printed, await_count, await_line, command, next, run, signal};

#[test]
fn a_broker_tells_who_comes_and_goes_and_from_where() {
    let broker = Broker::start();
    let named = broker.start_client(&["sub", "--as", "ann"]);
    await_line(
        &broker.process,
        &[" came: ann (", ") from tcp://127.0.0.1:"],
    );
    drop(named);
    await_line(
        &broker.process,
        &[" left: ann (", ") from tcp://", "after "],
    );
}

#[test]
fn a_broker_tells_whom_it_refuses_and_why() {
    let broker = Broker::start();
    let address = broker.address.strip_prefix("tcp://").expect("it is TCP");
    let mut stranger = TcpStream::connect(address).expect("it listens");
    let from = stranger.local_addr().expect("it has one");
    stranger
        .write_all(b"garbage, and more of it")
        .expect("sent");
    let from = format!("refused: from tcp://{from}: ");
    await_line(&broker.process, &[&from, "not a peer of this protocol"]);
}

#[test]
fn a_broker_tells_who_loses_and_how_much() {
    let broker = Broker::start();
    let bus = broker.bus();
    let ann = broker.start_client(&["sub", "--as", "ann", "--raw", "-o", "/dev/null"]);
    await_line(&broker.process, &[" came: ann ("]);
    await_count(&bus, "subscriptions", 1);
    signal(&ann, "STOP");
    // More than a broker keeps for one that does not read, and the system besides.
    let body = vec![0; 256 * 1024];
    for _ in 0..200 {
        bus.send(Post::new("a", &body))
            .expect("the broker takes it");
    }
    await_line(&broker.process, &[" loses: ann (", " messages, "]);
    let ended = broker.run(&["peers"]);
    signal(&ann, "CONT");
    // She hears of it herself, before the next message that she gets.
    bus.publish("a", "").expect("the bus is open");
    await_line(&ann, &["jackfield sub: ", " messages lost"]);
    let line = ended.lines.iter().find(|line| line.starts_with("ann"));
    let line = line.expect("she is there");
    let lost = line.split_whitespace().rev().nth(1).map(str::parse::<u64>);
    assert!(matches!(lost, Some(Ok(1..))), "{ended:?}");
}

#[test]
fn a_quiet_broker_tells_nothing() {
    let broker = Process::start(&mut command(&["broker", "-q", "tcp://127.0.0.1:0"]));
    let line = next(&broker);
    let address = line.strip_prefix("listening at ").expect("it says where");
    assert_printed(&run(&["pub", "a", "b", "-a", address]), &[]);
    assert_printed(&run(&["pub", "a", "b", "-a", address]), &[]);
    assert_eq!(broker.said(), "");
}
