//! Publishing: messages for every peer, gathered once, and put into all outboxes together.

use crate::message::Frames;
use crate::proto::chunk::FULL;
use crate::proto::frame;
use crate::proto::hub::Hub;

/// With so few peers, each copy may as well be put where it belongs at once.
const FEW: usize = 2;

/// Published messages that no outbox has yet. Everybody on the roster gets them, and has room.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    messages: usize,
    /// How many more messages and bytes every outbox has room for.
    room: (usize, usize),
}

impl Gathered {
    /// Messages that each peer is to get.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes of them, for each peer.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl Hub {
    /// Takes a copy for everybody, if it is small and they all have room.
    pub(super) fn gather(&mut self, body: &[u8]) -> bool {
        let peers = self.router.roster().len();
        let len = frame::DATA_HEADER + body.len();
        if peers < FEW || 2 * len > FULL || self.is_tracked() {
            return false;
        }
        let is_ripe = self.gathered.bytes.len() + len > FULL;
        if is_ripe || !self.gathered.has_room(len) {
            self.settle();
            self.gathered.room = self.common_room();
        }
        let gathered = &mut self.gathered;
        if !gathered.has_room(len) {
            return false;
        }
        self.effects.wake.keeper |= gathered.messages == 0;
        frame::put_data_head(&mut gathered.bytes, None, body.len());
        gathered.bytes.extend_from_slice(body);
        gathered.messages += 1;
        gathered.room.0 -= 1;
        gathered.room.1 -= len;
        self.queued_bytes += len * peers;
        self.stats.accepted += peers as u64;
        true
    }

    /// What was gathered becomes part of every outbox. Whoever looks at one of these, or changes
    /// who is on the roster, does this first.
    pub(super) fn settle(&mut self) {
        if self.gathered.messages == 0 {
            return;
        }
        let gathered = std::mem::take(&mut self.gathered);
        let last = gathered.bytes.len();
        let bytes = Frames::new(gathered.bytes);
        for index in 0..self.router.roster().len() {
            let id = self.router.roster()[index];
            let link = self.link_mut(id).expect("who is on the roster has a link");
            link.outbox.push_gathered(&bytes, gathered.messages);
            self.mark_dirty(id);
        }
        // What was only copied from serves again.
        let spare = Frames::into_inner(bytes).unwrap_or_else(|| Vec::with_capacity(last));
        self.gathered.bytes = spare;
        self.gathered.bytes.clear();
    }

    /// The messages and bytes that everybody has room for.
    fn common_room(&self) -> (usize, usize) {
        let limit = self.config.outbox;
        let peers = self.router.roster().len();
        let budget = (self.config.memory_budget / 2).saturating_sub(self.memory());
        let mut room = (limit.messages, limit.bytes.min(budget / peers));
        for link in self.peers() {
            room.0 = room
                .0
                .min(limit.messages.saturating_sub(link.outbox.messages()));
            room.1 = room.1.min(limit.bytes.saturating_sub(link.outbox.bytes()));
        }
        room
    }
}

impl Gathered {
    fn has_room(&self, len: usize) -> bool {
        self.room.0 > 0 && self.room.1 >= len
    }
}
