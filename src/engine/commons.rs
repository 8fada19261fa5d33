//! Commons: the buffers of one socket that messages lie in which the application has.
//!
//! Somebody who keeps one message in a hundred keeps all that was read with it. So they are
//! bounded: past the bound messages are copied out, and who keeps them keeps nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;
use crate::contents::Home;
use crate::engine::spent;
use crate::proto::batch::Batch;

/// Bytes of them, in all.
const MAX_BYTES: usize = 1024 * 1024;

/// The part of the memory budget that they take at most.
const PART_OF_BUDGET: usize = 64;

pub(crate) struct Commons {
    max_bytes: usize,
    held: Arc<AtomicUsize>,
    home: Home,
}

impl Commons {
    pub(crate) fn new(config: &Config) -> Commons {
        let held = Arc::new(AtomicUsize::new(0));
        Commons {
            max_bytes: MAX_BYTES.min(config.memory_budget / PART_OF_BUDGET),
            held: held.clone(),
            home: Arc::new(move |bytes| {
                held.fetch_sub(bytes.capacity(), Ordering::Relaxed);
                let spans = Vec::new();
                spent::put(Batch {
                    bytes,
                    spans,
                    ..Batch::default()
                });
            }),
        }
    }

    /// Where a buffer of so many bytes goes that messages are to lie in, if one more may be. One
    /// thread asks at a time; any may bring one back meanwhile.
    pub(crate) fn admit(&self, bytes: usize) -> Option<Home> {
        let is_room = self.held.load(Ordering::Relaxed) + bytes <= self.max_bytes;
        is_room.then(|| {
            self.held.fetch_add(bytes, Ordering::Relaxed);
            self.home.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_home_makes_room() {
        let commons = Commons::new(&Config::default());
        let buffer = || vec![0; MAX_BYTES / 2];
        let home = commons.admit(MAX_BYTES / 2).expect("nothing is out");
        assert!(commons.admit(MAX_BYTES / 2).is_some());
        assert!(commons.admit(1).is_none());
        home(buffer());
        assert!(commons.admit(MAX_BYTES / 2 + 1).is_none());
        assert!(commons.admit(MAX_BYTES / 2).is_some());
    }

    #[test]
    fn a_small_memory_budget_leaves_room_for_few() {
        let commons = Commons::new(&Config::default().memory_budget(64 * 100_000));
        assert!(commons.admit(100_001).is_none());
        assert!(commons.admit(100_000).is_some());
    }
}
