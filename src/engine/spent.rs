//! Spent: what batches were in that the application is done with, to be read into again.
//!
//! They belong to the process and not to a socket: where many sockets read, each is spent only now
//! and then, and what one of them gives is what another needs next.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::proto::batch::Batch;

/// Bytes that are kept, in all.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// What nobody needed for so long is freed.
pub(crate) const IDLE: Duration = Duration::from_secs(1);

/// When to see whether anything has come, for who has nothing else to do.
const NOW_AND_THEN: Duration = Duration::from_secs(10);

/// Those who look after what is kept.
static KEEPERS: AtomicUsize = AtomicUsize::new(0);

/// A leaf among the locks: nothing is waited for, and nothing is freed, under it.
static SPENT: Mutex<Spent> = Mutex::new(Spent::new());

/// Keeps what can be read into again; the oldest of what there is most of give way to it.
pub(crate) fn put(batch: Batch) {
    if KEEPERS.load(Ordering::SeqCst) == 0 {
        return;
    }
    if let Some(batch) = batch.into_spent() {
        let freed = lock().put(batch);
        drop(freed);
    }
}

/// The latest one with so many bytes: the processor knows it best.
pub(crate) fn take(len: usize) -> Option<Batch> {
    lock().take(len)
}

/// To be called now and then: frees what nobody needed lately.
pub(crate) fn age(now: Instant) {
    let freed = lock().age(now);
    drop(freed);
}

/// When to do so at the latest.
pub(crate) fn next_look(now: Instant) -> Instant {
    match lock().held() {
        0 => now + NOW_AND_THEN,
        _ => now + IDLE,
    }
}

/// Somebody looks after it from now on, until this is dropped.
pub(crate) fn enter() -> Keeping {
    KEEPERS.fetch_add(1, Ordering::SeqCst);
    Keeping(())
}

/// The part of one that looks after it.
pub(crate) struct Keeping(());

/// Nothing is kept that nobody looks after.
impl Drop for Keeping {
    fn drop(&mut self) {
        if KEEPERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            let freed = mem::replace(&mut *lock(), Spent::new());
            drop(freed);
        }
    }
}

fn lock() -> MutexGuard<'static, Spent> {
    SPENT.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Spent {
    /// By the length of their bytes: few lengths are in use.
    piles: BTreeMap<usize, Pile>,
    looked: Option<Instant>,
}

/// Batches of one length, the latest on top.
#[derive(Default)]
struct Pile {
    batches: VecDeque<Batch>,
    /// Bytes of memory that they take.
    held: usize,
    /// The fewest that they have taken since it was last looked at.
    least: usize,
}

impl Spent {
    const fn new() -> Spent {
        Spent {
            piles: BTreeMap::new(),
            looked: None,
        }
    }

    fn held(&self) -> usize {
        self.piles.values().map(|pile| pile.held).sum()
    }

    /// Gives back what is to be freed for it.
    fn put(&mut self, batch: Batch) -> Vec<Batch> {
        let pile = self.piles.entry(batch.bytes.len()).or_default();
        pile.held += batch.memory();
        pile.batches.push_back(batch);
        let mut freed = Vec::new();
        while self.held() > MAX_BYTES {
            let highest = self.piles.values_mut().max_by_key(|pile| pile.held);
            freed.extend(highest.and_then(Pile::free_oldest));
        }
        freed
    }

    fn take(&mut self, len: usize) -> Option<Batch> {
        let pile = self.piles.get_mut(&len)?;
        let batch = pile.batches.pop_back()?;
        pile.forget(&batch);
        Some(batch)
    }

    fn age(&mut self, now: Instant) -> Vec<Batch> {
        let looked = *self.looked.get_or_insert(now);
        if now.saturating_duration_since(looked) < IDLE {
            return Vec::new();
        }
        self.looked = Some(now);
        self.piles.values_mut().flat_map(Pile::age).collect()
    }
}

impl Pile {
    /// What nobody needed since the last time.
    fn age(&mut self) -> Vec<Batch> {
        let needed = self.held - self.least;
        let mut freed = Vec::new();
        while self.held > needed {
            freed.extend(self.free_oldest());
        }
        self.least = self.held;
        freed
    }

    fn free_oldest(&mut self) -> Option<Batch> {
        let oldest = self.batches.pop_front()?;
        self.forget(&oldest);
        Some(oldest)
    }

    fn forget(&mut self, batch: &Batch) {
        self.held -= batch.memory();
        self.least = self.least.min(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(len: usize, mark: u8) -> Batch {
        Batch {
            bytes: vec![mark; len],
            spans: Vec::new(),
            ..Batch::default()
        }
    }

    #[test]
    fn the_latest_of_the_right_length_is_taken() {
        let mut spent = Spent::new();
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
        let mut spent = Spent::new();
        (0..800).for_each(|_| drop(spent.put(batch(100_000, 0))));
        assert!(spent.held() <= MAX_BYTES);
        assert!(spent.held() > MAX_BYTES - 101_000);
        let freed = spent.put(batch(200_000, 1));
        assert!(freed.iter().all(|batch| batch.bytes.len() == 100_000));
        assert!(
            spent.take(200_000).is_some(),
            "another length has its place"
        );
        while spent.take(100_000).is_some() {}
        assert_eq!(spent.held(), 0);
    }

    #[test]
    fn what_nobody_needs_is_freed_after_a_while() {
        let (mut spent, start) = (Spent::new(), Instant::now());
        let marks = |freed: Vec<Batch>| -> Vec<u8> {
            let bytes = freed.into_iter().map(|batch| batch.bytes[0]);
            bytes.collect()
        };
        assert!(spent.age(start).is_empty());
        (1..=5).for_each(|mark| drop(spent.put(batch(1_000, mark))));
        assert_eq!(marks(spent.age(start + IDLE)), [], "it came in between");
        // Two at a time are in use.
        for _ in 0..3 {
            let used = [0; 2].map(|_| spent.take(1_000).expect("they are there"));
            for batch in used {
                assert!(spent.put(batch).is_empty());
            }
        }
        assert_eq!(marks(spent.age(start + IDLE * 3 / 2)), [], "it is too soon");
        assert_eq!(marks(spent.age(start + IDLE * 2)), [1, 2, 3]);
        assert_eq!(spent.age(start + IDLE * 3).len(), 2);
        assert_eq!(spent.held(), 0);
    }
}
