//! Failing: how a socket ends in which our own code has panicked.
//!
//! Nothing that it decided is trusted from then on. Its hub is replaced before anybody else can have
//! the lock, and everybody who waits is told that the socket is closed.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::engine::core::{Core, Life, Shared};
use crate::proto::hub::Hub;
use crate::proto::link::LinkId;
use crate::transport::{Listener, Stream};

/// What is left of a socket that has failed, to be cleared away without the lock.
pub(super) struct Wreck {
    hub: Hub,
    streams: Vec<Option<(LinkId, Arc<Stream>)>>,
    listeners: BTreeMap<Endpoint, Arc<Listener>>,
}

/// Dropped only where a call of ours panics.
#[must_use]
pub(crate) struct Tripwire<'a>(&'a Core);

impl Tripwire<'_> {
    /// The call is over, and has not panicked.
    #[inline(always)]
    pub(crate) fn disarm(self) {
        mem::forget(self);
    }
}

impl Drop for Tripwire<'_> {
    fn drop(&mut self) {
        self.0.fail();
    }
}

impl Core {
    /// Makes a call of our own code on a thread that may be the application's: a panic in it goes
    /// on, and ends the socket.
    #[inline(always)]
    pub(crate) fn watched<T>(&self, call: impl FnOnce() -> T) -> T {
        let tripwire = self.tripwire();
        let result = call();
        tripwire.disarm();
        result
    }

    /// The same for a call that is to be inlined, which a closure is not.
    #[inline(always)]
    pub(crate) fn tripwire(&self) -> Tripwire<'_> {
        Tripwire(self)
    }

    /// Ends the socket, because our own code has panicked on this thread.
    #[cold]
    pub(crate) fn fail(&self) {
        let wreck = self.lock().wreck(self.thread_name());
        wreck.into_iter().for_each(|wreck| self.clear_away(wreck));
    }

    /// Everybody who waits finds the socket closed. Nothing that goes wrong here makes it worse.
    pub(super) fn clear_away(&self, wreck: Wreck) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.inbox.fail(&self.config)));
        self.wake_all();
        wreck.listeners.values().for_each(|it| it.close());
        let now = Instant::now();
        for (_, stream) in wreck.streams.into_iter().flatten() {
            let _ = catch_unwind(AssertUnwindSafe(|| stream.shutdown(Shutdown::Both, now)));
        }
        let _ = catch_unwind(AssertUnwindSafe(|| drop(wreck.hub)));
    }

    /// Panics where a test has planted it.
    #[cfg(test)]
    pub(crate) fn stumble(&self, place: &'static str) {
        let mut planted = self.planted.lock().expect("nothing panics with it held");
        let is_here = planted.take_if(|planted| *planted == place).is_some();
        drop(planted);
        assert!(!is_here, "planted: {place}");
    }

    #[cfg(not(test))]
    #[inline(always)]
    pub(crate) fn stumble(&self, _: &'static str) {}
}

impl Shared {
    /// Puts a new hub in the place of this one, unless the socket has ended already.
    pub(super) fn wreck(&mut self, thread: &'static str) -> Option<Wreck> {
        if self.life == Life::Closed {
            return None;
        }
        self.life = Life::Closed;
        let successor = self.hub.succeed(Instant::now(), thread);
        self.stalled.clear();
        Some(Wreck {
            hub: mem::replace(&mut self.hub, successor),
            streams: mem::take(&mut self.streams),
            listeners: mem::take(&mut self.listeners),
        })
    }
}
