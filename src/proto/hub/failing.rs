//! Failing: what takes the place of a hub that cannot be trusted any more.

use std::mem;
use std::time::Instant;

use crate::event::Event;
use crate::proto::hub::Hub;
use crate::proto::hub::closing::Closing;

impl Hub {
    /// Our own code has panicked in `thread`, perhaps in the middle of a change of this hub. Its
    /// successor lets nobody in and has nothing to do. It has the counters, in which what had no
    /// end yet is in doubt, and the events that nobody has read; the last of them tells of this.
    pub(crate) fn succeed(&mut self, now: Instant, thread: &'static str) -> Hub {
        let mut successor = Hub::new(now, self.config.clone(), self.me, 0, 0);
        successor.closing = Some(Closing::Over);
        successor.news = mem::take(&mut self.news);
        let stats = &mut successor.stats;
        *stats = self.stats;
        let ended = stats.acknowledged + stats.written + stats.dropped() + stats.handed_back;
        stats.in_doubt = stats.accepted.saturating_sub(ended);
        successor.tell(Event::Failed { thread });
        successor
    }
}
