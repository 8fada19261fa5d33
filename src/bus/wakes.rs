//! Wakes: who is to be woken, once for several messages that came together.

use std::thread::{self, Thread};

/// Held by the thread that hears the messages. Whoever stops hearing, if only to wait for more,
/// wakes first.
#[derive(Default)]
pub(crate) struct Wakes(Vec<Thread>);

impl Wakes {
    /// What this thread waits for is there. The one that hears need not be woken.
    pub(crate) fn owe(&mut self, thread: &Thread) {
        if thread.id() != thread::current().id() {
            self.0.push(thread.clone());
        }
    }

    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(|thread| thread.unpark());
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake();
    }
}

/// Threads that may be parked beside what they wait for. Few wait for the same.
#[derive(Default)]
pub(crate) struct Sleepers(Vec<Thread>);

impl Sleepers {
    /// The calling thread is going to be parked.
    pub(crate) fn add(&mut self) {
        if self.position().is_none() {
            self.0.push(thread::current());
        }
    }

    /// The calling thread has what it waited for.
    pub(crate) fn remove(&mut self) {
        if let Some(position) = self.position() {
            self.0.remove(position);
        }
    }

    /// One of them, which is to be woken: the calling one if it is among them, because it is awake,
    /// or the one that came last.
    pub(crate) fn take_one(&mut self) -> Option<Thread> {
        match self.position() {
            Some(position) => Some(self.0.remove(position)),
            None => self.0.pop(),
        }
    }

    /// All of them, which are to be woken.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Thread> {
        self.0.drain(..)
    }

    fn position(&self) -> Option<usize> {
        let me = thread::current().id();
        self.0.iter().rposition(|thread| thread.id() == me)
    }
}
