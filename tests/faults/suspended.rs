//! Suspended: a program that is stopped for longer than the heartbeat timeout, and goes on.

use std::time::Duration;

use jackfield::{Config, Delivery, DownReason, Event, Heartbeat};

use crate::remote::Remote;
use crate::support::{
    Transport, assert_law, await_event, await_peers, bound, connected, eventually, identity,
    next_text, quick, send,
};
use crate::wire::{HEARTBEAT, RawPeer, data, heartbeat};

const INTERVAL: Duration = Duration::from_millis(250);
const TIMEOUT: Duration = Duration::from_millis(1_200);

/// As TIMEOUT, for another process.
const SETTINGS: &str = "heartbeat=250,1200";

/// So many of them take longer than the timeout, by more than it may be late for other reasons.
const BEATS: u64 = 32;
const BEAT: Duration = Duration::from_millis(80);

fn watchful() -> Config {
    quick().heartbeat(Heartbeat {
        interval: INTERVAL,
        timeout: TIMEOUT,
    })
}

/// Whoever is judged before all of them were read is judged wrongly.
const PEERS: u8 = 8;

/// All beat, and send something with each beat.
fn beat(peers: &mut [RawPeer], beats: u64) {
    for _ in 0..beats {
        let bytes = [heartbeat(), data("beat")].concat();
        peers.iter_mut().for_each(|peer| peer.write(&bytes));
        std::thread::park_timeout(BEAT);
    }
}

/// Row 12: stopped for longer than the timeout, with peers that beat on: what the kernel kept is
/// read before anybody is judged, and nobody is found dead; when they fall silent, all are.
#[test]
fn a_program_that_was_stopped_reads_before_it_judges() {
    let here = Transport::Tcp.endpoint();
    let mut stopped = Remote::bound(SETTINGS, &here);
    let mut peers: Vec<RawPeer> = (1..=PEERS).map(|who| RawPeer::join(&here, who)).collect();
    stopped.ask(&format!("peers {PEERS}"));
    stopped.stop();
    beat(&mut peers, BEATS);
    stopped.go_on();
    beat(&mut peers, BEATS / 2);
    let sent = (BEATS + BEATS / 2) * u64::from(PEERS);
    stopped.ask(&format!("received {sent}"));
    let counts = ["peers_up", "peers_down"].map(|counter| stopped.count(counter));
    assert_eq!(counts, [PEERS.into(), 0]);
    // They are silent from now on, and close nothing.
    stopped.ask(&format!("downs {PEERS}"));
    for mut peer in peers {
        let rest = peer.rest();
        assert!(rest.iter().all(|frame| frame.kind == HEARTBEAT), "{rest:?}");
    }
}

/// Row 12: to its peers a stopped program is silent; they let go of it, keep what is for it, and
/// take it back when it goes on.
#[test]
fn the_peers_of_a_stopped_program_let_go_of_it_and_take_it_back() {
    let here = Transport::Tcp.endpoint();
    let server = bound(watchful().delivery(Delivery::AtLeastOnce), &here);
    let other = connected(watchful(), &here);
    let mut stopped = Remote::connected(&format!("{SETTINGS} identity=7"), &here);
    stopped.ask("peers 1");
    await_peers(&server, 2);
    stopped.stop();
    let sent = server.send_to(identity(7), "while you were away");
    sent.expect("it is still a peer");
    await_event(&server, |event| {
        let silent = DownReason::Silent;
        matches!(event, Event::PeerDown { peer, reason, .. } if *peer == identity(7) && *reason == silent)
    });
    send(&server, "for anyone");
    assert_eq!(next_text(&other), "for anyone");
    stopped.go_on();
    assert_eq!(stopped.ask("recv"), "while you were away");
    eventually("acknowledged", || server.stats().acknowledged == 2);
    assert_law(&server);
}
