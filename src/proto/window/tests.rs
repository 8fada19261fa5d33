//! The window: what it remembers, beside a naive one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Arrival, Neighbours, Window};
use crate::proto::backoff::Rng;
use crate::proto::frame::MessageId;

/// Numbers in sequence are neighbours.
fn id(n: u128) -> MessageId {
    MessageId(n.to_be_bytes())
}

/// No two of them are neighbours.
fn lone(n: u128) -> MessageId {
    MessageId(n.to_le_bytes())
}

impl Window {
    pub(crate) fn handle_ack(&mut self, id: MessageId) -> Option<u64> {
        let one = Neighbours::among([id].into_iter()).next()?;
        Some(self.handle_acks(one)?.0)
    }
}

#[test]
fn a_window_that_saw_nothing_holds_no_memory() {
    let mut window = Window::new(16_384, 1);
    assert_eq!(window.handle_ack(id(1)), None);
    window.handle_drop(id(1));
    assert_eq!(window.slots.capacity() + window.blocks.capacity(), 0);
}

#[test]
fn what_is_forgotten_gives_its_memory_back() {
    let mut window = Window::new(10_000, 1);
    for n in 0..10_000 {
        window.handle_arrival(lone(n), 10);
        window.handle_ack(lone(n));
    }
    let full = window.memory();
    assert!(full > 10_000 * 56, "{full}");
    window.forget_half();
    assert_eq!(window.len(), 5_000);
    assert!(window.memory() <= full / 2, "{}", window.memory());
    assert_eq!(window.handle_arrival(lone(9_999), 10), Arrival::Done);
    assert_eq!(window.handle_arrival(lone(5_000), 10), Arrival::Done);
    assert_eq!(window.handle_arrival(lone(4_999), 10), Arrival::New);
    window.forget_all();
    assert_eq!(window.handle_arrival(lone(4_999), 10), Arrival::InHand);
    assert_eq!(window.len(), 1);
    window.handle_drop(lone(4_999));
    window.forget_all();
    assert_eq!(window.memory(), 0);
}

#[test]
fn a_copy_in_hand_moves_only_where_the_ack_goes() {
    let mut window = Window::new(8, 1);
    assert_eq!(window.handle_arrival(id(1), 10), Arrival::New);
    assert_eq!(window.handle_arrival(id(1), 20), Arrival::InHand);
    assert_eq!((window.in_hand, window.len()), (1, 1));
    assert_eq!(window.handle_ack(id(1)), Some(20));
}

#[test]
fn a_copy_of_a_done_id_changes_nothing() {
    let mut window = Window::new(8, 1);
    window.handle_arrival(id(1), 10);
    window.handle_ack(id(1));
    assert_eq!(window.handle_arrival(id(1), 20), Arrival::Done);
    assert_eq!(window.handle_ack(id(1)), None);
    window.handle_drop(id(1));
    assert_eq!(window.handle_arrival(id(1), 20), Arrival::Done);
    assert_eq!((window.in_hand, window.len()), (0, 1));
}

#[test]
fn returns_are_counted_until_the_ack() {
    let mut window = Window::new(8, 1);
    for count in 1..=3 {
        window.handle_arrival(id(1), 10);
        window.handle_arrival(id(1), 20);
        assert_eq!(window.handle_given_back(id(1)), Some(20));
        assert_eq!(window.handle_given_back(id(1)), None, "once");
        assert_eq!((window.returns_of(id(1)), window.len()), (count, 0));
    }
    window.handle_arrival(id(1), 10);
    window.handle_drop(id(1));
    window.handle_arrival(id(1), 10);
    assert_eq!(window.returns_of(id(1)), 3, "a drop is no return");
    window.handle_ack(id(1));
    assert!(!window.has_returns());
}

#[test]
fn the_resend_of_a_dropped_message_is_new() {
    let mut window = Window::new(8, 1);
    window.handle_arrival(id(1), 10);
    window.handle_drop(id(1));
    assert_eq!(window.len(), 0);
    assert_eq!(window.handle_arrival(id(1), 10), Arrival::New);
}

#[test]
fn the_oldest_done_ids_are_forgotten_first() {
    let mut window = Window::new(100, 1);
    for n in 0..150 {
        window.handle_arrival(lone(n), 1);
    }
    for n in (0..150).rev() {
        window.handle_ack(lone(n));
    }
    assert_eq!(window.len(), 100);
    assert!((0..100).all(|n| window.handle_arrival(lone(n), 1) == Arrival::Done));
    assert!((100..150).all(|n| window.handle_arrival(lone(n), 1) == Arrival::New));
}

#[test]
fn ids_in_hand_are_never_forgotten() {
    let mut window = Window::new(4, 1);
    for n in 0..10_000 {
        window.handle_arrival(lone(n), n as u64);
    }
    for n in 10_000..20_000 {
        window.handle_arrival(lone(n), 0);
        window.handle_ack(lone(n));
    }
    assert_eq!((window.in_hand, window.len()), (10_000, 10_004));
    assert!((0..10_000).all(|n| window.handle_ack(lone(n)) == Some(n as u64)));
}

#[test]
fn neighbours_share_what_is_remembered() {
    let mut window = Window::new(16_384, 1);
    for n in 0..100_000 {
        window.handle_arrival(id(n), 1);
        window.handle_ack(id(n));
    }
    assert_eq!(window.len(), 16_384);
    assert!((0..83_616).all(|n| window.lookup(super::split(id(n)).0).is_none() || n >= 83_584));
    assert!((83_616..100_000).all(|n| window.handle_arrival(id(n), 1) == Arrival::Done));
    assert!(window.blocks.len() <= 16_384 / 64 + 2 && window.done.len() <= 16_384 / 64 + 2);
}

#[test]
fn memory_follows_what_is_remembered() {
    let mut window = Window::new(4, 1);
    for n in 0..10_000 {
        window.handle_arrival(lone(n), 1);
    }
    for n in 0..10_000 {
        window.handle_drop(lone(n));
    }
    assert_eq!(window.slots.len(), super::FEWEST_SLOTS);
    assert!(window.blocks.capacity() <= 2 * super::FEWEST_SLOTS);
    assert!(window.free.capacity() <= 2 * super::FEWEST_SLOTS);
}

#[test]
fn removing_an_id_loses_none_that_was_pushed_beyond_it() {
    let mut rng = Rng::new(3);
    for seed in 0..200 {
        let mut window = Window::new(1, seed);
        let mut left: Vec<u128> = (0..12).collect();
        left.iter().for_each(|&n| {
            window.handle_arrival(lone(n), n as u64);
        });
        while !left.is_empty() {
            let dropped = left.swap_remove(rng.below(left.len() as u64) as usize);
            window.handle_drop(lone(dropped));
            let mut knows = |n| window.lookup(super::split(lone(n)).0).is_some();
            assert!(left.iter().all(|&n| knows(n)));
            assert!(!knows(dropped));
        }
    }
}

/// The same rules without a table: links by block, and, for what is done, the order of the ACKs.
#[derive(Default)]
struct Model {
    links: BTreeMap<u128, u64>,
    in_hand: BTreeSet<u128>,
    done: Vec<u128>,
}

impl Model {
    fn arrival(&mut self, n: u128, link: u64) -> Arrival {
        if self.done.contains(&n) {
            return Arrival::Done;
        }
        self.links.insert(n >> 6, link);
        match self.in_hand.insert(n) {
            true => Arrival::New,
            false => Arrival::InHand,
        }
    }

    fn ack(&mut self, n: u128, capacity: usize) -> Option<u64> {
        if !self.in_hand.remove(&n) {
            return None;
        }
        self.done.push(n);
        if self.done.len() > capacity {
            let block = self.done[0] >> 6;
            let run = self.done.iter().take_while(|&&n| n >> 6 == block);
            let (oldest, _) = run.enumerate().min_by_key(|(_, n)| **n).expect("a run");
            self.done.remove(oldest);
        }
        Some(self.links[&(n >> 6)])
    }
}

#[test]
fn what_can_be_forgotten_by_halves_is_forgotten_in_the_end() {
    let mut window = Window::new(20, 5);
    window.handle_arrival(id(1), 1);
    window.handle_given_back(id(1));
    for n in 2..9 {
        window.handle_arrival(id(n), 1);
        window.handle_ack(id(n));
    }
    let halves = (0..20).take_while(|_| {
        window.forget_half();
        window.can_forget()
    });
    assert!(halves.count() < 20, "it would be asked for ever");
}

#[test]
fn it_does_what_a_naive_model_does() {
    let mut rng = Rng::new(4);
    for (ids, apart) in [(8, 1), (64, 1), (100, 1), (400, 1), (200, 40), (64, 64)] {
        let mut window = Window::new(20, 5);
        let mut model = Model::default();
        for _ in 0..50_000 {
            let n = 1_000 + u128::from(rng.below(ids) * apart);
            let link = rng.below(5);
            match rng.below(5) {
                0 | 1 => assert_eq!(window.handle_arrival(id(n), link), model.arrival(n, link)),
                2 | 3 => assert_eq!(window.handle_ack(id(n)), model.ack(n, 20)),
                _ => {
                    window.handle_drop(id(n));
                    model.in_hand.remove(&n);
                }
            }
            assert_eq!(window.in_hand, model.in_hand.len());
            assert_eq!(window.len(), model.in_hand.len() + model.done.len());
        }
    }
}
