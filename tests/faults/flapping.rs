//! Flapping: peers and listeners that come and go many times a second.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use jackfield::{Event, Pauses, Socket};

use crate::remote::Remote;
use crate::support::{
    Transport, assert_law, await_event, await_no_peers, await_peers, connected, eventually,
    identity, quick,
};
use crate::wire::{HELLO, RawPeer, data, heartbeat, hello, listener};

const ROUNDS: u64 = 100;

/// Row 23: a hundred short lives of one peer leave nothing behind: no thread, no descriptor, no
/// place in the registry.
#[test]
#[cfg(target_os = "linux")]
fn a_peer_that_comes_and_goes_leaves_nothing_behind() {
    let here = Transport::Tcp.endpoint();
    let mut server = Remote::bound("", &here);
    let flap = |server: &mut Remote, rounds: RangeInclusive<u64>| {
        for round in rounds {
            let mut peer = RawPeer::join(&here, 1);
            peer.write(&data("here I am"));
            server.ask(&format!("received {round}"));
            drop(peer);
            server.ask(&format!("downs {round}"));
        }
    };
    let held = |server: &mut Remote| {
        let counters = ["threads", "descriptors", "peers"];
        counters.map(|counter| server.count(counter))
    };
    flap(&mut server, 1..=10);
    let before = held(&mut server);
    flap(&mut server, 11..=ROUNDS);
    // The last connection's thread may be on its way out.
    eventually("it holds no more", || {
        let now = held(&mut server);
        now.iter().zip(before).all(|(now, before)| *now <= before)
    });
    let ups = ["peers_up", "peers_down"].map(|counter| server.count(counter));
    assert_eq!(ups, [ROUNDS, ROUNDS]);
}

/// Becomes a peer of whoever dials, and goes.
fn flap(listener: &std::net::TcpListener) {
    let mut peer = RawPeer::accept(listener);
    peer.write(&[hello(1), heartbeat()].concat());
    assert_eq!(peer.read().expect("its HELLO").kind, HELLO);
    peer.end_writing();
    peer.rest();
}

fn await_change(socket: &Socket) {
    await_event(socket, |event| matches!(event, Event::PeerUp { .. }));
    await_event(socket, |event| matches!(event, Event::PeerDown { .. }));
}

/// Row 23: a listener that takes us and drops us is dialled ever less often: a short success does
/// not start the pauses over.
#[test]
fn a_listener_that_comes_and_goes_is_dialled_ever_less_often() {
    let (listener, there) = listener();
    let (shortest, longest) = (Duration::from_millis(2), Duration::from_millis(200));
    let client = connected(
        quick().redial(Pauses {
            first: shortest,
            max: longest,
        }),
        &there,
    );
    let ends = [(); 20].map(|()| {
        flap(&listener);
        await_change(&client);
        Instant::now()
    });
    // Ten pauses at the bound are a second on average; started over they would be 10 ms.
    assert!(ends[19] - ends[9] > longest / 2);
    assert_law(&client);
}

/// Row 23: one that stays long enough to be stable is dialled at once again.
#[test]
fn a_connection_that_was_stable_starts_the_pauses_over() {
    let (listener, there) = listener();
    let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(600));
    let stable = Duration::from_nanos(1);
    let client = connected(
        quick()
            .redial(Pauses {
                first: shortest,
                max: longest,
            })
            .stable_after(stable),
        &there,
    );
    // Without a fresh start the pauses would be hours long by the end.
    for _ in 0..40 {
        flap(&listener);
        await_change(&client);
    }
    let mut staying = RawPeer::accept(&listener);
    staying.write(&[hello(1), heartbeat()].concat());
    await_peers(&client, 1);
    assert_eq!(client.peers()[0].identity, identity(1));
    drop(staying);
    await_no_peers(&client);
}
