//! Room: a sender that waits for acknowledgements reads them itself, and misses nothing for it.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, Error, Event, OsStream, Socket};

use crate::support::{SLACK, await_event, eventually, next_text, quick, timed};
use crate::wire::{DATA_REQ, RawPeer, ack, data, server};

/// Each message goes out behind the ACK of the one before.
fn one_by_one() -> Config {
    quick().delivery(Delivery::AtLeastOnce).unacknowledged(1)
}

/// Sends what there is room for in time.
fn send(server: &Socket, text: impl AsRef<[u8]>) {
    server.send_timeout(text, SLACK).expect("there is room");
}

/// A peer whose connection is read by whoever sends: they have gone to and fro.
fn lent() -> (Socket, String, RawPeer) {
    let (server, here) = server(one_by_one());
    let mut peer = RawPeer::join(&here, 1);
    go_to_and_fro(&server, &mut peer, 100);
    (server, here, peer)
}

fn go_to_and_fro(server: &Socket, peer: &mut RawPeer, times: usize) {
    thread::scope(|scope| {
        scope.spawn(|| (0..times).for_each(|n| send(server, n.to_string())));
        for n in 0..times {
            let id = expect(peer, &n.to_string());
            peer.write(&ack(&id));
        }
    });
    await_acks(server);
}

fn await_acks(server: &Socket) {
    let are_there = || {
        let stats = server.stats();
        stats.acknowledged == stats.accepted
    };
    eventually("all is acknowledged", are_there);
}

/// The next message, which says `text`; gives its id.
fn expect(peer: &mut RawPeer, text: &str) -> Vec<u8> {
    let mut frame = peer.read_on().expect("the connection stands");
    let body = frame.body.split_off(16);
    assert_eq!((frame.kind, body), (DATA_REQ, text.as_bytes().to_vec()));
    frame.body
}

/// Whoever reads a connection that is not its own reads with a timeout.
#[test]
#[cfg_attr(not(unix), ignore = "nobody is lent a connection there")]
fn a_sender_reads_what_it_waits_for() {
    let (shows, shown) = mpsc::channel();
    let config = one_by_one().on_stream(move |stream| {
        if let OsStream::Tcp(tcp) = stream {
            shows.send(tcp.try_clone().unwrap()).expect("it is used");
        }
    });
    let (server, here) = server(config);
    let mut peer = RawPeer::join(&here, 1);
    let stream = shown.recv_timeout(SLACK).expect("it is accepted");
    thread::scope(|scope| {
        scope.spawn(|| while server.send_timeout("more", SLACK).is_ok() {});
        eventually("a sender reads", || {
            let id = expect(&mut peer, "more");
            let timeout = stream.read_timeout().expect("it is open");
            peer.write(&ack(&id));
            timeout.is_some()
        });
        server.close();
    });
}

#[test]
fn a_sender_that_reads_turns_to_a_peer_that_comes() {
    let (server, here, mut first) = lent();
    send(&server, "for the first");
    thread::scope(|scope| {
        scope.spawn(|| send(&server, "for the second"));
        expect(&mut first, "for the first");
        let mut second = RawPeer::join(&here, 2);
        expect(&mut second, "for the second");
    });
}

#[test]
fn a_sender_that_reads_is_woken_by_a_close() {
    let (server, _here, _peer) = lent();
    send(&server, "not acknowledged");
    thread::scope(|scope| {
        let sender = scope.spawn(|| server.send_timeout("too much", SLACK).unwrap_err().reason);
        let began = Instant::now();
        server.close();
        assert!(matches!(sender.join().unwrap(), Error::Closed));
        assert!(began.elapsed() < SLACK);
    });
}

#[test]
fn a_sender_that_reads_keeps_to_its_time() {
    let (server, _here, mut peer) = lent();
    send(&server, "one");
    for millis in [0, 1, 15, 25, 100] {
        let timeout = Duration::from_millis(millis);
        let (refused, elapsed) = timed(|| server.send_timeout("two", timeout).unwrap_err());
        assert!(matches!(refused.reason, Error::Timeout));
        assert!((timeout..SLACK).contains(&elapsed));
    }
    let id = expect(&mut peer, "one");
    peer.write(&ack(&id));
    go_to_and_fro(&server, &mut peer, 20);
}

#[test]
fn a_sender_hears_that_the_peer_it_reads_is_gone() {
    let (server, here, peer) = lent();
    send(&server, "one");
    thread::scope(|scope| {
        scope.spawn(|| send(&server, "two"));
        drop(peer);
        await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
        let mut peer = RawPeer::join(&here, 1);
        for text in ["one", "two"] {
            let id = expect(&mut peer, text);
            peer.write(&ack(&id));
        }
    });
    await_acks(&server);
}

#[test]
fn a_connection_that_nobody_sends_to_any_more_is_still_read() {
    let (server, here, mut peer) = lent();
    send(&server, "the last");
    let id = expect(&mut peer, "the last");
    peer.write(&[ack(&id), data("and a message")].concat());
    eventually("it is read", || server.stats().acknowledged == 101);
    assert_eq!(next_text(&server), "and a message");
    peer.end_writing();
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    RawPeer::join(&here, 2);
}

/// Each of them reads for all of them.
#[test]
fn senders_and_receivers_share_what_one_of_them_reads() {
    const SENDERS: usize = 3;
    const EACH: usize = 100;
    let (server, _here, mut peer) = lent();
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| (0..EACH).for_each(|_| send(&server, "ping")));
        }
        scope.spawn(|| (0..SENDERS * EACH).for_each(|_| assert_eq!(next_text(&server), "pong")));
        for _ in 0..SENDERS * EACH {
            let id = expect(&mut peer, "ping");
            peer.write(&[data("pong"), ack(&id)].concat());
        }
    });
    await_acks(&server);
}
