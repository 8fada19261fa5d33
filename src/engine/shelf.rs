//! Shelf: allocations of large messages that the application is done with, to be read into again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Config;
use crate::contents::Home;

/// Smaller ones are not worth it: they come from the allocator without a page fault.
const WORTH_KEEPING: usize = 32 * 1024;

/// Bytes that are kept, in all.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The part of the memory budget that is kept at most: what a link reads into one of these counts
/// as a whole, and must not be what makes it too much.
const PART_OF_BUDGET: usize = 64;

pub(crate) struct Shelf {
    max_bytes: usize,
    spent: Mutex<VecDeque<Vec<u8>>>,
}

impl Shelf {
    pub(crate) fn new(config: &Config) -> Shelf {
        Shelf {
            max_bytes: MAX_BYTES.min(config.memory_budget / PART_OF_BUDGET),
            spent: Mutex::default(),
        }
    }

    /// Where the application's messages bring their allocations.
    pub(crate) fn home(self: Arc<Shelf>) -> Home {
        Arc::new(move |spent| self.put(spent))
    }

    /// The oldest give way when there is too much.
    fn put(&self, bytes: Vec<u8>) {
        if bytes.capacity() > self.max_bytes {
            return;
        }
        let mut spent = self.lock();
        spent.push_back(bytes);
        let mut held: usize = spent.iter().map(Vec::capacity).sum();
        let mut freed = Vec::new();
        while held > self.max_bytes {
            let oldest = spent.pop_front().expect("something is held");
            held -= oldest.capacity();
            freed.push(oldest);
        }
        drop(spent);
        // Giving them back to the system may take a while: not under the lock.
        drop(freed);
    }

    /// One that holds so many bytes, and is not much larger.
    pub(crate) fn take(&self, size: usize) -> Option<Vec<u8>> {
        let mut spent = self.lock();
        let fits = |bytes: &Vec<u8>| (size..=2 * size).contains(&bytes.capacity());
        let index = spent.iter().rposition(fits)?;
        spent.swap_remove_back(index)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message of so many bytes is to bring its allocation back.
pub(crate) fn is_worth_keeping(len: usize) -> bool {
    len >= WORTH_KEEPING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_taken_for_what_nearly_fills_it() {
        let shelf = Shelf::new(&Config::default());
        shelf.put(Vec::with_capacity(100_000));
        assert!(shelf.take(100_001).is_none());
        assert!(shelf.take(49_999).is_none());
        let taken = shelf.take(60_000).expect("it fits");
        assert_eq!(taken.capacity(), 100_000);
        assert!(shelf.take(60_000).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes() {
        let shelf = Shelf::new(&Config::default());
        shelf.put(Vec::with_capacity(MAX_BYTES + 1));
        assert!(shelf.lock().is_empty());
        shelf.put(Vec::with_capacity(50_000));
        (0..100).for_each(|_| shelf.put(Vec::with_capacity(100_000)));
        assert!(
            shelf
                .take(50_000)
                .is_some_and(|bytes| bytes.capacity() == 100_000)
        );
        let held: usize = shelf.lock().iter().map(Vec::capacity).sum();
        assert!(held <= MAX_BYTES);
    }

    #[test]
    fn a_small_memory_budget_has_a_small_shelf() {
        let config = Config::default().memory_budget(64 * 100_000);
        let shelf = Shelf::new(&config);
        shelf.put(Vec::with_capacity(100_001));
        assert!(shelf.take(100_001).is_none());
        shelf.put(Vec::with_capacity(100_000));
        assert!(shelf.take(100_000).is_some());
    }
}
