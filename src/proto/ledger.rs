//! Ledger: at-least-once messages until they are acknowledged, and when each is sent again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::kept::{Kept, Spares};
use crate::proto::link::LinkId;

/// Pauses after this many doublings are all the same.
const MAX_DOUBLINGS: usize = 16;

/// A message that was accepted and not yet acknowledged.
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) body: Kept,
    /// The one identity that it is for, or whoever is next.
    pub(crate) target: Option<Identity>,
    /// The link that has it now.
    pub(crate) holder: Option<(LinkId, Identity)>,
    /// Links that ended after it was written to them.
    pub(crate) lost: u32,
    /// Resends to a link that lives.
    pub(crate) repeats: u32,
    /// Given to the kernel on the holder's link.
    is_written: bool,
    due: Option<Instant>,
    earlier: Vec<Identity>,
}

struct Due {
    at: Instant,
    id: MessageId,
}

/// What an entry takes beside its payload: its slot, its resend times, and what the allocator adds.
const OVERHEAD: usize = size_of::<Option<Entry>>() + 2 * size_of::<Due>() + 32;

/// The slots of a table that holds anything at all.
const FEWEST_SLOTS: usize = 16;

impl Entry {
    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.body.len() + OVERHEAD
    }

    /// Some copy of it was given to the kernel on the link that holds it.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written
    }

    /// Who had it last.
    pub(crate) fn last_peer(&self) -> Option<Identity> {
        let holder = self.holder.map(|(_, peer)| peer);
        holder.or(self.earlier.last().copied()).or(self.target)
    }
}

pub(crate) struct Ledger {
    nonce: u64,
    /// The age of the latest message: it counts up, and passes over ages whose slot is taken.
    latest: u64,
    /// A power of two of slots, at most three quarters taken; the last bits of its age say which
    /// one is an entry's.
    slots: Vec<Option<Entry>>,
    count: usize,
    pub(crate) spares: Spares,
    bytes: usize,
    /// Resends by their pause: within one queue all pauses are equal, so its front is its earliest.
    due: Vec<VecDeque<Due>>,
    first: Duration,
    max: Duration,
}

impl Ledger {
    /// `nonce` keeps the ids of two sockets, or of two lives of one identity, apart.
    pub(crate) fn new(nonce: u64, first: Duration, max: Duration) -> Ledger {
        Ledger {
            nonce,
            latest: 0,
            slots: Vec::new(),
            count: 0,
            spares: Spares::default(),
            bytes: 0,
            due: Vec::new(),
            first,
            max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a message in, and a copy of its payload.
    pub(crate) fn insert_copy(&mut self, target: Option<Identity>, payload: &[u8]) -> MessageId {
        let kept = self.spares.keep(payload);
        self.insert(target, kept)
    }

    /// The same for one that goes to `link` at once. Gives the memory it takes as well.
    pub(crate) fn assign_copy(
        &mut self,
        link: LinkId,
        peer: Identity,
        payload: &[u8],
    ) -> (MessageId, usize) {
        let id = self.insert_copy(None, payload);
        self.handle_assigned(id, link, peer);
        (id, payload.len() + OVERHEAD)
    }

    pub(crate) fn insert(&mut self, target: Option<Identity>, body: impl Into<Kept>) -> MessageId {
        let body = body.into();
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        self.latest += 1;
        while self.slots[self.slot(self.latest)].is_some() {
            self.latest += 1;
        }
        let id = self.make_id(self.latest);
        let slot = self.slot(self.latest);
        self.bytes += body.len() + OVERHEAD;
        self.count += 1;
        self.slots[slot] = Some(Entry {
            id,
            body,
            target,
            holder: None,
            lost: 0,
            repeats: 0,
            is_written: false,
            due: None,
            earlier: Vec::new(),
        });
        id
    }

    pub(crate) fn get(&self, id: MessageId) -> Option<&Entry> {
        let entry = self.slots.get(self.slot(age_of(id)))?.as_ref();
        entry.filter(|entry| entry.id == id)
    }

    fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let slot = self.slot(age_of(id));
        let entry = self.slots.get_mut(slot)?.as_mut();
        entry.filter(|entry| entry.id == id)
    }

    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        let slot = self.slot(age_of(id));
        let entry = self.slots.get_mut(slot)?;
        let entry = entry.take_if(|entry| entry.id == id)?;
        self.count -= 1;
        self.bytes -= entry.memory();
        Some(entry)
    }

    fn grow(&mut self) {
        let count = FEWEST_SLOTS.max(2 * self.slots.len());
        let mut larger = Vec::new();
        larger.resize_with(count, || None);
        let former = std::mem::replace(&mut self.slots, larger);
        for entry in former.into_iter().flatten() {
            let slot = self.slot(age_of(entry.id));
            self.slots[slot] = Some(entry);
        }
    }

    /// Nothing was needed for a while.
    pub(crate) fn shrink(&mut self) {
        if self.count == 0 {
            self.slots = Vec::new();
            self.due = Vec::new();
            self.spares.shrink();
        }
    }

    /// The slot of an age. There may be none at all.
    fn slot(&self, age: u64) -> usize {
        age as usize & self.slots.len().wrapping_sub(1)
    }

    /// `id` was queued on a link.
    pub(crate) fn handle_assigned(&mut self, id: MessageId, link: LinkId, peer: Identity) {
        if let Some(entry) = self.get_mut(id) {
            entry.holder = Some((link, peer));
        }
    }

    /// `id` was given to the kernel: from now on its acknowledgement is awaited.
    pub(crate) fn handle_written(&mut self, now: Instant, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.is_written = true;
            self.postpone(now, id);
        }
    }

    /// An ACK from `peer`: gives the entry, unless that peer never had the message.
    pub(crate) fn handle_ack(&mut self, id: MessageId, peer: Identity) -> Option<Entry> {
        let entry = self.get(id)?;
        let has_it = entry.holder.is_some_and(|(_, holder)| holder == peer);
        if has_it || entry.earlier.contains(&peer) {
            return self.remove(id);
        }
        None
    }

    /// A message whose acknowledgement is late; it is the caller's to send again or to postpone.
    pub(crate) fn poll_due(&mut self, now: Instant) -> Option<MessageId> {
        for doublings in 0..self.due.len() {
            while let Some(front) = self.due[doublings].front() {
                let (at, id) = (front.at, front.id);
                let is_current = self.get(id).is_some_and(|entry| entry.due == Some(at));
                if is_current && at > now {
                    break;
                }
                self.due[doublings].pop_front();
                if let Some(entry) = self.get_mut(id).filter(|_| is_current) {
                    entry.due = None;
                    return Some(id);
                }
            }
        }
        None
    }

    /// A resend goes out to the link that has the message.
    pub(crate) fn handle_repeated(&mut self, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.repeats += 1;
        }
    }

    /// A resend was due but the link takes nothing now: ask again after the same pause.
    pub(crate) fn postpone(&mut self, now: Instant, id: MessageId) {
        let (first, max) = (self.first, self.max);
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        let doublings = (entry.repeats as usize).min(MAX_DOUBLINGS);
        let at = now + first.saturating_mul(1 << doublings).min(max);
        entry.due = Some(at);
        if self.due.len() <= doublings {
            self.due.resize_with(doublings + 1, VecDeque::new);
        }
        self.due[doublings].push_back(Due { at, id });
        self.forget_acknowledged(doublings);
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due
            .iter()
            .filter_map(|queue| Some(queue.front()?.at))
            .min()
    }

    /// As `next_due`, slowly, and without those that are late no more.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn audit_due(&self) -> Option<Instant> {
        let entries = self.slots.iter().flatten();
        entries.filter_map(|entry| entry.due).min()
    }

    /// A link ended: the messages it held, oldest first, now held by nobody.
    pub(crate) fn release(&mut self, link: LinkId) -> Vec<MessageId> {
        let mut held: Vec<(u64, MessageId)> = Vec::new();
        for entry in self.slots.iter_mut().flatten() {
            let Some((_, peer)) = entry.holder.take_if(|(holder, _)| *holder == link) else {
                continue;
            };
            held.push((age_of(entry.id), entry.id));
            entry.lost += u32::from(entry.is_written);
            if entry.is_written && !entry.earlier.contains(&peer) {
                entry.earlier.push(peer);
            }
            (entry.is_written, entry.due, entry.repeats) = (false, None, 0);
        }
        held.sort_unstable();
        held.into_iter().map(|(_, id)| id).collect()
    }

    /// Everything that was never acknowledged, oldest first; the ledger is empty then.
    pub(crate) fn drain(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.slots.drain(..).flatten().collect();
        entries.sort_unstable_by_key(|entry| age_of(entry.id));
        self.count = 0;
        self.due.clear();
        self.bytes = 0;
        entries
    }

    /// Keeps a queue proportional to what lives, at a constant cost per message.
    fn forget_acknowledged(&mut self, doublings: usize) {
        if self.due[doublings].len() <= 2 * self.len() + 1_024 {
            return;
        }
        let mut queue = std::mem::take(&mut self.due[doublings]);
        queue.retain(|due| {
            self.get(due.id)
                .is_some_and(|entry| entry.due == Some(due.at))
        });
        self.due[doublings] = queue;
    }

    /// Never the same twice, and neighbours in sequence: found without a search, and remembered
    /// by a peer together.
    fn make_id(&self, age: u64) -> MessageId {
        let id = u128::from(self.nonce) << 64 | u128::from(age);
        MessageId(id.to_be_bytes())
    }
}

fn age_of(id: MessageId) -> u64 {
    u128::from_be_bytes(id.0) as u64
}

#[cfg(test)]
mod tests;
