//! Duplicates: two connections of one identity, the old one alive or silent.

use std::thread;
use std::time::{Duration, Instant};

use jackfield::{DownReason, Event, HalfOpen, Heartbeat, Limit};

use crate::support::{await_event, await_peers, eventually, identity, next_text, quick};
use crate::wire::{HELLO, RawPeer, data, heartbeat, hello, server};

/// Row 20: the old one is alive.
#[test]
fn a_live_connection_wins() {
    let (server, here) = server(quick());
    let mut old = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    let mut new = RawPeer::dial(&here);
    new.write(&[hello(1), data("from the new one")].concat());
    assert!(new.rest().iter().all(|frame| frame.kind == HELLO));
    await_event(&server, |event| {
        let duplicate = DownReason::Duplicate;
        matches!(event, Event::Rejected { reason, .. } if *reason == duplicate)
    });
    old.write(&data("from the old one"));
    assert_eq!(next_text(&server), "from the old one");
}

#[test]
fn what_came_behind_the_hello_of_a_successor_is_delivered_once() {
    let interval = Duration::from_millis(100);
    let (server, here) = server(quick().heartbeat(Heartbeat {
        interval,
        timeout: Duration::from_secs(60),
    }));
    let _old = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    let mut new = loop {
        let mut new = RawPeer::dial(&here);
        new.write(&[hello(1), data("behind")].concat());
        assert_eq!(new.read().expect("a HELLO").kind, HELLO);
        if new.read().is_some() {
            break new;
        }
    };
    new.write(&data("later"));
    assert_eq!(next_text(&server), "behind");
    assert_eq!(next_text(&server), "later");
}

/// Row 20: the old one is stale.
#[test]
fn a_silent_connection_gives_way_after_one_and_a_half_intervals() {
    let interval = Duration::from_millis(100);
    let (server, here) = server(quick().heartbeat(Heartbeat {
        interval,
        timeout: Duration::from_secs(60),
    }));
    let begin = Instant::now();
    let mut old = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    let mut new = loop {
        let mut new = RawPeer::dial(&here);
        new.write(&[hello(1), heartbeat()].concat());
        assert_eq!(new.read().expect("a HELLO").kind, HELLO);
        if new.read().is_some() {
            break new;
        }
    };
    assert!(begin.elapsed() >= interval * 3 / 2, "{:?}", begin.elapsed());
    await_event(&server, |event| {
        let replaced = DownReason::Replaced;
        matches!(event, Event::PeerDown { reason, .. } if *reason == replaced)
    });
    old.rest();
    new.write(&data("from the new one"));
    assert_eq!(next_text(&server), "from the new one");
}

#[test]
fn heartbeats_keep_a_connection_from_giving_way() {
    let (server, here) = server(quick().heartbeat(Heartbeat {
        interval: Duration::from_millis(200),
        timeout: Duration::from_secs(60),
    }));
    let mut old = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    for _ in 0..10 {
        old.write(&[heartbeat(), data("alive")].concat());
        assert_eq!(next_text(&server), "alive");
        let mut new = RawPeer::dial(&here);
        new.write(&hello(1));
        assert!(new.rest().iter().all(|frame| frame.kind == HELLO));
        thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(server.stats().peers_down, 0);
}

#[test]
fn what_a_silent_connection_did_not_take_goes_to_its_successor() {
    let interval = Duration::from_millis(100);
    let config = quick().heartbeat(Heartbeat {
        interval,
        timeout: Duration::from_secs(60),
    });
    let (server, here) = server(config.outbox(Limit {
        messages: 4,
        bytes: 64 * 1024 * 1024,
    }));
    let _old = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    let count = (0_u32..)
        .take_while(|number| {
            let mut body = vec![0; 256 * 1024];
            body[..4].copy_from_slice(&number.to_be_bytes());
            server
                .send_to_timeout(identity(1), body, Duration::from_millis(300))
                .is_ok()
        })
        .count();
    let mut new = RawPeer::join(&here, 1);
    let first = new.read_on().unwrap().body[..4].to_vec();
    let first = u32::from_be_bytes(first.try_into().unwrap());
    assert!(first > 0);
    for number in first + 1..count as u32 {
        assert_eq!(new.read_on().unwrap().body[..4], number.to_be_bytes());
    }
}

/// Row 16: places for handshakes are bounded, told and counted.
#[test]
fn of_too_many_half_open_connections_the_oldest_gives_way() {
    let (server, here) = server(quick().half_open(HalfOpen {
        total: 2,
        per_address: 64,
    }));
    let mut first = RawPeer::dial(&here);
    assert_eq!(first.read().unwrap().kind, HELLO);
    let mut others = [(); 2].map(|()| RawPeer::dial(&here));
    assert!(first.rest().is_empty());
    await_event(&server, |event| {
        let crowded = DownReason::Crowded;
        matches!(event, Event::Rejected { reason, .. } if *reason == crowded)
    });
    for (who, peer) in others.iter_mut().enumerate() {
        peer.write(&hello(1 + who as u8));
    }
    await_peers(&server, 2);
    eventually("nobody else is rejected", || server.stats().rejected == 1);
}
