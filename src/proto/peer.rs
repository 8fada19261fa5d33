//! Peer: what is remembered of one identity, connected or not, and the messages kept for it.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::contents::Body;
use crate::policy::Limit;
use crate::proto::departed::{Filed, Keeps};
use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;
use crate::proto::whose::Whose;
use crate::proto::window::Window;

/// A message that is in no outbox yet.
#[derive(Clone)]
pub(crate) struct Item {
    /// Its id, if the ledger has it.
    pub(crate) id: Option<MessageId>,
    pub(crate) whose: Whose,
    pub(crate) body: Body,
    /// Dropped when it still waits then.
    pub(crate) expires: Option<Instant>,
}

/// What a message takes beside its payload: its item, and what the allocator adds to both.
const OVERHEAD: usize = size_of::<Item>() + 32;

impl Item {
    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.body.len() + OVERHEAD
    }
}

/// Messages that wait for a peer, in order.
#[derive(Default)]
pub(crate) struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    untracked: usize,
    published: usize,
    /// Messages among the items that were acknowledged meanwhile; never the first one's.
    settled: BTreeSet<MessageId>,
    settled_bytes: usize,
    /// No item expires before this.
    earliest: Option<Instant>,
}

impl Waiting {
    pub(crate) fn has_room(&self, limit: Limit, len: usize) -> bool {
        let count = self.len();
        count == 0 || (count < limit.messages && self.bytes + len <= limit.bytes)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.settled.len()
    }

    /// Bytes of memory that the messages take.
    pub(crate) fn memory(&self) -> usize {
        self.bytes + self.len() * OVERHEAD
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Messages without an id.
    pub(crate) fn untracked(&self) -> usize {
        self.untracked
    }

    /// Published messages.
    pub(crate) fn published(&self) -> usize {
        self.published
    }

    /// The oldest message may give way to newer ones.
    pub(crate) fn may_give_way(&self) -> bool {
        self.front()
            .is_some_and(|item| item.whose == Whose::Published)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        let is_settled = |item: &&Item| item.id.is_some_and(|id| self.settled.contains(&id));
        self.items.iter().filter(move |item| !is_settled(item))
    }

    pub(crate) fn front(&self) -> Option<&Item> {
        self.items.front()
    }

    /// The time before which nothing expires.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    pub(crate) fn push_back(&mut self, item: Item) {
        self.count_in(&item);
        self.items.push_back(item);
    }

    pub(crate) fn push_front(&mut self, item: Item) {
        self.count_in(&item);
        self.items.push_front(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.count_out(&item);
        self.trim();
        Some(item)
    }

    /// Takes out all of them, in order.
    pub(crate) fn take(&mut self) -> Vec<Item> {
        self.extract(|_| true)
    }

    /// What has no time to live gets one.
    pub(crate) fn expire_by(&mut self, at: Instant) {
        for item in &mut self.items {
            item.expires.get_or_insert(at);
        }
        if !self.items.is_empty() {
            self.expires_from(at);
        }
    }

    /// A message of `len` bytes, which waits here, need not be sent any more; returns the memory
    /// that it took. It is left where it is for now, because a peer that acknowledges many would
    /// have the whole queue searched for each.
    pub(crate) fn settle(&mut self, id: MessageId, len: usize) -> usize {
        self.settled.insert(id);
        self.bytes -= len;
        self.settled_bytes += len;
        self.trim();
        let is_mostly_settled = 2 * self.settled.len() > self.items.len();
        if is_mostly_settled || self.settled_bytes > self.bytes {
            self.extract(|_| false);
        }
        len + OVERHEAD
    }

    /// Takes out what has expired.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Vec<Item> {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        self.extract(|item| item.expires.is_some_and(|expires| expires <= now))
    }

    /// Takes out every item that `leaves` says yes to, and drops the settled ones.
    fn extract(&mut self, mut leaves: impl FnMut(&Item) -> bool) -> Vec<Item> {
        let settled = std::mem::take(&mut self.settled);
        self.settled_bytes = 0;
        let mut all = std::mem::take(&mut self.items);
        all.retain(|item| item.id.is_none_or(|id| !settled.contains(&id)));
        let (gone, stay): (Vec<Item>, Vec<Item>) = all.into_iter().partition(|item| leaves(item));
        self.items = stay.into();
        gone.iter().for_each(|item| self.count_out(item));
        self.earliest = self.items.iter().filter_map(|item| item.expires).min();
        gone
    }

    fn count_in(&mut self, item: &Item) {
        self.bytes += item.body.len();
        self.untracked += usize::from(item.id.is_none());
        self.published += usize::from(item.whose == Whose::Published);
        if let Some(expires) = item.expires {
            self.expires_from(expires);
        }
    }

    fn count_out(&mut self, item: &Item) {
        self.bytes -= item.body.len();
        self.untracked -= usize::from(item.id.is_none());
        self.published -= usize::from(item.whose == Whose::Published);
    }

    fn expires_from(&mut self, at: Instant) {
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
    }

    /// Drops settled items from the front.
    fn trim(&mut self) {
        while let Some(Item { id: Some(id), .. }) = self.items.front() {
            if !self.settled.remove(id) {
                break;
            }
            let settled = self.items.pop_front().expect("it has a front");
            self.settled_bytes -= settled.body.len();
        }
        if self.items.is_empty() {
            self.earliest = None;
        }
    }
}

pub(crate) struct Peer {
    /// Its accepted link: succeeding, confirming or up.
    pub(crate) link: Option<LinkId>,
    /// Older links of it that are not gone yet.
    pub(crate) ending: Vec<LinkId>,
    /// Apart, because a peer that moves in memory would need a page more of its thread's stack.
    pub(crate) window: Box<Window>,
    /// Messages for it alone.
    pub(crate) waiting: Waiting,
    /// Without any link since then.
    pub(crate) away: Option<Instant>,
    /// Where it is found among those who are away.
    pub(crate) filed: Option<Filed>,
    /// A dialling thread sleeps until it has no link any more.
    pub(crate) covers_dial: bool,
}

impl Peer {
    pub(crate) fn new(window: Box<Window>) -> Peer {
        Peer {
            link: None,
            ending: Vec::new(),
            window,
            waiting: Waiting::default(),
            away: None,
            filed: None,
            covers_dial: false,
        }
    }

    /// Where it belongs among those who are away.
    pub(crate) fn file(&self) -> Option<Filed> {
        let keeps = match (self.window.can_forget(), self.waiting.is_empty()) {
            (false, true) => Keeps::Nothing,
            (true, true) => Keeps::Ids,
            (false, false) => Keeps::Messages,
            (true, false) => Keeps::Both,
        };
        self.away.map(|since| (keeps, since))
    }

    /// When something of it is to be forgotten, if it stays away.
    pub(crate) fn due(&self, absent_for: Duration) -> Option<Instant> {
        let is_here = self.link.is_some();
        let expired = self.waiting.earliest().filter(|_| !is_here);
        let forgotten = self.away.map(|since| since + absent_for);
        expired.into_iter().chain(forgotten).min()
    }

    /// There is nothing about it that a stranger would not have.
    pub(crate) fn is_blank(&self) -> bool {
        let has_no_link = self.link.is_none() && self.ending.is_empty();
        has_no_link && self.is_unseen() && self.waiting.is_empty()
    }

    fn is_unseen(&self) -> bool {
        self.window.len() == 0 && !self.window.has_returns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::backoff::Rng;

    fn item(number: u128, expires: Option<Instant>) -> Item {
        Item {
            id: Some(MessageId(number.to_be_bytes())),
            whose: Whose::Anyone,
            body: vec![0; number as usize % 10].into(),
            expires,
        }
    }

    #[test]
    fn it_does_what_a_naive_queue_does() {
        let mut rng = Rng::new(9);
        let (mut waiting, mut model) = (Waiting::default(), VecDeque::new());
        for number in 0..100_000_u128 {
            match rng.below(5) {
                0 => {
                    waiting.push_front(item(number, None));
                    model.push_front(number);
                }
                1 => {
                    waiting.push_back(item(number, None));
                    model.push_back(number);
                }
                2 if !model.is_empty() => {
                    let at = rng.below(model.len() as u64) as usize;
                    let settled = item(model.remove(at).expect("it is there"), None);
                    waiting.settle(settled.id.expect("it has one"), settled.body.len());
                }
                _ => {
                    let popped = waiting.pop_front().map(|item| item.id);
                    let expected = model.pop_front().map(|number| item(number, None).id);
                    assert_eq!(popped, expected);
                }
            }
            let front = waiting.front().map(|item| item.id);
            assert_eq!(front, model.front().map(|number| item(*number, None).id));
            assert_eq!(waiting.iter().count(), model.len());
            assert_eq!(waiting.is_empty(), model.is_empty());
            let bytes = model.iter().map(|number| *number as usize % 10);
            assert_eq!(waiting.bytes, bytes.sum::<usize>());
        }
    }

    #[test]
    fn it_keeps_no_more_settled_messages_than_others() {
        let mut waiting = Waiting::default();
        (0..1_000).for_each(|number| waiting.push_back(item(number, None)));
        for number in (1..1_000).rev() {
            let settled = item(number, None);
            waiting.settle(settled.id.expect("it has one"), settled.body.len());
            assert!(waiting.items.len() <= 2 * number as usize + 1);
        }
    }

    #[test]
    fn only_what_has_expired_is_taken() {
        let now = <Instant>::now();
        let later = now + std::time::Duration::from_secs(1);
        let mut waiting = Waiting::default();
        [(1, Some(later)), (2, Some(now)), (3, None)]
            .into_iter()
            .for_each(|(number, expires)| waiting.push_back(item(number, expires)));
        assert_eq!(waiting.take_expired(now).len(), 1);
        assert_eq!(waiting.earliest(), Some(later));
        assert!(waiting.take_expired(now).is_empty());
        waiting.expire_by(now);
        assert_eq!(waiting.take_expired(later).len(), 2);
        assert_eq!((waiting.earliest(), waiting.bytes), (None, 0));
    }
}
