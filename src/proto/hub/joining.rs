//! Joining: a message of a burst goes behind those before it, and nothing else has to be done.
//!
//! Nearly every message of a burst is sent this way. Whatever is not as usual is left to
//! [`Hub::send`], which decides all that there is to decide.

use crate::policy::SendMode;
use crate::proto::chunk::LARGE;
use crate::proto::hub::Hub;

impl Hub {
    /// Adds a message to what somebody is about to write, if there is plenty of room. Says how many
    /// get it.
    #[inline(always)]
    pub(crate) fn join(&mut self, body: &[u8]) -> Option<usize> {
        if !self.router.waiting.is_empty() || self.news.bytes() > 0 {
            return None;
        }
        match self.gathered.is_empty() {
            false => self.gather_on(body),
            true => self.follow(body),
        }
    }

    /// The same for one that has an outbox of its own to go to, that of the peer whose turn it is.
    fn follow(&mut self, body: &[u8]) -> Option<usize> {
        let is_tracked = self.is_tracked();
        let is_in_turn = self.config.send_mode == SendMode::RoundRobin;
        let are_several = self.router.roster().len() > 1;
        let has_plenty = self.budget().in_plenty() > 2 * LARGE;
        if !is_in_turn || !(are_several || is_tracked) || !has_plenty || body.len() >= LARGE {
            return None;
        }
        let id = self.router.upcoming()?;
        let (limit, unacknowledged) = (self.config.outbox, self.config.unacknowledged_or_default());
        let link = self.links[id.slot()].as_mut()?;
        let has_room =
            link.outbox.has_room(limit, body.len()) && link.unacknowledged < unacknowledged;
        let is_seen_to = link.outbox.is_writing() || (link.is_dirty && !link.outbox.is_ripe());
        if !has_room || !is_seen_to || !link.outbox.has_room_in_chunk(body.len()) {
            return None;
        }
        self.queued_bytes += match is_tracked {
            true => {
                let (id, memory) = self.ledger.assign_copy(id, body);
                link.unacknowledged += 1;
                link.unacknowledged_bytes += memory;
                link.outbox.append(Some(id), body)
            }
            false => link.outbox.append(None, body),
        };
        self.stats.accepted += 1;
        self.router.pass();
        Some(1)
    }
}
