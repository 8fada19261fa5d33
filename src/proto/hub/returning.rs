//! Returning: messages that peers gave back, or are late with, and who gets them next.

use std::time::Instant;

use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId};
use crate::proto::peer::Item;
use crate::proto::whose::Whose;

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
                None => self.stats.stray_acks += 1,
            }
        }
        self.tell_closer();
        self.pump();
        self.watch_resends();
    }

    /// `link` has the message no more: its peer refused it, or is late with it.
    fn give_back(&mut self, now: Instant, id: MessageId, link: LinkId, is_refused: bool) {
        let Some(peer) = self.peer_of(link) else {
            return;
        };
        let Some(memory) = self.ledger.give_back(now, id, peer, is_refused) else {
            // It never left.
            self.stats.stray_acks += u64::from(is_refused);
            return;
        };
        self.settle_with_holder(Some(link), 1, memory);
        let Some(entry) = self.ledger.get(id) else {
            return;
        };
        if entry.lost() > self.config.max_resends {
            return self.give_up(id);
        }
        if entry.target().is_none() {
            self.router.given_back.push_back(id);
        }
    }

    /// A peer is late with a message that anyone may have: another one gets it as well, and this
    /// one no other before it answers.
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
            let Some(entry) = self.ledger.get_given_back(id) else {
                self.router.given_back.pop_front();
                continue;
            };
            let (links, limit) = (&self.links, self.config.outbox);
            let (body, most) = (&entry.body, self.config.unacknowledged_or_default());
            let next = self.router.pick(|id| {
                let link = links[id.slot()].as_ref();
                link.is_some_and(|link| {
                    let may_have_it = link.peer.is_some_and(|peer| !entry.has_refused(peer));
                    may_have_it && link.has_room(limit, body.len(), most)
                })
            });
            let Some(link) = next else { return };
            let body = body.clone();
            self.router.given_back.pop_front();
            self.settle();
            self.queue(link, Some(id), Whose::Anyone, &body.into());
            self.mark_dirty(link);
            self.effects.wake.room = true;
        }
    }

    /// The pause of a message that nobody has is over.
    pub(super) fn handle_pause_over(&mut self, now: Instant, id: MessageId) {
        self.ledger.forgive(id);
        let entry = self.ledger.get_given_back(id);
        let target = entry.and_then(|entry| Some((entry.target()?, entry.body.clone())));
        let Some((target, body)) = target else { return };
        let known = self.peers.get(&target);
        let link = known.and_then(|peer| peer.link);
        let limit = self.config.outbox;
        let most = self.config.unacknowledged_or_default();
        let Some(link) = link.filter(|link| self.link(*link).is_some_and(Link::is_up)) else {
            self.ledger.handle_placed(id);
            let item = Item {
                id: Some(id),
                whose: Whose::Peer,
                body,
                expires: None,
            };
            return self.wait_again(Some(target), item);
        };
        let has_room = |it: &Link| it.has_room(limit, body.len(), most);
        if !self.link(link).is_some_and(has_room) {
            return self.ledger.postpone(now, id);
        }
        self.settle();
        self.queue(link, Some(id), Whose::Peer, &body.into());
        self.mark_dirty(link);
        self.effects.wake.room = true;
    }
}
