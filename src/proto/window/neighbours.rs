//! Neighbours: ids that differ in their last six bits only.

use crate::proto::frame::MessageId;

/// An id without its last six bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Base(pub(super) [u64; 2]);

/// Ids with the same base, a bit for each.
#[derive(Clone, Copy)]
pub(crate) struct Neighbours {
    pub(super) base: Base,
    pub(super) bits: u64,
}

impl Neighbours {
    /// Ids in groups of neighbours that follow each other, each higher than the one before.
    pub(crate) fn among(ids: impl Iterator<Item = MessageId>) -> impl Iterator<Item = Neighbours> {
        let mut ids = ids.map(split).peekable();
        std::iter::from_fn(move || {
            let (base, mut bits) = ids.next()?;
            while let Some((_, bit)) = ids.next_if(|(other, bit)| *other == base && *bit > bits) {
                bits |= bit;
            }
            Some(Neighbours { base, bits })
        })
    }

    pub(crate) fn count(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Each of them, the lowest first.
    pub(crate) fn ids(self) -> impl Iterator<Item = MessageId> {
        let Base([high, low]) = self.base;
        let mut bits = self.bits;
        std::iter::from_fn(move || {
            let last = (bits != 0).then(|| u64::from(bits.trailing_zeros()))?;
            bits &= bits - 1;
            let id = u128::from(high) << 64 | u128::from(low << 6 | last);
            Some(MessageId(id.to_be_bytes()))
        })
    }
}

/// The base of an id, and its bit in the block.
pub(super) fn split(MessageId(bytes): MessageId) -> (Base, u64) {
    let id = u128::from_be_bytes(bytes);
    let [high, low] = [(id >> 64) as u64, id as u64];
    (Base([high, low >> 6]), 1 << (low & 63))
}
