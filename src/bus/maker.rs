//! Maker: the ids of one bus, and the one place that asks what time of day it is.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::bus::words::Id;

/// Ids say when they were made, so that whoever stores messages can sort them. Nothing else depends
/// on the time of day, and it is asked only once: a clock that is set back makes no id come again.
pub(crate) struct Maker {
    seed: u64,
    made: AtomicU64,
    began: Instant,
    /// Of the same moment, in milliseconds since 1970.
    time_of_day: u64,
}

impl Maker {
    pub(crate) fn new() -> Maker {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Maker {
            seed: random(),
            made: AtomicU64::new(0),
            began: Instant::now(),
            time_of_day: since_1970.map_or(0, |since| since.as_millis() as u64),
        }
    }

    pub(crate) fn next(&self) -> Id {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let passed = self.began.elapsed().as_millis() as u64;
        Id::version_7(self.time_of_day + passed, count, self.seed)
    }
}

/// std has no random numbers; the keys of its hash maps are drawn from the system.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}
