//! Lending: a receiver that waits reads the only connection itself, and misses nothing for it.

use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Error, Event, Socket};

use crate::support::{SLACK, await_event, eventually, next, next_text, quick};
use crate::wire::{DATA, RawPeer, data, server};

/// A peer whose connection is read by whoever receives: they have gone to and fro.
fn lent() -> (Socket, String, RawPeer) {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    go_to_and_fro(&server, &mut peer, 100);
    (server, here, peer)
}

fn go_to_and_fro(server: &Socket, peer: &mut RawPeer, times: usize) {
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..times {
                let message = next(server);
                server
                    .send_to(message.sender(), &message)
                    .expect("it is up");
            }
        });
        for n in 0..times {
            peer.write(&data(&n.to_string()));
            let answer = peer.read_on().expect("the connection stands");
            assert_eq!((answer.kind, answer.body), (DATA, n.to_string().into()));
        }
    });
}

#[test]
fn a_second_peer_is_heard_while_the_first_is_read_by_the_receiver() {
    let (server, here, mut first) = lent();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| next_text(&server));
        let mut second = RawPeer::join(&here, 2);
        second.write(&data("two"));
        assert_eq!(receiver.join().unwrap(), "two");
        go_to_and_fro(&server, &mut second, 20);
        go_to_and_fro(&server, &mut first, 20);
    });
}

#[test]
fn a_connection_that_nobody_receives_from_any_more_is_still_read() {
    let (server, _here, mut peer) = lent();
    peer.write(&data("left"));
    eventually("it is read", || server.stats().received == 101);
    peer.end_writing();
    drop(peer);
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    assert_eq!(next_text(&server), "left");
}

#[test]
fn a_receiver_that_reads_is_woken_by_a_close() {
    let (server, _here, _peer) = lent();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| server.recv());
        let began = Instant::now();
        server.close();
        assert!(matches!(receiver.join().unwrap(), Err(Error::Closed)));
        assert!(began.elapsed() < SLACK);
    });
}

#[test]
fn a_receiver_that_reads_keeps_to_its_time() {
    let (server, _here, mut peer) = lent();
    for millis in [0, 1, 15, 25, 100] {
        let began = Instant::now();
        let timeout = Duration::from_millis(millis);
        assert!(matches!(server.recv_timeout(timeout), Err(Error::Timeout)));
        assert!((timeout..SLACK).contains(&began.elapsed()));
    }
    go_to_and_fro(&server, &mut peer, 20);
}

#[test]
fn several_receivers_share_what_one_of_them_reads() {
    let (server, _here, mut peer) = lent();
    thread::scope(|scope| {
        let receivers = [(); 3].map(|()| {
            scope.spawn(|| {
                for _ in 0..50 {
                    next_text(&server);
                }
            })
        });
        for n in 0..150 {
            peer.write(&data(&n.to_string()));
        }
        for receiver in receivers {
            receiver.join().expect("it has its part");
        }
    });
}

#[test]
fn a_receiver_hears_at_once_that_the_peer_it_reads_is_gone() {
    let (server, here, peer) = lent();
    let arrivals = server.arrivals();
    thread::scope(|scope| {
        let receiver = scope.spawn(|| next_text(&server));
        drop(peer);
        await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
        RawPeer::join(&here, 1).write(&data("again"));
        assert_eq!(receiver.join().unwrap(), "again");
    });
    drop(arrivals);
}
