//! Returning: messages that peers gave back, or are late with, and who gets them next.

use std::time::Instant;

use crate::config::Config;
use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::ledger::Entry;
use crate::proto::link::{Link, LinkId};
use crate::proto::whose::Whose;

/// So many ids of messages that are acknowledged may be among those of what was given back, and as
/// many as there are others.
const STALE: usize = 64;

impl Hub {
    /// `peer` gave messages back.
    pub(super) fn handle_nacks(&mut self, nacks: &[MessageId], peer: Identity) {
        if nacks.is_empty() {
            return;
        }
        for id in nacks {
            let holder = self.ledger.holder(*id);
            match holder.filter(|link| self.peer_of(*link) == Some(peer)) {
                Some(link) => self.give_back(self.now, *id, link, true),
                None if self.ledger.is_late_at(*id, peer) => {
                    self.ledger.give_back_late(self.now, *id, peer);
                    self.give_up_if_lost(*id);
                }
                None => self.stats.stray_acks += 1,
            }
        }
        self.tell_closer();
        self.pump();
        self.watch_resends();
    }

    /// The peer of `link` refused a message that it has, or is late with it. It may do so before the
    /// write has ended, and even where the write has not begun: then the copy goes out all the same.
    fn give_back(&mut self, now: Instant, id: MessageId, link: LinkId, is_refused: bool) {
        let Some(peer) = self.peer_of(link) else {
            return;
        };
        let Some(memory) = self.ledger.give_back(now, id, peer, is_refused) else {
            self.stats.stray_acks += u64::from(is_refused);
            return;
        };
        let Some(entry) = self.ledger.get(id) else {
            return;
        };
        if entry.is_given_back() {
            self.settle_with_holder(Some(link), 1, memory);
            self.router.given_back.push_back(id);
            self.forget_stale();
        }
        self.give_up_if_lost(id);
    }

    /// Otherwise they would pile up behind a first one that nobody can take. Each look leaves none,
    /// so that it costs no more than what was queued since the last one.
    fn forget_stale(&mut self) {
        let (ledger, ids) = (&self.ledger, &mut self.router.given_back);
        if ids.len() > 2 * ledger.given_back() + STALE {
            ids.retain(|id| ledger.get_given_back(*id).is_some());
        }
    }

    /// A link of `peer` ended, and with it what it was late with, wherever that is now.
    pub(super) fn lose_late(&mut self, peer: Identity) {
        for id in self.ledger.lose_late(peer) {
            self.give_up_if_lost(id);
        }
    }

    /// Hands a message back to the application that came to nothing too often.
    fn give_up_if_lost(&mut self, id: MessageId) {
        let max = self.config.max_resends;
        if self.ledger.get(id).is_none_or(|entry| entry.lost() <= max) {
            return;
        }
        if let Some(entry) = self.ledger.remove(id) {
            self.let_go(id, &entry);
            self.hand_back(entry);
        }
        self.make_known();
    }

    /// A peer is late with a message that anyone may have: another one gets it as well, and this
    /// one no other before it answers. It counts when the late one gives it back or its link ends.
    pub(super) fn hand_on(&mut self, now: Instant, id: MessageId, link: LinkId) {
        if let Some(link) = self.link_mut(link) {
            link.is_overdue = true;
        }
        self.give_back(now, id, link, false);
    }

    /// Moves what was given back to peers that have room and have not had it. While nobody can take
    /// the front, the others wait behind it: after its pause everybody can.
    pub(super) fn pass_on(&mut self) {
        while let Some(id) = self.router.given_back.front().copied() {
            if self.router.stuck == Some(id) {
                return;
            }
            let Some(entry) = self.ledger.get_given_back(id) else {
                self.router.given_back.pop_front();
                continue;
            };
            let next = self.router.pick(|id| {
                let link = self.links[id.slot()].as_ref();
                link.is_some_and(|link| may_have(&self.config, link, entry))
            });
            let Some(link) = next else {
                self.router.stuck = Some(id);
                return;
            };
            let body = entry.body.clone();
            self.router.given_back.pop_front();
            self.queue(link, Some(id), Whose::Anyone, &body.into());
            self.mark_dirty(link);
            self.effects.wake.room = true;
        }
    }

    /// A link may have room that it had not. The first of what was given back is stuck only as long as
    /// no link can take it, so wherever one gets room, or answers, this is called.
    pub(super) fn unstick(&mut self, id: LinkId) {
        if self.router.stuck.is_some_and(|_| self.may_have_stuck(id)) {
            self.router.stuck = None;
        }
    }

    /// Whether the first of what was given back is stuck no more if `id` is asked.
    pub(super) fn may_have_stuck(&self, id: LinkId) -> bool {
        let stuck = self.router.stuck;
        let entry = stuck.and_then(|id| self.ledger.get_given_back(id));
        let link = self.link(id).filter(|link| link.is_up());
        let both = entry.zip(link);
        both.is_some_and(|(entry, link)| may_have(&self.config, link, entry))
    }

    /// The pause of a message that nobody has is over.
    pub(super) fn handle_pause_over(&mut self, id: MessageId) {
        self.ledger.forgive(id);
        self.router.stuck = None;
    }
}

/// A link has room for what was given back, and its peer is not among those that did so.
fn may_have(config: &Config, link: &Link, entry: &Entry) -> bool {
    let is_others = link.peer.is_some_and(|peer| !entry.has_refused(peer));
    let most = config.unacknowledged_or_default();
    is_others && link.has_room(config.outbox, entry.body.len(), most)
}
