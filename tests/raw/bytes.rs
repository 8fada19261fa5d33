//! Bytes that a socket sends: exactly what the protocol says, in the order of the sends.

use std::time::{Duration, Instant};

use jackfield::{Delivery, Heartbeat, Pauses};

use crate::support::{SLACK, await_no_peers, await_peers, connected, identity, quick, send};
use crate::wire::{
    DATA, DATA_REQ, HEARTBEAT, HELLO, RawPeer, ack, heartbeat, hello, listener, server,
};

#[test]
fn at_most_once_sends_data() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("hi").unwrap();
    let frame = peer.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (DATA, b"hi".to_vec()));
}

#[test]
fn an_empty_message_is_a_frame_of_one_byte() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("").unwrap();
    let frame = peer.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (DATA, Vec::new()));
}

#[test]
fn at_least_once_sends_the_same_id_again_until_it_is_acknowledged() {
    let soon = Duration::from_millis(20);
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce).resend(Pauses {
        first: soon,
        max: soon,
    }));
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("hi").unwrap();
    let first = peer.read_on().unwrap();
    assert_eq!(
        (first.kind, &first.body[16..]),
        (DATA_REQ, b"hi".as_slice())
    );
    assert_eq!(peer.read_on().unwrap(), first);
    peer.write(&ack(&first.body[..16]));
    crate::support::eventually("acknowledged", || server.stats().acknowledged == 1);
}

/// Row 4: the id is the same.
#[test]
fn a_message_that_another_peer_gets_keeps_its_id() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut first = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("hi").unwrap();
    let frame = first.read_on().unwrap();
    drop(first);
    let mut second = RawPeer::join(&here, 2);
    assert_eq!(second.read_on().unwrap(), frame);
}

#[test]
fn nothing_is_sent_before_hello_but_hello() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    client.publish("waits").unwrap();
    let mut peer = RawPeer::accept(&listener);
    assert_eq!(peer.read().unwrap().kind, HELLO);
    peer.write(&hello(1));
    assert_eq!(peer.read().unwrap().kind, HEARTBEAT);
    peer.write(&heartbeat());
    assert_eq!(peer.read().unwrap().body, b"waits");
}

#[test]
fn a_peer_that_shows_nothing_after_hello_still_gets_its_messages() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    client.send("waits").unwrap();
    let mut peer = RawPeer::accept(&listener);
    peer.write(&hello(1));
    assert_eq!(peer.read().unwrap().kind, HELLO);
    assert_eq!(peer.read_on().unwrap().body, b"waits");
}

#[test]
fn an_idle_socket_sends_heartbeats() {
    let short = quick().heartbeat(Heartbeat {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
    });
    let (_server, here) = server(short);
    let mut peer = RawPeer::join(&here, 1);
    (0..5).for_each(|_| assert_eq!(peer.read().unwrap().kind, HEARTBEAT));
}

/// Half an interval after the last one, and long before the next would be due.
#[test]
fn a_heartbeat_is_answered_with_one_that_is_due_before_long() {
    let interval = Duration::from_secs(4);
    let (_server, here) = server(quick().heartbeat(Heartbeat {
        interval,
        timeout: Duration::from_secs(20),
    }));
    let mut peer = RawPeer::join(&here, 1);
    let joined = Instant::now();
    while !peer.hears_within(Duration::from_millis(20)) {
        peer.write(&heartbeat());
    }
    assert!(joined.elapsed() < interval * 9 / 10);
    assert_eq!(peer.read().unwrap().kind, HEARTBEAT);
}

#[test]
fn a_closing_socket_writes_everything_and_then_the_end() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    (0..100_u8).for_each(|number| send(&server, [number]));
    let closing = std::thread::spawn(move || server.close_within(SLACK));
    (0..100_u8).for_each(|number| assert_eq!(peer.read_on().unwrap().body, [number]));
    assert_eq!(peer.read_on(), None);
    drop(peer);
    assert!(closing.join().unwrap().unsent.is_empty());
}

#[test]
fn a_half_closed_peer_has_left() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    peer.end_writing();
    peer.rest();
    await_no_peers(&server);
    assert!(server.send_to(identity(1), "late").is_err());
}
