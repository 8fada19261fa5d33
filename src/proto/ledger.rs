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
    nonce: u32,
    accepted: u64,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    pub(crate) spares: Spares,
    bytes: usize,
    /// Resends by their pause: within one queue all pauses are equal, so its front is its earliest.
    due: Vec<VecDeque<Due>>,
    first: Duration,
    max: Duration,
}

impl Ledger {
    /// `nonce` keeps the ids of two sockets, or of two lives of one identity, apart.
    pub(crate) fn new(nonce: u32, first: Duration, max: Duration) -> Ledger {
        Ledger {
            nonce,
            accepted: 0,
            slots: Vec::new(),
            free: Vec::new(),
            spares: Spares::default(),
            bytes: 0,
            due: Vec::new(),
            first,
            max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a message in, and a copy of its payload.
    pub(crate) fn insert_copy(&mut self, target: Option<Identity>, payload: &[u8]) -> MessageId {
        let kept = self.spares.keep(payload);
        self.insert(target, kept)
    }

    pub(crate) fn insert(&mut self, target: Option<Identity>, body: impl Into<Kept>) -> MessageId {
        let body = body.into();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("the bounds keep the ledger short")
        });
        self.accepted += 1;
        let id = self.make_id(slot);
        self.bytes += body.len() + OVERHEAD;
        self.slots[slot as usize] = Some(Entry {
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
        let entry = self.slots.get(slot_of(id))?.as_ref();
        entry.filter(|entry| entry.id == id)
    }

    fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let entry = self.slots.get_mut(slot_of(id))?.as_mut();
        entry.filter(|entry| entry.id == id)
    }

    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        self.get(id)?;
        let entry = self.slots[slot_of(id)].take()?;
        self.free.push(slot_of(id) as u32);
        self.bytes -= entry.memory();
        Some(entry)
    }

    /// `id` was queued on a link.
    pub(crate) fn handle_assigned(&mut self, id: MessageId, link: LinkId, peer: Identity) {
        if let Some(entry) = self.get_mut(id) {
            entry.holder = Some((link, peer));
        }
    }

    /// `id` was given to the kernel: from now on its acknowledgement is awaited.
    pub(crate) fn handle_written(&mut self, now: Instant, id: MessageId) {
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        entry.is_written = true;
        let doublings = entry.repeats as usize;
        self.schedule(now, id, doublings.min(MAX_DOUBLINGS));
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
        if let Some(entry) = self.get(id) {
            let doublings = entry.repeats as usize;
            self.schedule(now, id, doublings.min(MAX_DOUBLINGS));
        }
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
        self.free.clear();
        self.due.clear();
        self.bytes = 0;
        entries
    }

    fn schedule(&mut self, now: Instant, id: MessageId, doublings: usize) {
        let at = now + self.first.saturating_mul(1 << doublings).min(self.max);
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        entry.due = Some(at);
        if self.due.len() <= doublings {
            self.due.resize_with(doublings + 1, VecDeque::new);
        }
        self.due[doublings].push_back(Due { at, id });
        self.forget_acknowledged(doublings);
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

    /// Slot, then age, then the nonce: found without a search, never the same twice.
    fn make_id(&self, slot: u32) -> MessageId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.nonce.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.accepted.to_be_bytes());
        bytes[12..].copy_from_slice(&slot.to_be_bytes());
        MessageId(bytes)
    }
}

fn slot_of(id: MessageId) -> usize {
    let [.., a, b, c, d] = id.0;
    u32::from_be_bytes([a, b, c, d]) as usize
}

fn age_of(id: MessageId) -> u64 {
    u64::from_be_bytes(id.0[4..12].try_into().expect("eight bytes of age"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Identity = Identity::new([1; 16]);
    const OTHER: Identity = Identity::new([2; 16]);
    const FIRST: Duration = Duration::from_secs(5);

    fn ledger() -> Ledger {
        Ledger::new(9, FIRST, Duration::from_secs(60))
    }

    fn written(ledger: &mut Ledger, now: Instant) -> MessageId {
        let id = ledger.insert_copy(None, b"x");
        ledger.handle_assigned(id, LinkId::new(0, 1), PEER);
        ledger.handle_written(now, id);
        id
    }

    #[test]
    fn only_a_peer_that_had_the_message_acknowledges_it() {
        let mut ledger = ledger();
        let id = written(&mut ledger, Instant::now());
        assert!(ledger.handle_ack(id, OTHER).is_none());
        assert!(ledger.handle_ack(id, PEER).is_some());
        assert!(ledger.handle_ack(id, PEER).is_none());
        assert_eq!((ledger.len(), ledger.bytes()), (0, 0));
    }

    #[test]
    fn a_late_ack_of_an_earlier_holder_counts() {
        let mut ledger = ledger();
        let id = written(&mut ledger, Instant::now());
        ledger.release(LinkId::new(0, 1));
        ledger.handle_assigned(id, LinkId::new(1, 1), OTHER);
        assert!(ledger.handle_ack(id, PEER).is_some());
    }

    #[test]
    fn a_resend_is_due_after_five_seconds_then_ten() {
        let mut ledger = ledger();
        let start = Instant::now();
        let id = written(&mut ledger, start);
        assert_eq!(
            ledger.poll_due(start + FIRST - Duration::from_millis(1)),
            None
        );
        assert_eq!(ledger.poll_due(start + FIRST), Some(id));
        ledger.handle_repeated(id);
        ledger.handle_written(start + FIRST, id);
        assert_eq!(ledger.poll_due(start + FIRST * 2), None);
        assert_eq!(ledger.next_due(), Some(start + FIRST * 3));
        assert_eq!(ledger.poll_due(start + FIRST * 3), Some(id));
    }

    #[test]
    fn the_pause_stops_growing_at_its_maximum() {
        let mut ledger = ledger();
        let mut now = Instant::now();
        let id = written(&mut ledger, now);
        for _ in 0..20 {
            now = ledger.next_due().unwrap();
            assert_eq!(ledger.poll_due(now), Some(id));
            ledger.handle_repeated(id);
            ledger.handle_written(now, id);
        }
        assert_eq!(ledger.next_due(), Some(now + Duration::from_secs(60)));
    }

    #[test]
    fn an_acknowledged_message_is_never_due() {
        let mut ledger = ledger();
        let start = Instant::now();
        let id = written(&mut ledger, start);
        ledger.handle_ack(id, PEER);
        let next = written(&mut ledger, start);
        assert_eq!(ledger.poll_due(start + FIRST), Some(next));
        assert_eq!(ledger.poll_due(start + FIRST), None);
    }

    #[test]
    fn a_link_that_ends_gives_its_messages_back_oldest_first() {
        let mut ledger = ledger();
        let now = Instant::now();
        let first = written(&mut ledger, now);
        let second = written(&mut ledger, now);
        ledger.handle_ack(first, PEER);
        let third = written(&mut ledger, now);
        assert_eq!(ledger.release(LinkId::new(0, 1)), [second, third]);
        assert_eq!(ledger.get(third).unwrap().lost, 1);
        assert_eq!(ledger.release(LinkId::new(0, 1)), []);
    }

    #[test]
    fn what_was_acknowledged_takes_no_memory() {
        let mut ledger = ledger();
        let now = Instant::now();
        let stuck = written(&mut ledger, now);
        for _ in 0..100_000 {
            let id = written(&mut ledger, now);
            ledger.handle_ack(id, PEER);
        }
        assert!(ledger.due[0].len() < 3_000 && ledger.slots.len() <= 2);
        assert!(ledger.get(stuck).is_some());
    }
}
