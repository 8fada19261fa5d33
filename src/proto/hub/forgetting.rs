//! Forgetting: who is away, what is kept for them, and when it goes.

use std::collections::BinaryHeap;
use std::time::Instant;

use crate::event::DropReason;
use crate::message::Identity;
use crate::proto::hub::Hub;
use crate::proto::peer::{Item, Peer};
use crate::proto::window::Window;

impl Hub {
    /// What is kept of a peer that may be away has changed.
    pub(super) fn file(&mut self, identity: Identity) {
        let Some(peer) = self.peers.get_mut(&identity) else {
            return;
        };
        let filed = peer.file();
        let was = std::mem::replace(&mut peer.filed, filed);
        if was != filed {
            self.departed.file(identity, was, filed);
        }
    }

    pub(super) fn remove_peer(&mut self, identity: Identity) -> Option<Peer> {
        let peer = self.peers.remove(&identity)?;
        self.departed.file(identity, peer.filed, None);
        self.window_bytes -= peer.window.memory();
        Some(peer)
    }

    /// Does something with the window of `peer`, and counts what that takes.
    pub(super) fn change_window<T>(
        &mut self,
        peer: Identity,
        change: impl FnOnce(&mut Window) -> T,
    ) -> Option<T> {
        let known = self.peers.get_mut(&peer)?;
        let before = known.window.memory();
        let result = change(&mut known.window);
        self.window_bytes = self.window_bytes + known.window.memory() - before;
        if known.away.is_some() {
            self.file(peer);
        }
        self.relieve_windows();
        Some(result)
    }

    fn windows_limit(&self) -> usize {
        self.config.memory_budget / 8
    }

    /// Past an eighth of the memory budget absent peers' windows give way, the oldest first, and
    /// then the largest of all others. What is in hand stays.
    fn relieve_windows(&mut self) {
        let limit = self.windows_limit();
        if self.window_bytes <= limit.max(self.windows_due) {
            return;
        }
        while self.window_bytes > limit {
            let Some(identity) = self.departed.oldest_ids() else {
                self.halve_windows(limit);
                break;
            };
            self.shorten_window(identity, Window::forget_all);
            self.forget_if_blank(identity);
        }
    }

    /// A little more than must be is forgotten: this looks at every peer.
    fn halve_windows(&mut self, limit: usize) {
        let all = self.peers.iter();
        let mut largest: BinaryHeap<(usize, Identity)> = all
            .filter(|(_, peer)| peer.window.can_forget())
            .map(|(identity, peer)| (peer.window.memory(), *identity))
            .collect();
        while self.window_bytes > limit - limit / 16 {
            let Some((_, identity)) = largest.pop() else {
                break;
            };
            if let Some(memory) = self.shorten_window(identity, Window::forget_half) {
                largest.push((memory, identity));
            }
        }
        self.windows_due = self.window_bytes + limit / 16;
    }

    /// Says how long it is, if there is more to forget.
    fn shorten_window(
        &mut self,
        identity: Identity,
        forget: impl FnOnce(&mut Window),
    ) -> Option<usize> {
        let window = &mut self.peers.get_mut(&identity)?.window;
        let before = window.memory();
        forget(window);
        let (after, has_more) = (window.memory(), window.can_forget());
        self.window_bytes = self.window_bytes + after - before;
        has_more.then_some(after)
    }

    /// What was in hand when windows were last too long may be done by now.
    pub(super) fn look_at_windows(&mut self) {
        if self.window_bytes > self.windows_limit() {
            self.windows_due = 0;
            self.relieve_windows();
        }
    }

    /// Messages kept for peers that stayed away too long go, and then what is known of them.
    pub(super) fn forget_absent(&mut self, now: Instant) {
        let away = self
            .peers
            .iter_mut()
            .filter(|(_, peer)| peer.link.is_none());
        let late: Vec<(Identity, Vec<Item>)> = away
            .map(|(identity, peer)| (*identity, peer.waiting.take_expired(now)))
            .filter(|(_, items)| !items.is_empty())
            .collect();
        for (identity, items) in late {
            items
                .into_iter()
                .for_each(|item| self.drop_for_absent(identity, item));
            self.file(identity);
        }
        let (limit, blank) = (self.config.absent.remembered, Peer::is_blank);
        let is_over = |peer: &Peer| peer.away.is_some_and(|since| now >= since + limit);
        let over: Vec<Identity> = self
            .peers
            .iter()
            .filter(|(_, peer)| is_over(peer) || blank(peer))
            .map(|(identity, _)| *identity)
            .collect();
        over.into_iter()
            .for_each(|identity| self.forget_peer(identity));
        let due = self.peers.values().filter_map(|peer| peer.due(limit));
        self.forget_at = due.min();
    }

    /// Over the limit, those who have been away longest are forgotten, and those for whom messages
    /// wait last of all: anyone can come and go under a thousand names.
    pub(super) fn forget_strangers(&mut self) {
        while self.departed.len() > self.config.absent.peers {
            let first = self.departed.first_to_forget();
            self.forget_peer(first.expect("somebody is away"));
        }
    }

    /// What is known of a peer has become less, perhaps nothing.
    pub(super) fn forget_if_blank(&mut self, identity: Identity) {
        self.file(identity);
        if self.peers.get(&identity).is_some_and(Peer::is_blank) {
            self.remove_peer(identity);
        }
    }

    fn forget_peer(&mut self, identity: Identity) {
        let Some(mut peer) = self.remove_peer(identity) else {
            return;
        };
        while let Some(item) = peer.waiting.pop_front() {
            self.drop_for_absent(identity, item);
        }
    }

    fn drop_for_absent(&mut self, identity: Identity, item: Item) {
        self.queued_bytes -= item.memory();
        match item.id.and_then(|id| self.ledger.remove(id)) {
            Some(entry) => self.hand_back(entry),
            None => self.drop_messages(Some(identity), DropReason::PeerGone, 1),
        }
        self.make_known();
    }
}
