//! Peer: what is remembered of one identity, connected or not, and the messages kept for it.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Limit;
use crate::message::Body;
use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;
use crate::proto::window::Window;

/// A message that is in no outbox yet.
#[derive(Clone)]
pub(crate) struct Item {
    /// Its id, if the ledger has it.
    pub(crate) id: Option<MessageId>,
    pub(crate) body: Body,
    /// Dropped when it still waits then.
    pub(crate) expires: Option<Instant>,
}

/// Messages that wait for a peer, in order.
#[derive(Default)]
pub(crate) struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
}

impl Waiting {
    pub(crate) fn has_room(&self, limit: Limit, len: usize) -> bool {
        let count = self.items.len();
        count == 0 || (count < limit.messages && self.bytes + len <= limit.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    pub(crate) fn front(&self) -> Option<&Item> {
        self.items.front()
    }

    pub(crate) fn push_back(&mut self, item: Item) {
        self.bytes += item.body.len();
        self.items.push_back(item);
    }

    pub(crate) fn push_front(&mut self, item: Item) {
        self.bytes += item.body.len();
        self.items.push_front(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes -= item.body.len();
        Some(item)
    }

    /// What has no time to live gets one.
    pub(crate) fn expire_by(&mut self, at: Instant) {
        for item in &mut self.items {
            item.expires.get_or_insert(at);
        }
    }

    /// Takes out every item that `leaves` says yes to.
    pub(crate) fn extract(&mut self, mut leaves: impl FnMut(&Item) -> bool) -> Vec<Item> {
        let all = std::mem::take(&mut self.items);
        let (gone, stay): (Vec<Item>, Vec<Item>) = all.into_iter().partition(|item| leaves(item));
        self.items = stay.into();
        self.bytes -= gone.iter().map(|item| item.body.len()).sum::<usize>();
        gone
    }
}

pub(crate) struct Peer {
    /// Its accepted link: succeeding, confirming or up.
    pub(crate) link: Option<LinkId>,
    /// Older links of it that are not gone yet.
    pub(crate) ending: usize,
    pub(crate) window: Window,
    /// Messages for it alone.
    pub(crate) waiting: Waiting,
    /// Without any link since then.
    pub(crate) away: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(window: Window) -> Peer {
        Peer {
            link: None,
            ending: 0,
            window,
            waiting: Waiting::default(),
            away: None,
        }
    }

    /// There is nothing about it that a stranger would not have.
    pub(crate) fn is_blank(&self) -> bool {
        let has_no_link = self.link.is_none() && self.ending == 0;
        has_no_link && self.window.len() == 0 && self.waiting.is_empty()
    }
}
