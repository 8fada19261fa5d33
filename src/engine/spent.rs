//! Spent: what batches were in that the application is done with, to be read into again.
//!
//! They belong to the process and not to a socket: where many sockets read, each is spent only now
//! and then, and what one of them gives is what another needs next.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::proto::batch::Batch;

/// Bytes that are kept, in all.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A leaf among the locks: nothing is waited for, and nothing is freed, under it.
static SPENT: Mutex<Spent> = Mutex::new(Spent {
    batches: VecDeque::new(),
    held: 0,
});

/// Keeps what can be read into again; the oldest give way to it.
pub(crate) fn put(batch: Batch) {
    if let Some(batch) = batch.into_spent() {
        let freed = lock().put(batch);
        drop(freed);
    }
}

/// The latest one with so many bytes: the processor knows it best.
pub(crate) fn take(len: usize) -> Option<Batch> {
    lock().take(len)
}

fn lock() -> MutexGuard<'static, Spent> {
    SPENT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Spent {
    batches: VecDeque<Batch>,
    /// Bytes of memory that they take.
    held: usize,
}

impl Spent {
    /// Gives back what is to be freed for it.
    fn put(&mut self, batch: Batch) -> Vec<Batch> {
        self.held += batch.memory();
        self.batches.push_back(batch);
        let mut freed = Vec::new();
        while self.held > MAX_BYTES {
            let oldest = self.batches.pop_front().expect("something is held");
            self.held -= oldest.memory();
            freed.push(oldest);
        }
        freed
    }

    fn take(&mut self, len: usize) -> Option<Batch> {
        let fits = |batch: &Batch| batch.bytes.len() == len;
        let index = self.batches.iter().rposition(fits)?;
        let batch = self.batches.remove(index)?;
        self.held -= batch.memory();
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(len: usize, mark: u8) -> Batch {
        Batch {
            bytes: vec![mark; len],
            spans: Vec::new(),
        }
    }

    fn spent() -> Spent {
        Spent {
            batches: VecDeque::new(),
            held: 0,
        }
    }

    #[test]
    fn the_latest_of_the_right_length_is_taken() {
        let mut spent = spent();
        for (len, mark) in [(32, 1), (64, 2), (32, 3), (64, 4)] {
            assert!(spent.put(batch(len, mark)).is_empty());
        }
        assert_eq!(spent.take(32).map(|taken| taken.bytes[0]), Some(3));
        assert_eq!(spent.take(32).map(|taken| taken.bytes[0]), Some(1));
        assert!(spent.take(32).is_none());
        assert_eq!(spent.take(64).map(|taken| taken.bytes[0]), Some(4));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_give_way() {
        let mut spent = spent();
        (0..100).for_each(|_| drop(spent.put(batch(100_000, 0))));
        assert!(spent.held <= MAX_BYTES);
        assert!(spent.held > MAX_BYTES - 101_000);
        let freed = spent.put(batch(200_000, 1));
        assert!(freed.iter().all(|batch| batch.bytes.len() == 100_000));
        assert!(
            spent.take(200_000).is_some(),
            "another length has its place"
        );
        while spent.take(100_000).is_some() {}
        assert_eq!(spent.held, 0);
    }
}
