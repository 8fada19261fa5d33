//! Borrowed: a reader that is read on another thread than its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{Due, Reader};
use crate::engine::core::Core;

/// How long who has borrowed a reader reads before it goes back: that long it may miss what else
/// happens to its socket.
const SLICE: Duration = Duration::from_millis(2);

impl Reader {
    /// Reads on the thread of a receiver, which then finds in the inbox what came, or of a sender,
    /// which then finds room. A panic is ours, and not the caller's: it finds the socket closed.
    pub(crate) fn read_on_loan(self: Box<Self>, core: &Core) {
        if catch_unwind(AssertUnwindSafe(|| self.read_borrowed(core))).is_err() {
            core.inbox.lose_reader();
            core.fail();
        }
    }

    fn read_borrowed(mut self: Box<Self>, core: &Core) {
        core.stumble("borrower");
        let is_late = self.pace.handle_return(false, Instant::now);
        if is_late || !self.has_space(core) || self.wait_at_most(Some(SLICE)).is_err() {
            return core.inbox.give_back(self);
        }
        let read = self.read(core);
        let is_in_use = matches!(read, Ok(Some(_)));
        match self.due_after(core, read) {
            Due::Read | Due::Lend if is_in_use && self.may_lend => {
                self.note_offer(false);
                core.inbox.offer_again(self);
            }
            due => {
                self.due = due;
                core.inbox.give_back(self);
            }
        }
    }

    /// It is about to be offered, to those who sleep or to one who has just read with it.
    pub(super) fn note_offer(&mut self, asleep: bool) {
        let expected = self.decoder.expects();
        self.pace.handle_offer(expected, asleep, Instant::now);
    }
}
