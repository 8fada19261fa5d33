//! Gathering: small messages for the same peers, encoded once, and put into their outboxes together.

use std::time::Duration;

use crate::endpoint::Remote;
use crate::message::{Frames, Identity};
use crate::policy::Limit;
use crate::proto::chunk::FULL;
use crate::proto::frame;
use crate::proto::hub::Hub;
use crate::proto::hub::sending::Sent;
use crate::proto::link::{Link, LinkId};
use crate::proto::outbox::WORTH_SHARING;

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

/// Messages that no outbox has yet. Everybody whom they are for gets all of them, and has room.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    messages: usize,
    links: Vec<LinkId>,
    /// How many more messages and bytes every outbox has room for.
    room: (usize, usize),
    /// So many bytes of them are enough to be written.
    full: usize,
    /// They are for the peers that were named, and not for whoever is there.
    is_named: bool,
    /// The peers that the last message was for which named any.
    named: Vec<Identity>,
    /// So many turns of the keeper are for what several outboxes got at once.
    going_out: usize,
    /// Messages that these peers got at once lately, if they are several.
    lately: usize,
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
        self.messages > 0 && self.bytes.len() + len > self.full
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
    /// Adds a message to those for everybody on the roster, if they are being gathered and it
    /// changes nothing else. Says how many get it.
    #[inline(always)]
    pub(super) fn gather_on(&mut self, body: &[u8]) -> Option<usize> {
        let gathered = &mut self.gathered;
        let len = frame::DATA_HEADER + body.len();
        let is_going_on = gathered.messages > 0 && !gathered.is_named && 2 * len <= FULL;
        let fits = gathered.has_room(len) && !gathered.is_ripe_for(len);
        if !is_going_on || !fits {
            return None;
        }
        gathered.add(body);
        let queued = gathered.links.len();
        self.queued_bytes += len * queued;
        self.stats.accepted += queued as u64;
        Some(queued)
    }

    /// Takes a message for everybody on the roster, if it is small and they all have room.
    pub(super) fn gather(&mut self, body: &[u8]) -> Option<Sent> {
        self.gather_for(false, body)
    }

    /// The same for peers that were named before as they are now. Who is named differently each
    /// time gains nothing from being gathered for.
    pub(super) fn gather_named(&mut self, named: &[Identity], body: &[u8]) -> Option<Sent> {
        if self.gathered.named != named {
            self.settle();
            self.gathered.named.clear();
            self.gathered.named.extend_from_slice(named);
            self.gathered.lately = 0;
            return None;
        }
        self.gather_for(true, body)
    }

    fn gather_for(&mut self, is_named: bool, body: &[u8]) -> Option<Sent> {
        let len = frame::DATA_HEADER + body.len();
        if 2 * len > FULL || self.is_tracked() {
            return None;
        }
        let gathered = &self.gathered;
        let is_ripe = gathered.is_ripe_for(len);
        let is_going_on = gathered.messages > 0 && gathered.is_named == is_named;
        if !is_going_on || is_ripe || !gathered.has_room(len) {
            self.settle();
            self.begin(is_named)?;
        }
        let gathered = &mut self.gathered;
        if !gathered.has_room(len) {
            return None;
        }
        // Who writes to the only peer, or is about to, finds it by itself.
        self.effects.wake.keeper |= gathered.messages == 0 && gathered.links.len() > 1;
        gathered.add(body);
        let queued = gathered.links.len();
        self.queued_bytes += len * queued;
        self.stats.accepted += queued as u64;
        // What fills a chunk is written by whoever has filled it, if that is for one peer.
        let only = gathered.links.first().filter(|_| queued == 1 && is_ripe);
        Some(Sent {
            link: only.copied(),
            queued,
            dropped: 0,
        })
    }

    /// Finds out whom the next messages are for, and how many of them.
    fn begin(&mut self, is_named: bool) -> Option<()> {
        let mut links = std::mem::take(&mut self.gathered.links);
        links.clear();
        match is_named {
            false => links.extend_from_slice(self.router.roster()),
            true => self.find_named(&mut links)?,
        }
        // One message for one peer is written at once; from the second on, somebody is at it.
        if let [only] = *links {
            let is_busy = |link: &&Link| link.is_dirty || link.outbox.is_writing();
            self.link(only).filter(is_busy)?;
        }
        let limit = match is_named {
            false => self.config.outbox,
            true => self.config.outbox.but_a_quarter(),
        };
        self.gathered.room = self.common_room(&links, limit)?;
        self.gathered.full = match links.len() > 1 && is_long(limit) {
            true => self.full_for(&links),
            false => FULL,
        };
        self.gathered.links = links;
        if self.gathered.is_named != is_named {
            self.gathered.is_named = is_named;
            self.gathered.lately = 0;
        }
        Some(())
    }

    fn full_for(&self, several: &[LinkId]) -> usize {
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
        let is_named = self.gathered.is_named;
        let mut spare = Vec::new();
        for id in &links {
            let link = self.link_mut(*id).expect("who is gathered for has a link");
            link.outbox.push_gathered(&bytes, messages, is_named);
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

    /// The messages and bytes that all of them have room for.
    fn common_room(&self, links: &[LinkId], limit: Limit) -> Option<(usize, usize)> {
        let part = self.budget().in_plenty() / links.len().max(1);
        let mut room = (limit.messages, limit.bytes.min(part));
        for id in links {
            let outbox = &self.link(*id)?.outbox;
            room.0 = room.0.min(limit.messages.saturating_sub(outbox.messages()));
            room.1 = room.1.min(limit.bytes.saturating_sub(outbox.bytes()));
        }
        (!links.is_empty()).then_some(room)
    }
}
