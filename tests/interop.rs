//! Interop: jackfield and the real aiomsg package for Python are ordinary peers of each other.
//!
//! `JACKFIELD_PYTHON` names a Python that has aiomsg; without it these tests are skipped, except
//! where `CI` is `true`. They use the examples: build those first when you run this file alone.

#[path = "interop/process.rs"]
mod process;
#[path = "interop/python.rs"]
mod python;
#[path = "behaviour/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use jackfield::{Config, Delivery, Message, Socket};
use process::{DEADLINE, Process, example};
use python::{peer, python};
use support::end_listening;

/// The three ways to send that both sides know.
const WAYS: [&str; 3] = [
    "--send-mode publish --delivery at-most-once",
    "--send-mode roundrobin --delivery at-most-once",
    "--send-mode roundrobin --delivery at-least-once",
];

fn agent(arguments: &str) -> Process {
    example("agent", arguments)
}

impl Process {
    /// The next lines of its standard output.
    fn take(&self, count: usize) -> Vec<String> {
        let next = |_| match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => line,
            Err(error) => panic!("{}: no line: {error}; it said: {}", self.name, self.said()),
        };
        (0..count).map(next).collect()
    }

    fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("it reads");
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is dead");
    }
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{prefix}{number}"))
        .collect()
}

fn recv(socket: &Socket) -> Message {
    socket.recv_timeout(DEADLINE).expect("a message in time")
}

fn recv_texts(socket: &Socket, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| recv(socket).text().into_owned())
        .collect()
}

/// A port that stays free when its owner restarts: outside the range that systems hand out.
fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 500) as u16 * 20;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        if let Ok(reserved) = TcpListener::bind(("127.0.0.1", port)) {
            end_listening(reserved);
            return port;
        }
    }
}

#[test]
fn python_connects_and_gets_what_we_send() {
    let Some(python) = python() else { return };
    for way in WAYS {
        let flags = "--role bind --port 0 --behavior source --count 50 --linger 0.5";
        let source = agent(&format!("{flags} {way}"));
        let port = source.port();
        let sink = peer(
            python,
            &format!("--role connect --port {port} --behavior sink"),
        );
        assert_eq!(sink.take(50), numbered("m", 50), "{way}");
        let ended = source.finish();
        assert!(
            ended.diagnostics.contains("0 unacknowledged, 0 unsent"),
            "{ended:?}"
        );
    }
}

#[test]
fn python_binds_and_gets_what_we_send() {
    let Some(python) = python() else { return };
    for way in WAYS {
        let sink = peer(python, "--role bind --port 0 --behavior sink");
        let flags = "--role connect --behavior source --count 50 --linger 0.5";
        let source = agent(&format!("{flags} --port {} {way}", sink.port()));
        assert_eq!(sink.take(50), numbered("m", 50), "{way}");
        let ended = source.finish();
        assert!(
            ended.diagnostics.contains("0 unacknowledged, 0 unsent"),
            "{ended:?}"
        );
    }
}

#[test]
fn we_get_what_python_sends_when_it_connects() {
    let Some(python) = python() else { return };
    for way in WAYS {
        let sink = agent("--role bind --port 0 --behavior sink --count 50");
        let flags = "--role connect --behavior source --count 50";
        let _source = peer(python, &format!("{flags} --port {} {way}", sink.port()));
        let ended = sink.finish();
        assert_eq!(
            (ended.status, ended.lines),
            (Some(0), numbered("m", 50)),
            "{way}"
        );
    }
}

#[test]
fn we_get_what_python_sends_when_it_binds() {
    let Some(python) = python() else { return };
    for way in WAYS {
        let flags = "--role bind --port 0 --behavior source --count 50";
        let source = peer(python, &format!("{flags} {way}"));
        let port = source.port();
        let sink = agent(&format!(
            "--role connect --port {port} --behavior sink --count 50"
        ));
        let ended = sink.finish();
        assert_eq!(
            (ended.status, ended.lines),
            (Some(0), numbered("m", 50)),
            "{way}"
        );
    }
}

#[test]
fn ten_thousand_messages_arrive_in_order_each_way() {
    let Some(python) = python() else { return };
    let socket = Socket::new(Config::default()).expect("a socket");
    let here = socket.bind("tcp://127.0.0.1:0").expect("a port");
    let port = here.port().expect("TCP");
    let echo = format!("--role connect --port {port} --behavior echo");
    let _echo = peer(python, &echo);
    let sent = numbered("n", 10_000);
    for text in &sent {
        socket.send(text).expect("room");
    }
    assert!(recv_texts(&socket, 10_000) == sent, "lost or out of order");
}

#[test]
fn a_mebibyte_comes_back_as_it_went() {
    let Some(python) = python() else { return };
    let echo = peer(python, "--role bind --port 0 --behavior echo");
    let socket = Socket::new(Config::default()).expect("a socket");
    let there = format!("tcp://127.0.0.1:{}", echo.port());
    socket.connect(there).expect("an endpoint");
    let body: Vec<u8> = (0..1024 * 1024).map(|index| (index % 251) as u8).collect();
    socket.send(&body).expect("room");
    socket.send("").expect("room");
    assert!(recv(&socket).body() == body, "the body changed");
    assert_eq!(recv(&socket).body(), b"");
}

#[test]
fn our_answers_find_the_python_that_asked() {
    let Some(python) = python() else { return };
    for delivery in ["at-most-once", "at-least-once"] {
        let flags = "--role bind --port 0 --behavior echo";
        let echo = agent(&format!("{flags} --delivery {delivery}"));
        let flags = format!("--role connect --port {} --behavior ask", echo.port());
        let asking = ["a", "b"].map(|prefix| {
            let flags = format!("{flags} --count 20 --prefix {prefix} --delivery {delivery}");
            (prefix, peer(python, &flags))
        });
        for (prefix, peer) in asking {
            assert_eq!(peer.take(20), numbered(prefix, 20));
        }
    }
}

#[test]
fn python_answers_to_the_identity_that_asked() {
    let Some(python) = python() else { return };
    let echo = peer(
        python,
        "--role bind --port 0 --behavior echo --delivery at-least-once \
         --identity 000102030405060708090a0b0c0d0e0f",
    );
    let there = format!("tcp://127.0.0.1:{}", echo.port());
    let sockets = ["a", "b"].map(|text| {
        let config = Config::default().delivery(Delivery::AtLeastOnce);
        let socket = Socket::new(config).expect("a socket");
        socket.connect(&there).expect("an endpoint");
        socket.send(text).expect("room");
        (text, socket)
    });
    for (text, socket) in sockets {
        let answer = recv(&socket);
        assert_eq!(answer.text(), text);
        let name = "000102030405060708090a0b0c0d0e0f";
        assert_eq!(answer.sender().to_string(), name);
        socket
            .send_to(answer.sender(), "again")
            .expect("it is connected");
        assert_eq!(recv(&socket).text(), "again");
    }
}

/// Sends to a Python sink that is killed on the way, and to the one that `start` starts next.
/// Whatever the first did not acknowledge must come to the second.
fn send_through_kill_9(socket: &Socket, start: impl Fn() -> Process) {
    let sent = numbered("r", 200);
    let first = start();
    sent[..100].iter().for_each(|text| send(socket, text));
    first.take(100);
    first.kill();
    sent[100..].iter().for_each(|text| send(socket, text));
    let second = start();
    let mut missing: BTreeSet<String> = sent[100..].iter().cloned().collect();
    while !missing.is_empty() {
        missing.remove(&second.take(1)[0]);
    }
    wait_until_acknowledged(socket);
}

fn send(socket: &Socket, text: &str) {
    socket.send_timeout(text, DEADLINE).expect("room in time");
}

/// All that was sent is acknowledged, so closing has nothing to report.
fn wait_until_acknowledged(socket: &Socket) {
    let report = socket.close_within(DEADLINE);
    assert!(report.unacknowledged.is_empty(), "{report:?}");
    assert!(report.unsent.is_empty(), "{report:?}");
}

fn at_least_once() -> Socket {
    let config = Config::default().delivery(Delivery::AtLeastOnce);
    Socket::new(config).expect("a socket")
}

#[test]
fn a_python_that_connects_may_be_killed_and_started_again() {
    let Some(python) = python() else { return };
    let socket = at_least_once();
    let here = socket.bind("tcp://127.0.0.1:0").expect("a port");
    let port = here.port().expect("TCP");
    let flags = format!("--role connect --port {port} --behavior sink");
    send_through_kill_9(&socket, || peer(python, &flags));
}

#[test]
fn a_python_that_binds_may_be_killed_and_started_again() {
    let Some(python) = python() else { return };
    let port = lasting_port();
    let socket = at_least_once();
    socket
        .connect(format!("tcp://127.0.0.1:{port}"))
        .expect("an endpoint");
    let flags = format!("--role bind --port {port} --behavior sink");
    send_through_kill_9(&socket, || peer(python, &flags));
}

#[test]
fn python_finds_us_again_after_we_bind_again() {
    let Some(python) = python() else { return };
    let there = format!("tcp://127.0.0.1:{}", lasting_port());
    let socket = at_least_once();
    let port = socket.bind(&there).expect("a port").port().expect("TCP");
    let flags = "--role connect --behavior lines --delivery at-least-once";
    let mut source = peer(python, &format!("{flags} --port {port}"));
    source.write_line("before");
    assert_eq!(recv(&socket).text(), "before");
    drop(socket);
    source.write_line("while we are away");
    let socket = at_least_once();
    socket.bind(&there).expect("the same port");
    source.write_line("after");
    let got: BTreeSet<String> = recv_texts(&socket, 2).into_iter().collect();
    assert!(got.contains("after") && got.contains("while we are away"));
}

#[test]
fn what_we_flushed_before_we_closed_reaches_python_in_order() {
    let Some(python) = python() else { return };
    let there = format!("tcp://127.0.0.1:{}", lasting_port());
    let sink = {
        let socket = Socket::new(Config::default()).expect("a socket");
        let port = socket.bind(&there).expect("a port").port().expect("TCP");
        let flags = format!("--role connect --port {port} --behavior sink");
        let sink = peer(python, &flags);
        socket.wait_for_peers(1, DEADLINE).expect("a peer");
        (0..1_000).for_each(|number| send(&socket, &format!("one {number}")));
        sink
    };
    let socket = Socket::new(Config::default()).expect("a socket");
    socket.bind(&there).expect("the same port");
    (0..1_000).for_each(|number| send(&socket, &format!("two {number}")));
    assert_eq!(sink.take(1_000), numbered("one ", 1_000));
    assert_eq!(sink.take(1_000), numbered("two ", 1_000));
}
