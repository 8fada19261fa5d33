//! Teller: the thread that tells the program's hook what happens, where there is one.

use std::sync::Arc;

use crate::engine::core::{Core, Life};
use crate::engine::signals::Signal;
use crate::engine::threads::LARGE_STACK;
use crate::error::Error;
use crate::held;
use crate::hooks::OnEvent;

impl Core {
    pub(crate) fn start_teller(self: &Arc<Core>) -> Result<(), Error> {
        let Some(hook) = self.config.on_event.clone() else {
            return Ok(());
        };
        let started = self.spawn("hook", LARGE_STACK, move |member| {
            member.core().tell_all(&hook);
        });
        started.map_err(|source| Error::Io {
            op: "start a thread".into(),
            source,
        })
    }

    /// Until nobody is left who has something to tell.
    fn tell_all(&self, hook: &OnEvent) {
        let mut shared = self.lock();
        loop {
            self.stumble("hook");
            if let Some(event) = shared.hub.poll_hooked() {
                drop(shared);
                // A hook that panics has been told.
                held::run_outside("a hook", move || hook(&event));
                shared = self.lock();
                continue;
            }
            let is_last = shared.life == Life::Stopped && shared.threads == 1;
            if is_last || shared.life == Life::Closed {
                return;
            }
            let signal = match shared.life {
                Life::Stopped => Signal::Threads,
                _ => Signal::Hook,
            };
            shared = shared.wait(signal, None);
        }
    }
}
