//! Maker: the ids of one bus, and the one place that asks what time of day it is.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::bus::words::Id;

/// Ids say when they were made, so that whoever stores messages can sort them. Nothing else depends
/// on the time of day, and it is asked only once: a clock that is set back makes no id come again.
/// What is not time in them cannot be told from other ids: std has no random numbers, but the keys
/// of its hash maps are drawn from the system.
pub(crate) struct Maker {
    keys: RandomState,
    /// Of the last id: milliseconds since 1970, and a count in the lowest 12 bits. When that
    /// overflows, ids are ahead of the time.
    last: AtomicU64,
    began: Instant,
    /// Of the same moment, in milliseconds since 1970.
    time_of_day: u64,
}

impl Maker {
    pub(crate) fn new() -> Maker {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Maker {
            keys: RandomState::new(),
            last: AtomicU64::new(0),
            began: Instant::now(),
            time_of_day: since_1970.map_or(0, |since| since.as_millis() as u64),
        }
    }

    /// Greater than all before it.
    pub(crate) fn next(&self) -> Id {
        let passed = self.began.elapsed().as_millis() as u64;
        let now = (self.time_of_day + passed) << 12;
        let after = |last: u64| Some(now.max(last + 1));
        let updated = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let stamp = now.max(updated.unwrap_or_default() + 1);
        Id::version_7(stamp, self.keys.hash_one(stamp))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_making() {
        let maker = Maker::new();
        let ids: Vec<Id> = (0..200_000).map(|_| maker.next()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn threads_that_make_ids_at_once_make_different_ones_each_in_order() {
        let maker = Arc::new(Maker::new());
        let make = || {
            let maker = maker.clone();
            thread::spawn(move || (0..10_000).map(|_| maker.next()).collect::<Vec<Id>>())
        };
        let makers: Vec<_> = (0..4).map(|_| make()).collect();
        let made = makers
            .into_iter()
            .map(|maker| maker.join().expect("no panic"));
        let made: Vec<Vec<Id>> = made.collect();
        assert!(
            made.iter()
                .all(|ids| ids.is_sorted_by(|one, next| one < next))
        );
        let mut all = made.concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40_000);
    }

    #[test]
    fn what_is_no_time_in_an_id_is_another_in_each() {
        let maker = Maker::new();
        let random = |id: Id| id.as_bytes()[8..].to_vec();
        let mut parts: Vec<Vec<u8>> = (0..10_000).map(|_| random(maker.next())).collect();
        parts.extend((0..10_000).map(|_| random(Maker::new().next())));
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), 20_000);
    }
}
