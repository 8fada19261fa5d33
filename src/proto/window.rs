//! Window: the message ids seen from one peer, so that a copy is not delivered twice.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use crate::proto::backoff::Rng;
use crate::proto::frame::MessageId;
use crate::proto::window::neighbours::{Base, split};
use crate::proto::window::returns::Returns;

pub(crate) use crate::proto::window::neighbours::Neighbours;

mod memory;
mod neighbours;
mod returns;

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
/// Whoever counts its ids up, as we do, has 64 of them in one block: nearly all that is asked for
/// is in the block that was asked for last.
pub(crate) struct Window {
    /// Open addressing, linear probing; a power of two of slots, at most three quarters taken.
    slots: Vec<Option<Slot>>,
    blocks: Vec<Block>,
    /// Blocks that are not in use.
    free: VecDeque<u32>,
    /// The block that was found last.
    latest: Option<u32>,
    /// Ids that are done, the oldest first.
    done: VecDeque<Run>,
    done_capacity: usize,
    done_count: usize,
    in_hand: usize,
    returns: Returns,
    keys: [u64; 2],
}

/// Where a block is, with the hash of its base, which tells most blocks apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    hash: u32,
    block: NonZeroU32,
}

/// Ids that differ in their last six bits only, a bit for each.
#[derive(Clone, Copy)]
struct Block {
    base: Base,
    in_hand: u64,
    done: u64,
    /// Where the latest message of the block came, and the ACKs go.
    link: u64,
}

/// Ids of one block that were done one after the other, a bit for each.
struct Run {
    block: u32,
    ids: u64,
}

impl Slot {
    fn new(hash: u32, block: u32) -> Slot {
        let block = NonZeroU32::MIN.saturating_add(block);
        Slot { hash, block }
    }

    fn block(self) -> u32 {
        self.block.get() - 1
    }
}

impl Block {
    fn is_empty(&self) -> bool {
        self.in_hand | self.done == 0
    }
}

/// So many of the bits that are set, the lowest of them, or all.
fn lowest(bits: u64, count: usize) -> u64 {
    let mut others = bits;
    for _ in 0..count.min(64) {
        others &= others.wrapping_sub(1);
    }
    bits & !others
}

impl Window {
    /// A window that remembers `done_capacity` done ids, at least one.
    ///
    /// The seed is kept from the peer, who could otherwise choose ids that collide.
    pub(crate) fn new(done_capacity: usize, seed: u64) -> Window {
        let mut rng = Rng::new(seed);
        Window {
            slots: Vec::new(),
            blocks: Vec::new(),
            free: VecDeque::new(),
            latest: None,
            done: VecDeque::new(),
            done_capacity: done_capacity.max(1),
            done_count: 0,
            in_hand: 0,
            returns: Returns::default(),
            keys: [rng.next(), rng.next()],
        }
    }

    /// A message with this id came in on `link`.
    #[inline]
    pub(crate) fn handle_arrival(&mut self, id: MessageId, link: u64) -> Arrival {
        let (base, bit) = split(id);
        let block = self.lookup(base).unwrap_or_else(|| self.add(base));
        let block = &mut self.blocks[block as usize];
        if block.done & bit != 0 {
            return Arrival::Done;
        }
        block.link = link;
        if block.in_hand & bit != 0 {
            return Arrival::InHand;
        }
        block.in_hand |= bit;
        self.in_hand += 1;
        Arrival::New
    }

    /// Messages with these ids came in on `link`. Unless all of them are new, nothing has happened.
    pub(crate) fn handle_news(&mut self, ids: Neighbours, link: u64) -> bool {
        let block = self.lookup(ids.base).unwrap_or_else(|| self.add(ids.base));
        let block = &mut self.blocks[block as usize];
        let is_new = (block.in_hand | block.done) & ids.bits == 0;
        if is_new {
            block.link = link;
            block.in_hand |= ids.bits;
            self.in_hand += ids.count();
        }
        is_new
    }

    /// Messages were acknowledged: those that were in hand are done, and their ACKs go to the link
    /// returned.
    pub(crate) fn handle_acks(&mut self, ids: Neighbours) -> Option<(u64, Neighbours)> {
        let index = self.lookup(ids.base)?;
        let bits = ids.bits & self.blocks[index as usize].in_hand;
        if bits == 0 {
            return None;
        }
        let done = Neighbours { bits, ..ids };
        if !self.returns.is_empty() {
            done.ids().for_each(|id| self.returns.forget(id));
        }
        let count = done.count();
        self.forget_down_to(self.done_capacity.saturating_sub(count));
        // It may have moved.
        let index = self.lookup(ids.base)?;
        let block = &mut self.blocks[index as usize];
        block.in_hand &= !bits;
        block.done |= bits;
        let link = block.link;
        self.in_hand -= count;
        self.done_count += count;
        match self.done.back_mut() {
            Some(run) if run.block == index => run.ids |= bits,
            _ => self.done.push_back(Run {
                block: index,
                ids: bits,
            }),
        }
        self.forget_down_to(self.done_capacity);
        Some((link, done))
    }

    /// The message in hand is not: its next copy is new. Gives the link of the latest one.
    pub(crate) fn handle_drop(&mut self, id: MessageId) -> Option<u64> {
        let (base, bit) = split(id);
        let index = self.lookup(base)?;
        let block = &mut self.blocks[index as usize];
        if block.in_hand & bit == 0 {
            return None;
        }
        block.in_hand &= !bit;
        let link = block.link;
        self.in_hand -= 1;
        self.clear_up(index);
        Some(link)
    }

    /// The same where the application gave it back, which is remembered until it is acknowledged.
    pub(crate) fn handle_given_back(&mut self, id: MessageId) -> Option<u64> {
        let link = self.handle_drop(id)?;
        self.returns.count(id);
        Some(link)
    }

    /// Some of its messages were given back and not acknowledged since.
    #[inline]
    pub(crate) fn has_returns(&self) -> bool {
        !self.returns.is_empty()
    }

    /// How often the message was given back.
    pub(crate) fn returns_of(&self, id: MessageId) -> u32 {
        self.returns.of(id)
    }

    /// Ids remembered, in hand and done.
    pub(crate) fn len(&self) -> usize {
        self.in_hand + self.done_count
    }

    /// Forgets the oldest ids that are done, until so many are left. Of those that were done one
    /// after the other, the lowest counts as the oldest.
    fn forget_down_to(&mut self, count: usize) {
        while self.done_count > count {
            let oldest = self.done.front_mut().expect("something is done");
            let index = oldest.block;
            let bits = lowest(oldest.ids, self.done_count - count);
            oldest.ids &= !bits;
            if oldest.ids == 0 {
                self.done.pop_front();
            }
            self.done_count -= bits.count_ones() as usize;
            self.blocks[index as usize].done &= !bits;
            self.clear_up(index);
        }
    }

    /// The block of a base, if there is one.
    #[inline]
    fn lookup(&mut self, base: Base) -> Option<u32> {
        let is_latest = |latest: &u32| self.blocks[*latest as usize].base == base;
        self.latest.filter(is_latest).or_else(|| self.search(base))
    }

    fn search(&mut self, base: Base) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let at = self.find(base, self.hash(base));
        let block = self.slots[at]?.block();
        self.latest = Some(block);
        Some(block)
    }

    /// A new block, which must not stay empty.
    fn add(&mut self, base: Base) -> u32 {
        let count = self.blocks.len() - self.free.len();
        if count * 4 >= self.slots.len() * 3 {
            self.rebuild(FEWEST_SLOTS.max(self.slots.len() * 2));
        }
        let block = Block {
            base,
            in_hand: 0,
            done: 0,
            link: 0,
        };
        let index = self.place(block);
        let hash = self.hash(base);
        let at = self.find(base, hash);
        self.slots[at] = Some(Slot::new(hash, index));
        self.latest = Some(index);
        index
    }

    fn place(&mut self, block: Block) -> u32 {
        if let Some(index) = self.free.pop_front() {
            self.blocks[index as usize] = block;
            return index;
        }
        if self.blocks.len() == self.blocks.capacity() {
            // Most windows grow to what they remember and no further: doubling would waste half.
            self.blocks
                .reserve_exact(FEWEST_SLOTS + self.blocks.len() / 4);
        }
        self.blocks.push(block);
        (self.blocks.len() - 1) as u32
    }

    /// The slot that holds the base, or the free one where it belongs.
    fn find(&self, base: Base, hash: u32) -> usize {
        let is_other =
            |slot: Slot| slot.hash != hash || self.blocks[slot.block() as usize].base != base;
        let mut at = self.home(hash);
        while self.slots[at].is_some_and(is_other) {
            at = self.after(at);
        }
        at
    }

    /// Frees the block if it is empty, and its slot, into which it moves whatever was pushed
    /// beyond it.
    fn clear_up(&mut self, index: u32) {
        let block = self.blocks[index as usize];
        if !block.is_empty() {
            return;
        }
        self.free.push_back(index);
        self.latest = None;
        let mut hole = self.find(block.base, self.hash(block.base));
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
        let count = self.blocks.len() - self.free.len();
        if self.slots.len() > FEWEST_SLOTS && count * 8 < self.slots.len() {
            self.rebuild(self.slots.len() / 2);
            self.compact();
        }
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    fn hash(&self, Base([high, low]): Base) -> u32 {
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
