//! Drain: the threads that write stalled links, in turn, so that nobody else has to wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::core::{Core, Life, Shared};
use crate::engine::signals::Signal;
use crate::engine::threads::SMALL_STACK;
use crate::engine::writer::{PATIENCE, Written};
use crate::proto::link::LinkId;

/// More stalled links than this share the threads.
const MAX_DRAINS: usize = 32;

/// A drain with nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(5);

/// How long one link may keep a drain in a write, alone and while others wait for their turn.
const ALONE: Duration = Duration::from_millis(500);
const SHARED: Duration = Duration::from_millis(20);

impl Core {
    /// `id` takes no more for now. Says whether a drain must be started for it.
    pub(crate) fn hand_to_drain(&self, shared: &mut Shared, id: LinkId) -> bool {
        shared.stalled.push_back(id);
        self.wake(shared, Signal::Drains);
        let is_wanted = shared.drains < MAX_DRAINS && shared.stalled.len() > shared.idle_drains;
        shared.drains += usize::from(is_wanted);
        is_wanted
    }

    pub(crate) fn start_drain(self: &Arc<Core>) {
        let started = self.spawn("drain", SMALL_STACK, |member| member.core().drain());
        if started.is_err() {
            let mut shared = self.lock();
            shared.drains -= 1;
            if shared.drains == 0 {
                // The keeper does it then, more slowly, until there is a thread again.
                for id in std::mem::take(&mut shared.stalled) {
                    shared.hub.handle_caught_up(id);
                }
            }
        }
    }

    fn drain(self: &Arc<Core>) {
        let mut shared = self.lock();
        let mut until = Instant::now() + IDLE;
        while shared.life < Life::Stopped {
            if let Some(id) = shared.stalled.pop_front() {
                drop(shared);
                self.drain_link(id);
                until = Instant::now() + IDLE;
                shared = self.lock();
                continue;
            }
            if Instant::now() >= until {
                break;
            }
            shared.idle_drains += 1;
            shared = shared.wait(Signal::Drains, Some(until));
            shared.idle_drains -= 1;
        }
        shared.drains -= 1;
    }

    /// Writes one link until it has caught up, or until others wait for their turn.
    fn drain_link(self: &Arc<Core>, id: LinkId) {
        self.stumble("drain");
        let mut shared = self.lock();
        let mut patience = None;
        loop {
            let Some(stream) = shared.stream(id) else {
                return;
            };
            let chunk = shared.hub.poll_chunk(id);
            let wanted = match &chunk {
                None => PATIENCE,
                Some(_) if shared.stalled.is_empty() => ALONE,
                Some(_) => SHARED,
            };
            if patience.replace(wanted) != Some(wanted) {
                // A stream that refuses is broken, and its next write says so.
                stream.set_write_timeout(Some(wanted)).ok();
            }
            // Under the lock the links have another: this is never the last.
            drop(stream);
            let Some(chunk) = chunk else {
                return shared.hub.handle_caught_up(id);
            };
            let (again, written) = self.carry(shared, id, chunk, &[], wanted);
            shared = again;
            match written {
                Written::Whole => {}
                Written::Broken => return,
                Written::Stalled if shared.stalled.is_empty() => {}
                Written::Stalled => return shared.stalled.push_back(id),
            }
        }
    }
}
