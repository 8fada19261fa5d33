//! Counters: what a bus counts while others read it, and how they read it.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) lost: AtomicU64,
    pub(crate) lost_on_the_way: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) busy: AtomicU64,
    pub(crate) panicked: AtomicU64,
    pub(crate) malformed: AtomicU64,
    pub(crate) unsaid: AtomicU64,
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
            unsaid: read(&self.unsaid),
            ..BusStats::default()
        }
    }
}

/// What a [`Bus`](crate::bus::Bus) holds now, and has seen since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct BusStats {
    /// Subscriptions, `on` handlers too.
    pub subscriptions: usize,
    /// Services.
    pub services: usize,
    /// Calls and other requests that are not answered yet.
    pub waiting: usize,
    /// Messages for subscriptions that did not fit into their queues.
    pub lost: u64,
    /// Messages that a broker told us it could not send us.
    pub lost_on_the_way: u64,
    /// Answers that came when nobody waited any more.
    pub late: u64,
    /// Calls that were not run because their deadline had passed.
    pub expired: u64,
    /// Calls that were refused because the service was busy.
    pub busy: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Messages that were none of the bus.
    pub malformed: u64,
    /// Answers of ours that found no room on their way.
    pub unsaid: u64,
}
