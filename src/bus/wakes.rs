//! Wakes: who is to be woken, once for several messages that came together.

use std::sync::Arc;

use crate::bus::service::Desk;
use crate::bus::subscription::Queue;
use crate::bus::waiter::Waiter;

/// So many messages are put in before anybody is woken for them.
const TOGETHER: usize = 32;

/// Somebody who sleeps beside what they wait for.
pub(crate) enum Woken {
    Subscriber(Arc<Queue>),
    Worker(Arc<Desk>),
    Caller(Arc<Waiter>),
}

/// Held by the thread that hears the messages. Whoever stops hearing, if only to wait for more,
/// wakes first.
#[derive(Default)]
pub(crate) struct Wakes {
    owed: Vec<Woken>,
    messages: usize,
}

impl Wakes {
    /// Somebody sleeps beside a message that they wait for.
    pub(crate) fn owe(&mut self, woken: Woken) {
        self.owed.push(woken);
    }

    /// How many are to be woken who may hear for themselves next time.
    pub(crate) fn hearers(&self) -> usize {
        let hears = |woken: &&Woken| !matches!(woken, Woken::Subscriber(_));
        self.owed.iter().filter(hears).count()
    }

    /// A message was heard, and another one follows at once.
    pub(crate) fn go_on(&mut self) {
        self.messages += 1;
        if self.messages >= TOGETHER {
            self.wake();
        }
    }

    pub(crate) fn wake(&mut self) {
        self.messages = 0;
        for woken in self.owed.drain(..) {
            match woken {
                Woken::Subscriber(queue) => queue.wake(),
                Woken::Worker(desk) => desk.wake(),
                Woken::Caller(waiter) => waiter.wake(),
            }
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake();
    }
}
