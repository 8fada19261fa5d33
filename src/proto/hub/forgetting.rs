//! Forgetting: who is away, what is kept for them, and when it goes.

use std::time::Instant;

use crate::event::DropReason;
use crate::message::Identity;
use crate::proto::hub::Hub;
use crate::proto::peer::{Item, Peer};

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
        Some(peer)
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
