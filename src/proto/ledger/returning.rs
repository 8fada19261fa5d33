//! Returning: messages that a peer gave back, or was late with, and who may have them next.

#[cfg(any(test, fuzzing))]
use std::collections::BTreeSet;
use std::time::Instant;

use crate::message::Identity;
use crate::proto::chunk::Chunk;
use crate::proto::frame::MessageId;
use crate::proto::ledger::{Entry, Ledger};
use crate::proto::link::LinkId;

impl Ledger {
    /// Messages that were given back, that nobody has, and that anyone may have.
    pub(crate) fn given_back(&self) -> usize {
        self.given_back
    }

    /// One of them.
    pub(crate) fn get_given_back(&self, id: MessageId) -> Option<&Entry> {
        self.get(id).filter(|entry| entry.is_given_back())
    }

    /// The link that has a message.
    pub(crate) fn holder(&self, id: MessageId) -> Option<LinkId> {
        let of_sheet = self.holder_of_sheet(id);
        of_sheet.or_else(|| self.get(id)?.holder)
    }

    /// `peer` refused the message that it has, which counts, or is late with it. It is due after the
    /// plain pause. What is for that peer alone stays with it; any other message nobody has now.
    /// Gives the memory that it takes, unless it never left or was refused already.
    pub(crate) fn give_back(
        &mut self,
        now: Instant,
        id: MessageId,
        peer: Identity,
        is_refused: bool,
    ) -> Option<usize> {
        self.single_out(id);
        let entry = self.get_mut(id).filter(|entry| !entry.is_put_off())?;
        entry.give_back(peer, is_refused);
        let (memory, is_given_back) = (entry.memory(), entry.is_given_back());
        self.given_back += usize::from(is_given_back);
        self.postpone(now, id);
        Some(memory)
    }

    /// `peer` was late with it, and has not given it back.
    pub(crate) fn is_late_at(&self, id: MessageId, peer: Identity) -> bool {
        self.get(id).is_some_and(|entry| entry.is_late_at(peer))
    }

    /// It does now.
    pub(crate) fn give_back_late(&mut self, now: Instant, id: MessageId, peer: Identity) {
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        entry.give_back_late(peer);
        if entry.is_given_back() {
            self.postpone(now, id);
        }
    }

    /// A link of `peer` ended: with it what it was late with, which counts. Gives those.
    pub(crate) fn lose_late(&mut self, peer: Identity) -> Vec<MessageId> {
        let mut lost: Vec<u64> = Vec::new();
        for (age, entry) in &mut self.entries {
            if entry.is_late_at(peer) {
                entry.lose(peer);
                lost.push(*age);
            }
        }
        lost.into_iter().map(|age| self.id(age)).collect()
    }

    /// The message gets an entry of its own, and its neighbours too.
    fn single_out(&mut self, id: MessageId) {
        let sheet = self.age(id).and_then(|age| self.sheets.find(age));
        let Some(sheet) = sheet.filter(|sheet| sheet.page.is_some()) else {
            return;
        };
        let (id, is_written) = (sheet.id(), sheet.is_written());
        if !is_written {
            self.torn.push(id);
        }
        self.take_apart(id);
    }

    /// Its pause is over: whoever refused it may have it again.
    pub(crate) fn forgive(&mut self, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.forgive();
        }
    }

    /// A message that was given back is on its way to a peer.
    pub(super) fn handle_placed(&mut self, id: MessageId) {
        if self.get_mut(id).is_some_and(Entry::handle_placed) {
            self.given_back -= 1;
        }
    }

    /// A chunk is back from the kernel, or ended with its link. Says whether its sheet was taken
    /// apart while it was on its way, so that its messages have to be looked at one by one.
    pub(crate) fn forget_torn(&mut self, chunk: &Chunk) -> bool {
        let at = self.torn.iter().position(|id| chunk.sheet() == Some(*id));
        at.map(|at| self.torn.swap_remove(at)).is_some()
    }

    /// What was given back is among these.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn are_queued(&self, ids: &BTreeSet<MessageId>) -> bool {
        let mut entries = self.entries.iter();
        entries.all(|(age, entry)| !entry.is_given_back() || ids.contains(&self.id(*age)))
    }

    /// Who is late with anything.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn late(&self) -> impl Iterator<Item = Identity> {
        self.entries.values().flat_map(Entry::late)
    }

    /// Their number and the memory that they take, slowly.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn audit_given_back(&self) -> (usize, usize) {
        let entries = self.entries.values().filter(|entry| entry.is_given_back());
        entries.fold((0, 0), |(count, memory), entry| {
            (count + 1, memory + entry.memory())
        })
    }
}
