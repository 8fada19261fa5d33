//! Refusals: foreign listeners that turn us away lose nothing of ours, and closing is never late.

use std::time::Duration;

use jackfield::{Event, Socket};

use crate::support::{
    Transport, assert_law, await_event, await_peers, connected, next_text, quick, send, timed,
};
use crate::wire::{HELLO, RawPeer, data, hello, listener, server};

const LINGER: Duration = Duration::from_millis(100);

fn assert_closes_in_time(socket: &Socket) {
    let (_, took) = timed(|| socket.close_within(LINGER));
    assert!(took < LINGER + Duration::from_secs(1), "{took:?}");
    assert_law(socket);
}

#[test]
fn a_listener_that_refuses_after_hello_loses_nothing() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    (0..10).for_each(|number| send(&client, format!("{number}")));
    for _ in 0..5 {
        let mut refusing = RawPeer::accept(&listener);
        refusing.write(&hello(1));
        assert_eq!(refusing.read().unwrap().kind, HELLO);
    }
    let mut accepting = RawPeer::accept(&listener);
    accepting.write(&hello(1));
    assert_eq!(accepting.read().unwrap().kind, HELLO);
    for number in 0..10 {
        let body = accepting.read_on().unwrap().body;
        assert_eq!(body, format!("{number}").as_bytes());
    }
    assert_law(&client);
}

#[test]
fn a_refusal_is_a_failed_attempt_and_not_a_peer() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    let mut refusing = RawPeer::accept(&listener);
    refusing.write(&hello(1));
    assert_eq!(refusing.read().unwrap().kind, HELLO);
    drop(refusing);
    await_event(&client, |event| matches!(event, Event::Rejected { .. }));
    assert_eq!(client.stats().peers_up, 0);
}

/// Row 28: a peer that dies while much is on its way.
#[test]
fn a_peer_that_dies_while_it_is_sent_to_gives_everything_back_or_in_doubt() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    let mut peer = RawPeer::accept(&listener);
    peer.write(&hello(1));
    await_peers(&client, 1);
    (0..100).for_each(|_| send(&client, [7; 100_000]));
    drop(peer);
    await_event(&client, |event| matches!(event, Event::PeerDown { .. }));
    let stats = client.stats();
    assert_eq!(stats.waiting + stats.in_doubt + stats.written, 100);
    assert_law(&client);
}

/// Row 33: in the middle of a handshake.
#[test]
fn closing_is_not_held_up_by_a_peer_that_never_says_hello() {
    let (server, here) = server(quick());
    let mut silent = RawPeer::dial(&here);
    assert_eq!(silent.read().unwrap().kind, HELLO);
    assert_closes_in_time(&server);
}

/// Row 33: nobody accepts.
#[test]
fn closing_is_not_held_up_by_a_listener_that_never_accepts() {
    let (_listener, there) = listener();
    let client = connected(quick(), &there);
    client.send("waits").unwrap();
    assert_closes_in_time(&client);
}

/// Row 33: in the middle of a connect that gets no answer.
/// Its backlog is full: a dial gets no answer at all.
#[test]
#[cfg(target_os = "linux")]
fn closing_is_not_held_up_by_a_black_hole() {
    let (_listener, there) = listener();
    let address = there.strip_prefix("tcp://").unwrap().parse().unwrap();
    let brief = Duration::from_millis(100);
    let taken = std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, brief).ok());
    let _taken: Vec<std::net::TcpStream> = taken.take(10_000).collect();
    let client = connected(quick(), &there);
    client.send("waits").unwrap();
    assert_closes_in_time(&client);
}

#[test]
fn closing_is_not_held_up_by_a_peer_that_stays() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data("hello"));
    assert_eq!(next_text(&server), "hello");
    assert_closes_in_time(&server);
    assert_eq!(peer.read_on(), None);
}

/// Row 33: a peer that talks on.
#[test]
fn closing_is_not_held_up_by_a_peer_that_talks_on() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    let talking = std::thread::spawn(move || while peer.try_write(&data("and another thing")) {});
    next_text(&server);
    assert_closes_in_time(&server);
    talking.join().unwrap();
}

#[test]
fn closing_in_the_middle_of_a_name_look_up_or_dial_ends() {
    let client = connected(quick(), &Transport::Tcp.endpoint());
    client.connect("tcp://localhost:9").unwrap();
    assert_closes_in_time(&client);
}
