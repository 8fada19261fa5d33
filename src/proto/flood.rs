//! Flood: somebody sends as fast as it can, so that whole chunks leave close behind one another.

use std::time::{Duration, Instant};

/// Chunks that leave within this of each other belong to one flood.
const CLOSE: Duration = Duration::from_micros(400);

/// What ends before this was a burst, whose end somebody may wait for.
const LASTING: Duration = Duration::from_millis(1);

/// The latest long chunks that left.
pub(crate) struct Flood {
    since: Instant,
    last: Instant,
    /// Messages that had been accepted by then.
    accepted: u64,
}

impl Flood {
    pub(crate) fn new(now: Instant) -> Flood {
        Flood {
            since: now,
            last: now,
            accepted: 0,
        }
    }

    /// A long chunk has left, and so many messages were ever accepted. If none came since the chunk
    /// before it, this one is what a flood has left behind.
    pub(crate) fn handle_chunk(&mut self, now: Instant, accepted: u64) {
        if self.accepted == accepted {
            return;
        }
        self.accepted = accepted;
        if now.saturating_duration_since(self.last) >= CLOSE {
            self.since = now;
        }
        self.last = now;
    }

    /// It counts as over until as much has come again.
    pub(crate) fn end(&mut self) {
        self.since = self.last;
    }

    /// More is likely to come.
    pub(crate) fn lasts(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < CLOSE
            && self.last.saturating_duration_since(self.since) >= LASTING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(100);

    /// A flood of chunks that leave at these ticks, and when it began to count.
    fn flood_of(ticks: impl IntoIterator<Item = u32>) -> (Flood, Instant) {
        let start = Instant::now();
        let mut flood = Flood::new(start);
        for tick in ticks {
            flood.handle_chunk(start + TICK * tick, tick.into());
        }
        (flood, start)
    }

    #[test]
    fn a_flood_lasts_until_no_chunk_has_left_for_a_while() {
        let (flood, start) = flood_of(50..=60);
        assert!(flood.lasts(start + TICK * 63));
        assert!(!flood.lasts(start + TICK * 64));
    }

    #[test]
    fn a_burst_is_no_flood() {
        let (flood, start) = flood_of(50..60);
        assert!(!flood.lasts(start + TICK * 61));
    }

    #[test]
    fn what_is_left_of_a_flood_does_not_prolong_it() {
        let (mut flood, start) = flood_of(50..=60);
        (61..70).for_each(|tick| flood.handle_chunk(start + TICK * tick, 60));
        assert!(!flood.lasts(start + TICK * 70));
    }

    #[test]
    fn a_flood_that_was_ended_begins_anew() {
        let (mut flood, start) = flood_of(50..=60);
        flood.end();
        assert!(!flood.lasts(start + TICK * 61));
        (61..=70).for_each(|tick| flood.handle_chunk(start + TICK * tick, tick.into()));
        assert!(flood.lasts(start + TICK * 71));
    }

    #[test]
    fn chunks_far_apart_are_no_flood() {
        let (flood, start) = flood_of((0..20).map(|n| n * 4));
        assert!(!flood.lasts(start + TICK * 76));
    }

    #[test]
    fn nothing_is_no_flood() {
        let (flood, start) = flood_of([]);
        assert!(!flood.lasts(start));
        assert!(!flood.lasts(start + TICK * 20));
    }
}
