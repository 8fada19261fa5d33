//! Ending: how a link ends, and where the messages go that it did not deliver.

use std::time::{Duration, Instant};

use crate::contents::Body;
use crate::event::{DownReason, Event};
use crate::message::Identity;
use crate::proto::chunk::Leftover;
use crate::proto::frame::MessageId;
use crate::proto::hub::joining::whose;
use crate::proto::hub::timing::TOGETHER;
use crate::proto::hub::{Hub, Shut};
use crate::proto::ledger::Entry;
use crate::proto::link::{Link, LinkId, Phase};
use crate::proto::peer::Item;
use crate::proto::whose::Whose;

/// How long a link whose write failed is still read, what a write may take that a last word waits
/// for, and the least that a farewell may.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

impl Hub {
    /// Ends a link now. It is gone once its reader and its writer have let go of it.
    pub(super) fn end(&mut self, id: LinkId, reason: DownReason) {
        self.withdraw(id, reason);
        let Some(link) = self.link_mut(id).filter(|link| link.phase != Phase::Ended) else {
            return;
        };
        let (is_stranger, holds_reader) = (link.is_half_open(), link.holds_reader());
        link.phase = Phase::Ended;
        if is_stranger {
            self.half_open.retain(|other| *other != id);
        }
        self.effects.shutdowns.push((id, Shut::Both));
        self.effects.wake.readers |= holds_reader;
        self.bury(id);
    }

    /// Ends a link when everything queued (`flush`) or the frame in progress is written and the
    /// peer has closed its side too, at the latest after `linger`.
    pub(super) fn leave(&mut self, id: LinkId, reason: DownReason, until: Instant, flush: bool) {
        self.withdraw(id, reason);
        let Some(link) = self.link_mut(id) else {
            return;
        };
        if matches!(link.phase, Phase::Ended | Phase::Leaving { .. }) {
            return;
        }
        let holds_reader = link.holds_reader();
        link.phase = Phase::Leaving {
            until,
            flush,
            finished: false,
        };
        self.effects.wake.readers |= holds_reader;
        self.look_by(id, until);
        self.try_finish(id);
        self.mark_dirty(id);
    }

    /// No more messages for this link, and its peer may have another.
    fn withdraw(&mut self, id: LinkId, reason: DownReason) {
        if self.link(id).is_some_and(Link::is_up) {
            self.seal();
            self.router.remove(id);
        }
        // A close does not wait for what an absent peer has not got.
        self.effects.wake.peers |= self.is_closing();
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.reason.get_or_insert(reason);
        let was_leaving = matches!(link.phase, Phase::Ended | Phase::Leaving { .. });
        let Some(identity) = link.peer.filter(|_| !was_leaving) else {
            return;
        };
        // Who waits for room on this link may find it elsewhere, or none to wait for.
        self.effects.wake.room = true;
        let peer = self.peer_mut(identity);
        peer.ending.push(id);
        peer.link = peer.link.filter(|link| *link != id);
        // Nothing was to be forgotten of it while it was here.
        self.plan_to_forget(identity);
    }

    /// The application wants no more of `peer`: says whether it was there.
    pub(crate) fn handle_expelled(&mut self, now: Instant, peer: Identity) -> bool {
        self.advance(now);
        let link = self.peers.get(&peer).and_then(|peer| peer.link);
        if let Some(link) = link {
            self.leave(
                link,
                DownReason::Disconnected,
                now + self.config.linger,
                false,
            );
        }
        link.is_some()
    }

    /// The reading thread is done with `id`: its stream ended, its peer may not come in, or nobody
    /// ever read it.
    pub(crate) fn handle_gone(&mut self, now: Instant, id: LinkId, reason: DownReason) {
        self.advance(now);
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.reader_is_done = true;
        let is_finished = matches!(link.phase, Phase::Leaving { finished: true, .. });
        link.is_clean = is_finished && !link.is_broken && reason == DownReason::Closed;
        self.end(id, reason);
        self.bury(id);
    }

    /// As `handle_gone`, where the stream has a last word: in the middle of a write it would be
    /// shut down without that, so a write that is going on ends first.
    pub(crate) fn handle_parted(&mut self, now: Instant, id: LinkId, reason: DownReason) {
        let is_orderly = matches!(reason, DownReason::Closed | DownReason::Refused);
        let waits = is_orderly && self.link(id).is_some_and(Link::is_being_written);
        if !waits {
            return self.handle_gone(now, id, reason);
        }
        self.advance(now);
        let latest = now + LAST_WORDS;
        self.leave(id, reason, latest, false);
        if let Some(link) = self.link_mut(id) {
            link.reader_is_done = true;
            if let Phase::Leaving { until, .. } = &mut link.phase {
                *until = latest.min(*until);
            }
        }
        self.look_by(id, latest);
    }

    /// Takes a link out for good, once nobody holds a part of it.
    pub(super) fn bury(&mut self, id: LinkId) {
        let is_free = self.link(id).is_some_and(|link| {
            link.phase == Phase::Ended && link.reader_is_done && !link.outbox.is_writing()
        });
        if is_free {
            self.seal();
        }
        let Some(mut link) = is_free.then(|| self.remove_link(id)).flatten() else {
            return;
        };
        self.queued_bytes -= link.outbox.bytes();
        self.held_bytes -= link.held;
        let (in_doubt, unsent) = self.take_back(id, &mut link);
        let reason = link.reason.unwrap_or(DownReason::Closed);
        match link.peer.filter(|_| link.was_up) {
            Some(peer) => {
                self.stats.peers_down += 1;
                self.end_session(link.session(peer, id), unsent);
                self.tell(Event::PeerDown {
                    peer,
                    reason,
                    in_doubt,
                });
            }
            None => self.reject(link.remote, reason),
        }
        if let Some(peer) = link.peer {
            self.settle_peer(id, peer);
            self.effects.wake.room = true;
        }
        self.redial(id, &link, reason);
        self.pump();
        self.effects.wake.peers |= link.was_up || self.is_closing();
    }

    /// A link of `identity` is gone: its successor goes on, or the peer is away.
    fn settle_peer(&mut self, id: LinkId, identity: Identity) {
        let now = self.now;
        let ttl = self.config.absent_ttl;
        let peer = self.peer_mut(identity);
        peer.ending.retain(|link| *link != id);
        let (is_ending, is_here) = (!peer.ending.is_empty(), peer.link.is_some());
        let wakes_dials = !is_here && std::mem::take(&mut peer.covers_dial);
        self.effects.wake.dials |= wakes_dials;
        if is_ending {
            return;
        }
        let peer = self.peer_mut(identity);
        if let Some(successor) = peer.link {
            if self.is_succeeding(successor) {
                self.confirm(now, successor);
                self.effects.wake.readers = true;
            }
            return;
        }
        if peer.is_blank() {
            self.remove_peer(identity);
            return;
        }
        peer.away = Some(now);
        peer.waiting.expire_by(now + ttl);
        self.file(identity);
        self.plan_to_forget(identity);
        self.forget_strangers();
    }

    /// Messages that the link did not deliver go back to the front of where they came from.
    /// Returns how many at-most-once messages are in doubt, and what was for this link alone.
    fn take_back(&mut self, id: LinkId, link: &mut Link) -> (u64, Vec<Body>) {
        link.outbox.chunks_mut().for_each(|chunk| {
            self.ledger.forget_torn(chunk);
        });
        let holder = link.peer.filter(|_| link.unacknowledged > 0);
        let tracked = holder.map(|peer| self.release(id, link, peer));
        let unsent = link.outbox.take_back().into_iter();
        let unsent: Vec<Leftover> = unsent.filter(|one| one.id.is_none()).collect();
        let halfway = unsent.iter().filter(|one| one.written).count() as u64;
        let timeout = self.config.heartbeat.timeout;
        let written = if link.is_clean {
            0
        } else {
            link.in_doubt(timeout)
        };
        self.stats.written -= written;
        self.stats.in_doubt += written + halfway;
        let unsent = unsent.into_iter().filter(|one| !one.written);
        let in_session = self.take_back_plain(link.peer, unsent.collect());
        // They are older, as far as they were written.
        tracked
            .into_iter()
            .flatten()
            .rev()
            .for_each(|id| self.take_back_tracked(id));
        let peer = link.peer.filter(|_| self.config.ack_within.is_some());
        if let Some(peer) = peer {
            self.lose_late(peer);
        }
        (written + halfway, in_session)
    }

    /// Messages without an id wait again, but for those that were for the link alone, which it
    /// gives.
    pub(super) fn take_back_plain(
        &mut self,
        peer: Option<Identity>,
        unsent: Vec<Leftover>,
    ) -> Vec<Body> {
        let is_in_session = |one: &Leftover| one.whose == Whose::Session;
        let (in_session, others): (Vec<_>, Vec<_>) = unsent.into_iter().partition(is_in_session);
        for one in others.into_iter().rev() {
            let target = peer.filter(|_| one.whose != Whose::Anyone);
            let item = Item {
                id: None,
                whose: one.whose,
                body: one.body,
                expires: None,
            };
            self.wait_again(target, item);
        }
        in_session.into_iter().map(|one| one.body).collect()
    }

    /// The messages that a link has not got acknowledged, the oldest first, but for those that are
    /// given up.
    fn release(&mut self, id: LinkId, link: &mut Link, peer: Identity) -> Vec<MessageId> {
        self.ledger.dissolve(id, link.outbox.chunks_mut());
        for message in link.outbox.written_ids() {
            self.ledger.handle_written(self.now, id, message);
        }
        let max = self.config.max_resends;
        let is_lost = |hub: &Hub, id: &MessageId| {
            let entry = hub.ledger.get(*id);
            entry.is_some_and(|entry| entry.lost() > max)
        };
        let held = self.ledger.release(id, peer).into_iter();
        let (lost, kept): (Vec<_>, Vec<_>) = held.partition(|id| is_lost(self, id));
        lost.into_iter().for_each(|id| self.give_up(id));
        kept
    }

    fn take_back_tracked(&mut self, id: MessageId) {
        if let Some(entry) = self.ledger.get(id) {
            let (target, body) = (entry.target(), entry.body.clone());
            let item = Item {
                id: Some(id),
                whose: whose(target),
                body,
                expires: None,
            };
            self.wait_again(target, item);
        }
    }

    pub(super) fn wait_again(&mut self, target: Option<Identity>, item: Item) {
        self.queued_bytes += item.memory();
        self.may_give_way |= item.whose == Whose::Published;
        match target {
            None => self.router.waiting.push_front(item),
            Some(identity) => {
                let expires = Some(self.now + self.config.absent_ttl);
                self.peer_mut(identity)
                    .waiting
                    .push_front(Item { expires, ..item });
                self.file(identity);
                self.plan_to_forget(identity);
            }
        }
    }

    /// Hands an at-least-once message back to the application.
    pub(super) fn give_up(&mut self, id: MessageId) {
        if let Some(entry) = self.ledger.remove(id) {
            self.settle_with_holder(entry.holder, 1, entry.memory());
            self.hand_back(entry);
        }
        self.make_known();
    }

    /// The link that has messages need not have them acknowledged any more.
    pub(super) fn settle_with_holder(
        &mut self,
        holder: Option<LinkId>,
        count: usize,
        memory: usize,
    ) {
        let bound = self.config.unacknowledged_or_default();
        if let Some(link) = holder.and_then(|link| self.link_mut(link)) {
            link.is_choked |= link.unacknowledged >= bound;
            link.unacknowledged -= count;
            link.unacknowledged_bytes -= memory;
            let free = bound.saturating_sub(link.unacknowledged);
            let is_enough = free >= (bound / 4).max(1);
            match link.is_choked {
                true if is_enough => {
                    link.is_choked = false;
                    self.effects.wake.room = true;
                }
                true if free > 0 => self.owe_room(),
                _ => {}
            }
        }
        if let Some(link) = holder {
            self.unstick(link);
        }
    }

    /// A peer may have a few messages more. Those who wait for that are called when they are many,
    /// since threads that come and go for each meet at the lock, or soon.
    fn owe_room(&mut self) {
        if !std::mem::replace(&mut self.owes_room, true) {
            self.wake_by(self.now + TOGETHER);
        }
    }

    /// There is less to do, and so more room.
    pub(super) fn make_known(&mut self) {
        self.effects.wake.room = true;
        self.tell_closer();
    }

    /// A close waits until nothing is unacknowledged.
    pub(super) fn tell_closer(&mut self) {
        self.effects.wake.peers |= self.is_closing() && self.ledger.len() == 0;
    }

    /// Who has a message, or had it last, or whom it is for.
    pub(super) fn last_peer(&self, entry: &Entry) -> Option<Identity> {
        let holder = entry.holder.and_then(|link| self.peer_of(link));
        holder.or(entry.last_peer())
    }

    pub(super) fn hand_back(&mut self, entry: Entry) {
        self.stats.handed_back += 1;
        let peer = self.last_peer(&entry);
        let message = entry.body.to_vec();
        self.tell(Event::GaveUp { peer, message });
    }
}
