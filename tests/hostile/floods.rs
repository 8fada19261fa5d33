//! Floods: frames at full speed that mean little or nothing.

use std::io::Read;
use std::thread;
use std::time::Duration;

use crate::attacker::{Attacker, forged};
use crate::footprint::sleeps;
use crate::stage::Stage;
use crate::support::{eventually, quick};
use crate::wire::{ACK, DATA, DATA_REQ, HEARTBEAT, frame};

/// Everyone writes at the same time, each through a door of its own.
fn flood(stage: &Stage, floods: &[Vec<u8>]) -> Vec<Attacker> {
    let join = |number: usize| Attacker::join(stage.door(number as u32), forged(number as u32));
    let mut attackers: Vec<Attacker> = (0..floods.len()).map(join).collect();
    thread::scope(|scope| {
        for (attacker, bytes) in attackers.iter_mut().zip(floods) {
            scope.spawn(move || attacker.write(bytes));
        }
    });
    attackers
}

fn job(id: u128) -> Vec<u8> {
    frame(DATA_REQ, &id.to_be_bytes())
}

/// Reads acknowledgements in a thread of its own, until the connection ends.
fn swallow(attacker: &Attacker) -> thread::JoinHandle<u64> {
    let mut reader = attacker.again();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut count = 0;
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            count += read as u64;
        }
        count
    })
}

#[test]
fn frames_that_mean_nothing_are_counted_and_cost_nobody_else() {
    const EACH: usize = 100_000;
    Stage::working(quick()).survives(3, |stage| {
        let (skipped, heard) = (stage.server.stats().skipped, stage.heard());
        let attackers = flood(
            stage,
            &[
                frame(HEARTBEAT, &[]).repeat(EACH),
                [0; 4].repeat(EACH),
                frame(0x7f, &[]).repeat(EACH),
                frame(DATA, &[]).repeat(EACH),
            ],
        );
        eventually("they are counted", || {
            stage.server.stats().skipped == skipped + 2 * EACH as u64
        });
        eventually("they are heard", || stage.heard() == heard + EACH as u64);
        drop(attackers);
    });
}

#[test]
fn frames_in_single_bytes_cost_nobody_else() {
    Stage::working(quick()).survives(3, |stage| {
        let heard = stage.heard();
        let bytes = [frame(DATA, &[7; 50]), frame(HEARTBEAT, &[])].concat();
        let mut attackers = [0, 1].map(|n| Attacker::join(stage.door(n), forged(n)));
        thread::scope(|scope| {
            for attacker in &mut attackers {
                scope.spawn(|| {
                    let bytes = bytes.repeat(100);
                    bytes.iter().for_each(|byte| attacker.write(&[*byte]));
                });
            }
        });
        eventually("they are heard", || stage.heard() == heard + 200);
    });
}

/// The front of a frame that is just short enough to stay in the read buffer, then its rest byte
/// by byte: none of them may cost a copy of what is there.
#[test]
fn the_rest_of_a_frame_in_single_bytes_costs_nobody_else() {
    Stage::working(quick()).survives(2, |stage| {
        let heard = stage.heard();
        let bytes = frame(DATA, &[7; 60_000]);
        let mut attacker = Attacker::join(stage.door(1), forged(1));
        attacker.write(&bytes[..50_000]);
        bytes[50_000..]
            .iter()
            .for_each(|byte| attacker.write(&[*byte]));
        eventually("it is heard", || stage.heard() == heard + 1);
    });
}

#[test]
fn one_message_again_and_again_is_delivered_once() {
    const COPIES: u64 = 50_000;
    Stage::working(quick()).survives(3, |stage| {
        let (heard, before) = (stage.heard(), stage.server.stats().duplicates);
        let mut attacker = Attacker::join(stage.door(0), forged(1));
        let acks = swallow(&attacker);
        // Another name in each round, or an earlier one would be remembered.
        let id = u128::from(before) + 1;
        attacker.write(&job(id).repeat(COPIES as usize));
        eventually("they are recognised", || {
            stage.server.stats().duplicates == before + COPIES - 1
        });
        eventually("it is heard", || stage.heard() == heard + 1);
        attacker.end_writing();
        drop(attacker);
        let size = frame(ACK, &[0; 16]).len() as u64;
        assert!(acks.join().expect("it reads on") <= (COPIES + 1) * size);
    });
}

#[test]
fn copies_whose_acks_nobody_reads_stop_being_read_and_cost_nobody_else() {
    const CROWDED: u32 = 12;
    // 150 MB: several times what the kernel keeps for both directions where its buffers may grow.
    const ENDLESS: usize = 600;
    Stage::working(quick()).survives(2, |stage| {
        let mut attackers: Vec<Attacker> = (0..CROWDED)
            .map(|number| Attacker::join(&stage.doors[1], forged(number)))
            .collect();
        let copies = job(7).repeat(5_000);
        for attacker in &mut attackers {
            attacker.write(&job(7));
            attacker.set_patience(Duration::from_millis(20));
            let writes = (0..ENDLESS).take_while(|_| attacker.try_write(&copies));
            assert!(writes.count() < ENDLESS, "it is read without end");
        }
        let (slept, rounds) = (sleeps(), stage.rounds());
        stage.await_rounds(300);
        let (slept, rounds) = (sleeps() - slept, stage.rounds() - rounds);
        assert!(slept < 9 * rounds, "{slept} times in {rounds} rounds");
    });
}

#[test]
fn more_ids_than_are_remembered_are_all_delivered() {
    const IDS: u128 = 20_000;
    Stage::working(quick()).survives(2, |stage| {
        let (heard, before) = (stage.heard(), stage.server.stats().duplicates);
        let mut attacker = Attacker::join(stage.door(0), forged(1));
        let acks = swallow(&attacker);
        let first = u128::from(heard) << 64;
        let ids = (first..first + IDS).flat_map(job);
        attacker.write(&ids.collect::<Vec<u8>>());
        eventually("they are heard", || stage.heard() == heard + IDS as u64);
        attacker.write(&[job(first), job(first + IDS - 1)].concat());
        eventually("the first is forgotten", || {
            stage.heard() == heard + IDS as u64 + 1
        });
        eventually("the last is not", || {
            stage.server.stats().duplicates == before + 1
        });
        attacker.end_writing();
        drop(attacker);
        acks.join().expect("it reads on");
    });
}
