//! Ledger: at-least-once messages until they are acknowledged, and when each is sent again.

use std::time::{Duration, Instant};

use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::kept::{Kept, Spares};
use crate::proto::link::LinkId;
use crate::proto::resends::{Resends, Run};

/// A message that was accepted and not yet acknowledged. It is one line of the cache, because three
/// threads look at it in turn.
#[repr(align(64))]
pub(crate) struct Entry {
    age: u64,
    pub(crate) body: Kept,
    /// The link that has it now.
    pub(crate) holder: Option<LinkId>,
    /// The number of the run that says when it is due, or zero if none does.
    run: u64,
    past: Option<Box<Past>>,
    /// Resends to a link that lives.
    pub(crate) repeats: u32,
    /// Given to the kernel on the holder's link.
    is_written: bool,
}

/// What few messages have.
#[derive(Default)]
struct Past {
    /// The one identity that it is for; others are for whoever is next.
    target: Option<Identity>,
    /// Links that ended after it was written to them.
    lost: u32,
    /// Whose they were.
    earlier: Vec<Identity>,
}

/// What an entry takes beside its payload: its slot, its past and resend times, and what the
/// allocator adds.
const OVERHEAD: usize = size_of::<Option<Entry>>() + size_of::<Past>() + 2 * size_of::<Run>() + 32;

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

    /// The one identity that it is for, or whoever is next.
    pub(crate) fn target(&self) -> Option<Identity> {
        self.past.as_ref()?.target
    }

    /// Links that ended after it was written to them.
    pub(crate) fn lost(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.lost)
    }

    /// Who had it before its holder, last of all, or whom it is for.
    pub(crate) fn last_peer(&self) -> Option<Identity> {
        let past = self.past.as_ref()?;
        past.earlier.last().copied().or(past.target)
    }

    fn was_at(&self, peer: Identity) -> bool {
        let past = self.past.as_ref();
        past.is_some_and(|past| past.earlier.contains(&peer))
    }

    /// Its link ended.
    fn lose(&mut self, peer: Identity) {
        let past = self.past.get_or_insert_default();
        past.lost += 1;
        past.earlier.retain(|earlier| *earlier != peer);
        past.earlier.push(peer);
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
    resends: Resends,
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
            resends: Resends::new(first, max),
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

    /// The same for one that `link` gets at once. Gives the memory that it takes as well.
    #[inline(always)]
    pub(crate) fn assign_copy(&mut self, link: LinkId, payload: &[u8]) -> (MessageId, usize) {
        let kept = self.spares.keep(payload);
        let id = self.put(kept, Some(link), None);
        (id, payload.len() + OVERHEAD)
    }

    pub(crate) fn insert(&mut self, target: Option<Identity>, body: impl Into<Kept>) -> MessageId {
        let past = target.map(|_| {
            Box::new(Past {
                target,
                ..Past::default()
            })
        });
        self.put(body.into(), None, past)
    }

    #[inline(always)]
    fn put(&mut self, body: Kept, holder: Option<LinkId>, past: Option<Box<Past>>) -> MessageId {
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        self.latest += 1;
        while self.slots[slot_of(&self.slots, self.latest)].is_some() {
            self.latest += 1;
        }
        let age = self.latest;
        let slot = slot_of(&self.slots, age);
        self.bytes += body.len() + OVERHEAD;
        self.count += 1;
        self.slots[slot] = Some(Entry {
            age,
            body,
            holder,
            run: 0,
            past,
            repeats: 0,
            is_written: false,
        });
        self.id(age)
    }

    pub(crate) fn get(&self, id: MessageId) -> Option<&Entry> {
        find(&self.slots, self.age(id)?)
    }

    fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let age = self.age(id)?;
        find_mut(&mut self.slots, age)
    }

    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        let age = self.age(id)?;
        let slot = slot_of(&self.slots, age);
        let entry = self.slots.get_mut(slot)?;
        let entry = entry.take_if(|entry| entry.age == age)?;
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
            let slot = slot_of(&self.slots, entry.age);
            self.slots[slot] = Some(entry);
        }
    }

    /// Nothing was needed for a while.
    pub(crate) fn shrink(&mut self) {
        if self.count == 0 {
            self.slots = Vec::new();
            self.resends.clear();
            self.spares.shrink();
        }
    }

    /// `id` was queued on a link.
    pub(crate) fn handle_assigned(&mut self, id: MessageId, link: LinkId) {
        if let Some(entry) = self.get_mut(id) {
            entry.holder = Some(link);
        }
    }

    /// `id` was given to the kernel: from now on its acknowledgement is awaited.
    pub(crate) fn handle_written(&mut self, now: Instant, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.is_written = true;
            self.postpone(now, id);
        }
    }

    /// An ACK from `peer`: gives the entry, unless that peer neither has the message nor had it.
    pub(crate) fn handle_ack(
        &mut self,
        id: MessageId,
        peer: Identity,
        has_it: bool,
    ) -> Option<Entry> {
        let knows_it = has_it || self.get(id)?.was_at(peer);
        knows_it.then(|| self.remove(id)).flatten()
    }

    /// A message whose acknowledgement is late; it is the caller's to send again or to postpone.
    pub(crate) fn poll_due(&mut self, now: Instant) -> Option<MessageId> {
        let slots = &self.slots;
        let age = self.resends.poll(now, |age, run| is_in(slots, age, run))?;
        find_mut(&mut self.slots, age)?.run = 0;
        Some(self.id(age))
    }

    /// A resend goes out to the link that has the message.
    pub(crate) fn handle_repeated(&mut self, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.repeats += 1;
        }
    }

    /// A resend was due but the link takes nothing now: ask again after the same pause.
    pub(crate) fn postpone(&mut self, now: Instant, id: MessageId) {
        let Some(age) = self.age(id) else { return };
        let Some(entry) = find_mut(&mut self.slots, age) else {
            return;
        };
        entry.run = self.resends.put(now, entry.repeats, age);
        // Their number stays proportional to what lives, at a constant cost per message.
        if self.resends.runs() > 2 * self.count + 1_024 {
            let slots = &self.slots;
            self.resends.tidy(|age, run| is_in(slots, age, run));
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.resends.next()
    }

    /// As `next_due`, slowly, and without those that are late no more.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn audit_due(&self) -> Option<Instant> {
        let entries = self.slots.iter().flatten();
        let due = entries.filter(|entry| entry.run != 0).map(|entry| {
            let time = self.resends.time_of(entry.age, entry.run);
            time.expect("its run has it")
        });
        due.min()
    }

    /// A link to `peer` ended: the messages it held, oldest first, now held by nobody.
    pub(crate) fn release(&mut self, link: LinkId, peer: Identity) -> Vec<MessageId> {
        let mut held: Vec<u64> = Vec::new();
        for entry in self.slots.iter_mut().flatten() {
            if entry.holder.take_if(|holder| *holder == link).is_none() {
                continue;
            }
            held.push(entry.age);
            if entry.is_written {
                entry.lose(peer);
            }
            (entry.is_written, entry.run, entry.repeats) = (false, 0, 0);
        }
        held.sort_unstable();
        held.into_iter().map(|age| self.id(age)).collect()
    }

    /// Everything that was never acknowledged, oldest first; the ledger is empty then.
    pub(crate) fn drain(&mut self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.slots.drain(..).flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.age);
        self.count = 0;
        self.resends.clear();
        self.bytes = 0;
        entries
    }

    /// Never the same twice, and neighbours in sequence: found without a search, and remembered
    /// by a peer together.
    fn id(&self, age: u64) -> MessageId {
        let id = u128::from(self.nonce) << 64 | u128::from(age);
        MessageId(id.to_be_bytes())
    }

    /// The age of the message that has this id, if it is one of ours.
    fn age(&self, id: MessageId) -> Option<u64> {
        let id = u128::from_be_bytes(id.0);
        ((id >> 64) as u64 == self.nonce).then_some(id as u64)
    }
}

/// The slot of an age. There may be none at all.
fn slot_of(slots: &[Option<Entry>], age: u64) -> usize {
    age as usize & slots.len().wrapping_sub(1)
}

fn find(slots: &[Option<Entry>], age: u64) -> Option<&Entry> {
    let entry = slots.get(slot_of(slots, age))?.as_ref();
    entry.filter(|entry| entry.age == age)
}

fn find_mut(slots: &mut [Option<Entry>], age: u64) -> Option<&mut Entry> {
    let slot = slot_of(slots, age);
    let entry = slots.get_mut(slot)?.as_mut();
    entry.filter(|entry| entry.age == age)
}

/// The message of that age is due when that run is.
fn is_in(slots: &[Option<Entry>], age: u64, run: u64) -> bool {
    find(slots, age).is_some_and(|entry| entry.run == run)
}

#[cfg(test)]
mod tests;
