//! Handshake: HELLO in any pieces, with anything behind it, and HELLOs that are refused.

use std::time::Duration;

use jackfield::{DownReason, Event, Socket};

use crate::support::{SLACK, await_event, connected, next_text, quick};
use crate::wire::{
    HEARTBEAT, HELLO, RawPeer, data, frame, heartbeat, hello, hello_of, listener, server,
};

fn await_rejected(socket: &Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
    );
}

#[test]
fn both_ends_say_hello_at_once() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    let first = peer.read().unwrap();
    let expected = [&[0x01][..], server.identity().as_bytes()].concat();
    assert_eq!((first.kind, first.body), (HELLO, expected));
}

#[test]
fn a_dialler_says_hello_without_waiting() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    let mut peer = RawPeer::accept(&listener);
    let first = peer.read().unwrap();
    assert_eq!(first.body[1..], client.identity().as_bytes()[..]);
}

#[test]
fn an_accepted_hello_is_answered_by_a_heartbeat() {
    let (_server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.write(&hello(1));
    let kinds = [(); 2].map(|()| peer.read().unwrap().kind);
    assert_eq!(kinds, [HELLO, HEARTBEAT]);
}

/// Row 18: HELLO and messages, cut anywhere.
#[test]
fn a_handshake_split_anywhere_loses_nothing() {
    let (server, here) = server(quick());
    let stream = [hello(1), heartbeat(), data("one"), data(""), data("three")].concat();
    for cut in 1..stream.len() {
        let mut peer = RawPeer::dial(&here);
        peer.write(&stream[..cut]);
        let kind = peer.read().unwrap().kind;
        assert_eq!(kind, HELLO, "cut at {cut}");
        peer.write(&stream[cut..]);
        for text in ["one", "", "three"] {
            assert_eq!(next_text(&server), text, "cut at {cut}");
        }
        peer.end_writing();
        peer.rest();
        await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    }
}

/// Row 18: byte by byte.
#[test]
fn a_handshake_in_single_bytes_loses_nothing() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    let stream = [hello(1), data("one"), data("two")].concat();
    stream.iter().for_each(|byte| peer.write(&[*byte]));
    assert_eq!(next_text(&server), "one");
    assert_eq!(next_text(&server), "two");
}

#[test]
fn a_dialler_loses_nothing_that_came_behind_hello() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    let mut peer = RawPeer::accept(&listener);
    peer.write(&[hello(1), data("early")].concat());
    assert_eq!(next_text(&client), "early");
}

/// Row 19: a dialler of another version.
#[test]
fn another_version_is_refused() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.write(&frame(HELLO, &[&[0x02][..], &[1; 16]].concat()));
    peer.rest();
    await_rejected(&server, DownReason::Version(2));
}

#[test]
fn our_own_identity_is_refused() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.write(&hello_of(*server.identity().as_bytes()));
    peer.rest();
    await_rejected(&server, DownReason::OurselvesDialled);
}

#[test]
fn a_longer_hello_is_accepted() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    let longer = frame(HELLO, &[&[0x01][..], &[1; 16], &[0xee; 8]].concat());
    peer.write(&[longer, data("behind it")].concat());
    assert_eq!(next_text(&server), "behind it");
}

#[test]
fn a_shorter_hello_is_refused() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.write(&frame(HELLO, &[&[0x01][..], &[1; 15]].concat()));
    peer.rest();
    await_rejected(&server, DownReason::NotAPeer);
}

#[test]
fn anything_but_a_hello_is_refused_first() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::dial(&here);
    peer.write(&data("no hello"));
    peer.rest();
    await_rejected(&server, DownReason::NotAPeer);
}

/// Row 1: one that neither dies nor speaks has its time.
#[test]
fn a_handshake_that_takes_too_long_ends() {
    let (server, here) = server(quick().handshake_timeout(Duration::from_millis(100)));
    let mut peer = RawPeer::dial(&here);
    peer.write(&hello(1)[..20]);
    peer.rest();
    await_rejected(&server, DownReason::HandshakeTimeout);
}

/// Row 16: the deadline is absolute.
#[test]
fn bytes_do_not_extend_the_time_for_a_handshake() {
    let (server, here) = server(quick().handshake_timeout(Duration::from_millis(100)));
    let mut peer = RawPeer::dial(&here);
    let events = server.events();
    for byte in &hello(1)[..20] {
        peer.try_write(&[*byte]);
        if let Ok(event) = events.recv_timeout(Duration::from_millis(20)) {
            let late = DownReason::HandshakeTimeout;
            return assert!(matches!(event, Event::Rejected { reason, .. } if reason == late));
        }
    }
    panic!("20 bytes in 400 ms kept the connection open");
}

/// Row 1: gone in the middle of HELLO.
#[test]
fn a_peer_that_leaves_before_hello_is_no_peer() {
    let (server, here) = server(quick());
    RawPeer::dial(&here).write(&hello(1)[..10]);
    let event = server.events().recv_timeout(SLACK).unwrap();
    assert!(matches!(event, Event::Rejected { .. }), "{event:?}");
    assert_eq!(server.stats().peers_up, 0);
}
