//! Sending: who gets a message, and what happens when nobody has room for it.

use crate::config::Config;
use crate::event::DropReason;
use crate::message::Identity;
use crate::payload::Payload;
use crate::policy::Overflow;
use crate::proto::chunk::LARGE;
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::hub::budget::Budget;
use crate::proto::hub::multicast::Audience;
use crate::proto::link::{Link, LinkId};
use crate::proto::peer::Item;
use crate::proto::whose::Whose;

/// What became of an accepted message.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// The one link that it was queued on, for the caller to write or to leave to the keeper.
    pub(crate) link: Option<LinkId>,
    /// Peers that it is on its way to.
    pub(crate) queued: usize,
    /// Copies of it that were dropped at once.
    pub(crate) dropped: usize,
}

impl Sent {
    /// For the caller to write.
    pub(super) fn on(link: LinkId) -> Sent {
        Sent {
            link: Some(link),
            ..Sent::to(1)
        }
    }

    pub(crate) fn to(queued: usize) -> Sent {
        Sent {
            queued,
            ..Sent::default()
        }
    }
}

/// Why a message was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// There is no room now; it may come.
    Full,
    /// No peer of that identity is connected.
    NoPeer,
}

impl Hub {
    /// Accepts a message for the next peer in turn.
    pub(crate) fn send(&mut self, body: &Payload<'_>) -> Result<Sent, Refusal> {
        if let Some(queued) = self.join(body.as_bytes()) {
            return Ok(Sent::to(queued));
        }
        self.publishes = false;
        self.relieve_news(body.len());
        self.send_to_next(body)
    }

    /// Accepts a message for everybody who is there.
    pub(crate) fn publish(&mut self, body: &Payload<'_>) -> Result<Sent, Refusal> {
        if let Some(sent) = self.join_publish(body.as_bytes()) {
            return Ok(sent);
        }
        self.publishes = true;
        self.relieve_news(body.len());
        self.send_to_all(body)
    }

    /// Accepts a message for one peer.
    pub(crate) fn send_to(&mut self, to: Identity, body: &Payload<'_>) -> Result<Sent, Refusal> {
        self.publishes = false;
        self.relieve_news(body.len());
        let peer = self.peers.get(&to).ok_or(Refusal::NoPeer)?;
        let link = peer.link.ok_or(Refusal::NoPeer)?;
        if self.link(link).is_some_and(|link| link.is_up()) {
            if !self.has_room(link, body.len()) {
                return Err(Refusal::Full);
            }
            self.stats.accepted += 1;
            self.queue_new(link, Whose::Peer, body);
            return Ok(Sent::on(link));
        }
        // Its handshake is not through: it waits with what came back for the same peer.
        let has_room = peer.waiting.has_room(self.config.outbox, body.len());
        if !has_room || self.is_over_budget(body.len()) || self.will_return(to, body.len()) {
            return Err(Refusal::Full);
        }
        self.stats.accepted += 1;
        let item = self.new_item(Some(to), Whose::Peer, body);
        self.queued_bytes += item.memory();
        self.peer_mut(to).waiting.push_back(item);
        Ok(Sent::to(1))
    }

    /// A link of `peer` that has not ended yet is full, and all of that may come back.
    fn will_return(&self, peer: Identity, len: usize) -> bool {
        let known = self.peers.get(&peer);
        known.is_some_and(|it| it.ending.iter().any(|id| !self.has_room(*id, len)))
    }

    fn send_to_next(&mut self, body: &Payload<'_>) -> Result<Sent, Refusal> {
        if !self.router.waiting.is_empty() {
            self.pump();
        }
        let is_behind = !self.router.waiting.is_empty();
        let budget = Some(self.budget_to_send());
        let next = (!is_behind).then(|| self.pick(body.len(), budget));
        if let Some(link) = next.flatten() {
            self.stats.accepted += 1;
            self.queue_new(link, Whose::Anyone, body);
            return Ok(Sent::on(link));
        }
        if !self.router.roster().is_empty() || !self.may_wait(body.len()) {
            return Err(Refusal::Full);
        }
        Ok(self.keep_waiting(Whose::Anyone, body))
    }

    fn send_to_all(&mut self, body: &Payload<'_>) -> Result<Sent, Refusal> {
        if self.router.roster().is_empty() {
            return self.publish_to_nobody(body);
        }
        if let Some(sent) = self.share(Audience::Everyone, body.as_bytes()) {
            return Ok(sent);
        }
        let count = self.router.roster().len();
        let mut sent = Sent::default();
        if self.config.overflow == Overflow::Block {
            let mut everyone = self.router.roster().iter();
            if !everyone.all(|link| self.has_room_for_copy(*link, body.len())) {
                return Err(Refusal::Full);
            }
        }
        let payload = shared_if_large(body);
        for index in 0..count {
            let link = self.router.roster()[index];
            self.stats.accepted += 1;
            if !self.has_room_for_copy(link, body.len()) && !self.make_room(link, body.len()) {
                let peer = self.link(link).and_then(|link| link.peer);
                self.drop_messages(peer, self.full_reason(link, body.len()), 1);
                sent.dropped += 1;
                continue;
            }
            self.queue(link, None, Whose::Published, &payload);
            sent.queued += 1;
            if count == 1 {
                sent.link = Some(link);
            } else {
                self.mark_dirty(link);
            }
        }
        Ok(sent)
    }

    /// It waits for the first who comes. Of what waits, only what was published gives way to it.
    fn publish_to_nobody(&mut self, body: &Payload<'_>) -> Result<Sent, Refusal> {
        while !self.may_wait(body.len()) {
            let may_give_way = self.router.waiting.may_give_way();
            match self.config.overflow {
                Overflow::Block => return Err(Refusal::Full),
                Overflow::DropOldest if may_give_way => self.drop_waiting(),
                _ => {
                    self.stats.accepted += 1;
                    self.drop_messages(None, DropReason::WaitingFull, 1);
                    let dropped = 1;
                    return Ok(Sent {
                        dropped,
                        ..Sent::default()
                    });
                }
            }
        }
        Ok(self.keep_waiting(Whose::Published, body))
    }

    fn keep_waiting(&mut self, whose: Whose, body: &Payload<'_>) -> Sent {
        self.stats.accepted += 1;
        let item = self.new_item(None, whose, body);
        self.queued_bytes += item.memory();
        self.router.waiting.push_back(item);
        Sent::default()
    }

    fn may_wait(&self, len: usize) -> bool {
        self.router.waiting.has_room(self.config.outbox, len) && !self.is_over_budget(len)
    }

    fn drop_waiting(&mut self) {
        if let Some(item) = self.router.waiting.pop_front() {
            self.queued_bytes -= item.memory();
            self.drop_messages(None, DropReason::WaitingFull, 1);
            self.effects.wake.room = true;
        }
    }

    /// Moves what was given back, and what waits for whoever comes, to peers that have room.
    pub(super) fn pump(&mut self) {
        if !self.router.given_back.is_empty() {
            self.pass_on();
        }
        while let Some(front) = self.router.waiting.front() {
            let Some(link) = self.pick(front.body.len(), None) else {
                return;
            };
            let item = self.router.waiting.pop_front().expect("it has a front");
            self.queued_bytes -= item.memory();
            self.queue(link, item.id, item.whose, &item.body.into());
            self.mark_dirty(link);
            self.effects.wake.room = true;
        }
    }

    /// Whose turn it is among those who have room, within a budget if it is a new message.
    fn pick(&mut self, len: usize, budget: Option<Budget>) -> Option<LinkId> {
        let (links, config) = (&self.links, &self.config);
        self.router.pick(|id| {
            let link = links[id.slot()].as_ref();
            link.is_some_and(|link| has_room(config, link, len, budget))
        })
    }

    /// Whether a link may have one more message, within a budget if it is a new one.
    pub(super) fn may_go_to(&self, link: LinkId, len: usize, budget: Option<Budget>) -> bool {
        let link = self.link(link);
        link.is_some_and(|link| has_room(&self.config, link, len, budget))
    }

    pub(super) fn has_room(&self, link: LinkId, len: usize) -> bool {
        self.may_go_to(link, len, Some(self.budget_to_send()))
    }

    /// The same for a copy of what is published.
    fn has_room_for_copy(&self, link: LinkId, len: usize) -> bool {
        let limit = self.config.outbox;
        self.link(link).is_some_and(|link| {
            link.outbox.has_room(limit, len) && self.budget_to_publish().allows(link, len)
        })
    }

    /// A peer has as many messages to acknowledge as it may have: it gets no more before it does.
    pub(crate) fn lacks_acks(&self) -> bool {
        let limit = self.config.unacknowledged_or_default();
        let mut links = self.router.roster().iter().map(|id| self.link(*id));
        links.any(|link| link.is_some_and(|link| link.unacknowledged >= limit))
    }

    /// Tries to make room for a published copy; says whether there is some now.
    fn make_room(&mut self, link: LinkId, len: usize) -> bool {
        if self.config.overflow == Overflow::DropOldest {
            while !self.has_room_for_copy(link, len)
                && self.drop_oldest(link, DropReason::OutboxFull)
            {}
        }
        self.relieve_memory(len);
        self.has_room_for_copy(link, len)
    }

    fn full_reason(&self, link: LinkId, len: usize) -> DropReason {
        let limit = self.config.outbox;
        match self.link(link) {
            Some(link) if link.outbox.has_room(limit, len) => DropReason::MemoryBudget,
            _ => DropReason::OutboxFull,
        }
    }

    /// Drops the oldest message for a peer, if it may give way.
    pub(super) fn drop_oldest(&mut self, id: LinkId, reason: DropReason) -> bool {
        self.seal();
        let Some(link) = self.link_mut(id) else {
            return false;
        };
        let before = link.outbox.bytes();
        if link.outbox.remove_oldest().is_none() {
            return false;
        }
        let peer = link.peer;
        let freed = before - link.outbox.bytes();
        self.queued_bytes -= freed;
        self.drop_messages(peer, reason, 1);
        self.effects.wake.room = true;
        self.unstick(id);
        true
    }

    fn new_item(&mut self, target: Option<Identity>, whose: Whose, body: &Payload<'_>) -> Item {
        let body = body.to_body();
        let is_tracked = self.is_tracked() && whose.may_be_tracked();
        let id = is_tracked.then(|| self.ledger.insert(target, body.clone()));
        Item {
            id,
            whose,
            body,
            expires: None,
        }
    }

    pub(super) fn queue_new(&mut self, link: LinkId, whose: Whose, body: &Payload<'_>) {
        if self.is_tracked() && whose.may_be_tracked() {
            return self.queue_tracked(link, whose, body);
        }
        self.queue(link, None, whose, &shared_if_large(body));
    }

    /// Puts a message into a link's outbox, behind what it shares with others.
    pub(super) fn push(
        &mut self,
        to: LinkId,
        id: Option<MessageId>,
        whose: Whose,
        payload: &Payload<'_>,
    ) {
        self.part(to);
        let Some(link) = self.link_mut(to) else {
            return;
        };
        let grown = link.outbox.push(id, whose, payload);
        self.queued_bytes += grown;
        self.may_give_way |= whose == Whose::Published;
    }

    /// The same for one that is new to this link.
    pub(super) fn queue(
        &mut self,
        to: LinkId,
        id: Option<MessageId>,
        whose: Whose,
        payload: &Payload<'_>,
    ) {
        self.push(to, id, whose, payload);
        let Some((id, entry)) = id.and_then(|id| Some((id, self.ledger.get(id)?))) else {
            return;
        };
        let (memory, was_sent) = (entry.memory(), entry.was_sent());
        self.stats.resent += u64::from(was_sent);
        self.ledger.handle_assigned(id, to);
        if let Some(link) = self.link_mut(to) {
            link.unacknowledged += 1;
            link.unacknowledged_bytes += memory;
        }
    }
}

/// A link has room for one more message that is sent, in its outbox and until it is acknowledged.
fn has_room(config: &Config, link: &Link, len: usize, budget: Option<Budget>) -> bool {
    link.has_room(config.outbox, len, config.unacknowledged_or_default())
        && budget.is_none_or(|budget| budget.allows(link, len))
}

/// A large payload as outboxes have it, and a small one as it is.
pub(super) fn shared_if_large<'a>(body: &'a Payload<'_>) -> Payload<'a> {
    match body.len() >= LARGE {
        true => body.to_body().into(),
        false => body.as_bytes().into(),
    }
}
