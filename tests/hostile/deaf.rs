//! The deaf: peers that never read, under each setting of what happens when a queue is full.

use std::time::Duration;

use jackfield::{Config, DownReason, Error, Event, Limit, Overflow};

use crate::attacker::{Attacker, forged};
use crate::footprint::drains;
use crate::stage::Stage;
use crate::support::{eventually, quick};
use crate::wire::heartbeat;

const DEAF: u32 = 8;

/// Answers of this size fill what the kernel holds, and the outboxes of the deaf, in no time.
const ANSWER: usize = 100_000;

fn small() -> Config {
    quick().outbox(Limit {
        messages: 1_000,
        bytes: 1024 * 1024,
    })
}

fn join_all(stage: &Stage) -> Vec<Attacker> {
    let join = |number| Attacker::join(stage.door(number), forged(number));
    (0..DEAF).map(join).collect()
}

fn assert_only_the_deaf_lose(config: Config) {
    Stage::publishing(config, ANSWER).survives(3, |stage| {
        let before = stage.server.stats().dropped_outbox_full;
        let mut deaf = join_all(stage);
        eventually("all lose some", || {
            stage.server.stats().dropped_outbox_full > before + u64::from(DEAF) * 20
        });
        stage.await_events(DEAF as usize, |event| {
            matches!(event, Event::Dropped { .. })
        });
        deaf.iter_mut().for_each(|one| one.write(&heartbeat()));
        stage.await_rounds(20);
        assert_eq!(stage.server.peers().len(), 1 + DEAF as usize);
    });
}

#[test]
fn the_deaf_lose_the_newest_and_nobody_else_loses_any() {
    assert_only_the_deaf_lose(small().overflow(Overflow::DropNewest));
}

#[test]
fn the_deaf_lose_the_oldest_and_nobody_else_loses_any() {
    assert_only_the_deaf_lose(small().overflow(Overflow::DropOldest));
}

#[test]
fn the_deaf_are_disconnected_where_that_was_asked_for() {
    let config = small().overflow(Overflow::Disconnect);
    let config = config.slow_peer_timeout(Duration::from_millis(200));
    Stage::publishing(config, ANSWER).survives(3, |stage| {
        let _deaf = join_all(stage);
        stage.await_down(DEAF as usize, DownReason::SlowPeer);
    });
}

#[test]
fn sends_to_the_deaf_wait_and_others_do_not() {
    Stage::working(small()).survives(3, |stage| {
        let _deaf = join_all(stage);
        let body = vec![7; ANSWER];
        for number in 0..DEAF {
            let until_full = || stage.server.try_send_to(forged(number), &body);
            let refused = std::iter::repeat_with(until_full).find_map(Result::err);
            let refused = refused.expect("it is full some time");
            assert!(matches!(refused.reason, Error::Full), "{refused}");
        }
        stage.await_rounds(50);
    });
}

#[test]
#[ignore = "takes the 5 s that a drain waits for work"]
fn drains_end_when_there_are_no_deaf_any_more() {
    Stage::publishing(small(), ANSWER).survives(1, |stage| {
        let deaf = join_all(stage);
        eventually("there are drains", || drains() == DEAF as usize);
        drop(deaf);
        eventually("there are none", || drains() == 0);
    });
}
