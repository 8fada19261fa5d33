//! Room: a sender that waits for acknowledgements reads them itself, and misses nothing for it.

use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Delivery, Error, Event, OsStream, Socket};

use crate::support::{SLACK, await_event, await_peers, eventually, next_text, quick, timed};
use crate::wire::{DATA_REQ, RawPeer, ack, data, server};

/// A socket whose messages go out behind the ACK of the one before, where it is, its only peer, and
/// the socket's end of each connection.
fn one_by_one() -> (Socket, String, RawPeer, Receiver<TcpStream>) {
    let (shows, shown) = mpsc::channel();
    let config = quick().delivery(Delivery::AtLeastOnce).unacknowledged(1);
    let (server, here) = server(config.on_stream(move |stream| {
        if let OsStream::Tcp(tcp) = stream {
            shows.send(tcp.try_clone().expect("it is open")).ok();
        }
    }));
    let peer = RawPeer::join(&here, 1);
    // What is sent before it is one waits for any peer, and for no ACK.
    await_peers(&server, 1);
    (server, here, peer, shown)
}

/// Somebody sends all the time and reads what makes room for it; `then` goes on, with a message that
/// the peer has not acknowledged. At last the socket is closed, before what that gave is dropped.
/// Gives what the sender was told.
fn while_a_sender_reads<T>(then: impl FnOnce(&Socket, &str, RawPeer) -> T) -> Error {
    let (server, here, mut peer, shown) = one_by_one();
    let stream = shown.recv_timeout(SLACK).expect("it is accepted");
    // Only who reads a connection that is not its own does so with a timeout.
    let is_lent = || stream.read_timeout().expect("it is open").is_some();
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            loop {
                if let Err(refused) = server.send_timeout("more", SLACK) {
                    return refused.reason;
                }
            }
        });
        let mut id = expect(&mut peer, "more");
        let deadline = Instant::now() + SLACK;
        while !is_lent() {
            assert!(Instant::now() < deadline, "nobody reads but its own thread");
            peer.write(&ack(&id));
            id = expect(&mut peer, "more");
        }
        let _kept = then(&server, &here, peer);
        server.close();
        sender.join().expect("it is told")
    })
}

/// The next message, which says `text`; gives its id.
fn expect(peer: &mut RawPeer, text: &str) -> Vec<u8> {
    let mut frame = peer.read_on().expect("the connection stands");
    let body = frame.body.split_off(16);
    assert_eq!((frame.kind, body), (DATA_REQ, text.as_bytes().to_vec()));
    frame.body
}

fn acknowledge(peer: &mut RawPeer, text: &str) {
    let id = expect(peer, text);
    peer.write(&ack(&id));
}

/// Sends what there is room for in time.
fn send(server: &Socket, text: &str) {
    server.send_timeout(text, SLACK).expect("there is room");
}

fn await_acks(server: &Socket) {
    let are_there = || {
        let stats = server.stats();
        stats.acknowledged == stats.accepted
    };
    eventually("all is acknowledged", are_there);
}

#[test]
fn a_sender_that_reads_is_woken_by_a_close() {
    let told = while_a_sender_reads(|_, _, peer| peer);
    assert!(matches!(told, Error::Closed));
}

#[test]
fn a_sender_that_reads_turns_to_a_peer_that_comes() {
    let told = while_a_sender_reads(|_, here, _first| {
        let mut second = RawPeer::join(here, 2);
        (0..20).for_each(|_| acknowledge(&mut second, "more"));
    });
    assert!(matches!(told, Error::Closed));
}

#[test]
fn a_sender_that_reads_goes_on_with_a_peer_that_comes_back() {
    let told = while_a_sender_reads(|server, here, peer| {
        drop(peer);
        await_event(server, |event| matches!(event, Event::PeerDown { .. }));
        let mut peer = RawPeer::join(here, 1);
        (0..20).for_each(|_| acknowledge(&mut peer, "more"));
    });
    assert!(matches!(told, Error::Closed));
}

#[test]
fn a_sender_that_reads_keeps_to_its_time() {
    let (server, _here, mut peer, _shown) = one_by_one();
    thread::scope(|scope| {
        let peer = scope.spawn(|| {
            (0..100).for_each(|_| acknowledge(&mut peer, "to and fro"));
            expect(&mut peer, "one");
        });
        (0..100).for_each(|_| send(&server, "to and fro"));
        send(&server, "one");
        for millis in [100, 25, 15, 1, 0, 60] {
            let timeout = Duration::from_millis(millis);
            let (refused, elapsed) = timed(|| server.send_timeout("two", timeout).unwrap_err());
            assert!(matches!(refused.reason, Error::Timeout));
            assert!((timeout..SLACK).contains(&elapsed));
        }
        peer.join().expect("all came");
    });
}

#[test]
fn a_connection_that_nobody_sends_to_any_more_is_still_read() {
    let (server, _here, mut peer, _shown) = one_by_one();
    thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|_| send(&server, "to and fro")));
        (0..100).for_each(|_| acknowledge(&mut peer, "to and fro"));
    });
    await_acks(&server);
    peer.write(&data("and a message"));
    assert_eq!(next_text(&server), "and a message");
    peer.end_writing();
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
}

/// Each of them reads for all of them.
#[test]
fn senders_and_receivers_share_what_one_of_them_reads() {
    const SENDERS: usize = 3;
    const EACH: usize = 100;
    let (server, _here, mut peer, _shown) = one_by_one();
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
