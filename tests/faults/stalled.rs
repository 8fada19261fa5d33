//! Stalled: nothing moves, and nobody is dead: back-pressure is no fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Config, DownReason, Error, Event, Heartbeat, Limit, Overflow, Payload, Socket};

use crate::support::{
    SLACK, Transport, assert_law, await_event, await_peers, bound, connected, eventually, fill,
    identity, large, next, number_of, pair, publish, quick, timed,
};
use crate::wire::{HELLO, RawPeer, heartbeat, hello, listener, server};

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_millis(1_000);
const HANDSHAKE: Duration = Duration::from_millis(500);

fn watchful() -> Config {
    quick().heartbeat(Heartbeat {
        interval: INTERVAL,
        timeout: TIMEOUT,
    })
}

/// A peer that beats and never reads, until it is dropped.
struct Beating {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Beating {
    fn join(here: &str, who: u8) -> Beating {
        let mut peer = RawPeer::join(here, who);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let beat = move || {
            while !stopped.load(Ordering::Relaxed) && peer.try_write(&heartbeat()) {
                thread::park_timeout(INTERVAL / 2);
            }
        };
        Beating {
            stop,
            thread: Some(thread::spawn(beat)),
        }
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// No peer goes down for this long.
fn assert_all_stay(socket: &Socket, time: Duration) {
    let events = socket.events();
    let end = Instant::now() + time;
    while let Ok(event) = events.recv_timeout(end.saturating_duration_since(Instant::now())) {
        assert!(!matches!(event, Event::PeerDown { .. }), "{event:?}");
    }
}

/// Row 9: beats, and takes nothing: its queue fills, sends wait or are handed back, and it stays
/// a peer for longer than the timeout.
#[test]
fn a_peer_that_beats_and_does_not_read_is_held_back_and_kept() {
    let (server, here) = server(watchful().outbox(Limit {
        messages: 4,
        bytes: 1024 * 1024,
    }));
    let _beating = Beating::join(&here, 1);
    await_peers(&server, 1);
    fill(&server, 0);
    assert_all_stay(&server, TIMEOUT * 3 / 2);
    let refusals = std::iter::from_fn(|| Some(server.try_send(large(0)).err()));
    let refused = refusals.take(100).flatten().next();
    let refused = refused.expect("it takes nothing for long");
    assert!(matches!(refused.reason, Error::Full));
    let body = refused.body.map(Payload::into_vec);
    assert_eq!((body, server.stats().dropped()), (Some(large(0)), 0));
    assert_law(&server);
}

/// Row 9: only a socket that is set to disconnect ends it, as a slow peer.
#[test]
fn a_peer_that_beats_and_does_not_read_is_ended_where_that_is_asked_for() {
    let config = watchful().overflow(Overflow::Disconnect);
    let config = config.slow_peer_timeout(INTERVAL);
    let (server, here) = server(config.outbox(Limit {
        messages: 4,
        bytes: 1024 * 1024,
    }));
    let _beating = Beating::join(&here, 1);
    await_peers(&server, 1);
    let events = server.events();
    eventually("it ends as a slow peer", || {
        publish(&server, large(0));
        let slow = DownReason::SlowPeer;
        matches!(events.try_recv(), Ok(Event::PeerDown { reason, .. }) if reason == slow)
    });
    let stats = server.stats();
    assert!(
        stats.dropped_outbox_full > 0 && stats.peers_down == 1,
        "{stats:?}"
    );
    assert_law(&server);
}

/// Row 11: both ends only send: both are told, neither hangs, both stay, and all arrives.
#[test]
fn two_ends_that_only_send_are_told_and_stay_peers() {
    let small = || {
        watchful()
            .outbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
            .inbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
    };
    let (one, other) = pair(Transport::Tcp, small(), small());
    let ends = [&one, &other];
    let counts = thread::scope(|scope| {
        let filling = ends.map(|socket| scope.spawn(|| fill(socket, 0)));
        filling.map(|end| end.join().expect("it ends"))
    });
    assert_all_stay(&one, TIMEOUT * 3 / 2);
    assert_eq!((one.peers().len(), other.peers().len()), (1, 1));
    assert_eq!(other.stats().peers_down, 0);
    for (socket, count) in [(&other, counts[0]), (&one, counts[1])] {
        (0..count).for_each(|number| assert_eq!(number_of(&next(socket)), number));
    }
    ends.iter().for_each(|socket| assert_law(socket));
}

/// Row 39: while one peer's write hangs, everything that needs the lock goes on.
#[test]
fn no_lock_is_held_across_a_write_to_a_stalled_peer() {
    let (server, here) = server(quick().outbox(Limit {
        messages: 4,
        bytes: 1024 * 1024,
    }));
    let _beating = Beating::join(&here, 1);
    await_peers(&server, 1);
    fill(&server, 0);
    let other = connected(quick().identity(identity(2)), &here);
    await_peers(&server, 2);
    let (_, took) = timed(|| {
        for number in 0_u32..200 {
            let sent = server.send_to(identity(2), number.to_be_bytes());
            sent.expect("there is room");
            assert_eq!(next(&other).body(), number.to_be_bytes());
            assert_eq!((server.stats().peers_up, server.peers().len()), (2, 2));
        }
    });
    // A hanging write lasts half a second; behind them this would take minutes.
    assert!(took < SLACK, "{took:?}");
}

/// Row 39: the one deadline of connect and handshake covers a listener that stalls in mid-HELLO,
/// and one that answers nothing; both are dialled again.
#[test]
fn a_listener_that_stalls_in_its_handshake_runs_out_of_time() {
    let (listener, there) = listener();
    let client = connected(quick().handshake_timeout(HANDSHAKE), &there);
    for answered in [10, 0] {
        let mut stalling = RawPeer::accept(&listener);
        stalling.write(&hello(1)[..answered]);
        assert_eq!(stalling.read().expect("its HELLO").kind, HELLO);
        await_event(&client, |event| {
            let late = DownReason::HandshakeTimeout;
            matches!(event, Event::Rejected { reason, .. } if *reason == late)
        });
        assert_eq!(stalling.read(), None);
    }
    let mut answering = RawPeer::accept(&listener);
    answering.write(&[hello(1), heartbeat()].concat());
    await_peers(&client, 1);
    assert_eq!(client.stats().rejected, 2);
}

/// Row 39: the same from the other side: a hundred that stall keep nobody out and end in time.
#[test]
fn dialled_in_and_stalled_in_the_handshake_keeps_nobody_out() {
    let here = Transport::Tcp.endpoint();
    let server = bound(quick().handshake_timeout(HANDSHAKE), &here);
    let mut stalling: Vec<RawPeer> = (0..100).map(|_| RawPeer::dial(&here)).collect();
    stalling
        .iter_mut()
        .for_each(|peer| assert!(peer.try_write(&hello(1)[..7])));
    let _client = connected(quick(), &here);
    await_peers(&server, 1);
    for peer in &mut stalling {
        let said = peer.rest();
        assert!(said.len() <= 1, "{said:?}");
    }
    eventually("all are rejected", || server.stats().rejected >= 100);
    assert_eq!(server.stats().peers_up, 1);
}
