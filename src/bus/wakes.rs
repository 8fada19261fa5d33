//! Wakes: whose subscribers are to be woken, once for several messages that came together.

use std::sync::Arc;

use crate::bus::subscription::Queue;

/// So many messages are put in before anybody is woken for them.
const TOGETHER: usize = 32;

/// Held by the thread that hears the messages. Whoever stops hearing, if only to wait for more,
/// wakes first.
#[derive(Default)]
pub(crate) struct Wakes {
    queues: Vec<Arc<Queue>>,
    messages: usize,
}

impl Wakes {
    /// Somebody sleeps beside a message in this queue.
    pub(crate) fn owe(&mut self, queue: Arc<Queue>) {
        self.queues.push(queue);
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
        self.queues.drain(..).for_each(|queue| queue.wake());
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.wake();
    }
}
