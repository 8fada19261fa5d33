//! Writer: whoever writes a link, and what arrives at its far end.

use std::time::Duration;

use crate::proto::chunk::Chunk;
use crate::proto::link::LinkId;
use crate::step::Write;
use crate::word;
use crate::world::{ME, World};

/// A peer that shows nothing gets no message before this has passed.
const CONFIRM_WITHIN: Duration = Duration::from_millis(50);

impl World {
    /// As the connection's own thread does.
    pub(crate) fn write_next(&mut self, link: LinkId, write: Write) {
        if let Some(chunk) = self.hub.poll_chunk(link) {
            self.carry(link, chunk, &[], write);
        }
    }

    /// The keeper writes one link; says whether there was one.
    pub(crate) fn keep(&mut self, write: Write) -> bool {
        let link = self.hub.poll_dirty();
        match link {
            Some(link) => self.write_next(link, write),
            None => self.sleepers.handle_idle(self.hub.poll_timeout()),
        }
        link.is_some()
    }

    /// A drain writes a link that is its own, one chunk of it.
    pub(crate) fn drain(&mut self, link: LinkId, write: Write) {
        if !self.ends.get(&link).is_some_and(|end| end.is_drained) {
            return;
        }
        if let Some(chunk) = self.hub.poll_chunk(link) {
            return self.carry(link, chunk, &[], write);
        }
        if let Some(end) = self.ends.get_mut(&link) {
            end.is_drained = false;
        }
        self.hub.handle_caught_up(link);
    }

    /// With a payload that is `lent`, if the chunk is to be written from that.
    pub(crate) fn carry(&mut self, link: LinkId, mut chunk: Chunk, lent: &[u8], write: Write) {
        let end = self.ends.get_mut(&link);
        let end = end.expect("a link with a chunk on its way is not gone");
        assert!(end.chunk.is_none(), "one writer at a time");
        let (is_shut, is_over) = (end.is_shut, end.hung_up.is_some());
        let (count, breaks) = match write {
            Write::Hold => {
                chunk.keep(lent);
                end.chunk = Some(chunk);
                return;
            }
            Write::Take(count) => (count, false),
            Write::Break(count) => (count, true),
        };
        let count = if is_shut { 0 } else { count };
        let bytes = [chunk.rest_with(lent).0, chunk.rest_with(lent).1].concat();
        let taken = bytes.len().min(count);
        chunk.handle_taken(taken);
        chunk.keep(lent);
        let is_done = chunk.is_done();
        if taken > 0 {
            self.arrive(link, &bytes[..taken]);
        }
        let was_drained = self.hub.handle_back(self.now, link, chunk, taken > 0);
        let is_broken = !is_done && (breaks || is_shut || is_over);
        if let Some(end) = self.ends.get_mut(&link) {
            // A drain that finds its link broken leaves it.
            end.is_drained = !is_broken && (end.is_drained || (!is_done && !was_drained));
        }
        if is_broken {
            self.hub.handle_broken(self.now, link);
        }
    }

    /// A chunk that was held comes back.
    pub(crate) fn bring_back(&mut self, link: LinkId, write: Write) {
        let end = self.ends.get_mut(&link);
        if let Some(chunk) = end.and_then(|end| end.chunk.take()) {
            self.carry(link, chunk, &[], write);
        }
    }

    /// What the far end makes of our bytes.
    fn arrive(&mut self, link: LinkId, bytes: &[u8]) {
        let none_ended = self.hub.stats().peers_down == 0;
        let end = self.ends.get_mut(&link).expect("it is not gone");
        let seen = end.far.handle_bytes(bytes, word::who(ME));
        if seen.messages.is_empty() && seen.acks.is_empty() && seen.nacks.is_empty() {
            return;
        }
        let peer = end.peer.expect("a peer has said who it is");
        let waited = end.admitted.map(|since| self.now - since);
        let is_open = end.has_shown || waited.is_some_and(|waited| waited >= CONFIRM_WITHIN);
        assert!(is_open || seen.messages.is_empty(), "too early");
        for got in &seen.messages {
            self.application.handle_arrived(peer, link, got, none_ended);
        }
        for ack in seen.acks {
            self.application.handle_ack_arrived(peer, ack);
        }
        for nack in seen.nacks {
            self.application.handle_nack_arrived(peer, nack);
        }
    }
}
