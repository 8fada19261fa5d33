//! Multicast: messages for several peers, encoded once on a page that all of them get a part of.

use std::time::Duration;

use crate::endpoint::Remote;
use crate::event::DropReason;
use crate::message::Identity;
use crate::page::{Extent, OpenPage};
use crate::policy::{Limit, Overflow};
use crate::proto::chunk::FULL;
use crate::proto::frame::{self, DATA_HEADER};
use crate::proto::hub::Hub;
use crate::proto::hub::sending::Sent;
use crate::proto::link::LinkId;
use crate::proto::whose::Whose;

/// From so many peers on, a round of writes takes so long that it pays to wait for what comes next.
const VERY_MANY: usize = 128;

/// For so many up to those it pays to wait for more of what is published fast.
const MANY_PEERS: usize = 25;

/// What one write of a round takes, with what it makes its peer do.
const EACH: Duration = Duration::from_micros(20);

/// So many messages a round are published fast.
const FAST: usize = 32;

/// A page for several takes so many bytes: it takes longer until they have all been written to, so
/// more comes meanwhile, and who is written to more at once is woken less.
const FULL_FOR_SEVERAL: usize = 4 * FULL;

/// The same where one of them has a Unix socket: on Linux these take 212 KiB, and who writes more
/// waits until some of it was read, and is woken for that.
const FULL_FOR_UNIX: usize = 3 * FULL;

/// Whom messages of a page are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Audience {
    /// Every peer that is there.
    #[default]
    Everyone,
    /// The peers that were named.
    Named,
}

impl Audience {
    fn whose(self) -> Whose {
        match self {
            Audience::Everyone => Whose::Published,
            Audience::Named => Whose::Peer,
        }
    }
}

/// Who gets the messages that are sent to several peers.
#[derive(Default)]
pub(super) struct Multicast {
    /// What these messages are added to, until somebody writes it.
    open: Option<OpenPage>,
    audience: Audience,
    links: Vec<LinkId>,
    /// Those of them that do not follow the page: something of their own came behind what they have
    /// of it.
    parted: Vec<LinkId>,
    /// Those who have no room, in order: they count as absent until they have some.
    pub(super) full: Vec<LinkId>,
    /// Messages of the page that those have missed and were told of.
    told: usize,
    /// How much more every outbox has room for.
    room: Extent,
    /// So many bytes are enough for a page.
    enough: usize,
    /// The peers that the last message was for which named any.
    pub(super) named: Vec<Identity>,
    /// The part of their outboxes that they may take.
    pub(super) percent: u8,
    /// Messages that these peers got at once lately.
    pub(super) lately: usize,
}

impl Multicast {
    /// How far the page goes that is open.
    fn extent(&self) -> Extent {
        let open = self.open.as_ref();
        open.map_or(Extent::default(), |open| open.page().end())
    }

    /// Copies of messages that the open page stands for.
    #[cfg(test)]
    pub(super) fn copies(&self) -> usize {
        self.links.len() * self.extent().messages
    }

    /// A message of so many bytes may be added for these.
    #[inline(always)]
    fn takes(&self, audience: Audience, len: usize) -> bool {
        let Some(open) = self.open.as_ref() else {
            return false;
        };
        let is_ripe = open.bytes().len() + len > self.enough;
        self.audience == audience && !is_ripe && self.has_room(len)
    }

    #[inline(always)]
    fn has_room(&self, len: usize) -> bool {
        self.room.messages > 0 && self.room.bytes >= len
    }

    /// Messages of the page that `link` has no room for.
    pub(super) fn is_missed_by(&self, link: LinkId) -> bool {
        self.open.is_some() && self.full.binary_search(&link).is_ok()
    }

    /// How many writes the page takes, if they are very many.
    pub(super) fn round(&self) -> usize {
        match self.links.len() {
            many @ VERY_MANY.. if self.open.is_some() => many,
            _ => 0,
        }
    }

    /// How long to wait, `idle` after the last write, because many peers are written to less often
    /// if they get as much at once as lately.
    pub(super) fn rest(&self, idle: Duration) -> Option<Duration> {
        let round = EACH * self.links.len() as u32;
        let Extent { messages, bytes } = self.extent();
        let is_fast = self.lately >= FAST && idle < round;
        let lacks = messages > 0 && messages < self.lately && self.room.messages > 0;
        let pays = (MANY_PEERS..VERY_MANY).contains(&self.links.len()) && bytes < FULL;
        (is_fast && lacks && pays).then_some(round / 10)
    }
}

/// What a page takes is a small part of an outbox of this limit. While it is on its way out it cannot
/// give way to newer messages, and its room comes back as a whole.
pub(super) fn is_long(limit: Limit) -> bool {
    limit.messages >= 16 * 1024 && limit.bytes >= 16 * FULL_FOR_SEVERAL
}

impl Hub {
    /// Adds a message to the open page if that changes nothing else.
    #[inline(always)]
    pub(super) fn join_page(&mut self, audience: Audience, body: &[u8]) -> Option<Sent> {
        let len = DATA_HEADER + body.len();
        let fits = 2 * len <= FULL && self.multicast.takes(audience, len);
        let all_follow = self.multicast.parted.is_empty();
        (fits && all_follow && self.has_memory_for_all(audience, len)).then(|| self.add(body))
    }

    /// Adds a message to a page for everybody whom it is for, if it is small and they are several.
    pub(super) fn share(&mut self, audience: Audience, body: &[u8]) -> Option<Sent> {
        let is_tracked = self.is_tracked() && audience == Audience::Named;
        let len = DATA_HEADER + body.len();
        if 2 * len > FULL || is_tracked {
            return None;
        }
        if !self.multicast.takes(audience, len) || !self.have_room(len) {
            self.seal();
            if !self.find_audience(audience, len) {
                return None;
            }
            self.multicast.open = Some(OpenPage::reusing(self.spare()));
        }
        if !self.has_memory_for_all(audience, len) {
            return None;
        }
        let mut joined = self.follow();
        let sent = self.add(body);
        joined.drain(..).for_each(|id| self.mark_dirty(id));
        self.multicast.parted = joined;
        Some(sent)
    }

    #[inline(always)]
    fn has_memory_for_all(&self, audience: Audience, len: usize) -> bool {
        let budget = match audience {
            Audience::Everyone => self.budget_to_publish(),
            Audience::Named => self.budget_to_send(),
        };
        len * self.multicast.links.len() <= budget.in_plenty()
    }

    #[inline(always)]
    fn add(&mut self, body: &[u8]) -> Sent {
        let multicast = &mut self.multicast;
        let open = multicast.open.as_mut().expect("a page is open");
        open.push(|bytes| {
            frame::put_data_head(bytes, None, body.len());
            bytes.extend_from_slice(body);
        });
        let len = DATA_HEADER + body.len();
        multicast.room.messages -= 1;
        multicast.room.bytes -= len;
        let (queued, dropped) = (multicast.links.len(), multicast.full.len());
        self.queued_bytes += len * queued;
        self.stats.accepted += queued as u64;
        if dropped > 0 && multicast.audience == Audience::Everyone {
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
    fn find_audience(&mut self, audience: Audience, len: usize) -> bool {
        let mut links = std::mem::take(&mut self.multicast.links);
        links.clear();
        let limit = self.limit_for(audience);
        let is_complete = match audience {
            Audience::Everyone => {
                links.extend_from_slice(self.router.roster());
                true
            }
            Audience::Named => self.find_named(&mut links).is_some(),
        };
        let is_fine = is_complete && self.set_full_apart(audience, &mut links, limit, len);
        let are_several = links.len() > 1;
        self.multicast.enough = match is_long(limit) {
            true => self.enough_for(&links),
            false => FULL,
        };
        self.multicast.room = Extent {
            messages: limit.messages,
            bytes: limit.bytes,
        };
        self.multicast.parted.clone_from(&links);
        self.multicast.links = links;
        if self.multicast.audience != audience {
            self.multicast.audience = audience;
            self.multicast.lately = 0;
        }
        is_fine && are_several && self.have_room(len)
    }

    fn limit_for(&self, audience: Audience) -> Limit {
        match audience {
            Audience::Everyone => self.config.outbox,
            Audience::Named => self.config.outbox.percent(self.multicast.percent),
        }
    }

    /// Leaves those in `links` that have room for so many bytes; says whether the others may do
    /// without.
    fn set_full_apart(
        &mut self,
        audience: Audience,
        links: &mut Vec<LinkId>,
        limit: Limit,
        len: usize,
    ) -> bool {
        let mut full = std::mem::take(&mut self.multicast.full);
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
        let may_miss = audience == Audience::Named || !waits;
        let is_fine = full.is_empty() || may_miss;
        self.multicast.full = full;
        is_fine
    }

    fn enough_for(&self, several: &[LinkId]) -> usize {
        let mut links = several.iter().filter_map(|id| self.link(*id));
        match links.any(|link| link.remote == Remote::Unix) {
            true => FULL_FOR_UNIX,
            false => FULL_FOR_SEVERAL,
        }
    }

    /// The links of the peers that were named, if they all have one, and each was named once.
    fn find_named(&self, links: &mut Vec<LinkId>) -> Option<()> {
        for peer in &self.multicast.named {
            let id = self.peers.get(peer)?.link?;
            self.link(id).filter(|link| link.is_up())?;
            links.push(id);
        }
        links.sort_unstable();
        let is_twice = links.windows(2).any(|two| two[0] == two[1]);
        (!is_twice).then_some(())
    }

    /// Whether those who are about to follow the page have room for so many bytes, as the others do.
    fn have_room(&mut self, len: usize) -> bool {
        let limit = self.limit_for(self.multicast.audience);
        let mut room = self.multicast.room;
        for id in &self.multicast.parted {
            let outbox = &self.link(*id).expect("it is on the roster").outbox;
            let messages = limit.messages.saturating_sub(outbox.messages());
            let bytes = limit.bytes.saturating_sub(outbox.bytes());
            room.messages = room.messages.min(messages);
            room.bytes = room.bytes.min(bytes);
        }
        self.multicast.room = room;
        self.multicast.has_room(len)
    }

    /// Everybody whom the open page is for gets what is added from now on. Gives those who did not.
    fn follow(&mut self) -> Vec<LinkId> {
        let parted = std::mem::take(&mut self.multicast.parted);
        let whose = self.multicast.audience.whose();
        let open = self.multicast.open.as_ref().expect("a page is open");
        for id in &parted {
            let link = self.links[id.slot()].as_mut().expect("it is on the roster");
            link.outbox.follow(open.page(), whose);
        }
        self.may_give_way |= whose == Whose::Published;
        parted
    }

    /// An allocation for the next page, of one of those who will follow that.
    fn spare(&mut self) -> Vec<u8> {
        let links = &mut self.links;
        let spares = self.multicast.links.iter().map(|id| {
            let link = links[id.slot()].as_mut();
            link.map_or(Vec::new(), |link| link.outbox.take_spare())
        });
        let mut spares = spares.filter(|spare| spare.capacity() > 0);
        spares.next().unwrap_or_default()
    }

    /// Something of its own comes behind what `id` has of the open page: it follows that no more,
    /// before the next message is added.
    pub(super) fn part(&mut self, id: LinkId) {
        if self.link(id).is_some_and(|it| it.outbox.parts_with_page()) {
            self.seal();
        }
        let open = self.multicast.open.as_ref();
        let Some(link) = self.links[id.slot()].as_mut() else {
            return;
        };
        if link.outbox.follows_open() {
            self.multicast.parted.push(id);
        }
        link.outbox.part(open.map_or(&[], OpenPage::bytes));
    }

    /// Nothing is added to the page that is open, if there is one, and everybody may read it.
    pub(super) fn seal(&mut self) {
        self.tell_full();
        let Some(open) = self.multicast.open.take() else {
            return;
        };
        let Extent { messages, .. } = open.seal().end();
        // Less at once now and then does not mean that there will be less.
        self.multicast.lately = messages.max(self.multicast.lately * 7 / 8);
        self.multicast.parted.clear();
        self.multicast.told = 0;
    }

    /// Those who had no room are told what they have missed, which is counted already.
    pub(super) fn tell_full(&mut self) {
        let Extent { messages, .. } = self.multicast.extent();
        let missed = messages - std::mem::replace(&mut self.multicast.told, messages);
        if missed == 0 || self.multicast.audience != Audience::Everyone {
            return;
        }
        let full = std::mem::take(&mut self.multicast.full);
        for id in &full {
            let peer = self.peer_of(*id);
            self.note_drops(peer, DropReason::OutboxFull, missed as u64);
        }
        self.multicast.full = full;
    }
}
