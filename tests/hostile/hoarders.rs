//! Hoarders: peers that make the socket hold as much as they can.

use std::io::Read;
use std::thread;
use std::time::Duration;

use jackfield::{DownReason, Limit};

use crate::attacker::{Attacker, forged};
use crate::footprint::{resident, sleeps};
use crate::stage::Stage;
use crate::support::{eventually, quick};
use crate::wire::{DATA, DATA_REQ, frame};

const MIB: usize = 1024 * 1024;

/// What the allocator may have taken beside what is asked of it here.
const BESIDE: usize = 40 * MIB;

/// The front of a frame that would have 16 MiB.
fn front(length: usize) -> Vec<u8> {
    let mut bytes = vec![7; length];
    bytes[..5].copy_from_slice(&[0x01, 0x00, 0x00, 0x01, DATA]);
    bytes
}

#[test]
fn large_frames_take_the_memory_of_what_came() {
    Stage::working(quick()).survives(3, |stage| {
        let before = resident();
        let mut attackers = Vec::new();
        for number in 0..60 {
            let mut attacker = Attacker::join(stage.door(number), forged(number));
            attacker.write(&front(100_000));
            attackers.push(attacker);
        }
        for _ in 0..20 {
            attackers.iter_mut().for_each(|one| one.write(&[7]));
        }
        stage.await_rounds(20);
        let grown = resident().saturating_sub(before);
        assert!(
            grown < 60 * MIB,
            "{grown} bytes of 960 MiB that were announced"
        );
    });
}

#[test]
fn a_length_over_the_limit_ends_its_peer_before_anything_is_allocated() {
    const MAX: u32 = 16 * 1024 * 1024;
    Stage::working(quick()).survives(3, |stage| {
        for (len, kind) in [(u32::MAX, DATA), (MAX + 2, DATA), (MAX + 18, DATA_REQ)] {
            let before = resident();
            for door in &stage.doors {
                let mut attacker = Attacker::join(door, forged(1));
                attacker.try_write(&[&len.to_be_bytes()[..], &[kind], &[7; 1_000]].concat());
                attacker.rest();
                eventually("it is gone", || stage.server.peers().len() == 1);
            }
            stage.await_down(2, DownReason::TooLarge { len });
            assert!(resident() < before + 8 * MIB, "{} bytes", resident());
        }
    });
}

#[test]
fn over_the_budget_unfinished_frames_end() {
    Stage::working(quick().memory_budget(32 * MIB)).survives(3, |stage| {
        let before = resident();
        let mut attackers = Vec::new();
        for number in 0..40 {
            let mut attacker = Attacker::join(stage.door(number), forged(number));
            attacker.try_write(&front(MIB));
            attackers.push(attacker);
        }
        stage.await_down(20, DownReason::Crowded);
        let grown = resident().saturating_sub(before);
        assert!(grown < 16 * MIB + BESIDE, "{grown} bytes");
    });
}

/// No two of them are neighbours, so that each takes its own place in what is remembered.
fn lone_jobs(number: u32, count: u32) -> Vec<u8> {
    let job = |n: u32| {
        let mut id = [number as u8; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        frame(DATA_REQ, &id)
    };
    (0..count).flat_map(job).collect()
}

#[test]
fn ids_of_many_names_take_no_more_than_their_part_of_the_budget() {
    const JOBS: u32 = 16_000;
    const ACK: usize = 21;
    Stage::working(quick().memory_budget(32 * MIB)).survives(2, |stage| {
        let before = resident();
        let mut attackers = Vec::new();
        for number in 0..80 {
            let mut attacker = Attacker::join(stage.door(number), forged(number));
            for some in lone_jobs(number, JOBS).chunks(1_000 * ACK) {
                attacker.write(some);
                let mut acks = vec![0; some.len()];
                attacker
                    .read_exact(&mut acks)
                    .expect("all of it is acknowledged");
            }
            attackers.push(attacker);
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 4 * MIB + BESIDE, "{grown} bytes");
    });
}

#[test]
fn messages_of_many_names_take_no_more_than_the_budget() {
    Stage::working(quick().max_message(2 * MIB).memory_budget(16 * MIB)).survives(3, |stage| {
        stage.slow_down(Duration::from_millis(20));
        let before = resident();
        let message = frame(DATA, &vec![7; MIB]);
        let mut attackers: Vec<Attacker> = (0..100)
            .map(|number| Attacker::join(stage.door(number), forged(number)))
            .collect();
        // Some at a time: most of them find no room, and wait in vain.
        thread::scope(|scope| {
            for some in attackers.chunks_mut(10) {
                scope.spawn(|| {
                    for attacker in some {
                        attacker.set_patience(Duration::from_millis(50));
                        attacker.try_write(&message);
                    }
                });
            }
        });
        let grown = resident().saturating_sub(before);
        assert!(grown < 16 * MIB + BESIDE, "{grown} bytes");
        stage.await_rounds(3);
    });
}

#[test]
fn whoever_sends_faster_than_is_received_is_not_read_and_others_are() {
    Stage::working(quick().inbox(Limit {
        messages: 4_000,
        bytes: 64 * MIB,
    }))
    .survives(3, |stage| {
        stage.slow_down(Duration::from_micros(100));
        let before = resident();
        let flood = frame(DATA, &[7; 1_000]).repeat(500);
        let mut attackers: Vec<Attacker> = (0..4)
            .map(|number| Attacker::join(stage.door(number), forged(number)))
            .collect();
        for attacker in &mut attackers {
            attacker.set_patience(Duration::from_millis(30));
            let writes = (0..1_000).take_while(|_| attacker.try_write(&flood));
            assert!(writes.count() < 1_000, "it is read without end");
        }
        stage.await_rounds(20);
        let grown = resident().saturating_sub(before);
        assert!(grown < 16 * MIB + BESIDE, "{grown} bytes");
    });
}

/// A batch may hold 50,000 messages: who sent one must not wait for all of them.
#[test]
fn a_peer_with_very_many_messages_lets_others_have_their_turn() {
    Stage::working(quick()).survives(3, |stage| {
        stage.slow_down(Duration::from_micros(100));
        let mut attacker = Attacker::join(stage.door(1), forged(1));
        attacker.set_patience(Duration::from_millis(50));
        let flood = frame(DATA, &[]).repeat(200_000);
        attacker.try_write(&flood);
        let heard = stage.heard();
        stage.await_rounds(10);
        let between = stage.heard() - heard;
        assert!(
            between < 10_000,
            "{between} messages for 10 of the good peer"
        );
    });
}

#[test]
fn parked_peers_are_left_to_sleep() {
    const PARKED: u32 = 100;
    Stage::working(quick().inbox(Limit {
        messages: 1_000,
        bytes: 64 * MIB,
    }))
    .survives(2, |stage| {
        stage.slow_down(Duration::from_millis(1));
        let flood = frame(DATA, &[7; 20_000]).repeat(100);
        let mut attackers = Vec::new();
        for number in 0..PARKED {
            let mut attacker = Attacker::join(stage.door(number), forged(number));
            attacker.set_patience(Duration::from_millis(1));
            attacker.try_write(&flood);
            attackers.push(attacker);
        }
        let (before, heard) = (sleeps(), stage.heard());
        eventually("some are received", || stage.heard() > heard + 300);
        let woken = sleeps().saturating_sub(before);
        let heard = stage.heard() - heard;
        assert!(woken < 20 * heard, "{woken} times for {heard} messages");
    });
}
