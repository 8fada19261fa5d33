//! Contract: what a stream that was brought is promised, and what becomes of what it says.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use jackfield::{Config, DownReason, Event, Heartbeat, OsStream};

use crate::masked;
use crate::support::{
    SLACK, Transport, assert_law, await_event, await_no_peers, await_peers, bound, connected,
    identity, next_text, pair, quick, send, socket,
};
use crate::talker::{BYE, server, talker};
use crate::wire::{RawPeer, data, heartbeat, hello};

/// Nothing is written but what the test is about.
fn without_heartbeats() -> Config {
    quick().heartbeat(Heartbeat {
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(120),
    })
}

fn dial(here: &str) -> TcpStream {
    let address = here.trim_start_matches("tcp://");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(SLACK)).expect("it is open");
    stream.set_nodelay(true).expect("it is open");
    stream
}

/// A peer by hand, up to both ends' heartbeat.
fn join(here: &str, who: u8) -> TcpStream {
    greet(dial(here), who)
}

fn greet<S: Read + Write>(mut stream: S, who: u8) -> S {
    let greeting = [hello(who), heartbeat()].concat();
    stream.write_all(&greeting).expect("it is read");
    let mut answer = vec![0; greeting.len()];
    stream.read_exact(&mut answer).expect("it is answered");
    stream
}

fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an orderly end");
    rest
}

/// The last bytes must not stay behind in the stream until somebody happens to write again.
#[test]
fn what_a_stream_keeps_goes_out_without_another_send() {
    let (server, here) = (socket(without_heartbeats()), Transport::Unix.endpoint());
    server.bind_with(&here, talker).unwrap();
    let mut peer = greet(
        UnixStream::connect(here.trim_start_matches("unix://")).unwrap(),
        1,
    );
    peer.set_read_timeout(Some(SLACK)).unwrap();
    await_peers(&server, 1);
    // Far more than the system holds, and the stream takes all of it at once.
    let body = vec![7; 4 * 1024 * 1024];
    server.try_send(&body).unwrap();
    let mut came = vec![0; 5 + body.len()];
    peer.read_exact(&mut came).expect("all of it comes");
    assert!(came[5..] == body);
    assert_law(&server);
}

#[test]
fn what_the_reader_leaves_is_written_soon() {
    let (server, here) = server(without_heartbeats());
    let mut peer = join(&here, 1);
    await_peers(&server, 1);
    for _ in 0..3 {
        peer.write_all(b"?").unwrap();
        let mut answer = [0; 6];
        peer.read_exact(&mut answer).expect("it is answered");
        assert_eq!(answer[..], [b"!", &heartbeat()[..]].concat());
    }
    peer.write_all(&data("hello")).unwrap();
    assert_eq!(next_text(&server), "hello");
}

#[test]
fn the_last_word_is_behind_all_messages() {
    let (server, here) = server(without_heartbeats());
    let mut peer = join(&here, 1);
    await_peers(&server, 1);
    (0..100).for_each(|_| send(&server, "news"));
    let closing = std::thread::spawn(move || server.close_within(SLACK));
    assert_eq!(
        rest(&mut peer),
        [data("news").repeat(100), BYE.to_vec()].concat()
    );
    drop(peer);
    assert!(closing.join().unwrap().unsent.is_empty());
}

/// Without it they would take the end for a broken connection, and doubt what they have sent.
#[test]
fn who_takes_leave_and_who_is_refused_hear_the_last_word() {
    let (server, here) = server(quick().authorize(|it| it.identity == identity(1)));
    let mut peer = join(&here, 1);
    await_peers(&server, 1);
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut peer), BYE);
    let mut stranger = dial(&here);
    stranger.write_all(&hello(2)).unwrap();
    assert_eq!(rest(&mut stranger), BYE);
}

#[test]
fn what_cannot_be_right_ends_the_connection_as_a_bad_stream() {
    let (server, here) = server(quick());
    let mut peer = join(&here, 1);
    await_peers(&server, 1);
    peer.write_all(b"#").unwrap();
    assert_eq!(rest(&mut peer), BYE);
    drop(peer);
    await_event(&server, |event| {
        let bad = DownReason::BadStream;
        matches!(event, Event::PeerDown { reason, .. } if *reason == bad)
    });
    assert_law(&server);
}

/// Row 32: a stream that panics costs its own connection.
#[test]
fn a_stream_that_panics_is_one_that_broke() {
    let (server, here) = server(quick());
    let (mut peer, mut other) = (join(&here, 1), join(&here, 2));
    await_peers(&server, 2);
    peer.write_all(b"*").unwrap();
    await_event(
        &server,
        |event| matches!(event, Event::PeerDown { peer, .. } if *peer == identity(1)),
    );
    other.write_all(&data("still here")).unwrap();
    assert_eq!(next_text(&server), "still here");
    drop(other);
    await_no_peers(&server);
}

#[test]
fn what_a_stream_knows_reaches_the_hook_of_each_side() {
    let knows = |key: u8| {
        move |candidate: &jackfield::Candidate| {
            let credentials = candidate.credentials.as_ref();
            credentials.is_some_and(|it| it.downcast_ref::<u8>() == Some(&key))
        }
    };
    let (one, other) = pair(
        Transport::Unix,
        quick().authorize(knows(2)),
        quick().authorize(knows(1)),
    );
    send(&one, "we know each other");
    assert_eq!(next_text(&other), "we know each other");
}

#[test]
fn new_streams_are_shown_before_anything_is_read() {
    let shown = || {
        quick().on_stream(|stream| {
            if let OsStream::Tcp(tcp) = stream {
                tcp.set_ttl(77).expect("it is open");
            }
        })
    };
    let is_shown = |raw: &jackfield::RawStream| match raw.system() {
        OsStream::Tcp(tcp) => assert_eq!(tcp.ttl().expect("it is open"), 77),
        _ => panic!("not TCP"),
    };
    let (server, client) = (socket(shown()), socket(shown()));
    let look = move |raw, deadline| {
        is_shown(&raw);
        talker(raw, deadline)
    };
    let here = server.bind_with("tcp://127.0.0.1:0", look).unwrap();
    client.connect_with(&here, look).unwrap();
    send(&client, "hello");
    assert_eq!(next_text(&server), "hello");
}

#[test]
fn plain_streams_are_shown_as_well() {
    let (shows, shown) = std::sync::mpsc::channel();
    let show = move |config: Config| {
        let shows = shows.clone();
        config.on_stream(move |stream| shows.send(format!("{stream:?}")).expect("it is read"))
    };
    for (on, name) in [(Transport::Tcp, "Tcp("), (Transport::Unix, "Unix(")] {
        let here = on.endpoint();
        let server = socket(show(quick()));
        server.bind(&here).unwrap();
        let client = socket(show(quick()));
        client.connect(&here).unwrap();
        await_peers(&server, 1);
        for _ in 0..2 {
            let text = shown.recv_timeout(SLACK).expect("it is shown");
            assert!(text.starts_with(name), "{text}");
        }
    }
}

#[test]
fn streams_that_were_brought_are_peers_of_all_others() {
    let hub = bound(quick(), &Transport::Unix.endpoint());
    let (plain, talking) = (Transport::Tcp.endpoint(), Transport::Tcp.endpoint());
    hub.bind(&plain).unwrap();
    hub.bind_with(&talking, talker).unwrap();
    let _peers = [RawPeer::join(&plain, 1), RawPeer::join(&talking, 2)];
    await_peers(&hub, 2);
    let there = Transport::Unix.endpoint();
    hub.connect_with(&there, |raw, deadline| masked::masked(raw, deadline, 9))
        .unwrap();
    let _third = bound(quick(), &there);
    let _fourth = connected(quick(), &there);
    await_peers(&hub, 3);
}
