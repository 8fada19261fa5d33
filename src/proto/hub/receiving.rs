//! Receiving: what one read of a link means, and what becomes of messages that want an ACK.

use std::time::Instant;

use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::Reading;
use crate::proto::decoder::sizes::{SMALLEST_BUFFER, longest_buffer};
use crate::proto::frame::{MessageId, Violation};
use crate::proto::hub::Hub;
use crate::proto::ledger::Entry;
use crate::proto::link::{LinkId, Phase};
use crate::proto::peer::Peer;
use crate::proto::window::{Arrival, Neighbours, Window};

/// What links hold of small frames beside a large one, before it costs that one its link.
const BESIDE: usize = 64 * 1024;

/// What the reading thread does after a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    ReadOn,
    /// Read on when `is_crowded_by_acks` says no.
    Pause,
    Stop,
}

impl Hub {
    /// Bytes of `id` came after its HELLO, and its reader holds `held` more of frames that are
    /// not complete. What is left in the reading's batch is to be delivered.
    pub(crate) fn handle_reading(
        &mut self,
        now: Instant,
        id: LinkId,
        reading: &mut Reading,
        held: usize,
    ) -> Next {
        self.advance(now);
        let Some(link) = self.link_mut(id) else {
            return Next::Stop;
        };
        let Some(peer) = link.peer else {
            return Next::Stop;
        };
        link.heard = now;
        let is_confirming = matches!(link.phase, Phase::Confirming { .. });
        let (was_held, held) = link.hold(held);
        self.held_bytes = self.held_bytes + held - was_held;
        if is_confirming && reading.frames > u32::from(reading.hello.is_some()) {
            self.come_up(now, id);
        }
        self.stats.skipped += u64::from(reading.skipped);
        if let Some(link) = self.link_mut(id).filter(|_| reading.has_answers()) {
            let was_overdue = std::mem::take(&mut link.is_overdue);
            self.effects.wake.room |= was_overdue;
            self.unstick(id);
        }
        self.handle_acks(&reading.acks, peer);
        self.handle_nacks(&reading.nacks, peer);
        match self.is_closing() {
            true => reading.batch.spans.clear(),
            false => self.sift(id, peer, &mut reading.batch),
        }
        self.stats.received += reading.batch.spans.len() as u64;
        if let Some(violation) = reading.violation {
            self.end(id, violation.into());
        }
        self.relieve_held();
        self.next_for(id)
    }

    /// The reader of `id` holds so much now that is not in the inbox.
    pub(crate) fn handle_held(&mut self, id: LinkId, held: usize) {
        let Some(link) = self.link_mut(id) else {
            return;
        };
        let (was_held, held) = link.hold(held);
        self.held_bytes = self.held_bytes + held - was_held;
        self.relieve_held();
    }

    /// What the reader of `id` does next.
    pub(crate) fn next_for(&self, id: LinkId) -> Next {
        match self.link(id).map(|link| link.phase) {
            None | Some(Phase::Ended) => Next::Stop,
            Some(_) if self.is_crowded_by_acks(id) => Next::Pause,
            Some(_) => Next::ReadOn,
        }
    }

    /// How long the buffer may become that `id` is read into: all of them together have a 16th of
    /// the memory budget, of which each link has a part, but for the smallest of them.
    pub(crate) fn grant_buffer(&mut self, id: LinkId) -> usize {
        let limit = self.config.memory_budget / 16;
        let part = limit / (self.links.len() - self.free.len()).max(1);
        let all = self.buffer_bytes;
        let Some(link) = self.link_mut(id) else {
            return SMALLEST_BUFFER;
        };
        let others = all - link.buffer;
        let granted = longest_buffer(part.min(limit.saturating_sub(others)));
        link.buffer = granted;
        self.buffer_bytes = others + granted;
        granted
    }

    /// What unfinished frames of all links, and messages that find no room, may take together: with
    /// the buffers a quarter of the memory budget, or up to a half of it and a little where one
    /// message needs it.
    pub(super) fn held_limit(&self) -> usize {
        let one_message = self.config.max_message.saturating_add(BESIDE);
        let budget = self.config.memory_budget;
        one_message
            .max(budget / 4 - budget / 16)
            .min(budget / 2 + BESIDE)
    }

    /// Past the limit, the link that holds most gives way.
    fn relieve_held(&mut self) {
        let limit = self.held_limit();
        while self.held_bytes > limit {
            let held = |id: &LinkId| self.link(*id).map_or(0, |link| link.held);
            let Some(largest) = self.link_ids().max_by_key(held) else {
                return;
            };
            if let Some(link) = self.link_mut(largest) {
                self.held_bytes -= std::mem::take(&mut link.held);
            }
            self.end(largest, DownReason::Crowded);
        }
    }

    /// Takes copies of messages that are known already out of a batch, and notes which of the others
    /// were given back before.
    fn sift(&mut self, link: LinkId, peer: Identity, batch: &mut Batch) {
        if !batch.spans.iter().any(|span| span.wants_ack) {
            return;
        }
        self.remove_copies(link, peer, batch);
        let Some(Peer { window, .. }) = self.peers.get(&peer) else {
            return;
        };
        if !window.has_returns() {
            return;
        }
        let spans = (0..).zip(&batch.spans);
        let returns = spans.filter_map(|(index, span)| {
            let count = window.returns_of(batch.id(*span)?);
            (count > 0).then_some((index, count))
        });
        batch.returns = returns.collect();
    }

    fn remove_copies(&mut self, link: LinkId, peer: Identity, batch: &mut Batch) {
        let count = batch.spans.len();
        let done = self.change_window(peer, |window| take_copies(window, link, batch));
        self.stats.duplicates += (count - batch.spans.len()) as u64;
        if let Some(done) = done.filter(|done| !done.is_empty() && self.takes_acks(link)) {
            self.push_acks(link, done.into_iter());
        }
    }

    fn push_acks(&mut self, to: LinkId, ids: impl Iterator<Item = MessageId>) {
        if let Some(link) = self.link_mut(to) {
            ids.for_each(|id| link.outbox.push_ack(id));
        }
        self.mark_dirty(to);
    }

    fn handle_acks(&mut self, acks: &[MessageId], peer: Identity) {
        if acks.is_empty() {
            return;
        }
        let before = self.stats.stray_acks;
        let was_short = self.is_short_of_memory();
        let mut rest = acks;
        while let Some((first, others)) = rest.split_first() {
            rest = match self.handle_neighbours(rest, peer) {
                Some(count) => &rest[count..],
                None => {
                    self.handle_ack(*first, peer);
                    others
                }
            };
        }
        let strays = self.stats.stray_acks - before;
        if was_short && strays < acks.len() as u64 {
            self.make_known();
        }
        self.tell_closer();
        self.pump();
    }

    /// The first of these, and those behind it that were sent one after the other, as nearly all
    /// are. Says how many.
    fn handle_neighbours(&mut self, acks: &[MessageId], peer: Identity) -> Option<usize> {
        let holder = self.ledger.holder_of_sheet(*acks.first()?);
        let holder = holder.filter(|link| self.peer_of(*link) == Some(peer))?;
        let (count, memory) = self.ledger.settle_neighbours(acks);
        self.stats.acknowledged += count as u64;
        self.settle_with_holder(Some(holder), count, memory);
        Some(count)
    }

    fn handle_ack(&mut self, id: MessageId, peer: Identity) {
        let holder = self.ledger.get(id).and_then(|entry| entry.holder);
        let has_it = holder.is_some_and(|link| self.peer_of(link) == Some(peer));
        let Some(entry) = self.ledger.handle_ack(id, peer, has_it) else {
            self.stats.stray_acks += 1;
            return;
        };
        self.stats.acknowledged += 1;
        self.let_go(id, &entry);
    }

    /// A message is out of the ledger, wherever it was.
    pub(super) fn let_go(&mut self, id: MessageId, entry: &Entry) {
        match entry.holder {
            Some(_) => self.settle_with_holder(entry.holder, 1, entry.memory()),
            None if entry.is_given_back() => self.effects.wake.room = true,
            // It waits to be sent again, which is needless now.
            None => self.stop_waiting(id, entry),
        }
    }

    fn stop_waiting(&mut self, id: MessageId, entry: &Entry) {
        let waiting = match entry.target() {
            None => &mut self.router.waiting,
            Some(identity) => &mut self.peer_mut(identity).waiting,
        };
        self.queued_bytes -= waiting.settle(id, entry.body.len());
        if let Some(identity) = entry.target() {
            self.file(identity);
        }
        self.make_known();
    }

    /// The application has these messages (or acknowledged them).
    pub(crate) fn handle_taken(&mut self, taken: &[(Identity, MessageId)]) {
        for of_peer in taken.chunk_by(|(one, _), (other, _)| one == other) {
            let ids = of_peer.iter().map(|(_, id)| *id);
            self.acknowledge(of_peer[0].0, ids);
        }
    }

    /// As above, and gives the caller the ACKs to write, if nobody else is about to write anything.
    pub(crate) fn claim_acks(
        &mut self,
        taken: &[(Identity, MessageId)],
    ) -> Option<(LinkId, Chunk)> {
        let was_idle = self.dirty.is_empty() && !self.effects.wake.keeper;
        self.handle_taken(taken);
        if !was_idle || self.dirty.len() > 1 {
            return None;
        }
        let id = self.dirty.pop_front()?;
        self.effects.wake.keeper = false;
        Some((id, self.poll_chunk(id)?))
    }

    /// An ACK, or a NACK, goes to the connection that the latest copy came on, or to the one that its
    /// sender has now.
    fn acknowledge(&mut self, peer: Identity, ids: impl Iterator<Item = MessageId>) {
        let acks = self.change_window(peer, |window| {
            let acks = Neighbours::among(ids).filter_map(|ids| window.handle_acks(ids));
            acks.collect::<Vec<(u64, Neighbours)>>()
        });
        let acks = acks.unwrap_or_default();
        for same in acks.chunk_by(|(one, _), (other, _)| one == other) {
            if let Some(target) = self.way_back(peer, same[0].0) {
                self.push_acks(target, same.iter().flat_map(|(_, ids)| ids.ids()));
            }
        }
    }

    /// The link for an answer to what came last on that one.
    fn way_back(&self, peer: Identity, latest: u64) -> Option<LinkId> {
        let current = self.peers.get(&peer)?.link;
        let mut ways = [Some(LinkId::from_token(latest)), current]
            .into_iter()
            .flatten();
        ways.find(|id| self.takes_acks(*id))
    }

    fn takes_acks(&self, id: LinkId) -> bool {
        self.link(id).is_some_and(|link| match link.phase {
            Phase::Ended | Phase::Opening => false,
            Phase::Leaving { finished, .. } => !finished && !link.reader_is_done,
            _ => true,
        })
    }

    /// The application gives a message back unacknowledged: its sender is told, and a later copy of
    /// it is delivered.
    pub(crate) fn handle_given_back(&mut self, peer: Identity, id: MessageId) {
        let latest = self.change_window(peer, |window| window.handle_given_back(id));
        let Some(latest) = latest.flatten() else {
            return;
        };
        if let Some(target) = self.way_back(peer, latest) {
            let link = self.link_mut(target).expect("it takes answers");
            link.outbox.push_nack(id);
            self.mark_dirty(target);
        }
    }

    /// The message never reached the application, and its link has ended: it comes again.
    pub(crate) fn handle_returned(&mut self, peer: Identity, id: MessageId) {
        self.change_window(peer, |window| window.handle_drop(id));
        self.forget_if_blank(peer);
    }

    /// Whose messages come on `id`.
    pub(crate) fn peer_of(&self, id: LinkId) -> Option<Identity> {
        self.link(id)?.peer
    }

    /// Whether all that this socket may receive comes on `id`.
    pub(crate) fn is_only_link(&self, id: LinkId) -> bool {
        self.links.len() - self.free.len() == 1 && self.link(id).is_some()
    }

    /// Whether so many acknowledgements wait for `id` that it must not be read.
    pub(crate) fn is_crowded_by_acks(&self, id: LinkId) -> bool {
        self.takes_acks(id)
            && self
                .link(id)
                .is_some_and(|link| link.outbox.is_crowded_by_acks())
    }

    /// Our own reader stops reading `id`, or goes on: silence in between is not the peer's.
    pub(crate) fn handle_parked(&mut self, now: Instant, id: LinkId, is_parked: bool) {
        self.advance(now);
        let timeout = self.config.heartbeat.timeout;
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.is_parked = is_parked;
        link.move_marks(now.saturating_duration_since(link.heard));
        link.heard = now;
        self.look_by(id, now + timeout);
    }
}

/// Takes copies of what the window knows out of a batch. Says which of them are done.
fn take_copies(window: &mut Window, link: LinkId, batch: &mut Batch) -> Vec<MessageId> {
    // Nearly always all of them are new.
    let ids = batch.spans.iter().map_while(|span| batch.id(*span));
    let groups = Neighbours::among(ids);
    let new = groups.take_while(|ids| window.handle_news(*ids, link.token()));
    let mut new: usize = new.map(Neighbours::count).sum();
    let mut done = Vec::new();
    if new == batch.spans.len() {
        return done;
    }
    let mut spans = std::mem::take(&mut batch.spans);
    spans.retain(|span| {
        if new > 0 {
            new -= 1;
            return true;
        }
        let Some(id) = batch.id(*span) else {
            return true;
        };
        let arrival = window.handle_arrival(id, link.token());
        done.extend((arrival == Arrival::Done).then_some(id));
        arrival == Arrival::New
    });
    batch.spans = spans;
    done
}

impl From<Violation> for DownReason {
    fn from(violation: Violation) -> DownReason {
        match violation {
            Violation::BadHello => DownReason::NotAPeer,
            Violation::Version(version) => DownReason::Version(version),
            Violation::Truncated { .. } => DownReason::Malformed,
            Violation::TooLarge { len, .. } => DownReason::TooLarge { len },
        }
    }
}
