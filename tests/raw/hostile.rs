//! Hostile bytes: what ends a connection, what is skipped, and that nothing else suffers.

use std::time::Duration;

use jackfield::{DownReason, Event, Heartbeat};

use crate::support::{await_event, await_peers, connected, eventually, next, next_text, quick};
use crate::wire::{
    ACK, DATA_REQ, HEARTBEAT, HELLO, NACK, RawPeer, data, frame, heartbeat, hello, server,
};

fn assert_ends_before_hello(bytes: &[u8]) {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.try_write(bytes);
    let answer = peer.rest();
    assert!(answer.iter().all(|frame| frame.kind == HELLO), "{answer:?}");
    await_event(&server, |event| {
        let stranger = DownReason::NotAPeer;
        matches!(event, Event::Rejected { reason, .. } if *reason == stranger)
    });
    let _other = connected(quick(), &here);
    await_peers(&server, 1);
}

/// What follows HELLO ends the peer's connection for this reason, and nobody else's.
fn assert_ends_peer(bytes: &[u8], expected: DownReason) {
    let (server, here) = server(quick());
    let other = connected(quick(), &here);
    await_peers(&server, 1);
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data("before it"));
    assert_eq!(next_text(&server), "before it");
    peer.try_write(bytes);
    peer.rest();
    await_event(
        &server,
        |event| matches!(event, Event::PeerDown { reason, .. } if *reason == expected),
    );
    other.send("unaffected").unwrap();
    assert_eq!(next_text(&server), "unaffected");
}

/// What follows HELLO is skipped and counted, and what follows that is delivered.
fn assert_skipped(bytes: &[u8], count: u64) {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&[bytes, &data("behind it")].concat());
    assert_eq!(next_text(&server), "behind it");
    assert_eq!(server.stats().skipped, count);
}

/// Row 13: garbage.
#[test]
fn garbage_ends_a_connection() {
    assert_ends_before_hello(&[0xa5; 1_000]);
}

/// Row 13: nobody waits for more of what cannot become a HELLO.
#[test]
fn one_wrong_byte_ends_a_connection() {
    for byte in [0x01, b'P', 0x7f, 0xff] {
        assert_ends_before_hello(&[byte]);
    }
    assert_ends_before_hello(&[0x00, 0x01]);
    assert_ends_before_hello(&[0x00, 0x00, 0x00, 0x11]);
}

/// Row 13: a web browser.
#[test]
fn http_ends_a_connection() {
    assert_ends_before_hello(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

/// Row 13: TLS where none is spoken.
#[test]
fn tls_ends_a_connection() {
    assert_ends_before_hello(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]);
}

#[test]
fn a_hello_of_four_gibibytes_ends_a_connection() {
    assert_ends_before_hello(&[0xff, 0xff, 0xff, 0xff, 0x01]);
}

/// Row 15: told with the length that was claimed.
#[test]
fn a_frame_of_four_gibibytes_ends_a_peer() {
    let too_large = DownReason::TooLarge { len: u32::MAX };
    assert_ends_peer(&[0xff, 0xff, 0xff, 0xff, 0x03], too_large);
}

/// Row 14: a known type that is malformed.
#[test]
fn a_truncated_ack_ends_a_peer() {
    assert_ends_peer(&frame(ACK, &[1; 15]), DownReason::Malformed);
}

/// Row 14: a known type that is malformed.
#[test]
fn a_truncated_data_req_ends_a_peer() {
    assert_ends_peer(&frame(DATA_REQ, &[1; 15]), DownReason::Malformed);
}

/// Row 14: no type at all: skipped and counted.
#[test]
fn zero_length_frames_are_skipped() {
    assert_skipped(&[0; 12], 3);
}

/// Row 14: unknown types: skipped and counted.
#[test]
fn unknown_types_are_skipped() {
    let unknown = [
        frame(0x00, b"?"),
        frame(0x07, &[7; 100_000]),
        frame(0xff, b""),
    ];
    assert_skipped(&unknown.concat(), 3);
}

#[test]
fn a_second_hello_is_skipped() {
    assert_skipped(&hello(2), 1);
}

#[test]
fn bytes_behind_a_heartbeat_or_an_answer_are_ignored() {
    let longer = [
        frame(HEARTBEAT, b"more"),
        frame(ACK, &[1; 20]),
        frame(NACK, &[1; 20]),
    ];
    assert_skipped(&longer.concat(), 0);
}

/// Row 3: the part is discarded, and the peer is taken back.
#[test]
fn a_peer_that_dies_in_mid_frame_leaves_nothing_behind() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data("whole"));
    peer.write(&data("only a part of it")[..10]);
    drop(peer);
    assert_eq!(next_text(&server), "whole");
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    let again = &mut RawPeer::join(&here, 1);
    again.write(&data("again"));
    assert_eq!(next_text(&server), "again");
}

/// Row 17: a large frame in small pieces is delivered.
#[test]
fn a_large_frame_that_drips_in_is_delivered() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at / 7) as u8).collect();
    frame(0x03, &body)
        .chunks(777)
        .for_each(|bytes| peer.write(bytes));
    assert!(next(&server).body() == body);
}

/// Row 15: what is claimed is not allocated.
#[test]
fn a_claimed_length_takes_no_memory() {
    let (server, here) = server(quick());
    let mut peers: Vec<RawPeer> = (1..=50).map(|who| RawPeer::join(&here, who)).collect();
    let before = resident();
    for peer in &mut peers {
        peer.write(&[0x00, 0xff, 0xff, 0xff, 0x03, 0x00]);
        peer.write(&[0; 1_000]);
    }
    eventually("all have read", || server.peers().len() == 50);
    let mut last = RawPeer::join(&here, 51);
    last.write(&data("done"));
    assert_eq!(next_text(&server), "done");
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 * 1024 * 1024, "{grown} bytes");
}

/// Bytes of memory that this process uses, where the system says so.
fn resident() -> usize {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("the second field is a number") * 4096
}

#[test]
fn a_silent_peer_is_ended() {
    let short = quick().heartbeat(Heartbeat {
        interval: Duration::from_millis(50),
        timeout: Duration::from_millis(200),
    });
    let (server, here) = server(short);
    let mut peer = RawPeer::join(&here, 1);
    let frames = peer.rest();
    assert!(
        frames.iter().all(|frame| frame.kind == HEARTBEAT) && frames.len() >= 2,
        "{frames:?}"
    );
    await_event(&server, |event| {
        let silent = DownReason::Silent;
        matches!(event, Event::PeerDown { reason, .. } if *reason == silent)
    });
}

/// Row 17: each byte of a slow frame is life.
#[test]
fn bytes_of_an_unfinished_frame_are_signs_of_life() {
    let (interval, timeout) = (Duration::from_millis(100), Duration::from_millis(500));
    let (server, here) = server(quick().heartbeat(Heartbeat { interval, timeout }));
    let mut peer = RawPeer::join(&here, 1);
    let events = server.events();
    for byte in &data("twenty bytes or more")[..20] {
        peer.write(&[*byte]);
        let event = events.recv_timeout(timeout / 10);
        assert!(!matches!(event, Ok(Event::PeerDown { .. })), "{event:?}");
    }
    peer.write(&[b"more".as_slice(), &[0; 1], &heartbeat()].concat());
}
