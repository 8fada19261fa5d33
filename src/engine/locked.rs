//! Locked: the hub's lock, held, and what is done when it is let go of.

use std::mem;
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::core::{Core, Shared};
use crate::engine::signals::Signal;
use crate::event::Cause;
use crate::held::{self, Held};
use crate::proto::hub::Shut;
use crate::transport::Stream;

/// How long whoever ends streams hears out, in all, the last words that other threads say.
const HEARING_OUT: Duration = Duration::from_millis(50);

/// The hub's lock, held. Letting go of it does what the hub has asked for in the meantime.
pub(crate) struct Locked<'a> {
    core: &'a Core,
    guard: Option<Guard<'a>>,
    /// It was taken by a thread that was panicking already.
    is_late: bool,
}

type Guard<'a> = (MutexGuard<'a, Shared>, Held);

/// What is to be done behind the lock: it may wait, or run code of the program's own.
#[derive(Default)]
struct Errands {
    shutdowns: Vec<(Arc<Stream>, Shut)>,
    /// To be dropped, and perhaps the last of their streams.
    streams: Vec<Arc<Stream>>,
    /// To be dropped: the program may have made them.
    lost: Vec<Cause>,
}

impl<'a> Locked<'a> {
    #[inline(always)]
    pub(super) fn new(core: &'a Core, guard: MutexGuard<'a, Shared>) -> Locked<'a> {
        Locked {
            core,
            guard: Some((guard, Held::new())),
            is_late: thread::panicking(),
        }
    }

    /// Lets go of it where the hub has asked for nothing that cannot wait for the next.
    #[inline(always)]
    pub(super) fn let_go(mut self) {
        let guard = self.guard.take();
        // What is left has nothing to do, and would be a call for each message.
        mem::forget(self);
        drop(guard);
    }

    /// Our own code has panicked with the lock held.
    #[cold]
    fn fail(&mut self) {
        let Some((mut shared, held)) = self.guard.take() else {
            return;
        };
        let wreck = shared.wreck(self.core.thread_name());
        drop((shared, held));
        wreck
            .into_iter()
            .for_each(|wreck| self.core.clear_away(wreck));
    }

    /// Waits for `signal` until `deadline`, if there is one.
    pub(crate) fn wait(mut self, signal: Signal, deadline: Option<Instant>) -> Self {
        let errands = self.settle();
        if !errands.is_empty() {
            // They are run without the lock, so the state may be new: look again.
            drop(self.guard.take());
            errands.run();
            return self.core.lock();
        }
        if matches!(signal, Signal::Room | Signal::Events | Signal::Peers) {
            // Whoever might have received waits for something else, that reading may bring about.
            self.core.inbox.recall();
        }
        let pause = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let (mut guard, held) = self.guard.take().expect("held until dropped");
        let calls = guard.sleepers[signal as usize].join();
        let condvar = &self.core.signals[signal as usize];
        let guard = match pause {
            None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => {
                let woken = condvar.wait_timeout(guard, pause);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let mut locked = Locked {
            core: self.core,
            guard: Some((guard, held)),
            is_late: self.is_late,
        };
        locked.sleepers[signal as usize].leave(calls);
        locked
    }

    /// Tells the hub what the application has taken since the last time.
    pub(crate) fn acknowledge_taken(&mut self) {
        let taken = self.core.inbox.drain_taken();
        self.hub.handle_taken(&taken);
    }

    /// Does what the hub asks for, but for what is to be done behind the lock.
    fn settle(&mut self) -> Errands {
        let core = self.core;
        let (shared, _) = self.guard.as_mut().expect("held until dropped");
        let Some(effects) = shared.hub.take_effects() else {
            return Errands::default();
        };
        core.stumble("settler");
        for (id, how) in &effects.shutdowns {
            let peer = shared.hub.peer_of(*id).filter(|_| *how == Shut::Both);
            peer.inspect(|peer| core.inbox.end_lane(*peer));
        }
        let shut = effects.shutdowns.into_iter();
        let shutdowns: Vec<_> = shut
            .filter_map(|(id, how)| Some((shared.stream(id)?, how)))
            .collect();
        let ending = shutdowns.iter().filter(|(_, how)| *how == Shut::Write);
        ending.for_each(|(stream, _)| stream.owe_last_word());
        for presence in effects.presences {
            core.inbox.push_presence(presence);
        }
        let gone = effects.gone.into_iter();
        let gone = gone.filter_map(|id| shared.streams[id.slot()].take_if(|(it, _)| *it == id));
        let streams = gone.map(|(_, stream)| stream).collect();
        let wake = effects.wake;
        let wakes = [
            (wake.keeper, Signal::Keeper),
            (wake.room, Signal::Room),
            (wake.dials, Signal::Dials),
            (wake.readers, Signal::Readers),
            (wake.events, Signal::Events),
            (wake.hook, Signal::Hook),
            (wake.peers, Signal::Peers),
        ];
        for (_, signal) in wakes.into_iter().filter(|(is_asked, _)| *is_asked) {
            core.wake(shared, signal);
        }
        Errands {
            shutdowns,
            streams,
            lost: effects.lost,
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Shared;

    #[inline(always)]
    fn deref(&self) -> &Shared {
        &self.guard.as_ref().expect("held until dropped").0
    }
}

impl DerefMut for Locked<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Shared {
        &mut self.guard.as_mut().expect("held until dropped").0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let guard = self.guard.as_ref();
        if guard.is_some() && thread::panicking() && !self.is_late {
            return self.fail();
        }
        // Most calls leave nothing to do.
        if guard.is_some_and(|(shared, _)| shared.hub.has_effects()) {
            match catch_unwind(AssertUnwindSafe(|| self.settle())) {
                Ok(errands) => {
                    drop(self.guard.take());
                    errands.run();
                }
                Err(panic) => {
                    self.fail();
                    resume_unwind(panic);
                }
            }
        }
    }
}

impl Errands {
    fn is_empty(&self) -> bool {
        self.shutdowns.is_empty() && self.streams.is_empty() && self.lost.is_empty()
    }

    fn run(self) {
        shut_down(self.shutdowns);
        for error in self.lost {
            held::run_outside("an error's end", || drop(error));
        }
    }
}

fn shut_down(streams: Vec<(Arc<Stream>, Shut)>) {
    // Most calls come to this, and need no clock.
    if streams.is_empty() {
        return;
    }
    let until = Instant::now() + HEARING_OUT;
    for (stream, how) in streams {
        let how = match how {
            Shut::Write => Shutdown::Write,
            Shut::Both => Shutdown::Both,
        };
        stream.shutdown(how, until);
    }
}
