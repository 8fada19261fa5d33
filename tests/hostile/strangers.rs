//! Strangers: connections that never become a peer.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{DownReason, Event, HalfOpen};

use crate::attacker::{Attacker, forged};
use crate::stage::Stage;
use crate::support::{SLACK, eventually, quick};
use crate::wire::{HELLO, frame, hello_of};

const TLS: [u8; 11] = [
    0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03,
];

/// What a stranger may say first, and why it is turned away.
fn openings() -> [(Vec<u8>, DownReason); 9] {
    let stranger = DownReason::NotAPeer;
    let version = [&[0x02][..], forged(0).as_bytes()].concat();
    [
        (vec![0xa5; 100_000], stranger),
        (TLS.to_vec(), stranger),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), stranger),
        (vec![0xff; 4], stranger),
        (vec![0x01, 0x00, 0x00, 0x12, 0x01], stranger),
        (frame(0x03, b"no hello"), stranger),
        (frame(HELLO, &[0x01; 16]), stranger),
        (frame(HELLO, &[0x01; 64]), stranger),
        (frame(HELLO, &version), DownReason::Version(2)),
    ]
}

/// Every opening at every door gets this answer and nothing more.
fn assert_answered(stage: &Stage, expected: &[u8]) {
    let before = stage.server.stats().rejected;
    for (opening, _) in openings() {
        for door in &stage.doors {
            let mut stranger = Attacker::dial(door);
            stranger.try_write(&opening);
            let answer = stranger.rest();
            assert!(answer == expected || answer.is_empty(), "{answer:?}");
        }
    }
    eventually("all are counted", || {
        stage.server.stats().rejected == before + 18
    });
    stage.await_rejected(16, DownReason::NotAPeer);
    stage.await_rejected(2, DownReason::Version(2));
}

#[test]
fn strangers_get_no_answer_but_the_hello_that_everyone_gets() {
    Stage::working(quick()).survives(3, |stage| {
        assert_answered(stage, &hello_of(*stage.server.identity().as_bytes()));
    });
}

#[test]
fn strangers_get_not_one_byte_where_a_hook_decides() {
    Stage::working(quick().authorize(|_| true)).survives(3, |stage| assert_answered(stage, &[]));
}

/// A connection that is dropped with bytes unread is reset, and otherwise it is not: so the other
/// side can tell how much was read.
#[test]
fn of_what_a_stranger_says_64_bytes_are_read() {
    Stage::working(quick().authorize(|_| true)).survives(3, |stage| {
        for (length, is_reset) in [(64, false), (65, true)] {
            let before = stage.server.stats().rejected;
            let mut stranger = Attacker::dial(&stage.doors[0]);
            stranger.write(&vec![0xa5; length]);
            assert_eq!(stranger.rest(), []);
            eventually("it is gone", || stage.server.stats().rejected == before + 1);
            // One side of a connection that is reset may not be told, but by its own writing.
            eventually("told", || stranger.was_reset() == is_reset);
        }
    });
}

#[test]
fn connections_that_close_at_once_leave_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let before = stage.server.stats().rejected;
        (0..600).for_each(|number| drop(Attacker::dial(stage.door(number))));
        eventually("all are counted", || {
            stage.server.stats().rejected == before + 600
        });
    });
}

#[test]
fn a_crowd_that_never_says_hello_gives_way_to_a_newcomer() {
    Stage::working(quick().half_open(HalfOpen {
        total: 16,
        per_address: 64,
    }))
    .survives(3, |stage| {
        let mut crowd = Vec::new();
        for number in 0..200 {
            crowd.push(Attacker::dial(stage.door(number)));
            if number % 50 == 49 {
                Attacker::join(stage.door(number), forged(number));
            }
        }
        stage.await_rejected(180, DownReason::Crowded);
        stage.await_events(4, |event| matches!(event, Event::PeerUp { .. }));
    });
}

/// Comes again and again and holds the last hundred connections, until it is over.
fn crowd(door: &str, is_over: &AtomicBool) {
    let deadline = Instant::now() + SLACK;
    let mut crowd = VecDeque::new();
    while !is_over.load(Ordering::Relaxed) && Instant::now() < deadline {
        crowd.extend(Attacker::try_dial(door));
        if crowd.len() > 100 {
            crowd.pop_front();
        }
    }
}

#[test]
fn a_newcomer_gets_in_while_a_crowd_keeps_coming() {
    Stage::working(quick().half_open(HalfOpen {
        total: 64,
        per_address: 64,
    }))
    .survives(2, |stage| {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for door in &stage.doors {
                scope.spawn(|| crowd(door, &is_over));
            }
            stage.await_rejected(100, DownReason::Crowded);
            for number in 0..5 {
                let door = stage.door(number);
                let is_in = (0..100).any(|_| Attacker::try_join(door, forged(number)));
                assert!(is_in, "it never gets in");
            }
            stage.await_rejected(200, DownReason::Crowded);
            is_over.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn over_the_bound_on_connections_nobody_gets_in_and_nobody_is_put_out() {
    Stage::working(quick().max_connections(20)).survives(3, |stage| {
        let mut peers: Vec<Attacker> = (0..19)
            .map(|number| Attacker::join(stage.door(number), forged(number)))
            .collect();
        for number in 0..50 {
            assert!(!Attacker::try_join(
                stage.door(number),
                forged(100 + number)
            ));
        }
        stage.await_rejected(50, DownReason::Crowded);
        eventually("all of them are peers", || stage.server.peers().len() == 20);
        peers.pop();
        eventually("there is room again", || {
            Attacker::try_join(stage.door(0), forged(200))
        });
    });
}

#[test]
fn a_hello_that_drips_in_and_never_ends_is_ended() {
    let brief = Duration::from_millis(150);
    Stage::working(quick().handshake_timeout(brief)).survives(3, |stage| {
        let mut slow: Vec<Attacker> = (0..30).map(|n| Attacker::dial(stage.door(n))).collect();
        for byte in &hello_of([0xa5; 16])[..20] {
            for stranger in &mut slow {
                stranger.write_all(&[*byte]).ok();
            }
            thread::park_timeout(brief / 15);
        }
        stage.await_rejected(30, DownReason::HandshakeTimeout);
    });
}
