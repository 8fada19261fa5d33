//! Descriptors run out: accepting goes on when some are back, and nobody else is harmed. The test
//! proper is a process of its own, started with few of them.
#![cfg(target_os = "linux")]

use std::env;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use jackfield::{Config, Event, Pauses, Socket};

const SLACK: Duration = Duration::from_secs(10);

/// Says that this process is the one with few descriptors.
const MARK: &str = "JACKFIELD_FEW_DESCRIPTORS";

/// Row 25: without descriptors accepting pauses, told and counted, and goes on when there are
/// some; peers that are there do not notice.
#[test]
fn accepting_survives_the_end_of_descriptors() {
    if env::var_os(MARK).is_some() {
        return run_out_of_descriptors();
    }
    let test = env::current_exe().expect("it runs");
    let name = "accepting_survives_the_end_of_descriptors";
    let status = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture",
        ])
        .arg(test)
        .arg(name)
        .env(MARK, "1")
        .status();
    assert!(status.expect("there is a shell").success());
}

fn run_out_of_descriptors() {
    let config = || {
        Config::default().redial(Pauses {
            first: Duration::from_millis(1),
            max: Duration::from_millis(10),
        })
    };
    let server = Socket::new(config()).expect("a socket");
    let here = server.bind("tcp://127.0.0.1:0").expect("a port");
    let port = here.port().expect("a TCP port");
    let friend = Socket::new(config()).expect("a socket");
    friend.connect(&here).expect("an endpoint");
    server.wait_for_peers(1, SLACK).expect("the friend comes");

    let mut hoard: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    hoard.pop();
    // It takes the last descriptor; the kernel connects it, and the server cannot accept it.
    let mut late = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    late.set_read_timeout(Some(SLACK)).expect("a timeout");
    let events = server.events();
    let is_failure = |event: &Event| matches!(event, Event::AcceptFailed { .. });
    while !is_failure(&events.recv_timeout(SLACK).expect("accepting fails")) {}
    assert!(server.stats().accepts_failed > 0);
    friend.send("still here").expect("there is room");
    let message = server.recv_timeout(SLACK).expect("the friend is heard");
    assert_eq!(message.text(), "still here");

    drop(hoard);
    let mut hello = vec![0, 0, 0, 18, 1, 1];
    hello.extend_from_slice(&[9; 16]);
    hello.extend_from_slice(&[0, 0, 0, 1, 2]);
    late.write_all(&hello).expect("it is connected");
    late.read_exact(&mut [0; 22]).expect("it was accepted");
    server.wait_for_peers(2, SLACK).expect("the late one comes");
}
