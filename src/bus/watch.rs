//! Watch: a function that is called with each message of a pattern.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::bus::end::Waits;
use crate::bus::handler;
use crate::bus::note::Note;
use crate::bus::subscription::Subscription;
use crate::bus::words::Error;

/// A function on a pattern, as [`Bus::on`](crate::bus::Bus::on) gives it. Dropping it
/// unsubscribes; a call that runs goes on, and none follows.
#[must_use = "a watch that is dropped ends"]
pub struct Watch {
    subscription: Subscription,
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watch {
    /// Calls `call` in a thread of its own, one message after the other.
    pub(crate) fn start(
        subscription: Subscription,
        mut call: impl FnMut(Note) + Send + 'static,
    ) -> Result<Watch, Error> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (ends, notes) = (is_over.clone(), subscription.notes.clone());
        let client = subscription.handle.client.clone();
        let work = move || {
            while let Ok(note) = client.take(&notes, Waits::Only, None) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                if handler::call(|| call(note)).is_err() {
                    client.count(|counters| &counters.panicked);
                }
            }
        };
        let builder = thread::Builder::new().name("jackfield watch".to_owned());
        let thread = builder.spawn(work).map_err(Error::no_thread)?;
        Ok(Watch {
            subscription,
            is_over,
            thread: Some(thread),
        })
    }

    /// Waits until the bus is closed and everything that had come was handled: for a program that
    /// has nothing else to do. Not for the function itself, which would wait for its own end.
    pub fn join(mut self) {
        let thread = self.thread.take();
        // A panic of the function was counted when it happened.
        thread.map(|thread| thread.join().ok());
    }

    /// What was asked for.
    pub fn pattern(&self) -> &str {
        self.subscription.pattern()
    }

    /// Messages that came when its queue was full.
    pub fn lost(&self) -> u64 {
        self.subscription.lost()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.subscription.notes.end(Error::Closed);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.pattern())
    }
}
