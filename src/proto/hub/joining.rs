//! Joining: a message of a burst goes behind those before it, and nothing else has to be done.
//!
//! Nearly every message of a burst is sent this way. Whatever is not as usual is left to
//! [`Hub::send`], which decides all that there is to decide.

use crate::message::Identity;
use crate::payload::Payload;
use crate::policy::Delivery;
use crate::proto::chunk::LARGE;
use crate::proto::hub::Hub;
use crate::proto::hub::multicast::Audience;
use crate::proto::hub::sending::Sent;
use crate::proto::ledger::Ledger;
use crate::proto::link::{Link, LinkId};
use crate::proto::whose::Whose;

impl Hub {
    /// Adds a message to what somebody is about to write, if there is plenty of room.
    #[inline(always)]
    pub(crate) fn join(&mut self, body: &[u8]) -> Option<usize> {
        if !self.router.waiting.is_empty() || self.news.bytes() > 0 {
            return None;
        }
        self.append(Whose::Anyone, body)
    }

    /// The same for one that everybody gets.
    #[inline(always)]
    pub(crate) fn join_publish(&mut self, body: &[u8]) -> Option<Sent> {
        if self.news.bytes() > 0 {
            return None;
        }
        match self.router.roster().len() {
            1 => self.append(Whose::Published, body).map(Sent::to),
            _ => self.join_page(Audience::Everyone, body),
        }
    }

    /// The same for one that has an outbox of its own to go to, that of the peer whose turn it is.
    #[inline(always)]
    fn append(&mut self, whose: Whose, body: &[u8]) -> Option<usize> {
        let has_plenty = self.budget_to_send().in_plenty() > 2 * LARGE;
        if !has_plenty || body.len() >= LARGE {
            return None;
        }
        let is_tracked = self.config.delivery == Delivery::AtLeastOnce;
        let id = self.router.upcoming()?;
        let (limit, unacknowledged) = (self.config.outbox, self.config.unacknowledged_or_default());
        let link = self.links[id.slot()].as_mut()?;
        let has_room = link.has_room(limit, body.len(), unacknowledged);
        let is_seen_to = link.outbox.is_writing() || (link.is_dirty && !link.outbox.is_ripe());
        if !has_room || !is_seen_to || !link.outbox.has_room_in_chunk(body.len()) {
            return None;
        }
        let is_published = whose == Whose::Published;
        self.queued_bytes += match is_tracked && !is_published {
            true => track(&mut self.ledger, link, id, None, body),
            false => link.outbox.append(None, whose, body),
        };
        self.stats.accepted += 1;
        self.publishes = is_published;
        self.may_give_way |= is_published;
        self.router.pass();
        Some(1)
    }

    /// Queues a tracked message, behind others if that is easily done.
    pub(super) fn queue_tracked(&mut self, id: LinkId, whose: Whose, body: &Payload<'_>) {
        let target = self.peer_of(id).filter(|_| whose == Whose::Peer);
        let link = self.links[id.slot()].as_mut().expect("it is up");
        if body.len() < LARGE && link.outbox.make_place(body.len()) {
            self.queued_bytes += track(&mut self.ledger, link, id, target, body.as_bytes());
            return;
        }
        let body = body.to_body();
        let message = self.ledger.insert(target, body.clone());
        self.queue(id, Some(message), whose, &body.into());
    }
}

/// Queues a tracked message behind others, in the same chunk, and on the sheet that has those, if
/// it is worth one; gives the bytes that it takes in the outbox.
#[inline(always)]
fn track(
    ledger: &mut Ledger,
    link: &mut Link,
    id: LinkId,
    target: Option<Identity>,
    body: &[u8],
) -> usize {
    let whose = whose(target);
    link.unacknowledged += 1;
    match link.outbox.may_list(whose) {
        Some(sheet) => {
            let (sheet, message, memory) = ledger.enlist(sheet, id, target, body.len());
            link.unacknowledged_bytes += memory;
            link.outbox.append_listed(sheet, message, whose, body)
        }
        None => track_alone(ledger, link, id, target, body),
    }
}

#[cold]
fn track_alone(
    ledger: &mut Ledger,
    link: &mut Link,
    id: LinkId,
    target: Option<Identity>,
    body: &[u8],
) -> usize {
    let (message, memory) = ledger.assign(id, target, body);
    link.unacknowledged_bytes += memory;
    link.outbox.append(Some(message), whose(target), body)
}

/// Whose a tracked message is.
pub(super) fn whose(target: Option<Identity>) -> Whose {
    match target {
        None => Whose::Anyone,
        Some(_) => Whose::Peer,
    }
}
