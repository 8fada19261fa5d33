//! Memory: what a window takes, and how that gets less.

use std::collections::VecDeque;
use std::mem;

use super::{Block, FEWEST_SLOTS, Run, Slot, Window};
use crate::proto::window::returns::Returns;

impl Window {
    /// Bytes of memory that they take.
    pub(crate) fn memory(&self) -> usize {
        let slots = self.slots.capacity() * size_of::<Option<Slot>>();
        let blocks = self.blocks.capacity() * size_of::<Block>();
        let free = self.free.capacity() * size_of::<u32>();
        let done = self.done.capacity() * size_of::<Run>();
        slots + blocks + free + done + self.returns.memory()
    }

    /// Some of it is of messages that are not in hand, and can be forgotten.
    pub(crate) fn can_forget(&self) -> bool {
        self.done_count > 0 || self.has_returns()
    }

    /// Forgets the older half of the ids that are done, or how often others were given back if
    /// there are none, and gives their memory back.
    pub(crate) fn forget_half(&mut self) {
        if self.done_count == 0 {
            self.returns = Returns::default();
        }
        self.forget_down_to(self.done_count / 2);
        self.fit();
    }

    /// Forgets all that is not in hand, and gives its memory back.
    pub(crate) fn forget_all(&mut self) {
        self.forget_down_to(0);
        self.returns = Returns::default();
        self.fit();
    }

    /// Keeps no more memory than is needed for what is remembered.
    fn fit(&mut self) {
        let count = self.blocks.len() - self.free.len();
        let slots = match count {
            0 => 0,
            _ => FEWEST_SLOTS.max((count * 4 / 3 + 1).next_power_of_two()),
        };
        self.rebuild(slots);
        self.compact();
        self.done.shrink_to_fit();
    }

    pub(super) fn rebuild(&mut self, slots: usize) {
        let former = mem::replace(&mut self.slots, vec![None; slots]);
        for slot in former.into_iter().flatten() {
            let mut at = self.home(slot.hash);
            while self.slots[at].is_some() {
                at = self.after(at);
            }
            self.slots[at] = Some(slot);
        }
    }

    /// Closes the gaps between the blocks.
    pub(super) fn compact(&mut self) {
        let mut moved = Vec::with_capacity(self.blocks.len());
        let mut used = 0;
        for block in &self.blocks {
            moved.push(used);
            used += u32::from(!block.is_empty());
        }
        self.blocks.retain(|block| !block.is_empty());
        self.blocks.shrink_to_fit();
        self.free = VecDeque::new();
        self.latest = None;
        for slot in self.slots.iter_mut().flatten() {
            *slot = Slot::new(slot.hash, moved[slot.block() as usize]);
        }
        self.done
            .iter_mut()
            .for_each(|run| run.block = moved[run.block as usize]);
        self.done.shrink_to(2 * self.done.len());
    }
}
