//! Counters: what a bus counts while others read it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bus::stats::BusStats;

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) lost: AtomicU64,
    pub(crate) lost_on_the_way: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) malformed: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> BusStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BusStats {
            lost: read(&self.lost),
            lost_on_the_way: read(&self.lost_on_the_way),
            late: read(&self.late),
            expired: read(&self.expired),
            busy: read(&self.busy),
            panicked: read(&self.panicked),
            malformed: read(&self.malformed),
            ..BusStats::default()
        }
    }
}
