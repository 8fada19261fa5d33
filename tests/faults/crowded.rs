//! Crowded: every limit of one socket is reached at the same time, and its memory has a bound.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::remote::Remote;
use crate::support::{SLACK, Transport, connected, eventually, quick};
use crate::wire::{DATA, RawPeer, frame, heartbeat, hello};

const MIB: u64 = 1024 * 1024;
const BUDGET: u64 = 64 * MIB;

/// Beyond the budget: buffers and stacks of the connections.
const CONSTANT: u64 = 24 * MIB;

/// Written without an end to it: no more for so long.
const STUCK: Duration = Duration::from_millis(50);

/// A peer that never reads more than the handshake.
fn deaf(here: &str, who: u8) -> TcpStream {
    let address = here.trim_start_matches("tcp://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(SLACK)).expect("it is open");
    stream.set_write_timeout(Some(STUCK)).expect("it is open");
    let greeting = [hello(who), heartbeat()].concat();
    stream.write_all(&greeting).expect("it reads");
    stream
        .read_exact(&mut [0; 27])
        .expect("HELLO and HEARTBEAT");
    stream
}

/// Writes `bytes`, at most so often, until it takes no more or ends the connection.
fn press(mut stream: &TcpStream, bytes: &[u8], times: usize) {
    for _ in 0..times {
        if stream.write_all(bytes).is_err() {
            return;
        }
    }
}

/// Frames without an end, messages that nobody takes, and queues that nobody reads.
fn press_all(server: &mut Remote, streams: &[TcpStream]) {
    let endless = [
        &[0x00, 0xf0, 0x00, 0x00, DATA][..],
        &vec![7; 8 * MIB as usize],
    ]
    .concat();
    let message = frame(DATA, &[7; 64 * 1024]);
    // These are read, or ended, however long it takes; what comes after is read no more.
    std::thread::scope(|scope| {
        for stream in &streams[..8] {
            stream.set_write_timeout(Some(SLACK)).expect("it is open");
            scope.spawn(|| press(stream, &endless, 1));
        }
    });
    std::thread::scope(|scope| {
        for stream in &streams[8..16] {
            scope.spawn(|| press(stream, &message, 1_000));
        }
        server.ask("publish 50");
    });
}

/// Row 40: queues of those who do not read, messages that nobody takes, frames without an end and
/// connections without a HELLO, all at once: the process stays within budget and constant, the
/// largest give way, and a peer that does as it should is served.
#[test]
fn with_all_limits_reached_memory_stays_within_the_budget() {
    let here = Transport::Tcp.endpoint();
    let wide = format!("{},{}", 1_000_000, 16 * BUDGET);
    let settings = format!("budget={BUDGET} outbox={wide} inbox={wide}");
    let mut server = Remote::bound(&settings, &here);
    let before = server.count("memory");

    let streams: Vec<TcpStream> = (1..=24).map(|who| deaf(&here, who)).collect();
    server.ask("peers 24");
    let _half_open: Vec<RawPeer> = (0..300).map(|_| RawPeer::dial(&here)).collect();
    press_all(&mut server, &streams);
    let healthy = connected(quick(), &here);
    eventually("it is served", || {
        server.ask("publish 1");
        healthy.try_recv().is_ok()
    });
    for counter in ["dropped_memory_budget", "rejected", "peers_down"] {
        assert!(server.count(counter) > 0, "{counter}");
    }
    assert_within_budget(&mut server, before);
}

fn assert_within_budget(server: &mut Remote, before: u64) {
    let grown = server.count("peak") - before;
    assert!(grown <= BUDGET + CONSTANT, "{} MiB", grown / MIB);
}

/// Row 40: the largest messages of many peers, one after the other, with nobody to take them.
#[test]
fn large_messages_of_many_peers_stay_within_the_budget() {
    let here = Transport::Tcp.endpoint();
    let settings = format!("budget={BUDGET} heartbeat=60000,600000");
    let mut server = Remote::bound(&settings, &here);
    let before = server.count("memory");
    let message = frame(DATA, &vec![7; 16 * MIB as usize]);
    let streams: Vec<TcpStream> = (1..=10).map(|who| deaf(&here, who)).collect();
    server.ask("peers 10");
    // The first has room, however long it takes; then there is none.
    streams[0]
        .set_write_timeout(Some(SLACK))
        .expect("it is open");
    press(&streams[0], &message, 1);
    server.ask("received 1");
    let others = &streams[1..];
    others.iter().for_each(|stream| press(stream, &message, 2));
    // Nobody was too much: all wait.
    assert_eq!(server.count("peers_down"), 0);
    assert_within_budget(&mut server, before);
}
