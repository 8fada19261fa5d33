//! Lending: a reader goes to the receiver that waits for what it reads, and comes back.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Back, Inbox};
use crate::engine::connection::Reader;

/// A reader that was offered to receivers and not used for so long goes on by itself.
const GRACE: Duration = Duration::from_millis(2);

impl Inbox {
    /// Offers the reader to whoever waits for a message, until it comes back or is not used.
    pub(crate) fn lend(&self, reader: Box<Reader>) -> Box<Reader> {
        let mut back = self.back();
        back.loan.offer(reader);
        // Who was told of the last message may have taken it, and be asleep again.
        if back.receivers > 0 && back.lanes.ready() == 0 {
            self.arrived.notify_all();
        }
        loop {
            let offers = back.loan.offers();
            let woken = self.returned.wait_timeout(back, GRACE);
            back = woken.unwrap_or_else(PoisonError::into_inner).0;
            if let Some(reader) = back.loan.take_back(offers) {
                return reader;
            }
        }
    }

    /// From a receiver that has read with it: it may be lent again, unless others wait, who would
    /// not be woken by what it brings.
    pub(crate) fn offer_again(&self, reader: Box<Reader>) {
        let mut back = self.back();
        if back.receivers > 0 || !back.watchers.is_empty() {
            return self.hand_back(&mut back, reader);
        }
        back.loan.offer(reader);
    }

    /// Nobody waits for messages: a reader on offer is to go on by itself, and not to wait for
    /// somebody to come.
    pub(crate) fn recall(&self) {
        let mut back = self.back();
        if let Some(reader) = back.loan.borrow() {
            self.hand_back(&mut back, reader);
        }
    }

    /// From a receiver: the reader's own thread has to go on with it.
    pub(crate) fn give_back(&self, reader: Box<Reader>) {
        self.hand_back(&mut self.back(), reader);
    }

    pub(super) fn hand_back(&self, back: &mut Back, reader: Box<Reader>) {
        back.loan.give_back(reader);
        self.returned.notify_one();
    }
}
