//! Sessions: bytes in both directions at once, keys that change, and ends that are none.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use jackfield::{DownReason, Event, Heartbeat, Limit, Socket};

use crate::ends;
use crate::support::{
    SLACK, Transport, assert_law, await_event, await_peers, fill, large, next, next_text, pair,
    quick, send, socket,
};
use crate::tunnel::{Tls, dial};
use crate::wire::{data, heartbeat, hello};

const MEBIBYTE: usize = 1024 * 1024;

fn pattern(number: usize) -> Vec<u8> {
    (0..MEBIBYTE)
        .map(|at| (at * 7 + at / 251 + number) as u8)
        .collect()
}

#[test]
fn sixty_four_mebibytes_go_both_ways_at_once() {
    let (one, other) = pair(Transport::Tcp, quick(), quick());
    let flow = |from: Socket, to: Socket| {
        let sending = thread::spawn(move || (0..64).for_each(|it| send(&from, pattern(it))));
        let receiving = move || {
            (0..64).for_each(|it| assert!(next(&to).body() == pattern(it), "{it}"));
            sending.join().expect("all is sent");
        };
        thread::spawn(receiving)
    };
    let flows = [
        flow(one.clone(), other.clone()),
        flow(other.clone(), one.clone()),
    ];
    flows
        .into_iter()
        .for_each(|it| it.join().expect("all arrives"));
    [one, other].iter().for_each(assert_law);
}

/// The writing side hangs in the network for half a second at a time.
#[test]
fn a_write_that_is_stalled_holds_up_no_read() {
    let (stalled, busy) = pair(
        Transport::Tcp,
        quick(),
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
    );
    let count = fill(&stalled, 0);
    let begin = std::time::Instant::now();
    for number in 0..500 {
        send(&busy, format!("{number}"));
        assert_eq!(next_text(&stalled), format!("{number}"));
        // Behind the write, this would take minutes.
        assert!(begin.elapsed() < SLACK, "{number}");
    }
    (0..count).for_each(|number| assert!(next(&busy).body() == large(number), "{number}"));
    assert_law(&stalled);
}

/// A socket with TLS, and a peer by hand that is up.
fn joined() -> (Socket, Tls) {
    let long = quick().heartbeat(Heartbeat {
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(120),
    });
    let server = socket(long);
    let here = ends::bind(&server, "tcp://127.0.0.1:0", false).expect("a free port");
    let mut peer = dial(&here.to_string());
    peer.sock.set_read_timeout(Some(SLACK)).expect("it is open");
    let greeting = [hello(1), heartbeat()].concat();
    peer.write_all(&greeting).expect("it is read");
    let mut answer = vec![0; greeting.len()];
    peer.read_exact(&mut answer).expect("it is answered");
    await_peers(&server, 1);
    (server, peer)
}

#[test]
fn keys_may_change_at_any_time() {
    let (server, mut peer) = joined();
    for number in 0..20 {
        peer.conn.refresh_traffic_keys().expect("TLS 1.3");
        peer.write_all(&data(&format!("{number}"))).unwrap();
        assert_eq!(next_text(&server), format!("{number}"));
        send(&server, "and back");
        let mut answer = vec![0; data("and back").len()];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(answer, data("and back"));
    }
}

fn await_down(server: &Socket, expected: DownReason) {
    await_event(
        server,
        |event| matches!(event, Event::PeerDown { reason, .. } if *reason == expected),
    );
}

#[test]
fn who_says_goodbye_has_closed() {
    let (server, mut peer) = joined();
    peer.conn.send_close_notify();
    peer.flush().unwrap();
    await_down(&server, DownReason::Closed);
}

/// Somebody on the way may have cut the stream off behind a message.
#[test]
fn an_end_without_goodbye_is_a_broken_connection() {
    let (server, peer) = joined();
    peer.sock.shutdown(Shutdown::Write).unwrap();
    await_down(&server, DownReason::Reset);
}

#[test]
fn a_record_that_was_changed_is_a_bad_stream() {
    let (server, mut peer) = joined();
    let mut record = Vec::new();
    peer.conn.writer().write_all(&data("trust me")).unwrap();
    peer.conn.write_tls(&mut record).unwrap();
    *record.last_mut().unwrap() ^= 1;
    peer.sock.write_all(&record).unwrap();
    await_down(&server, DownReason::BadStream);
    assert_eq!(server.stats().received, 0);
}

#[test]
fn a_close_says_goodbye_behind_the_last_message() {
    let (server, mut peer) = joined();
    send(&server, "last");
    let closing = thread::spawn(move || server.close_within(SLACK));
    let mut rest = Vec::new();
    // Without the goodbye this is an error.
    peer.read_to_end(&mut rest).expect("a goodbye");
    assert_eq!(rest, data("last"));
    drop(peer);
    assert!(closing.join().unwrap().unsent.is_empty());
}
