//! Sender: a thread of the application that waits for room.

use std::time::Instant;

use crate::engine::connection::Reader;
use crate::engine::core::{Core, Locked};
use crate::engine::signals::Signal;
use crate::loan::is_patient;

impl Core {
    /// There may be room when this returns: somebody made it, or ACKs that we read here.
    pub(crate) fn wait_for_room<'a>(
        &'a self,
        mut shared: Locked<'a>,
        deadline: Option<Instant>,
    ) -> Locked<'a> {
        if shared.hub.lacks_acks() && is_patient(deadline) {
            if let Some(reader) = self.inbox.borrow() {
                drop(shared);
                reader.read_on_loan(self);
                return self.lock_to_send();
            }
            shared.wants_reader = true;
        }
        let mut shared = shared.wait(Signal::Room, deadline);
        shared.wants_reader &= shared.has_sleepers(Signal::Room);
        shared
    }

    /// Offers the reader to whoever waits for what it reads, until it comes back, is not used or is
    /// lost: under the hub's lock, as a sender looks for it and falls asleep.
    pub(crate) fn lend(&self, reader: Box<Reader>) -> Option<Box<Reader>> {
        let shared = self.lock();
        if shared.needs_acks() {
            return Some(reader);
        }
        self.inbox.offer(reader);
        drop(shared);
        self.inbox.wait_for_return()
    }
}
