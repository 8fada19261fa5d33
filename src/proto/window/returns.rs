//! Returns: how often messages of one peer were given back here.

use std::collections::BTreeMap;

use crate::proto::frame::MessageId;

/// So many ids are remembered.
const MOST: usize = 1_024;

/// Few messages are ever given back: it is nearly always empty.
#[derive(Default)]
pub(super) struct Returns {
    /// The turn in which each was last given back, and how often it was.
    counts: BTreeMap<MessageId, (u64, u32)>,
    /// The same by turn, the oldest first.
    order: BTreeMap<u64, MessageId>,
    turns: u64,
}

impl Returns {
    /// The message was given back once more. The one that was not for the longest time is forgotten
    /// where there are too many.
    pub(super) fn count(&mut self, id: MessageId) {
        self.turns += 1;
        let (turn, count) = self.counts.entry(id).or_default();
        self.order.remove(turn);
        (*turn, *count) = (self.turns, count.saturating_add(1));
        self.order.insert(self.turns, id);
        if self.counts.len() > MOST {
            let oldest = self.order.pop_first();
            oldest.inspect(|(_, id)| _ = self.counts.remove(id));
        }
    }

    pub(super) fn of(&self, id: MessageId) -> u32 {
        self.counts.get(&id).map_or(0, |(_, count)| *count)
    }

    pub(super) fn forget(&mut self, id: MessageId) {
        if let Some((turn, _)) = self.counts.remove(&id) {
            self.order.remove(&turn);
        }
    }

    /// Bytes of memory that they take, with what trees add.
    pub(super) fn memory(&self) -> usize {
        const ENTRY: usize = size_of::<(MessageId, (u64, u32))>() + size_of::<(u64, MessageId)>();
        self.counts.len() * 2 * ENTRY
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> MessageId {
        MessageId(u128::from(n).to_be_bytes())
    }

    #[test]
    fn each_message_has_a_count_of_its_own() {
        let mut returns = Returns::default();
        [1, 2, 1]
            .map(id)
            .into_iter()
            .for_each(|id| returns.count(id));
        assert_eq!([1, 2, 3].map(|n| returns.of(id(n))), [2, 1, 0]);
        returns.forget(id(1));
        assert_eq!((returns.of(id(1)), returns.is_empty()), (0, false));
        returns.forget(id(2));
        assert!(returns.is_empty() && returns.order.is_empty());
    }

    #[test]
    fn the_one_that_was_not_given_back_for_the_longest_time_is_forgotten() {
        let mut returns = Returns::default();
        (0..MOST as u32).for_each(|n| returns.count(id(n)));
        returns.count(id(0));
        returns.count(id(MOST as u32));
        assert_eq!([0, 1, 2].map(|n| returns.of(id(n))), [2, 0, 1]);
        assert_eq!((returns.counts.len(), returns.order.len()), (MOST, MOST));
    }
}
