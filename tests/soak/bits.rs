//! Bits: a set of sequence numbers that costs memory only where it has some.

use std::collections::BTreeMap;

const PAGE: u64 = 4_096;

#[derive(Default)]
pub struct Bits {
    pages: BTreeMap<u64, [u64; PAGE as usize / 64]>,
    count: u64,
}

impl Bits {
    /// Says whether it was not there before.
    pub fn insert(&mut self, number: u64) -> bool {
        let page = self.pages.entry(number / PAGE).or_insert([0; 64]);
        let (word, bit) = ((number % PAGE / 64) as usize, 1 << (number % 64));
        let is_new = page[word] & bit == 0;
        page[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    pub fn contains(&self, number: u64) -> bool {
        let page = self.pages.get(&(number / PAGE));
        page.is_some_and(|page| page[(number % PAGE / 64) as usize] & (1 << (number % 64)) != 0)
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}
