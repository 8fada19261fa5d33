//! Budget: the memory of what goes out, and whose messages give way when it is used up.

use crate::event::DropReason;
use crate::message::Identity;
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId};

/// This part of the memory budget is made free at once, because the search for the longest queues
/// looks at every peer.
const RELIEF: usize = 512;

/// The memory that is left, as one call finds it.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    held: usize,
    has_messages: bool,
    limit: usize,
    /// So many links have an equal part each when memory is short.
    sharing: Option<usize>,
}

impl Budget {
    /// Whether a link may hold so much more. Peers that take nothing could fill all memory, and
    /// nobody could be sent anything: so in the last quarter each link has an equal part.
    pub(super) fn allows(&self, link: &Link, len: usize) -> bool {
        if !self.has_messages {
            return true;
        }
        let (would_hold, last) = (self.held + len, self.limit / 4);
        let is_short = would_hold > self.limit - last;
        let has_part = |links: usize| link.load() == 0 || link.load() + len <= last / links;
        would_hold <= self.limit && (!is_short || self.sharing.is_none_or(has_part))
    }

    /// Bytes that there is room for before anybody's part has to be looked at.
    pub(super) fn in_plenty(&self) -> usize {
        let last = self.sharing.map_or(0, |_| self.limit / 4);
        (self.limit - last).saturating_sub(self.held)
    }
}

/// What can be shortened to make room.
#[derive(Clone, Copy)]
enum Queue {
    Outbox(LinkId),
    Absent(Identity),
}

impl Hub {
    /// Bytes of messages that this socket holds on their way out, and on their way back.
    fn message_bytes(&self) -> usize {
        let handed_back = self.news.bytes() + self.uncollected;
        self.queued_bytes + self.ledger.bytes() + self.ledger.waste() + handed_back
    }

    /// The same, and the ids of those that came.
    pub(super) fn memory(&self) -> usize {
        self.message_bytes() + self.window_bytes
    }

    /// As if memory were short where peers have given back an outbox full of messages that nobody has.
    fn memory_or_all(&self) -> usize {
        match self.ledger.given_back() < self.config.outbox.messages {
            true => self.memory(),
            false => self.memory().max(self.config.memory_budget),
        }
    }

    /// A message of `len` bytes is to come in. Messages that were handed back, and that nobody
    /// has read, do not keep it out.
    pub(super) fn relieve_news(&mut self, len: usize) {
        if self.news.bytes() == 0 {
            return;
        }
        // They keep an eighth of the budget, if the message leaves so much.
        let left = (self.config.memory_budget / 2).saturating_sub(len);
        let least = left.min(self.config.memory_budget / 8);
        while self.is_over_budget(len) && self.news.make_room(least) {
            self.stats.events_lost += 1;
        }
    }

    pub(super) fn is_over_budget(&self, len: usize) -> bool {
        // One message always fits.
        self.message_bytes() > 0 && self.memory() + len > self.config.memory_budget / 2
    }

    pub(super) fn budget_to_send(&self) -> Budget {
        let links = self.router.roster().len();
        Budget {
            held: self.memory_or_all(),
            sharing: (links > 1).then_some(links),
            ..self.budget_to_publish()
        }
    }

    /// A publish takes from the longest queues when memory is short.
    pub(super) fn budget_to_publish(&self) -> Budget {
        Budget {
            held: self.memory(),
            has_messages: self.message_bytes() > 0,
            limit: self.config.memory_budget / 2,
            sharing: None,
        }
    }

    /// At the memory budget the longest queues give way, as far as what is oldest there was
    /// published: they are those of the slowest peers, or of peers that went away.
    pub(super) fn relieve_memory(&mut self, len: usize) {
        while self.may_give_way && self.is_over_budget(len) {
            let before = self.queued_bytes;
            let enough = before.saturating_sub(self.config.memory_budget / RELIEF);
            for (bytes, queue) in self.longest_queues() {
                let half = self.queued_bytes - bytes / 2;
                let mut is_shorter = self.shorten(queue);
                while is_shorter && self.queued_bytes > enough.max(half) {
                    is_shorter = self.shorten(queue);
                }
                if self.queued_bytes <= enough {
                    break;
                }
            }
            // Who sends as fast as it can into full queues must not search all of them each time.
            self.may_give_way = self.queued_bytes < before;
        }
    }

    /// All queues and what they hold, the longest first.
    fn longest_queues(&self) -> Vec<(usize, Queue)> {
        let outboxes = self.router.roster().iter().map(|link| {
            let bytes = self.link(*link).map_or(0, |link| link.outbox.bytes());
            (bytes, Queue::Outbox(*link))
        });
        let absent = self.peers.iter().map(|(identity, peer)| {
            let bytes = peer.waiting.memory();
            (bytes, Queue::Absent(*identity))
        });
        let mut all: Vec<(usize, Queue)> = outboxes.chain(absent).collect();
        all.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        all
    }

    /// Drops the oldest message of a queue, if it may give way.
    fn shorten(&mut self, queue: Queue) -> bool {
        let identity = match queue {
            Queue::Outbox(link) => return self.drop_oldest(link, DropReason::MemoryBudget),
            Queue::Absent(identity) => identity,
        };
        let waiting = &mut self.peer_mut(identity).waiting;
        let may_give_way = waiting.may_give_way();
        let Some(item) = may_give_way.then(|| waiting.pop_front()).flatten() else {
            return false;
        };
        self.queued_bytes -= item.memory();
        self.drop_messages(Some(identity), DropReason::MemoryBudget, 1);
        self.forget_if_blank(identity);
        true
    }
}
