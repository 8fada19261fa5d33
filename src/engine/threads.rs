//! Threads: how each of ours starts, is counted, and leaves.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;

use crate::engine::core::{Core, Life};
use crate::engine::signals::Signal;
use crate::error::Error;

/// Enough for threads that only carry bytes; untouched pages cost nothing.
pub(crate) const SMALL_STACK: usize = 256 * 1024;

/// For threads that resolve names or run users' hooks.
pub(crate) const LARGE_STACK: usize = 2 * 1024 * 1024;

pub(crate) fn stack_for(runs_hooks: bool) -> usize {
    match runs_hooks {
        true => LARGE_STACK,
        false => SMALL_STACK,
    }
}

thread_local! {
    /// The core that this thread works for, by address, and as what; 0 for threads that are not ours.
    static WORKS_FOR: Cell<(usize, &'static str)> = const { Cell::new((0, "")) };
}

/// A thread's part in its core: counted while it is there.
pub(crate) struct Membership(Arc<Core>);

impl Core {
    /// Starts a thread that works for this core. A panic in it is ours, and ends the socket.
    pub(crate) fn spawn(
        self: &Arc<Core>,
        name: &'static str,
        stack: usize,
        work: impl FnOnce(Membership) + Send + 'static,
    ) -> io::Result<()> {
        let member = self.join().ok_or(io::ErrorKind::NotConnected)?;
        let builder = thread::Builder::new()
            .name(format!("jackfield {name}"))
            .stack_size(stack);
        builder.spawn(move || {
            WORKS_FOR.set((Arc::as_ptr(&member.0) as usize, name));
            let core = Arc::downgrade(&member.0);
            if catch_unwind(AssertUnwindSafe(|| work(member))).is_err() {
                core.upgrade().inspect(|core| core.fail());
            }
        })?;
        Ok(())
    }

    /// Why a call failed whose thread could not be started.
    pub(crate) fn not_started(&self, op: String, source: io::Error) -> Error {
        match self.lock().life {
            Life::Stopped | Life::Closed => Error::Closed,
            Life::Open | Life::Closing => Error::Io { op, source },
        }
    }

    /// Counts the calling thread in, unless the core is past that.
    pub(crate) fn join(self: &Arc<Core>) -> Option<Membership> {
        let mut shared = self.lock();
        if shared.life >= Life::Stopped {
            return None;
        }
        shared.threads += 1;
        drop(shared);
        Some(Membership(self.clone()))
    }

    pub(crate) fn is_own_thread(&self) -> bool {
        WORKS_FOR.get().0 == std::ptr::from_ref(self) as usize
    }

    /// What this thread is to the core.
    pub(super) fn thread_name(&self) -> &'static str {
        match self.is_own_thread() {
            true => WORKS_FOR.get().1,
            false => "application",
        }
    }
}

impl Membership {
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0
    }

    /// Leaves for a call that nobody can interrupt; a core that closes does not wait for it.
    pub(crate) fn step_out(self) -> Weak<Core> {
        Arc::downgrade(&self.0)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut shared = self.0.lock();
        shared.threads -= 1;
        self.0.wake(&mut shared, Signal::Threads);
    }
}
