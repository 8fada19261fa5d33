//! Handshake: of streams that were brought, and all that can go wrong in it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jackfield::{DownReason, Duplex, Error, Event, RawStream};

use crate::support::{
    SLACK, Transport, await_event, await_peers, eventually, next_text, quick, send, socket,
};
use crate::talker::talker;
use crate::wire::{RawPeer, listener};

const HANDSHAKE: Duration = Duration::from_millis(500);

/// Waits for a `1` and answers with a `2`, and knows nothing of a clock.
fn patient(raw: RawStream, deadline: Instant) -> io::Result<Box<dyn Duplex>> {
    let mut word = [0];
    (&raw).read_exact(&mut word)?;
    match &word {
        b"1" => (&raw).write_all(b"2")?,
        b"*" => panic!("a handshake's panic, on purpose"),
        _ => return Err(io::Error::other("that is no 1")),
    }
    talker(raw, deadline)
}

/// Says `1` and waits for a `2`.
fn polite(raw: RawStream, deadline: Instant) -> io::Result<Box<dyn Duplex>> {
    let mut word = [0];
    (&raw).write_all(b"1")?;
    (&raw).read_exact(&mut word)?;
    talker(raw, deadline)
}

fn dial(here: &jackfield::Endpoint) -> TcpStream {
    let here = here.to_string();
    let address = here.trim_start_matches("tcp://");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(SLACK)).expect("it is open");
    stream
}

fn await_rejected(socket: &jackfield::Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
    );
}

/// Row 39: the deadline for HELLO covers the handshake of a stream that was brought.
#[test]
fn a_dialler_that_stalls_in_a_streams_own_handshake_runs_out_of_time() {
    let server = socket(quick().handshake_timeout(HANDSHAKE));
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    let mut silent = dial(&here);
    await_rejected(&server, DownReason::HandshakeTimeout);
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    let mut half = dial(&here);
    half.write_all(b"1\0\0").unwrap();
    await_rejected(&server, DownReason::HandshakeTimeout);
}

/// Row 39: a hundred that stall in a stream's own handshake keep nobody out.
#[test]
fn stalled_in_a_streams_own_handshake_keeps_nobody_out() {
    let server = socket(quick().handshake_timeout(4 * HANDSHAKE));
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    let _stalling: Vec<TcpStream> = (0..100).map(|_| dial(&here)).collect();
    let client = socket(quick());
    client.connect_with(&here, polite).unwrap();
    send(&client, "let me in");
    assert_eq!(next_text(&server), "let me in");
    eventually("all are rejected", || server.stats().rejected == 100);
}

/// Row 39: the same deadline covers a listener that does not answer, and it is dialled again.
#[test]
fn a_listener_that_stalls_in_a_streams_own_handshake_runs_out_of_time() {
    let (listener, there) = listener();
    let client = socket(quick().handshake_timeout(HANDSHAKE));
    client.connect_with(&there, polite).unwrap();
    let stalling = listener.accept().unwrap();
    await_event(&client, |event| {
        let late = io::ErrorKind::TimedOut;
        matches!(event, Event::DialFailed { error, .. } if error.kind() == late)
    });
    let mut again = listener.accept().unwrap().0;
    drop(stalling);
    again.write_all(b"2").unwrap();
    await_event(&client, |event| matches!(event, Event::Rejected { .. }));
}

#[test]
fn a_handshake_that_fails_is_told_and_the_next_one_is_not_harmed() {
    let server = socket(quick());
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    let mut stranger = dial(&here);
    stranger.write_all(b"x and more").unwrap();
    let mut rest = Vec::new();
    stranger.read_to_end(&mut rest).expect("an orderly end");
    drop(stranger);
    await_rejected(&server, DownReason::BadStream);
    let client = socket(quick());
    client.connect_with(&here, polite).unwrap();
    await_peers(&server, 1);
}

#[test]
fn a_failed_handshake_is_a_bad_stream() {
    let server = socket(quick());
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    for word in [b"x", b"*"] {
        dial(&here).write_all(word).unwrap();
        await_rejected(&server, DownReason::BadStream);
    }
}

#[test]
fn who_goes_in_the_handshake_has_just_gone() {
    let server = socket(quick());
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    drop(dial(&here));
    await_rejected(&server, DownReason::Closed);
}

#[test]
fn a_dialler_is_told_why_its_own_handshake_failed() {
    let server = socket(quick());
    let here = server.bind("tcp://127.0.0.1:0").unwrap();
    let client = socket(quick());
    let refuse = |_, _| Err(io::Error::other("no such certificate"));
    client.connect_with(&here, refuse).unwrap();
    await_event(&client, |event| {
        let why = "no such certificate";
        matches!(event, Event::DialFailed { error, .. } if error.to_string() == why)
    });
}

/// Row 33: a close waits for no handshake.
#[test]
fn a_close_in_the_middle_of_a_streams_own_handshake_ends_in_time() {
    let server = socket(quick().handshake_timeout(SLACK));
    let here = server.bind_with("tcp://127.0.0.1:0", patient).unwrap();
    let (listener, there) = listener();
    server.connect_with(&there, polite).unwrap();
    let _stalling = (listener.accept().unwrap(), dial(&here));
    let begin = Instant::now();
    server.close_within(Duration::from_millis(100));
    assert!(
        begin.elapsed() < Duration::from_millis(1_100),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn what_stays_in_the_process_takes_no_stream() {
    let socket = socket(quick());
    let refused = [
        socket.bind_with("mem://brought", talker).map(drop),
        socket.connect_with("mem://brought", talker),
    ];
    for result in refused {
        assert!(
            matches!(result, Err(Error::InvalidEndpoint { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn raw_peers_and_those_with_a_handshake_do_not_meet() {
    let server = socket(quick());
    let here = Transport::Tcp.endpoint();
    server.bind_with(&here, patient).unwrap();
    let mut raw = RawPeer::dial(&here);
    raw.write(&crate::wire::hello(1));
    await_rejected(&server, DownReason::BadStream);
}
