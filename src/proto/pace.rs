//! Pace: whether whoever takes long messages is quick enough to read them as well.

use std::time::{Duration, Instant};

/// A longer message is more than the kernel holds for us. While one is dealt with, the next is
/// better read by another thread, unless that takes no time worth speaking of.
const LONG: usize = 256 * 1024;

/// Whoever took a message, and is back so soon to read on, was quick.
const QUICK: Duration = Duration::from_micros(20);

/// The same for somebody who has to be woken for the message first.
const WOKEN: Duration = Duration::from_micros(500);

/// After somebody was not, so many long messages pass before one is tried again.
const UNTRIED: u32 = 64;

#[derive(Default)]
pub(crate) struct Pace {
    /// The reader is on offer in the middle of a long message: whoever comes later is slow.
    due: Option<Instant>,
    /// It has brought something since it was last offered.
    has_brought: bool,
    /// Long messages that its own thread reads before it offers the reader again.
    untried: u32,
}

impl Pace {
    /// A message of `expected` bytes is under way. It may be read by whoever takes messages.
    pub(crate) fn allows(&self, expected: usize) -> bool {
        expected < LONG || self.untried == 0
    }

    /// Its own thread, or whoever has the reader, has read a message of `len` bytes to its end.
    pub(crate) fn handle_message(&mut self, len: usize) {
        self.has_brought |= len > 0;
        if len >= LONG {
            self.untried = self.untried.saturating_sub(1);
        }
    }

    /// The reader is offered, with so many bytes of a message under way, to one who has just read
    /// with it, or to others, who are still `asleep`.
    pub(crate) fn handle_offer(
        &mut self,
        expected: usize,
        asleep: bool,
        clock: impl FnOnce() -> Instant,
    ) {
        let within = if asleep { WOKEN } else { QUICK };
        // Between two reads for the same message it has nothing else to do.
        let is_judged = std::mem::take(&mut self.has_brought) && expected >= LONG;
        self.due = is_judged.then(|| clock() + within);
    }

    /// The reader is taken up again, by whoever reads on or by its own thread, which was `asleep`:
    /// says whether that comes too late.
    pub(crate) fn handle_return(&mut self, asleep: bool, clock: impl FnOnce() -> Instant) -> bool {
        let more = if asleep { WOKEN } else { Duration::ZERO };
        let is_late = self.due.take().is_some_and(|due| clock() > due + more);
        if is_late {
            self.untried = UNTRIED;
        }
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It has brought a short message, and a long one has begun, when it is offered.
    fn offered(asleep: bool, at: Instant) -> Pace {
        let mut pace = Pace::default();
        pace.handle_message(10);
        pace.handle_offer(LONG, asleep, || at);
        pace
    }

    #[test]
    fn long_messages_are_not_offered_again_for_a_while_after_a_slow_one() {
        let start = <Instant>::now();
        let mut pace = offered(false, start);
        assert!(pace.allows(LONG));
        assert!(pace.handle_return(false, || start + 2 * QUICK));
        for _ in 0..UNTRIED {
            assert!(!pace.allows(LONG) && pace.allows(LONG - 1));
            pace.handle_message(10);
            pace.handle_message(LONG);
        }
        assert!(pace.allows(LONG));
    }

    #[test]
    fn whoever_sleeps_has_the_time_to_wake_up() {
        let start = <Instant>::now();
        assert!(!offered(false, start).handle_return(false, || start + QUICK));
        assert!(!offered(true, start).handle_return(false, || start + WOKEN));
        assert!(!offered(false, start).handle_return(true, || start + WOKEN));
        assert!(offered(true, start).handle_return(true, || start + 3 * WOKEN));
    }

    #[test]
    fn nobody_is_slow_in_the_middle_of_a_message_nor_with_short_ones() {
        let no_clock = || -> Instant { unreachable!("nobody asks the time") };
        let mut pace = Pace::default();
        pace.handle_message(0);
        pace.handle_offer(LONG, false, no_clock);
        assert!(!pace.handle_return(false, no_clock));
        pace.handle_message(10);
        pace.handle_offer(LONG - 1, false, no_clock);
        assert!(!pace.handle_return(false, no_clock));
    }
}
