//! Lending: a large message for an idle link is written from where its sender has it.

use crate::message::Identity;
use crate::proto::chunk::{Chunk, LARGE};
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId};
use crate::proto::whose::Whose;

impl Hub {
    /// Accepts a large message for a link that has nothing else to write. The caller writes the chunk
    /// at once, the payload from where it lies, and copies what the kernel does not take.
    pub(crate) fn lend(&mut self, to: Option<Identity>, body: &[u8]) -> Option<(LinkId, Chunk)> {
        if self.is_tracked() {
            return None;
        }
        let (id, whose) = match to {
            None => (self.router.upcoming()?, Whose::Anyone),
            Some(peer) => (self.peers.get(&peer)?.link?, Whose::Peer),
        };
        let lent = self.lend_on(id, whose, body)?;
        if to.is_none() {
            self.router.pass();
        }
        Some(lent)
    }

    pub(super) fn lend_on(
        &mut self,
        id: LinkId,
        whose: Whose,
        body: &[u8],
    ) -> Option<(LinkId, Chunk)> {
        let is_first = self.router.waiting.is_empty() && self.news.bytes() == 0;
        if body.len() < LARGE || !is_first {
            return None;
        }
        let is_idle = self.link(id).is_some_and(Link::is_idle);
        if !is_idle || !self.has_room(id, body.len()) {
            return None;
        }
        self.publishes = false;
        let link = self.link_mut(id)?;
        self.queued_bytes += link.outbox.push_lent(whose, body.len());
        self.stats.accepted += 1;
        Some((id, self.take_chunk(id).expect("it was idle")))
    }
}
