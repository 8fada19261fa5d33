//! Lending: a reader goes to the thread that waits for what it reads, and comes back.

use super::{Back, Inbox};
use crate::engine::connection::Reader;
use crate::loan::wait_for_return;

impl Inbox {
    /// Offers the reader to whoever waits for a message, or will, or for ACKs.
    pub(crate) fn offer(&self, reader: Box<Reader>) {
        let mut back = self.back();
        back.loan.offer(reader);
        // Who was told of the last message may have taken it, and be asleep again.
        if back.receivers > 0 && back.lanes.ready() == 0 {
            self.arrived.notify_all();
        }
    }

    /// Nobody waits for a message: a reader that is offered keeps nobody waiting.
    pub(crate) fn is_unattended(&self) -> bool {
        self.back().is_unattended()
    }

    pub(crate) fn borrow(&self) -> Option<Box<Reader>> {
        self.back().loan.borrow()
    }

    /// Until it comes back or was not used; `None` if it is lost.
    pub(crate) fn wait_for_return(&self) -> Option<Box<Reader>> {
        wait_for_return(self.back(), &self.returned, |back| &mut back.loan)
    }

    /// From one that has read with it: it may be lent again, unless others wait, who would
    /// not be woken by what it brings.
    pub(crate) fn offer_again(&self, reader: Box<Reader>) {
        let mut back = self.back();
        match back.is_unattended() {
            true => back.loan.offer(reader),
            false => self.hand_back(&mut back, reader),
        }
    }

    /// Nobody waits for messages: a reader on offer is to go on by itself, and not to wait for
    /// somebody to come.
    pub(crate) fn recall(&self) {
        let mut back = self.back();
        if let Some(reader) = back.loan.borrow() {
            self.hand_back(&mut back, reader);
        }
    }

    /// From one that borrowed it: its own thread has to go on with it.
    pub(crate) fn give_back(&self, reader: Box<Reader>) {
        self.hand_back(&mut self.back(), reader);
    }

    /// Whoever has borrowed it has panicked, or the socket has failed.
    pub(crate) fn lose_reader(&self) {
        self.back().loan.lose();
        self.returned.notify_one();
    }

    pub(super) fn hand_back(&self, back: &mut Back, reader: Box<Reader>) {
        back.loan.give_back(reader);
        self.returned.notify_one();
    }
}
