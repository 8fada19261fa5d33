//! Window: the message ids seen from one peer, so that a copy is not delivered twice.

use std::collections::VecDeque;

use crate::proto::backoff::Rng;
use crate::proto::frame::MessageId;

/// The slots of a table that holds anything at all.
const FEWEST_SLOTS: usize = 16;

/// What the arrival of a message id means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Deliver it; it is in hand from now on.
    New,
    /// A copy: neither deliver nor acknowledge it; the later ACK goes to its link.
    InHand,
    /// A copy of what is done: acknowledge it at once, deliver nothing.
    Done,
}

/// Ids in hand (delivered, not yet acknowledged) and ids done (acknowledged).
///
/// Ids in hand stay until they are acknowledged or dropped. Of the done ones the latest are kept.
pub(crate) struct Window {
    /// Open addressing, linear probing; a power of two of slots, at most three quarters taken.
    slots: Vec<Option<Entry>>,
    done: VecDeque<MessageId>,
    done_capacity: usize,
    in_hand: usize,
    keys: [u64; 2],
}

#[derive(Clone, Copy)]
struct Entry {
    id: MessageId,
    /// Where the ACK goes; `None` once it is done.
    link: Option<u64>,
}

impl Window {
    /// A window that remembers `done_capacity` done ids, at least one.
    ///
    /// The seed is kept from the peer, who could otherwise choose ids that collide.
    pub(crate) fn new(done_capacity: usize, seed: u64) -> Window {
        let mut rng = Rng::new(seed);
        Window {
            slots: Vec::new(),
            done: VecDeque::new(),
            done_capacity: done_capacity.max(1),
            in_hand: 0,
            keys: [rng.next(), rng.next()],
        }
    }

    /// A message with this id came in on `link`.
    pub(crate) fn handle_arrival(&mut self, id: MessageId, link: u64) -> Arrival {
        if self.len() * 4 >= self.slots.len() * 3 {
            self.rebuild(FEWEST_SLOTS.max(self.slots.len() * 2));
        }
        let at = self.find(id);
        match &mut self.slots[at] {
            Some(Entry {
                link: Some(current),
                ..
            }) => {
                *current = link;
                Arrival::InHand
            }
            Some(_) => Arrival::Done,
            empty => {
                let link = Some(link);
                *empty = Some(Entry { id, link });
                self.in_hand += 1;
                Arrival::New
            }
        }
    }

    /// The message in hand was acknowledged: it is done, and its ACK goes to the link returned.
    pub(crate) fn handle_ack(&mut self, id: MessageId) -> Option<u64> {
        let link = self.entry(id)?.link.take()?;
        self.in_hand -= 1;
        if self.done.len() == self.done_capacity {
            let oldest = self.done.pop_front().expect("a full queue is not empty");
            self.remove(oldest);
        }
        self.done.push_back(id);
        Some(link)
    }

    /// The message in hand was dropped unacknowledged: its resend is new.
    pub(crate) fn handle_drop(&mut self, id: MessageId) {
        if self.entry(id).is_some_and(|entry| entry.link.is_some()) {
            self.in_hand -= 1;
            self.remove(id);
        }
    }

    /// Ids remembered, in hand and done.
    pub(crate) fn len(&self) -> usize {
        self.in_hand + self.done.len()
    }

    fn entry(&mut self, id: MessageId) -> Option<&mut Entry> {
        if self.slots.is_empty() {
            return None;
        }
        let at = self.find(id);
        self.slots[at].as_mut()
    }

    /// The slot that holds the id, or the free one where it belongs.
    fn find(&self, id: MessageId) -> usize {
        let mut at = self.home(id);
        while self.slots[at].as_ref().is_some_and(|entry| entry.id != id) {
            at = self.after(at);
        }
        at
    }

    /// Frees the id's slot and moves back whatever was pushed beyond it.
    fn remove(&mut self, id: MessageId) {
        let mut hole = self.find(id);
        let mask = self.slots.len() - 1;
        let mut at = self.after(hole);
        while let Some(entry) = self.slots[at] {
            let from_home = at.wrapping_sub(self.home(entry.id)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.slots[hole] = Some(entry);
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = None;
        if self.slots.len() > FEWEST_SLOTS && self.len() * 8 < self.slots.len() {
            self.rebuild(self.slots.len() / 2);
        }
    }

    fn rebuild(&mut self, slots: usize) {
        let entries = std::mem::replace(&mut self.slots, vec![None; slots]);
        for entry in entries.into_iter().flatten() {
            let at = self.find(entry.id);
            self.slots[at] = Some(entry);
        }
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn home(&self, MessageId(bytes): MessageId) -> usize {
        let id = u128::from_le_bytes(bytes);
        let [low, high] = [id as u64, (id >> 64) as u64];
        let mixed = fold(low ^ self.keys[0], high ^ self.keys[1]);
        fold(mixed ^ self.keys[1], self.keys[0] | 1) as usize & (self.slots.len() - 1)
    }
}

/// The two halves of a product, folded: each bit of the result hangs on every bit of both.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Arrival, Window};
    use crate::proto::backoff::Rng;
    use crate::proto::frame::MessageId;

    fn id(n: u128) -> MessageId {
        MessageId(n.to_be_bytes())
    }

    #[test]
    fn a_window_that_saw_nothing_holds_no_memory() {
        let mut window = Window::new(16_384, 1);
        assert_eq!(window.handle_ack(id(1)), None);
        window.handle_drop(id(1));
        assert_eq!(window.slots.capacity() + window.done.capacity(), 0);
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
            window.handle_arrival(id(n), 1);
        }
        for n in (0..150).rev() {
            window.handle_ack(id(n));
        }
        assert_eq!(window.len(), 100);
        assert!((0..100).all(|n| window.handle_arrival(id(n), 1) == Arrival::Done));
        assert!((100..150).all(|n| window.handle_arrival(id(n), 1) == Arrival::New));
    }

    #[test]
    fn ids_in_hand_are_never_forgotten() {
        let mut window = Window::new(4, 1);
        for n in 0..10_000 {
            window.handle_arrival(id(n), n as u64);
        }
        for n in 10_000..20_000 {
            window.handle_arrival(id(n), 0);
            window.handle_ack(id(n));
        }
        assert_eq!((window.in_hand, window.len()), (10_000, 10_004));
        assert!((0..10_000).all(|n| window.handle_ack(id(n)) == Some(n as u64)));
    }

    #[test]
    fn memory_follows_what_is_remembered() {
        let mut window = Window::new(4, 1);
        for n in 0..10_000 {
            window.handle_arrival(id(n), 1);
        }
        for n in 0..10_000 {
            window.handle_drop(id(n));
        }
        assert_eq!(window.slots.len(), super::FEWEST_SLOTS);
    }

    #[test]
    fn removing_an_id_loses_none_that_was_pushed_beyond_it() {
        let mut rng = Rng::new(3);
        for seed in 0..200 {
            let mut window = Window::new(1, seed);
            let mut left: Vec<u128> = (0..12).collect();
            left.iter().for_each(|&n| {
                window.handle_arrival(id(n), n as u64);
            });
            while !left.is_empty() {
                let dropped = left.swap_remove(rng.below(left.len() as u64) as usize);
                window.handle_drop(id(dropped));
                assert!(left.iter().all(|&n| window.entry(id(n)).is_some()));
                assert!(window.entry(id(dropped)).is_none());
            }
        }
    }

    /// The same rules without a table: link and, for what is done, the order of the ACKs.
    #[derive(Default)]
    struct Model {
        in_hand: BTreeMap<u128, u64>,
        done: Vec<u128>,
    }

    impl Model {
        fn arrival(&mut self, n: u128, link: u64) -> Arrival {
            if self.done.contains(&n) {
                return Arrival::Done;
            }
            match self.in_hand.insert(n, link) {
                None => Arrival::New,
                Some(_) => Arrival::InHand,
            }
        }

        fn ack(&mut self, n: u128, capacity: usize) -> Option<u64> {
            let link = self.in_hand.remove(&n)?;
            self.done.push(n);
            let excess = self.done.len().saturating_sub(capacity);
            self.done.drain(..excess);
            Some(link)
        }
    }

    #[test]
    fn it_does_what_a_naive_model_does() {
        let mut rng = Rng::new(4);
        let mut window = Window::new(20, 5);
        let mut model = Model::default();
        for _ in 0..100_000 {
            let n = u128::from(rng.below(64));
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
