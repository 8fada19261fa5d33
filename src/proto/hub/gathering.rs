//! Gathering: small messages for the same peers, encoded once, and put into their outboxes together.

use std::time::Duration;

use crate::endpoint::Remote;
use crate::event::DropReason;
use crate::message::{Frames, Identity};
use crate::policy::{Limit, Overflow};
use crate::proto::chunk::FULL;
use crate::proto::frame;
use crate::proto::hub::Hub;
use crate::proto::hub::sending::Sent;
use crate::proto::link::{Link, LinkId};
use crate::proto::outbox::WORTH_SHARING;
use crate::proto::whose::Whose;

/// From so many peers on, a round of writes takes so long that it pays to wait for what comes next.
const VERY_MANY: usize = 128;

/// For so many up to those it pays to wait for more of what is published fast.
const MANY_PEERS: usize = 25;

/// What one write of a round takes, with what it makes its peer do.
const EACH: Duration = Duration::from_micros(20);

/// So many messages a round are published fast.
const FAST: usize = 32;

/// So many bytes are gathered for several peers: it takes longer until they have all been written
/// to, so more comes meanwhile, and who is written to more at once is woken less.
const FULL_FOR_SEVERAL: usize = 4 * FULL;

/// The same where one of them has a Unix socket: on Linux these take 212 KiB, and who writes more
/// waits until some of it was read, and is woken for that.
const FULL_FOR_UNIX: usize = 3 * FULL;

/// Whom gathered messages are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Audience {
    /// The one peer that is there, whose turn it always is.
    #[default]
    Turn,
    /// Every peer that is there.
    Everyone,
    /// The peers that were named.
    Named,
}

impl Audience {
    fn whose(self) -> Whose {
        match self {
            Audience::Turn => Whose::Anyone,
            Audience::Everyone => Whose::Published,
            Audience::Named => Whose::Peer,
        }
    }
}

/// Messages that no outbox has yet. Everybody whom they are for gets all of them, and has room.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    messages: usize,
    links: Vec<LinkId>,
    /// Those who have no room, in order: they count as absent until they have some.
    pub(super) full: Vec<LinkId>,
    /// How many more messages and bytes every outbox has room for.
    room: (usize, usize),
    /// So many bytes of them are enough to be written.
    enough: usize,
    audience: Audience,
    /// The peers that the last message was for which named any.
    pub(super) named: Vec<Identity>,
    /// The part of their outboxes that they may take.
    pub(super) percent: u8,
    /// So many turns of the keeper are for what several outboxes got at once.
    going_out: usize,
    /// Messages that these peers got at once lately, if they are several.
    pub(super) lately: usize,
}

impl Gathered {
    /// Copies that will go into outboxes, and the bytes of them.
    pub(super) fn copies(&self) -> (usize, usize) {
        let links = self.links.len();
        (links * self.messages, links * self.bytes.len())
    }

    /// Whom they are for, if it is one peer.
    pub(super) fn only(&self) -> Option<LinkId> {
        let only = self.links.first().filter(|_| self.links.len() == 1);
        only.filter(|_| !self.is_empty()).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Bytes of them, for each peer.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Messages of them that `link` is to get.
    pub(super) fn messages_for(&self, link: LinkId) -> usize {
        match self.links.contains(&link) {
            true => self.messages,
            false => 0,
        }
    }

    /// Messages of them that `link` has no room for.
    pub(super) fn is_missed_by(&self, link: LinkId) -> bool {
        self.messages > 0 && self.full.binary_search(&link).is_ok()
    }

    /// How many writes it takes, if they are very many.
    pub(super) fn round(&self) -> usize {
        match self.links.len() {
            many @ VERY_MANY.. => many,
            _ => 0,
        }
    }

    /// How long to wait, `idle` after the last write, because many peers are written to less often
    /// if they get as much at once as lately.
    pub(super) fn rest(&self, idle: Duration) -> Option<Duration> {
        let round = EACH * self.links.len() as u32;
        let is_fast = self.lately >= FAST && idle < round;
        let lacks = self.messages > 0 && self.messages < self.lately && self.room.0 > 0;
        let pays = (MANY_PEERS..VERY_MANY).contains(&self.links.len()) && self.bytes.len() < FULL;
        (is_fast && lacks && pays).then_some(round / 10)
    }

    /// The keeper writes what several peers got: nothing is added to that while they wait.
    pub(super) fn is_going_out(&self) -> bool {
        self.going_out > 0
    }

    /// It is the next link's turn to be written.
    pub(super) fn handle_turn(&mut self) {
        self.going_out = self.going_out.saturating_sub(1);
    }

    fn has_room(&self, len: usize) -> bool {
        self.room.0 > 0 && self.room.1 >= len
    }

    fn is_ripe_for(&self, len: usize) -> bool {
        self.messages > 0 && self.bytes.len() + len > self.enough
    }

    #[inline]
    fn add(&mut self, body: &[u8]) {
        frame::put_data_head(&mut self.bytes, None, body.len());
        self.bytes.extend_from_slice(body);
        self.messages += 1;
        self.room.0 -= 1;
        self.room.1 -= frame::DATA_HEADER + body.len();
    }
}

/// What is gathered at once is a small part of an outbox of this limit. While it is on its way out
/// it cannot give way to newer messages, and its room comes back as a whole.
pub(super) fn is_long(limit: Limit) -> bool {
    limit.messages >= 16 * 1024 && limit.bytes >= 16 * FULL_FOR_SEVERAL
}

impl Hub {
    /// Adds a message to those for the same audience, if they are being gathered and it changes
    /// nothing else.
    #[inline(always)]
    pub(super) fn gather_on(&mut self, audience: Audience, body: &[u8]) -> Option<Sent> {
        let gathered = &self.gathered;
        let len = frame::DATA_HEADER + body.len();
        let is_going_on = gathered.messages > 0 && gathered.audience == audience;
        let fits = 2 * len <= FULL && gathered.has_room(len) && !gathered.is_ripe_for(len);
        (is_going_on && fits).then(|| self.add(body))
    }

    /// Takes a message for everybody whom it is for, if it is small and they all have room.
    pub(super) fn gather(&mut self, audience: Audience, body: &[u8]) -> Option<Sent> {
        let is_tracked = self.is_tracked() && audience != Audience::Everyone;
        let len = frame::DATA_HEADER + body.len();
        if 2 * len > FULL || is_tracked {
            return None;
        }
        let gathered = &self.gathered;
        let is_ripe = gathered.is_ripe_for(len);
        let is_going_on = gathered.messages > 0 && gathered.audience == audience;
        if !is_going_on || is_ripe || !gathered.has_room(len) {
            self.settle();
            self.begin(audience, len)?;
        }
        let gathered = &self.gathered;
        if !gathered.has_room(len) {
            return None;
        }
        // Who writes to the only peer, or is about to, finds it by itself.
        self.effects.wake.keeper |= gathered.messages == 0 && gathered.links.len() > 1;
        let sent = self.add(body);
        // What fills a chunk is written by whoever has filled it, if that is for one peer.
        let only = self.gathered.links.first();
        let link = only.filter(|_| sent.queued == 1 && is_ripe).copied();
        Some(Sent { link, ..sent })
    }

    #[inline(always)]
    fn add(&mut self, body: &[u8]) -> Sent {
        let gathered = &mut self.gathered;
        gathered.add(body);
        let (queued, dropped) = (gathered.links.len(), gathered.full.len());
        self.queued_bytes += (frame::DATA_HEADER + body.len()) * queued;
        self.stats.accepted += queued as u64;
        if dropped > 0 && gathered.audience == Audience::Everyone {
            self.stats.accepted += dropped as u64;
            self.stats.dropped_outbox_full += dropped as u64;
        }
        Sent {
            link: None,
            queued,
            dropped,
        }
    }

    /// Finds out whom the next messages are for, and how many of them. The first takes `len` bytes.
    fn begin(&mut self, audience: Audience, len: usize) -> Option<()> {
        let mut links = std::mem::take(&mut self.gathered.links);
        links.clear();
        match audience {
            Audience::Turn | Audience::Everyone => links.extend_from_slice(self.router.roster()),
            Audience::Named => self.find_named(&mut links)?,
        }
        let limit = match audience {
            Audience::Turn | Audience::Everyone => self.config.outbox,
            Audience::Named => self.config.outbox.percent(self.gathered.percent),
        };
        self.set_full_apart(audience, &mut links, limit, len)?;
        // One message for one peer is written at once; from the second on, somebody is at it.
        if let [only] = *links {
            let is_busy = |link: &&Link| link.is_dirty || link.outbox.is_writing();
            self.link(only).filter(is_busy)?;
        }
        self.gathered.room = self.common_room(audience, &links, limit)?;
        self.gathered.enough = match links.len() > 1 && is_long(limit) {
            true => self.enough_for(&links),
            false => FULL,
        };
        self.gathered.links = links;
        self.may_give_way |= audience == Audience::Everyone;
        if self.gathered.audience != audience {
            self.gathered.audience = audience;
            self.gathered.lately = 0;
        }
        Some(())
    }

    /// Leaves those in `links` that have room for so many bytes, if the others may do without.
    fn set_full_apart(
        &mut self,
        audience: Audience,
        links: &mut Vec<LinkId>,
        limit: Limit,
        len: usize,
    ) -> Option<()> {
        let mut full = std::mem::take(&mut self.gathered.full);
        full.clear();
        links.retain(|id| {
            let has_room = self
                .link(*id)
                .is_some_and(|it| it.outbox.has_room(limit, len));
            full.extend((!has_room).then_some(*id));
            has_room
        });
        full.sort_unstable();
        let waits = matches!(self.config.overflow, Overflow::Block | Overflow::DropOldest);
        let may_miss = audience == Audience::Named || (audience == Audience::Everyone && !waits);
        let is_fine = full.is_empty() || may_miss;
        self.gathered.full = full;
        is_fine.then_some(())
    }

    fn enough_for(&self, several: &[LinkId]) -> usize {
        let is_at_unix = |link: &Link| link.remote == Remote::Unix;
        let mut links = several.iter().filter_map(|id| self.link(*id));
        match links.any(is_at_unix) {
            true => FULL_FOR_UNIX,
            false => FULL_FOR_SEVERAL,
        }
    }

    /// The links of the peers that were named, if they all have one, and each was named once.
    fn find_named(&self, links: &mut Vec<LinkId>) -> Option<()> {
        for peer in &self.gathered.named {
            let id = self.peers.get(peer)?.link?;
            self.link(id).filter(|link| link.is_up())?;
            links.push(id);
        }
        links.sort_unstable();
        let is_twice = links.windows(2).any(|two| two[0] == two[1]);
        (!is_twice).then_some(())
    }

    /// What was gathered becomes part of the outboxes. Whoever looks at one of these, or changes
    /// who is on the roster, does this first.
    pub(super) fn settle(&mut self) {
        if self.gathered.messages == 0 {
            return;
        }
        let messages = std::mem::take(&mut self.gathered.messages);
        let mut bytes = std::mem::take(&mut self.gathered.bytes);
        // Outboxes that share it count what is in it, and it may be theirs for long.
        if bytes.capacity() > 2 * bytes.len().max(WORTH_SHARING) {
            bytes.shrink_to_fit();
        }
        let bytes = Frames::new(bytes);
        let links = std::mem::take(&mut self.gathered.links);
        let whose = self.gathered.audience.whose();
        self.tell_full(messages);
        let mut spare = Vec::new();
        for id in &links {
            let link = self.link_mut(*id).expect("who is gathered for has a link");
            link.outbox.push_gathered(&bytes, messages, whose);
            if spare.capacity() == 0 {
                spare = link.outbox.take_spare();
            }
            self.mark_dirty(*id);
        }
        self.gathered.going_out = match links.len() {
            0 | 1 => 0,
            several => {
                // Less at once now and then does not mean that there will be less.
                self.gathered.lately = messages.max(self.gathered.lately * 7 / 8);
                several.min(self.dirty.len())
            }
        };
        self.gathered.links = links;
        // What was only copied from serves again.
        self.gathered.bytes = Frames::into_inner(bytes).unwrap_or(spare);
        self.gathered.bytes.clear();
    }

    /// Those who had no room have missed so many messages, which are counted already.
    fn tell_full(&mut self, messages: usize) {
        if self.gathered.audience != Audience::Everyone {
            return;
        }
        let full = std::mem::take(&mut self.gathered.full);
        for id in &full {
            let peer = self.peer_of(*id);
            self.note_drops(peer, DropReason::OutboxFull, messages as u64);
        }
        self.gathered.full = full;
    }

    /// The messages and bytes that all of them have room for.
    fn common_room(
        &self,
        audience: Audience,
        links: &[LinkId],
        limit: Limit,
    ) -> Option<(usize, usize)> {
        let budget = match audience {
            Audience::Everyone => self.budget_to_publish(),
            Audience::Turn | Audience::Named => self.budget_to_send(),
        };
        let part = budget.in_plenty() / links.len().max(1);
        let mut room = (limit.messages, limit.bytes.min(part));
        for id in links {
            let outbox = &self.link(*id)?.outbox;
            room.0 = room.0.min(limit.messages.saturating_sub(outbox.messages()));
            room.1 = room.1.min(limit.bytes.saturating_sub(outbox.bytes()));
        }
        (!links.is_empty()).then_some(room)
    }
}
