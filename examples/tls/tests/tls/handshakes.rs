//! Handshakes: those that never end, in TLS, in the HTTP inside of it, and in HELLO.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use jackfield::{DownReason, Endpoint, Event, Socket};
use rustls::ClientConnection;

use crate::browser::request;
use crate::certificates::NAME;
use crate::ends::{asking, bind, connect};
use crate::support::{await_event, eventually, next_text, quick, send, socket};
use crate::tunnel::dial;
use crate::wire::hello;

const HANDSHAKE: Duration = Duration::from_millis(1_000);

/// Between two bytes.
const DRIP: Duration = Duration::from_millis(20);

fn server(scheme: &str) -> (Socket, Endpoint) {
    let server = socket(quick().handshake_timeout(HANDSHAKE));
    let here = bind(&server, &format!("{scheme}://127.0.0.1:0"), false);
    (server, here.expect("a free port"))
}

fn tcp(here: &Endpoint) -> TcpStream {
    let here = here.to_string();
    let (_, address) = here.split_once("://").expect("an endpoint");
    TcpStream::connect(address).expect("it listens")
}

/// How a client of TLS begins.
fn client_hello() -> Vec<u8> {
    let name = NAME.try_into().expect("a name");
    let mut tls = ClientConnection::new(asking(None), name).expect("it is in order");
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).expect("a vector takes all");
    bytes
}

/// Writes byte by byte, the last one never, until it is dropped or put out.
fn drip(mut stream: impl Write + Send + 'static, bytes: Vec<u8>) -> Sender<()> {
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || {
        let mut left = bytes[..bytes.len() - 1].iter();
        while stopped.recv_timeout(DRIP) == Err(mpsc::RecvTimeoutError::Timeout) {
            let Some(byte) = left.next() else { continue };
            if stream
                .write_all(&[*byte])
                .and_then(|()| stream.flush())
                .is_err()
            {
                return;
            }
        }
    });
    stop
}

fn await_late(server: &Socket) {
    await_event(server, |event| {
        let late = DownReason::HandshakeTimeout;
        matches!(event, Event::Rejected { reason, .. } if *reason == late)
    });
}

#[test]
fn a_handshake_of_tls_that_drips_runs_out_of_time() {
    let (server, here) = server("tcp");
    let _slow = drip(tcp(&here), client_hello());
    await_late(&server);
}

#[test]
fn a_request_in_tls_that_drips_runs_out_of_time() {
    let (server, here) = server("ws");
    let request = request(&here.to_string(), "").into_bytes();
    let _slow = drip(dial(&here.to_string()), request);
    await_late(&server);
}

#[test]
fn a_hello_in_tls_that_drips_runs_out_of_time() {
    let (server, here) = server("tcp");
    let _slow = drip(dial(&here.to_string()), hello(1));
    await_late(&server);
}

#[test]
fn a_listener_whose_tls_drips_runs_out_of_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("tcp://{}", listener.local_addr().unwrap());
    let client = socket(quick().handshake_timeout(HANDSHAKE));
    connect(&client, &there, None).unwrap();
    // The head of a long record, and then very little of it.
    let answer = [&[0x16, 0x03, 0x03, 0x3f, 0xff, 0x02][..], &[0; 1_000]].concat();
    let _slow = drip(listener.accept().unwrap().0, answer);
    await_event(&client, |event| {
        let late = std::io::ErrorKind::TimedOut;
        matches!(event, Event::DialFailed { error, .. } if error.kind() == late)
    });
}

#[test]
fn a_hundred_that_drip_keep_nobody_out() {
    let (server, here) = server("tcp");
    let _slow: Vec<_> = (0..100).map(|_| drip(tcp(&here), client_hello())).collect();
    let client = socket(quick());
    connect(&client, &here.to_string(), None).unwrap();
    send(&client, "let me in");
    assert_eq!(next_text(&server), "let me in");
    eventually("all are put out", || server.stats().rejected >= 100);
}

#[test]
fn garbage_in_place_of_tls_is_a_bad_stream() {
    let (server, here) = server("tcp");
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &hello(1), &[0xff; 100]] {
        tcp(&here).write_all(garbage).unwrap();
        await_event(&server, |event| {
            let bad = DownReason::BadStream;
            matches!(event, Event::Rejected { reason, .. } if *reason == bad)
        });
    }
}
