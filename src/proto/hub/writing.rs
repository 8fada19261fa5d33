//! Writing: which bytes go to which link next, and who writes them.

use std::time::{Duration, Instant};

use crate::event::DownReason;
use crate::proto::chunk::{Chunk, FULL};
use crate::proto::hub::ending::LAST_WORDS;
use crate::proto::hub::multicast::is_long;
use crate::proto::hub::{Hub, Shut};
use crate::proto::link::{Link, LinkId, Phase};

/// A send that comes this soon after the last write is part of a burst: it only queues, and the
/// keeper writes many at once.
const BURST: Duration = Duration::from_micros(10);

/// Below this, the keeper gives senders a moment to add to a chunk.
const SMALL: usize = 16 * 1024;

/// Before the keeper writes to very many it naps so long for each of them, a hundredth of what the
/// writes will take: who has just begun to publish is through by then, and one round does for all.
const NAP: Duration = Duration::from_nanos(200);

/// So many messages wait: their sender will soon have filled whole chunks.
const MANY: usize = 32;

/// While somebody fills whole chunks, and writes those itself, the keeper rests so long. It would
/// write little, wake readers for it over and over, and make that sender wait for its turn.
const REST: Duration = Duration::from_micros(200);

/// What the keeper does before it writes, so that senders can add to what there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Moment {
    /// Bytes that wait now.
    queued: usize,
    /// No time at all means that others may have the processor, if they want it.
    pub(crate) nap: Duration,
    /// It is worth another one even if nothing is added.
    pub(crate) is_patient: bool,
}

impl Hub {
    /// A caller has queued a message on `id`: gives it the chunk to write if that is quickest,
    /// otherwise the keeper will write. The clock is asked only where the answer depends on it.
    ///
    /// Messages that go to peers in their turn are one burst, whoever gets the next; for one that
    /// is meant for this peer only its own link counts.
    pub(crate) fn claim(
        &mut self,
        id: LinkId,
        in_turn: bool,
        clock: impl FnOnce() -> Instant,
    ) -> Option<Chunk> {
        let is_busy = in_turn && !self.dirty.is_empty();
        let busy_until = self.busy_until;
        let link = self.link_mut(id)?;
        if !link.is_writable() || link.is_drained {
            return None;
        }
        if link.outbox.is_ripe() {
            return self.take_chunk(id);
        }
        if !is_busy && !link.is_dirty {
            let now = clock();
            let last = if in_turn { busy_until } else { link.wrote };
            if now.saturating_duration_since(last) >= BURST {
                return self.take_chunk(id);
            }
            self.busy_until = now;
        }
        self.mark_dirty(id);
        None
    }

    /// Another chunk of `id` for a caller that has written one, if nothing more goes into that.
    /// Who floods a link takes two for one, or what was once queued would never get less.
    pub(crate) fn claim_another(&mut self, id: LinkId) -> Option<Chunk> {
        let link = self.link_mut(id)?;
        let may_write = link.is_writable() && !link.is_drained && link.outbox.is_ripe();
        may_write.then(|| self.take_chunk(id)).flatten()
    }

    /// Takes the next chunk out of an outbox. The ledger has part in what it keeps track of.
    pub(super) fn take_chunk(&mut self, id: LinkId) -> Option<Chunk> {
        let link = self.link(id)?;
        let is_open = link.is_open();
        if link.outbox.needs_seal() {
            self.seal();
        }
        let link = self.link_mut(id)?;
        let mut chunk = link.outbox.poll_chunk(is_open)?;
        self.ledger.keep_page(&mut chunk);
        Some(chunk)
    }

    /// The next chunk of `id` for the thread that has been told to write it.
    pub(crate) fn poll_chunk(&mut self, id: LinkId) -> Option<Chunk> {
        let link = self.link_mut(id)?;
        link.is_dirty = false;
        let is_writable = link.is_writable();
        is_writable.then(|| self.take_chunk(id)).flatten()
    }

    /// A chunk is back from the kernel, whole or not. If not, the link belongs to a drain until
    /// it has caught up; says whether it did before.
    pub(crate) fn handle_back(
        &mut self,
        now: Instant,
        id: LinkId,
        chunk: Chunk,
        took: bool,
    ) -> bool {
        self.advance(now);
        let was_short = self.is_short_of_memory();
        let has_tracked = chunk.messages() > chunk.untracked();
        if has_tracked && chunk.is_done() {
            self.ledger.handle_chunk(now, id, &chunk);
            self.watch_resends();
        }
        let Some(link) = self.link_mut(id) else {
            return false;
        };
        let is_done = chunk.is_done();
        let is_long = is_done && chunk.len() >= FULL / 2;
        let was_crowded = link.outbox.is_crowded_by_acks();
        let left = link.outbox.handle_back(chunk);
        let is_empty = link.outbox.messages() == 0;
        let is_relieved = was_crowded && !link.outbox.is_crowded_by_acks();
        if took {
            link.wrote = now;
            link.stalled = None;
        }
        let stalls = !is_done && link.stalled.is_none();
        if stalls {
            link.stalled = Some(now);
        }
        let was_drained = link.is_drained;
        link.is_drained |= !is_done;
        link.written += left.untracked as u64;
        self.stats.written += left.untracked as u64;
        if left.messages > left.untracked {
            self.refill(id);
        }
        if left.messages > 0 {
            self.may_give_way = true;
            if self.multicast.is_missed_by(id) {
                // It has room again.
                self.seal();
            }
        }
        self.busy_until = now;
        if is_long && !was_drained && !self.publishes {
            self.flood.handle_chunk(now, self.stats.accepted);
        }
        self.queued_bytes -= left.bytes;
        let is_slow = !is_done || was_drained;
        self.call_for_room(left.messages, left.bytes, is_slow || is_empty || was_short);
        self.effects.wake.readers |= is_relieved;
        if let Some(limit) = self.stall_limit().filter(|_| stalls) {
            self.look_by(id, now + limit);
        }
        self.after_write(id);
        let is_silent = |hub: &Hub| hub.link(id).is_none_or(Link::has_nothing_to_say);
        self.effects.wake.peers |= self.is_closing() && is_silent(self);
        was_drained
    }

    /// Calls those who wait for room when a quarter of an outbox has left since the last time: many
    /// threads would come and go for the room of each chunk, and meet at the lock. At once where no
    /// more may leave soon, or where `any` room may be what they wait for.
    fn call_for_room(&mut self, messages: usize, bytes: usize, any: bool) {
        let limit = self.config.outbox;
        let freed = (self.freed.0 + messages, self.freed.1 + bytes);
        let is_much = freed.0 >= limit.messages / 4 || freed.1 >= limit.bytes / 4;
        let calls = freed.0 > 0 && (is_much || any);
        self.effects.wake.room |= calls;
        self.freed = if calls { (0, 0) } else { freed };
    }

    /// Whoever is refused now may be refused for memory, and not for want of room in an outbox.
    pub(super) fn is_short_of_memory(&self) -> bool {
        self.budget_to_send().in_plenty() < self.config.max_message
    }

    /// The ledger keeps what chunks were made of, and gives back what it needs no more.
    fn refill(&mut self, id: LinkId) {
        let ledger = &mut self.ledger;
        if let Some(link) = self.links[id.slot()].as_mut() {
            link.outbox.put_spare(|| ledger.take_spare());
        }
    }

    /// A chunk is back that nobody tried to write.
    pub(crate) fn handle_unwritten(&mut self, id: LinkId, chunk: Chunk) {
        if let Some(link) = self.link_mut(id) {
            link.outbox.handle_back(chunk);
        }
        self.after_write(id);
    }

    /// A drain has nothing more to write for `id`.
    pub(crate) fn handle_caught_up(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id) {
            link.is_drained = false;
            link.stalled = None;
        }
        self.mark_dirty(id);
    }

    /// A write failed. What the peer sent before it went is still there to be read.
    pub(crate) fn handle_broken(&mut self, now: Instant, id: LinkId) {
        self.leave(id, DownReason::Reset, now + LAST_WORDS, false);
        if let Some(link) = self.link_mut(id) {
            link.is_broken = true;
            if let Phase::Leaving { finished, .. } = &mut link.phase {
                *finished = true;
            }
            self.effects.wake.readers = true;
        }
    }

    /// The peer has said, beside its frames, that it is done, or broke the rules of its stream:
    /// what was begun is finished, and it is read until it is gone.
    pub(crate) fn handle_farewell(&mut self, now: Instant, id: LinkId, reason: DownReason) {
        self.advance(now);
        let linger = self.config.linger;
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.is_broken = true;
        // A stranger has been sent nothing that it would be read on for.
        let is_stranger = link.peer.is_none();
        let patience = if is_stranger {
            LAST_WORDS
        } else {
            linger.max(LAST_WORDS)
        };
        self.leave(id, reason, now + patience, false);
    }

    /// The link's writer has let go of it: more to write, to finish, to end, or to bury.
    fn after_write(&mut self, id: LinkId) {
        match self.link(id).map(|link| (link.phase, link.reader_is_done)) {
            Some((Phase::Ended, _)) => self.bury(id),
            Some((Phase::Leaving { .. }, true)) => self.end(id, DownReason::Closed),
            Some((Phase::Leaving { .. }, false)) => self.try_finish(id),
            _ if self.router.has_waiting() => {
                self.unstick(id);
                self.pump();
            }
            _ => {}
        }
        self.mark_dirty(id);
    }

    /// Tells the keeper to write `id`, if there is something to write and nobody else will.
    pub(crate) fn mark_dirty(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else {
            return;
        };
        if link.is_dirty || link.is_drained || !link.is_writable() {
            return;
        }
        link.is_dirty = true;
        self.dirty.push_back(id);
        self.effects.wake.keeper = true;
    }

    /// A link for the keeper to write.
    pub(crate) fn poll_dirty(&mut self) -> Option<LinkId> {
        loop {
            let id = self.dirty.pop_front()?;
            let link = self.link(id);
            if link.is_some_and(|link| link.is_writable() && !link.is_drained) {
                return Some(id);
            }
            if let Some(link) = self.link_mut(id) {
                link.is_dirty = false;
            }
        }
    }

    /// A chunk for whoever has nothing to do but to wait.
    pub(crate) fn claim_next(&mut self) -> Option<(LinkId, Chunk)> {
        let id = self.poll_dirty()?;
        Some((id, self.poll_chunk(id)?))
    }

    /// What the keeper does first, if a moment's patience pays.
    pub(crate) fn moment_before_writing(&self, now: Instant) -> Option<Moment> {
        let first = self.dirty.front().and_then(|id| self.link(*id));
        if first.is_some_and(|link| link.outbox.is_fixed()) {
            return None;
        }
        let queued = first.map_or(0, |link| link.outbox.queued_bytes());
        let moment = |nap, is_patient| Moment {
            queued,
            nap,
            is_patient,
        };
        if self.is_flooded(now, first) {
            return Some(moment(REST, false));
        }
        let is_little = queued > 0 && queued < SMALL;
        let waits_for_more = |link: &Link| link.outbox.needs_seal() && !self.is_closing();
        if !first.is_some_and(waits_for_more) {
            return is_little.then(|| moment(Duration::ZERO, false));
        }
        let idle = now.saturating_duration_since(self.busy_until);
        match self.multicast.rest(idle) {
            Some(rest) => Some(moment(rest, true)),
            None => is_little.then(|| moment(NAP * self.multicast.round() as u32, false)),
        }
    }

    /// Whoever has sent as fast as it could waits for an answer now.
    pub(crate) fn end_flood(&mut self) {
        self.flood.end();
    }

    /// Somebody sends to peers in their turn as fast as it can, and writes itself what it fills.
    fn is_flooded(&self, now: Instant, first: Option<&Link>) -> bool {
        let is_in_turn = !self.publishes && !self.is_closing();
        // A short outbox is full before there is a whole chunk in it.
        let is_worth_it = is_in_turn && is_long(self.config.outbox);
        // A sender that waits for room adds nothing.
        let has_room = first.is_none_or(|link| {
            link.outbox.has_room(self.config.outbox, 0)
                && link.unacknowledged < self.config.unacknowledged_or_default()
        });
        let begins = first.is_some_and(|link| self.is_filling(link));
        is_worth_it && has_room && (begins || self.flood.lasts(now))
    }

    /// Small messages come to it so fast, in turn with others or tracked, that it is soon full.
    fn is_filling(&self, link: &Link) -> bool {
        let are_several = self.router.roster().len() > 1 && self.dirty.len() > 1;
        let is_slow = are_several || self.is_tracked();
        is_slow && link.outbox.messages() >= MANY && link.outbox.queued_bytes() < FULL
    }

    /// Everything written: shows the peer the end.
    pub(super) fn try_finish(&mut self, id: LinkId) {
        let Some(link) = self.link_mut(id) else {
            return;
        };
        let Phase::Leaving {
            until,
            flush,
            finished: false,
        } = link.phase
        else {
            return;
        };
        let has_left = match flush {
            true => link.outbox.is_empty(),
            false => !link.outbox.is_writing() && !link.is_writable(),
        };
        if has_left {
            link.phase = Phase::Leaving {
                until,
                flush,
                finished: true,
            };
            let holds_reader = link.holds_reader();
            self.effects.shutdowns.push((id, Shut::Write));
            self.effects.wake.readers |= holds_reader;
        }
    }
}
