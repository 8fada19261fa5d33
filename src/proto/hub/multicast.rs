//! Multicast: one message to several peers that the application has chosen.

use crate::message::Identity;
use crate::payload::Payload;
use crate::proto::hub::Hub;
use crate::proto::hub::gathering::Audience;
use crate::proto::hub::sending::{Sent, shared_if_large};
use crate::proto::link::LinkId;
use crate::proto::whose::Whose;

/// Whom a message did not reach, and the one link that the caller may write.
#[derive(Default)]
pub(crate) struct Cast {
    pub(crate) missed: Vec<Identity>,
    pub(crate) link: Option<LinkId>,
}

impl Hub {
    /// Queues a copy for each of `peers` that is up and has used less than so much of its outbox: the
    /// rest is for what is sent to it alone.
    pub(crate) fn send_to_each(
        &mut self,
        peers: &[Identity],
        percent: u8,
        body: &Payload<'_>,
    ) -> Cast {
        self.publishes = false;
        self.relieve_news(body.len());
        if let Some(sent) = self.gather_named(peers, percent, body.as_bytes()) {
            return Cast {
                link: sent.link,
                missed: self.missed(),
            };
        }
        self.settle();
        let tracked = self.is_tracked().then(|| body.to_body());
        let payload = match &tracked {
            Some(body) => body.clone().into(),
            None => shared_if_large(body),
        };
        let mut cast = Cast::default();
        for peer in peers {
            let Some(link) = self.link_with_room(*peer, percent, body.len()) else {
                cast.missed.push(*peer);
                continue;
            };
            self.stats.accepted += 1;
            let tracked = tracked.as_ref();
            let id = tracked.map(|body| self.ledger.insert(Some(*peer), body.clone()));
            self.queue(link, id, Whose::Peer, &payload);
            match peers.len() {
                1 => cast.link = Some(link),
                _ => self.mark_dirty(link),
            }
        }
        cast
    }

    /// Gathers for peers that were named before as they are now. Who is named differently each
    /// time gains nothing from being gathered for.
    fn gather_named(&mut self, named: &[Identity], percent: u8, body: &[u8]) -> Option<Sent> {
        if self.gathered.named != named || self.gathered.percent != percent {
            self.settle();
            self.gathered.named.clear();
            self.gathered.named.extend_from_slice(named);
            self.gathered.percent = percent;
            self.gathered.lately = 0;
            return None;
        }
        self.gather(Audience::Named, body)
    }

    /// The peers that were named and have no room for what is gathered.
    fn missed(&self) -> Vec<Identity> {
        let full = self.gathered.full.iter();
        full.filter_map(|id| self.peer_of(*id)).collect()
    }

    fn link_with_room(&self, peer: Identity, percent: u8, len: usize) -> Option<LinkId> {
        let id = self.peers.get(&peer)?.link?;
        let link = self.link(id).filter(|link| link.is_up())?;
        let limit = self.config.outbox.percent(percent);
        let has_room = link.has_room(limit, len, self.config.unacknowledged_or_default())
            && self.budget_to_send().allows(link, len);
        has_room.then_some(id)
    }
}
