//! Resets: connections that break, or half of which ends, at every stage of their life.

use std::collections::BTreeSet;

use jackfield::{DownReason, Event};

use crate::attacker::{Attacker, forged};
use crate::stage::Stage;
use crate::support::{eventually, quick};
use crate::wire::{DATA, DATA_REQ, HELLO, frame, heartbeat, hello_of};

/// What a peer of this name had said before its connection broke.
fn stages(who: u32) -> [Vec<u8>; 7] {
    let hello = hello_of(*forged(who).as_bytes());
    let up = [&hello[..], &heartbeat()].concat();
    [
        vec![],
        hello[..10].to_vec(),
        hello.clone(),
        up.clone(),
        [&up[..], &frame(DATA, &[7; 100])[..50]].concat(),
        [&up[..], &frame(DATA, &[7; 1_000_000])[..500_000]].concat(),
        [up, frame(DATA_REQ, &[7; 100])].concat(),
    ]
}

#[test]
fn a_reset_at_any_stage_leaves_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let before = stage.server.stats();
        for number in 0..14 {
            let said = &stages(number)[number as usize / 2];
            let mut attacker = Attacker::dial(stage.door(number));
            attacker.write(said);
            attacker.reset();
        }
        let ended = || {
            let stats = stage.server.stats();
            stats.rejected + stats.peers_down - before.rejected - before.peers_down
        };
        eventually("all are counted", || ended() >= 14);
        stage.await_events(1, |event| {
            let reset = DownReason::Reset;
            matches!(event, Event::PeerDown { reason, .. } if *reason == reset)
        });
    });
}

#[test]
fn resets_of_many_at_once_leave_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let down = stage.server.stats().peers_down;
        let attackers: Vec<Attacker> = (0..100)
            .map(|number| Attacker::join(stage.door(number), forged(number)))
            .collect();
        for number in 0..100 {
            let sent = stage.server.send_to(forged(number), vec![7; 1_000]);
            sent.expect("it is a peer");
        }
        attackers.into_iter().for_each(Attacker::reset);
        eventually("all are counted", || {
            stage.server.stats().peers_down == down + 100
        });
    });
}

/// Whoever ends its writing half has left, and reads everything up to the end.
#[test]
fn a_peer_that_says_no_more_but_reads_on_has_left() {
    Stage::working(quick()).survives(3, |stage| {
        let mut halves: Vec<Attacker> = (0..20)
            .map(|number| Attacker::join(stage.door(number), forged(number)))
            .collect();
        halves.iter().for_each(Attacker::end_writing);
        for half in &mut halves {
            while half.frame().is_some() {}
        }
        stage.await_down(20, DownReason::Closed);
    });
}

#[test]
fn a_stranger_that_says_no_more_but_reads_on_is_closed() {
    Stage::working(quick()).survives(3, |stage| {
        for door in &stage.doors {
            let mut stranger = Attacker::dial(door);
            stranger.write(&hello_of(*forged(1).as_bytes())[..10]);
            stranger.end_writing();
            let kinds: BTreeSet<u8> = std::iter::from_fn(|| stranger.frame())
                .map(|frame| frame.kind)
                .collect();
            assert_eq!(kinds, BTreeSet::from([HELLO]));
        }
        stage.await_rejected(2, DownReason::Closed);
    });
}

/// Back again before the last connection is quite gone, as fast as it goes.
#[test]
fn a_peer_that_comes_and_goes_without_a_pause_leaves_nothing() {
    Stage::working(quick()).survives(3, |stage| {
        let before = stage.server.stats();
        let said = [&hello_of(*forged(1).as_bytes())[..], &heartbeat()].concat();
        for number in 0..300 {
            let mut attacker = Attacker::dial(stage.door(number));
            attacker.try_write(&said);
            attacker.reset();
        }
        let ended = || {
            let stats = stage.server.stats();
            stats.rejected + stats.peers_down - before.rejected - before.peers_down
        };
        eventually("all are counted", || ended() == 300);
    });
}
