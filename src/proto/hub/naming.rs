//! Naming: one message to several peers that the application names.

use crate::message::Identity;
use crate::payload::Payload;
use crate::proto::hub::Hub;
use crate::proto::hub::multicast::Audience;
use crate::proto::hub::sending::shared_if_large;
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
        if self.share_with_named(peers, percent, body.as_bytes()) {
            return Cast {
                link: None,
                missed: self.missed(),
            };
        }
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

    /// Shares a page among peers that were named before as they are now. Who is named differently
    /// each time gains nothing from it.
    fn share_with_named(&mut self, named: &[Identity], percent: u8, body: &[u8]) -> bool {
        if self.multicast.named != named || self.multicast.percent != percent {
            self.seal();
            self.multicast.named.clear();
            self.multicast.named.extend_from_slice(named);
            self.multicast.percent = percent;
            self.multicast.lately = 0;
            return false;
        }
        self.share(Audience::Named, body).is_some()
    }

    /// The peers that were named and have no room for what they share.
    fn missed(&self) -> Vec<Identity> {
        let full = self.multicast.full.iter();
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
