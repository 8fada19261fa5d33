//! Sending: who gets a message, and what happens when nobody has room for it.

use crate::event::DropReason;
use crate::message::{Body, Identity};
use crate::policy::{Overflow, SendMode};
use crate::proto::chunk::{LARGE, Leftover};
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::hub::budget::Budget;
use crate::proto::link::LinkId;
use crate::proto::outbox::Payload;
use crate::proto::peer::Item;

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
    fn on(link: LinkId) -> Sent {
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
    /// Accepts a message for whoever the send mode says.
    pub(crate) fn send(&mut self, body: &[u8]) -> Result<Sent, Refusal> {
        if let Some(queued) = self.join(body) {
            return Ok(Sent::to(queued));
        }
        self.relieve_news(body.len());
        match self.config.send_mode {
            SendMode::RoundRobin => self.send_to_next(body),
            SendMode::Publish => self.send_to_all(body),
        }
    }

    /// Accepts a message for one peer.
    pub(crate) fn send_to(&mut self, to: Identity, body: &[u8]) -> Result<Sent, Refusal> {
        self.settle();
        self.relieve_news(body.len());
        let peer = self.peers.get(&to).ok_or(Refusal::NoPeer)?;
        let link = peer.link.ok_or(Refusal::NoPeer)?;
        if self.link(link).is_some_and(|link| link.is_up()) {
            if !self.has_room(link, body.len()) && !self.make_room(link, body.len())? {
                return Ok(self.reject_copy(Some(to), DropReason::OutboxFull));
            }
            self.stats.accepted += 1;
            self.queue_new(link, true, body);
            return Ok(Sent::on(link));
        }
        // Its handshake is not through: it waits with what came back for the same peer.
        let has_room = peer.waiting.has_room(self.config.outbox, body.len());
        if !has_room || self.is_over_budget(body.len()) || self.will_return(to, body.len()) {
            return Err(Refusal::Full);
        }
        self.stats.accepted += 1;
        let item = self.new_item(Some(to), body);
        self.queued_bytes += item.memory();
        self.peer_mut(to).waiting.push_back(item);
        Ok(Sent::to(1))
    }

    /// A link of `peer` that has not ended yet is full, and all of that may come back.
    fn will_return(&self, peer: Identity, len: usize) -> bool {
        let known = self.peers.get(&peer);
        known.is_some_and(|it| it.ending.iter().any(|id| !self.has_room(*id, len)))
    }

    fn send_to_next(&mut self, body: &[u8]) -> Result<Sent, Refusal> {
        if !self.router.waiting.is_empty() {
            self.pump();
        }
        let is_behind = !self.router.waiting.is_empty();
        // To one peer in its turn is to everybody.
        let is_alone = self.router.roster().len() == 1;
        let gathered = (is_alone && !is_behind)
            .then(|| self.gather(body))
            .flatten();
        if let Some(sent) = gathered {
            return Ok(sent);
        }
        self.settle();
        let budget = Some(self.budget());
        let next = (!is_behind).then(|| self.pick(body.len(), budget));
        if let Some(link) = next.flatten() {
            self.stats.accepted += 1;
            self.queue_new(link, false, body);
            return Ok(Sent::on(link));
        }
        if self.router.roster().is_empty() {
            return self.wait_for_peer(body);
        }
        if is_behind {
            return self.wait_behind(body);
        }
        let next = self.router.pick(|_| true).expect("the roster is not empty");
        if !self.make_room(next, body.len())? {
            return Ok(self.reject_copy(None, DropReason::OutboxFull));
        }
        self.stats.accepted += 1;
        self.queue_new(next, false, body);
        Ok(Sent::on(next))
    }

    /// Peers are there but full, and older messages wait for them already.
    fn wait_behind(&mut self, body: &[u8]) -> Result<Sent, Refusal> {
        match self.config.overflow_or_default() {
            Overflow::Block => Err(Refusal::Full),
            Overflow::DropNewest | Overflow::Disconnect => {
                Ok(self.reject_copy(None, DropReason::OutboxFull))
            }
            Overflow::DropOldest => {
                while !self.may_wait(body.len()) && !self.router.waiting.is_empty() {
                    self.drop_waiting();
                }
                if !self.may_wait(body.len()) {
                    return Ok(self.reject_copy(None, DropReason::MemoryBudget));
                }
                self.keep_waiting(body);
                Ok(Sent::default())
            }
        }
    }

    fn send_to_all(&mut self, body: &[u8]) -> Result<Sent, Refusal> {
        if self.router.roster().is_empty() {
            return self.wait_for_peer(body);
        }
        if let Some(sent) = self.gather(body) {
            return Ok(sent);
        }
        self.settle();
        let count = self.router.roster().len();
        let mut sent = Sent::default();
        if self.config.overflow_or_default() == Overflow::Block {
            let everyone = self.router.roster().iter();
            if !everyone
                .copied()
                .all(|link| self.has_room(link, body.len()))
            {
                return Err(Refusal::Full);
            }
        }
        let shared = (body.len() >= LARGE).then(|| Body::from(body));
        let payload = shared
            .as_ref()
            .map_or(Payload::Slice(body), Payload::Shared);
        for index in 0..count {
            let link = self.router.roster()[index];
            self.stats.accepted += 1;
            let fits = self.has_room(link, body.len())
                || self.make_room(link, body.len()).unwrap_or(false);
            if !fits {
                let peer = self.link(link).and_then(|link| link.peer);
                self.drop_messages(peer, self.full_reason(link, body.len()), 1);
                sent.dropped += 1;
                continue;
            }
            self.queue(link, None, false, payload);
            sent.queued += 1;
            if count == 1 {
                sent.link = Some(link);
            } else {
                self.mark_dirty(link);
            }
        }
        Ok(sent)
    }

    /// Nobody is connected.
    fn wait_for_peer(&mut self, body: &[u8]) -> Result<Sent, Refusal> {
        while !self.may_wait(body.len()) {
            match self.config.overflow_or_default() {
                Overflow::Block => return Err(Refusal::Full),
                Overflow::DropOldest if !self.router.waiting.is_empty() => self.drop_waiting(),
                _ => return Ok(self.reject_copy(None, DropReason::WaitingFull)),
            }
        }
        self.keep_waiting(body);
        Ok(Sent::default())
    }

    fn keep_waiting(&mut self, body: &[u8]) {
        self.stats.accepted += 1;
        let item = self.new_item(None, body);
        self.queued_bytes += item.memory();
        self.router.waiting.push_back(item);
    }

    fn may_wait(&self, len: usize) -> bool {
        self.router.waiting.has_room(self.config.outbox, len) && !self.is_over_budget(len)
    }

    fn drop_waiting(&mut self) {
        if let Some(item) = self.router.waiting.pop_front() {
            self.queued_bytes -= item.memory();
            self.forget(item.id);
            self.drop_messages(None, DropReason::WaitingFull, 1);
            self.effects.wake.room = true;
        }
    }

    /// A message is accepted and dropped at once.
    fn reject_copy(&mut self, peer: Option<Identity>, reason: DropReason) -> Sent {
        self.stats.accepted += 1;
        self.drop_messages(peer, reason, 1);
        Sent {
            dropped: 1,
            ..Sent::default()
        }
    }

    /// Moves what waits for whoever comes to peers that have room.
    pub(super) fn pump(&mut self) {
        if self.router.waiting.front().is_some() {
            self.settle();
        }
        while let Some(front) = self.router.waiting.front() {
            let Some(link) = self.pick(front.body.len(), None) else {
                return;
            };
            let item = self.router.waiting.pop_front().expect("it has a front");
            self.queued_bytes -= item.memory();
            self.queue(link, item.id, false, Payload::Shared(&item.body));
            self.mark_dirty(link);
            self.effects.wake.room = true;
        }
    }

    /// Whose turn it is among those who have room, within a budget if it is a new message.
    fn pick(&mut self, len: usize, budget: Option<Budget>) -> Option<LinkId> {
        let (links, limit) = (&self.links, self.config.outbox);
        let unacknowledged = self.config.unacknowledged_or_default();
        self.router.pick(|id| {
            let link = links[id.slot()].as_ref();
            link.is_some_and(|link| {
                link.outbox.has_room(limit, len)
                    && link.unacknowledged < unacknowledged
                    && budget.is_none_or(|budget| budget.allows(link, len))
            })
        })
    }

    pub(super) fn has_room(&self, link: LinkId, len: usize) -> bool {
        let limit = self.config.outbox;
        self.link(link).is_some_and(|link| {
            link.outbox.has_room(limit, len)
                && link.unacknowledged < self.config.unacknowledged_or_default()
                && self.budget().allows(link, len)
        })
    }

    /// A peer has as many messages to acknowledge as it may have: it gets no more before it does.
    pub(crate) fn lacks_acks(&self) -> bool {
        let limit = self.config.unacknowledged_or_default();
        let mut links = self.router.roster().iter().map(|id| self.link(*id));
        links.any(|link| link.is_some_and(|link| link.unacknowledged >= limit))
    }

    /// Tries to make room as the overflow setting says; says whether there is some now.
    fn make_room(&mut self, link: LinkId, len: usize) -> Result<bool, Refusal> {
        match self.config.overflow_or_default() {
            Overflow::Block => return Err(Refusal::Full),
            Overflow::DropNewest | Overflow::Disconnect => {}
            Overflow::DropOldest => {
                while !self.has_room(link, len) && self.drop_oldest(link, DropReason::OutboxFull) {}
            }
        }
        if self.config.send_mode == SendMode::Publish {
            self.relieve_memory(len);
        }
        Ok(self.has_room(link, len))
    }

    fn full_reason(&self, link: LinkId, len: usize) -> DropReason {
        let limit = self.config.outbox;
        match self.link(link) {
            Some(link) if link.outbox.has_room(limit, len) => DropReason::MemoryBudget,
            _ => DropReason::OutboxFull,
        }
    }

    pub(super) fn drop_oldest(&mut self, id: LinkId, reason: DropReason) -> bool {
        let Some(link) = self.link_mut(id) else {
            return false;
        };
        let before = link.outbox.bytes();
        let Some(Leftover { id: message, .. }) = link.outbox.remove_oldest() else {
            return false;
        };
        let peer = link.peer;
        let freed = before - link.outbox.bytes();
        self.queued_bytes -= freed;
        self.effects.wake.room = true;
        let is_written = message.map(|id| self.ledger.is_written(id));
        if is_written == Some(None) {
            // A resend that was acknowledged before it left.
            return true;
        }
        match message.filter(|_| is_written == Some(Some(true))) {
            // A resend that gives way is no loss: an earlier copy may still be acknowledged.
            Some(id) => {
                self.ledger.postpone(self.now, id);
                self.watch_resends();
            }
            None => {
                self.forget(message);
                self.drop_messages(peer, reason, 1);
            }
        }
        true
    }

    /// Takes a dropped message out of the ledger.
    pub(super) fn forget(&mut self, id: Option<MessageId>) {
        if let Some((holder, memory)) = id.and_then(|id| self.ledger.forget(id)) {
            self.settle_with_holder(holder, 1, memory);
        }
    }

    fn new_item(&mut self, target: Option<Identity>, body: &[u8]) -> Item {
        let body = Body::from(body);
        let id = self
            .is_tracked()
            .then(|| self.ledger.insert(target, body.clone()));
        Item {
            id,
            body,
            expires: None,
        }
    }

    fn queue_new(&mut self, link: LinkId, direct: bool, body: &[u8]) {
        if self.is_tracked() {
            return self.queue_tracked(link, direct, body);
        }
        if body.len() >= LARGE {
            return self.queue(link, None, direct, Payload::Shared(&Body::from(body)));
        }
        self.queue(link, None, direct, Payload::Slice(body));
    }

    /// Puts a message into a link's outbox.
    pub(super) fn queue(
        &mut self,
        to: LinkId,
        id: Option<MessageId>,
        direct: bool,
        payload: Payload<'_>,
    ) {
        let Some(link) = self.link_mut(to) else {
            return;
        };
        let grown = link.outbox.push(id, direct, payload);
        self.queued_bytes += grown;
        let Some((id, entry)) = id.and_then(|id| Some((id, self.ledger.get(id)?))) else {
            return;
        };
        let (memory, was_lost) = (entry.memory(), entry.lost() > 0);
        self.stats.resent += u64::from(was_lost);
        self.ledger.handle_assigned(id, to);
        if let Some(link) = self.link_mut(to) {
            link.unacknowledged += 1;
            link.unacknowledged_bytes += memory;
        }
    }
}
