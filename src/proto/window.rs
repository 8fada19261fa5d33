//! Window: the message ids seen from one peer, so that a copy is not delivered twice.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroU32;

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
/// What is touched for a message lies close together: the table is small, and the entries are used
/// again in the order in which they became free.
pub(crate) struct Window {
    /// Open addressing, linear probing; a power of two of slots, at most three quarters taken.
    slots: Vec<Option<Slot>>,
    entries: Vec<Entry>,
    /// Entries that are not in use.
    free: VecDeque<u32>,
    /// Entries that are done, the oldest first.
    done: VecDeque<u32>,
    done_capacity: usize,
    in_hand: usize,
    keys: [u64; 2],
}

/// Where an entry is, with the hash of its id, which tells most ids apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    hash: u32,
    entry: NonZeroU32,
}

#[derive(Clone, Copy)]
struct Entry {
    id: MessageId,
    /// Where the ACK goes; `None` once it is done.
    link: Option<u64>,
}

impl Slot {
    fn new(hash: u32, entry: u32) -> Slot {
        let entry = NonZeroU32::MIN.saturating_add(entry);
        Slot { hash, entry }
    }

    fn entry(self) -> u32 {
        self.entry.get() - 1
    }
}

impl Window {
    /// A window that remembers `done_capacity` done ids, at least one.
    ///
    /// The seed is kept from the peer, who could otherwise choose ids that collide.
    pub(crate) fn new(done_capacity: usize, seed: u64) -> Window {
        let mut rng = Rng::new(seed);
        Window {
            slots: Vec::new(),
            entries: Vec::new(),
            free: VecDeque::new(),
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
        let hash = self.hash(id);
        let at = self.find(id, hash);
        let Some(slot) = self.slots[at] else {
            self.slots[at] = Some(Slot::new(hash, self.add(id, link)));
            self.in_hand += 1;
            return Arrival::New;
        };
        match &mut self.entries[slot.entry() as usize].link {
            Some(current) => {
                *current = link;
                Arrival::InHand
            }
            None => Arrival::Done,
        }
    }

    fn add(&mut self, id: MessageId, link: u64) -> u32 {
        let entry = Entry {
            id,
            link: Some(link),
        };
        if let Some(index) = self.free.pop_front() {
            self.entries[index as usize] = entry;
            return index;
        }
        if self.entries.len() == self.entries.capacity() {
            // Most windows grow to what they remember and no further: doubling would waste half.
            self.entries
                .reserve_exact(FEWEST_SLOTS + self.entries.len() / 4);
        }
        self.entries.push(entry);
        (self.entries.len() - 1) as u32
    }

    /// The message in hand was acknowledged: it is done, and its ACK goes to the link returned.
    pub(crate) fn handle_ack(&mut self, id: MessageId) -> Option<u64> {
        let (_, index) = self.lookup(id)?;
        let link = self.entries[index as usize].link.take()?;
        self.in_hand -= 1;
        self.done.push_back(index);
        if self.done.len() > self.done_capacity {
            let oldest = self.done.pop_front().expect("it is not empty");
            self.remove(self.entries[oldest as usize].id);
        }
        Some(link)
    }

    /// The message in hand was dropped unacknowledged: its resend is new.
    pub(crate) fn handle_drop(&mut self, id: MessageId) {
        let entry = self.lookup(id).map(|(_, index)| index as usize);
        if entry.is_some_and(|entry| self.entries[entry].link.is_some()) {
            self.in_hand -= 1;
            self.remove(id);
        }
    }

    /// Ids remembered, in hand and done.
    pub(crate) fn len(&self) -> usize {
        self.in_hand + self.done.len()
    }

    /// The slot of a known id, and its entry.
    fn lookup(&self, id: MessageId) -> Option<(usize, u32)> {
        if self.slots.is_empty() {
            return None;
        }
        let at = self.find(id, self.hash(id));
        Some((at, self.slots[at]?.entry()))
    }

    /// The slot that holds the id, or the free one where it belongs.
    fn find(&self, id: MessageId, hash: u32) -> usize {
        let is_other =
            |slot: Slot| slot.hash != hash || self.entries[slot.entry() as usize].id != id;
        let mut at = self.home(hash);
        while self.slots[at].is_some_and(is_other) {
            at = self.after(at);
        }
        at
    }

    /// Frees the id's entry, and its slot, into which it moves whatever was pushed beyond it.
    fn remove(&mut self, id: MessageId) {
        let Some((mut hole, index)) = self.lookup(id) else {
            return;
        };
        self.free.push_back(index);
        let mask = self.slots.len() - 1;
        let mut at = self.after(hole);
        while let Some(slot) = self.slots[at] {
            let from_home = at.wrapping_sub(self.home(slot.hash)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.slots[hole] = Some(slot);
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = None;
        if self.slots.len() > FEWEST_SLOTS && self.len() * 8 < self.slots.len() {
            self.rebuild(self.slots.len() / 2);
            self.compact();
        }
    }

    fn rebuild(&mut self, slots: usize) {
        let former = mem::replace(&mut self.slots, vec![None; slots]);
        for slot in former.into_iter().flatten() {
            let mut at = self.home(slot.hash);
            while self.slots[at].is_some() {
                at = self.after(at);
            }
            self.slots[at] = Some(slot);
        }
    }

    /// Closes the gaps between the entries.
    fn compact(&mut self) {
        let mut is_free = vec![false; self.entries.len()];
        for index in mem::take(&mut self.free) {
            is_free[index as usize] = true;
        }
        let mut moved = Vec::with_capacity(self.entries.len());
        let mut used = 0;
        for is_free in &is_free {
            moved.push(used);
            used += u32::from(!is_free);
        }
        let mut is_free = is_free.into_iter();
        self.entries.retain(|_| is_free.next() == Some(false));
        self.entries.shrink_to_fit();
        for slot in self.slots.iter_mut().flatten() {
            *slot = Slot::new(slot.hash, moved[slot.entry() as usize]);
        }
        self.done
            .iter_mut()
            .for_each(|it| *it = moved[*it as usize]);
        self.done.shrink_to(2 * self.done.len());
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn hash(&self, MessageId(bytes): MessageId) -> u32 {
        let id = u128::from_le_bytes(bytes);
        let [low, high] = [id as u64, (id >> 64) as u64];
        let mixed = fold(low ^ self.keys[0], high ^ self.keys[1]);
        fold(mixed ^ self.keys[1], self.keys[0] | 1) as u32
    }
}

/// The two halves of a product, folded: each bit of the result hangs on every bit of both.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests;
