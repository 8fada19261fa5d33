//! Shutdown: how a socket closes, step by step, each with its deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::core::{Core, Life, Locked, deadline_after};
use crate::engine::signals::Signal;
use crate::proto::hub::{CloseStep, Remains};

/// What our threads may take to end once every link has.
const LAST_THREADS: Duration = Duration::from_millis(400);

/// What a close may take beyond its linger.
const GRACE: Duration = Duration::from_secs(1);

/// What a close found and left.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) flushed: u64,
    pub(crate) remains: Remains,
}

impl Core {
    /// Closes; `None` if someone else does or did, who is waited for.
    pub(crate) fn close(self: &Arc<Core>, linger: Duration) -> Option<Outcome> {
        let until = deadline_after(linger);
        let mut shared = self.lock();
        if shared.life != Life::Open {
            drop(
                self.wait_while(shared, Signal::Peers, until + GRACE, |shared| {
                    shared.life < Life::Closed
                }),
            );
            return None;
        }
        shared.life = Life::Closing;
        shared.acknowledge_taken();
        shared.hub.begin_close(until);
        let before = shared.hub.stats().written;
        drop(shared);
        self.inbox.close();
        self.lock().acknowledge_taken();
        self.wake_all();
        self.end_links();
        self.stop();

        let mut shared = self.lock();
        let flushed = shared.hub.stats().written.saturating_sub(before);
        let remains = shared.hub.drain();
        shared.life = Life::Closed;
        self.wake(&mut shared, Signal::Peers);
        self.wake(&mut shared, Signal::Threads);
        Some(Outcome { flushed, remains })
    }

    /// Until every link has ended.
    fn end_links(&self) {
        let mut shared = self.lock();
        loop {
            shared = match shared.hub.poll_close(Instant::now()) {
                CloseStep::Wait { until } => shared.wait(Signal::Peers, Some(until)),
                CloseStep::StopListening => {
                    drop(shared);
                    self.close_listeners();
                    self.lock()
                }
                CloseStep::Over => return,
            };
        }
    }

    fn close_listeners(&self) {
        let listeners = std::mem::take(&mut self.lock().listeners);
        listeners.values().for_each(|listener| listener.close());
        self.wake(&mut self.lock(), Signal::Accept);
    }

    /// Ends our threads. One that runs this very code cannot be waited for.
    pub(super) fn stop(&self) {
        let mut shared = self.lock();
        shared.life = Life::Stopped.max(shared.life);
        drop(shared);
        self.wake_all();
        if !self.is_own_thread() {
            let until = Instant::now() + LAST_THREADS;
            let shared = self.lock();
            drop(self.wait_while(shared, Signal::Threads, until, |shared| shared.threads > 0));
        }
    }

    fn wait_while<'a>(
        &'a self,
        mut shared: Locked<'a>,
        signal: Signal,
        until: Instant,
        holds: impl Fn(&Locked<'a>) -> bool,
    ) -> Locked<'a> {
        while holds(&shared) && Instant::now() < until {
            shared = shared.wait(signal, Some(until));
        }
        shared
    }
}
