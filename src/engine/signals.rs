//! Signals: what threads wait for under the hub's lock, and who does.

use std::mem;

/// What threads wait for under the hub's lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    /// Something to write, an earlier deadline, or the end.
    Keeper,
    /// Room in a queue.
    Room,
    /// A dial that may go on, or stop.
    Dials,
    /// A link that may be read again.
    Readers,
    /// An event to tell.
    Events,
    /// Another number of peers, or progress of a close.
    Peers,
    /// A stalled link to write.
    Drains,
    /// The end of a pause after a failed accept.
    Accept,
    /// The end of a thread.
    Threads,
    /// The end of the keeper's rest, before its time.
    Rest,
    /// An event for the program's hook.
    Hook,
}

pub(super) const SIGNALS: usize = Signal::Hook as usize + 1;

/// Who sleeps until one signal. Those that were called do not count any more, awake or not yet.
#[derive(Clone, Copy, Default)]
pub(super) struct Sleepers {
    count: usize,
    calls: u64,
}

impl Sleepers {
    pub(super) fn are_there(self) -> bool {
        self.count > 0
    }

    /// One more. Says what it has to leave with.
    pub(super) fn join(&mut self) -> u64 {
        self.count += 1;
        self.calls
    }

    /// One is awake, called or not.
    pub(super) fn leave(&mut self, calls: u64) {
        if self.calls == calls {
            self.count -= 1;
        }
    }

    /// Says whether there is anybody to wake.
    pub(super) fn call(&mut self) -> bool {
        self.calls += 1;
        mem::take(&mut self.count) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_called_does_not_count_any_more() {
        let mut sleepers = Sleepers::default();
        assert!(!sleepers.call());
        let (first, second) = (sleepers.join(), sleepers.join());
        assert!(sleepers.call() && !sleepers.call());
        assert!(!sleepers.are_there());
        let third = sleepers.join();
        sleepers.leave(first);
        assert!(sleepers.are_there(), "it was called before");
        sleepers.leave(third);
        assert!(!sleepers.are_there(), "its time was up");
        sleepers.leave(second);
        assert!(!sleepers.call());
    }
}
