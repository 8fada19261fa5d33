//! What is remembered of messages that came, and the buffers of links, within the memory budget.

use super::side::{Frame, Side, millis, round_robin, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::message::Identity;
use crate::policy::AckMode;
use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;

const KIB: usize = 1024;

/// Windows have 64 KiB of it, and buffers 32.
fn tight() -> Config {
    round_robin().max_message(1_000).memory_budget(512 * KIB)
}

/// No two of them are neighbours.
fn lone(of: Identity, n: u64) -> MessageId {
    let mut bytes = [of.as_bytes()[0]; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    MessageId(bytes)
}

impl Side {
    /// The peer sends these messages, and the application takes them. Says how many were new.
    fn exchange(&mut self, link: LinkId, peer: Identity, numbers: std::ops::Range<u64>) -> usize {
        let ids: Vec<MessageId> = numbers.map(|n| lone(peer, n)).collect();
        let jobs: Vec<Frame> = ids
            .iter()
            .map(|id| Frame::Tracked(*id, b"job".to_vec()))
            .collect();
        let new = self.read(link, &jobs).len();
        let taken: Vec<(Identity, MessageId)> = ids.iter().map(|id| (peer, *id)).collect();
        self.hub.handle_taken(&taken);
        self.settle();
        self.write(link);
        new
    }

    fn come_and_go(&mut self, peer: Identity, numbers: std::ops::Range<u64>) -> usize {
        let link = self.up(peer);
        let new = self.exchange(link, peer, numbers);
        self.end(link, DownReason::Closed);
        self.pass(millis(10));
        new
    }

    fn window(&self, peer: Identity) -> usize {
        let known = self.hub.peers.get(&peer);
        known.map_or(0, |known| known.window.memory())
    }
}

#[test]
fn of_many_who_came_and_went_the_oldest_are_forgotten() {
    let mut side = Side::new(tight());
    for n in 101..=200 {
        assert_eq!(side.come_and_go(who(n), 0..100), 100);
        assert!(side.hub.window_bytes <= 64 * KIB);
    }
    assert!(side.hub.window_bytes > 32 * KIB, "no more than must be");
    assert!(side.hub.peers.len() < 20, "who has nothing is not known");
    assert_eq!(side.come_and_go(who(200), 0..100), 0, "all of it is known");
    assert_eq!(side.come_and_go(who(101), 0..100), 100, "all of it is new");
}

#[test]
fn messages_for_a_peer_outlive_its_window() {
    let mut side = Side::new(tight());
    let link = side.up(who(1));
    side.exchange(link, who(1), 0..100);
    side.send_to(who(1), "kept").unwrap();
    side.end(link, DownReason::Closed);
    side.pass(millis(10));
    (101..=150).for_each(|n| _ = side.come_and_go(who(n), 0..100));
    assert_eq!(side.window(who(1)), 0);
    let link = side.up(who(1));
    assert_eq!(side.write(link), [super::side::data("kept")]);
}

#[test]
fn of_those_who_are_there_the_longest_window_forgets_its_oldest_half() {
    let mut side = Side::new(tight().duplicate_window(100_000));
    let [much, little] = [1, 2].map(|n| side.up(who(n)));
    side.exchange(little, who(2), 0..50);
    for round in 0..40 {
        let from = 100 * round;
        assert_eq!(side.exchange(much, who(1), from..from + 100), 100);
        assert!(side.hub.window_bytes <= 64 * KIB);
    }
    assert_eq!(side.exchange(little, who(2), 0..50), 0, "nothing is lost");
    assert_eq!(
        side.exchange(much, who(1), 3_900..4_000),
        0,
        "nor the latest"
    );
    assert_eq!(side.exchange(much, who(1), 0..100), 100, "but the oldest");
}

#[test]
fn many_who_are_there_keep_within_the_budget_together() {
    let mut side = Side::new(tight());
    let links: Vec<(LinkId, Identity)> = (101..=200).map(|n| (side.up(who(n)), who(n))).collect();
    for round in 0..5 {
        for (link, peer) in &links {
            side.exchange(*link, *peer, 20 * round..20 * round + 20);
            assert!(side.hub.window_bytes <= 64 * KIB);
        }
    }
}

#[test]
fn what_is_in_hand_is_not_forgotten() {
    let mut side = Side::new(tight().ack_mode(AckMode::Manual));
    let link = side.up(who(1));
    let jobs = |n: u64| Frame::Tracked(lone(who(1), n), b"job".to_vec());
    let all: Vec<Frame> = (0..2_000).map(jobs).collect();
    all.chunks(20)
        .for_each(|some| assert_eq!(side.read(link, some).len(), 20));
    assert!(side.hub.window_bytes > 64 * KIB);
    assert_eq!(side.read(link, &all), []);
    let taken: Vec<_> = (0..2_000).map(|n| (who(1), lone(who(1), n))).collect();
    side.hub.handle_taken(&taken);
    side.settle();
    side.read(link, &[Frame::Heartbeat]);
    side.pass(millis(1_000));
    assert!(side.hub.window_bytes <= 64 * KIB, "now it is done");
}

#[test]
fn windows_are_in_the_budget_of_what_goes_out_and_keep_no_message_out() {
    let mut side = Side::new(tight());
    let link = side.up(who(1));
    let free = side.hub.memory();
    side.exchange(link, who(1), 0..500);
    assert_eq!(side.hub.memory() - free, side.hub.window_bytes);
    side.send_all(&[&"x".repeat(1_000)]);
}

#[test]
fn few_links_have_long_buffers_and_many_have_equal_parts() {
    let mut side = Side::new(round_robin());
    let links: Vec<LinkId> = (101..=120).map(|n| side.up(who(n))).collect();
    for link in &links {
        assert_eq!(side.hub.grant_buffer(*link), 128 * KIB);
    }
    let mut side = Side::new(tight().memory_budget(1024 * KIB));
    let first = side.up(who(1));
    assert_eq!(side.hub.grant_buffer(first), 32 * KIB);
    let others: Vec<LinkId> = (101..=116).map(|n| side.up(who(n))).collect();
    for link in &others {
        assert_eq!(side.hub.grant_buffer(*link), 4 * KIB);
    }
    assert_eq!(side.hub.grant_buffer(first), 4 * KIB);
    assert_eq!(side.hub.buffer_bytes, 17 * 4 * KIB);
    others
        .into_iter()
        .for_each(|link| side.end(link, DownReason::Closed));
    assert_eq!(side.hub.grant_buffer(first), 32 * KIB);
    side.end(first, DownReason::Closed);
    assert_eq!(side.hub.buffer_bytes, 0);
}
