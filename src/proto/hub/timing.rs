//! Timing: heartbeats, silence, late acknowledgements, and everything else that is due.

use std::time::{Duration, Instant};

use crate::event::{DownReason, Event};
use crate::message::Identity;
use crate::policy::Overflow;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::Reading;
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::hub::joining::whose;
use crate::proto::link::{LOOKS, Link, LinkId, Phase};

/// Drops are told in one event for all that happened within this.
pub(super) const DROPS_TOLD_AFTER: Duration = Duration::from_millis(100);

/// A keeper that comes this late was not running, and peers are given that time back.
const SUSPENDED: Duration = Duration::from_secs(1);

/// What is due within this is dealt with at once: each time all links are looked at, and peers
/// could make a thousand things due one after the other.
pub(super) const TOGETHER: Duration = Duration::from_millis(5);

impl Hub {
    /// When `handle_timeout` has to be called next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout.into_iter().chain(self.drops_due).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.next_timeout = None;
        self.effects.wake.room |= std::mem::take(&mut self.owes_room);
        let soon = now + self.config.heartbeat.interval / LOOKS;
        for id in self.agenda.take_due(soon) {
            self.look_at(now, id);
            self.plan_look(id, soon);
        }
        self.resend_late(now);
        if self.forget_at.is_some_and(|at| at <= now) {
            self.forget_absent(now);
        }
        self.look_at_windows();
        self.tell_full();
        self.tell_drops();
        self.plan(now);
    }

    /// Every call that knows the time begins here.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let planned = self.next_timeout.unwrap_or(now);
        let late = now.saturating_duration_since(planned);
        if late > SUSPENDED {
            self.forgive(now, late);
            self.next_timeout = Some(now);
        }
    }

    /// This process was stopped for a while: what peers sent meanwhile is still unread, so nobody
    /// is judged by that time, nor before there was a moment to read.
    fn forgive(&mut self, now: Instant, late: Duration) {
        let timeout = self.config.heartbeat.timeout;
        let handshake = self.config.handshake_timeout;
        let moved = |at: Instant, limit: Duration| {
            let spent = now.saturating_duration_since(at + late);
            now - spent.min(limit - SUSPENDED.min(limit / 4))
        };
        for link in self.links.iter_mut().flatten() {
            link.heard = moved(link.heard, timeout);
            link.move_marks(late);
            link.opened = moved(link.opened, handshake);
            link.stalled = link.stalled.map(|since| now.min(since + late));
        }
    }

    fn look_at(&mut self, now: Instant, id: LinkId) {
        let config = &self.config;
        let (handshake, timeout) = (config.handshake_timeout, config.heartbeat.timeout);
        let limit = self.stall_limit();
        let Some(link) = self.link(id) else { return };
        match link.phase {
            Phase::Opening if now >= link.opened + handshake => {
                return self.end(id, DownReason::HandshakeTimeout);
            }
            Phase::Leaving { until, .. } if now >= until => {
                return self.end(id, DownReason::Disconnected);
            }
            Phase::Confirming { until } if now >= until => self.come_up(now, id),
            Phase::Opening | Phase::Leaving { .. } | Phase::Ended => return,
            _ => {}
        }
        let Some(link) = self.link(id) else { return };
        if link.silence(now) >= timeout {
            return self.end(id, DownReason::Silent);
        }
        let stalled = link.stalled.zip(limit);
        if stalled.is_some_and(|(since, limit)| now >= since + limit) {
            return self.end(id, DownReason::SlowPeer);
        }
        self.keep_alive(now, id);
    }

    /// How long a peer may take nothing, where that ends its link.
    pub(super) fn stall_limit(&self) -> Option<Duration> {
        let ends_slow = self.config.overflow == Overflow::Disconnect;
        ends_slow.then_some(self.config.slow_peer_timeout)
    }

    /// A heartbeat, if nothing was written for the interval and nothing is about to be.
    fn keep_alive(&mut self, now: Instant, id: LinkId) {
        let config = &self.config;
        let (interval, timeout) = (config.heartbeat.interval, config.heartbeat.timeout);
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.mark(now, timeout);
        if now < link.heartbeat_due(interval) || !link.outbox.is_empty() {
            return;
        }
        link.beat(now);
        self.ledger.shrink();
        self.mark_first(id);
    }

    /// After a reading of `id`: a heartbeat is answered with ours, if that would be due before
    /// long. So both ends do what an idle connection costs while they are awake for it.
    pub(crate) fn claim_answer(
        &mut self,
        now: Instant,
        id: LinkId,
        reading: &Reading,
    ) -> Option<Chunk> {
        let soon = TOGETHER.max(self.config.heartbeat.interval / 2);
        let link = self.link_mut(id).filter(|_| reading.is_heartbeat())?;
        if !link.is_idle() || now < link.wrote + soon {
            return None;
        }
        link.beat(now);
        self.ledger.shrink();
        self.take_chunk(id)
    }

    /// The stream of `id` has something of its own to write: a heartbeat gets it a writer. Before
    /// HELLO it goes out with that.
    pub(crate) fn handle_prompt(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else {
            return;
        };
        let is_greeted = matches!(link.phase, Phase::Confirming { .. } | Phase::Up);
        if is_greeted && link.outbox.has_no_control() {
            link.outbox.push_heartbeat();
            self.mark_first(id);
        }
    }

    /// As `mark_dirty`, ahead of links with messages: a heartbeat must not be late.
    fn mark_first(&mut self, id: LinkId) {
        let before = self.dirty.len();
        self.mark_dirty(id);
        if self.dirty.len() > before {
            self.dirty.rotate_right(1);
        }
    }

    /// Makes sure that the keeper comes when the next ACK is late.
    pub(super) fn watch_resends(&mut self) {
        if let Some(due) = self.ledger.next_due() {
            self.wake_by(due);
        }
    }

    fn resend_late(&mut self, now: Instant) {
        let mut is_any_late = false;
        while let Some(id) = self.ledger.poll_due(now) {
            is_any_late = true;
            match self.ledger.holder(id) {
                Some(link) => self.resend(now, id, link),
                None => self.handle_pause_over(id),
            }
        }
        if is_any_late {
            self.pump();
        }
    }

    /// The ACK of a message that a link has is late.
    fn resend(&mut self, now: Instant, id: MessageId, link_id: LinkId) {
        let Some(entry) = self.ledger.get(id) else {
            return;
        };
        let (target, body) = (entry.target(), entry.body.clone());
        let limit = self.config.outbox;
        let hands_on = self.config.ack_within.is_some() && target.is_none();
        let Some(link) = self.link_mut(link_id).filter(|link| link.is_up()) else {
            return;
        };
        if hands_on {
            return self.hand_on(now, id, link_id);
        }
        if !link.outbox.has_room(limit, body.len()) {
            return self.ledger.postpone(now, id);
        }
        self.push(link_id, Some(id), whose(target), &body.into());
        self.ledger.handle_repeated(id);
        self.stats.resent += 1;
        self.mark_dirty(link_id);
    }

    pub(super) fn tell_drops(&mut self) {
        self.drops_due = None;
        for ((peer, reason), count) in std::mem::take(&mut self.drops) {
            self.tell(Event::Dropped {
                peer,
                reason,
                count,
            });
        }
    }

    /// The next time that something is due.
    fn plan(&mut self, now: Instant) {
        let soonest = now + self.config.heartbeat.interval / LOOKS;
        let forget_at = self.forget_at.map(|at| at.max(soonest));
        let due = [self.ledger.next_due(), self.agenda.next(), forget_at];
        let next = due.into_iter().flatten().min();
        self.next_timeout = next.map(|next| next.max(now + TOGETHER));
    }

    /// When `link` has to be looked at, if nothing else happens. Links that are only watched share
    /// their times: they are not looked at before `soonest`.
    pub(super) fn next_look(&self, link: &Link, soonest: Instant) -> Option<Instant> {
        let config = &self.config;
        let (interval, timeout) = (config.heartbeat.interval, config.heartbeat.timeout);
        match link.phase {
            Phase::Ended => None,
            Phase::Opening => Some(link.opened + config.handshake_timeout),
            Phase::Confirming { until } | Phase::Leaving { until, .. } => Some(until),
            Phase::Succeeding | Phase::Up => {
                let next = link.next_look(interval, timeout, self.stall_limit());
                Some(next.max(soonest))
            }
        }
    }

    fn plan_look(&mut self, id: LinkId, soonest: Instant) {
        let link = self.link(id);
        if let Some((link, next)) = link.and_then(|it| Some((it, self.next_look(it, soonest)?))) {
            let mark = link.next_mark(self.config.heartbeat.timeout);
            let next = mark.map_or(next, |mark| next.min(mark.max(soonest)));
            self.agenda.put(id, next);
        }
    }

    /// Makes sure that `id` is looked at by then.
    pub(super) fn look_by(&mut self, id: LinkId, at: Instant) {
        self.agenda.hasten(id, at);
        self.wake_by(at);
    }

    /// Makes sure that what is due of a peer that is absent is forgotten in time.
    pub(super) fn plan_to_forget(&mut self, identity: Identity) {
        let peer = self.peers.get(&identity);
        let Some(at) = peer.and_then(|peer| peer.due(self.config.absent.remembered)) else {
            return;
        };
        self.forget_at = Some(self.forget_at.map_or(at, |planned| planned.min(at)));
        self.wake_by(at);
    }
}
