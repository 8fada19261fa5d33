//! Audit: what holds after every call of a hub. For tests only.

use std::collections::{BTreeMap, BTreeSet};

use crate::message::Identity;
use crate::proto::dial::DialState;
use crate::proto::frame::MessageId;
use crate::proto::hub::Hub;
use crate::proto::hub::timing::TOGETHER;
use crate::proto::link::{LOOKS, Phase};
use crate::proto::peer::{Item, Peer};
use crate::proto::whose::Whose;

impl Hub {
    /// The law, and that what is counted twice is counted alike.
    pub(crate) fn check_counts(&self) {
        let stats = self.stats();
        let settled = stats.acknowledged + stats.written + stats.in_doubt;
        let others = stats.dropped() + stats.waiting + stats.handed_back;
        assert_eq!(stats.accepted, settled + others, "the law: {stats:?}");
        let items: Vec<&Item> = self.all_waiting().collect();
        let links = || self.links.iter().flatten();
        let waiting: usize = items.iter().map(|item| item.memory()).sum();
        let held: usize = links().map(|link| link.held).sum();
        assert_eq!(self.held_bytes, held, "bytes of unfinished frames");
        let windows = self.peers.values().map(|peer| peer.window.memory());
        assert_eq!(self.window_bytes, windows.sum(), "bytes of windows");
        let buffers: usize = links().map(|link| link.buffer).sum();
        assert_eq!(self.buffer_bytes, buffers, "bytes of read buffers");
        let outboxes: usize = links().map(|link| link.outbox.bytes()).sum();
        let queued = waiting + outboxes;
        assert_eq!(self.queued_bytes, queued, "bytes queued");
        let held: usize = links().map(|link| link.unacknowledged).sum();
        let tracked = items.iter().filter(|item| item.id.is_some()).count();
        let is_published = |item: &&&Item| item.whose == Whose::Published;
        let published = items
            .iter()
            .filter(is_published)
            .filter(|it| it.id.is_some());
        assert_eq!(published.count(), 0, "what is published is not tracked");
        let in_session = items.iter().filter(|item| item.whose == Whose::Session);
        assert_eq!(in_session.count(), 0, "what is for one link waits nowhere");
        let awaited = self.router.waiting.published() > 0;
        assert!(
            !awaited || self.router.roster().is_empty(),
            "for the first who comes"
        );
        let (returned, returned_bytes) = self.ledger.audit_given_back();
        assert_eq!(self.ledger.given_back(), returned, "given back");
        let entries = held + tracked + returned;
        assert_eq!(self.ledger.len(), entries, "entries of the ledger");
        let ids = self.router.given_back.iter().copied();
        let ids: BTreeSet<MessageId> = ids.collect();
        assert!(self.ledger.are_queued(&ids), "given back, and for nobody");
        let held: usize = links().map(|link| link.unacknowledged_bytes).sum();
        let entries = items.iter().filter_map(|item| self.ledger.get(item.id?));
        let waiting: usize = entries.map(|entry| entry.memory()).sum();
        let bytes = held + waiting + returned_bytes;
        assert_eq!(self.ledger.bytes(), bytes, "bytes of the ledger");
    }

    /// No queue is longer than its bound. What comes back from a link that ended may find its
    /// queue full of what was sent since, and the next link takes both.
    pub(crate) fn check_bounds(&self) {
        let written = match self.is_tracked() {
            true => self.config.unacknowledged_or_default(),
            false => 0,
        };
        let bound = 3 * (self.config.outbox.messages + written);
        let waiting = self.peers.values().map(|peer| peer.waiting.iter().count());
        assert!(waiting.max() <= Some(bound), "messages for one peer");
        let links = || self.links.iter().flatten();
        let queued = self.link_ids().map(|id| self.queued_for(id));
        assert!(queued.max() <= Some(bound), "messages in one outbox");
        let half_open = links().filter(|link| link.is_half_open() && link.dial.is_none());
        assert_eq!(self.half_open.len(), half_open.count(), "half-open");
        assert!(
            self.half_open.len() <= self.config.half_open.total,
            "half-open"
        );
        assert!(self.held_bytes <= self.held_limit(), "unfinished frames");
        let absent = self.peers.values().filter(|peer| peer.away.is_some());
        assert!(absent.count() <= self.config.absent.peers, "absent peers");
        let windows = self.peers.values().map(|peer| peer.window.len());
        let in_hand = self.config.inbox.messages;
        let most = self.config.duplicate_window + in_hand;
        assert!(windows.max() <= Some(most), "ids in one window");
    }

    /// Whoever has something to do will be woken for it.
    #[allow(dead_code, reason = "for the simulator")]
    pub(crate) fn check_nothing_forgotten(&self) {
        for id in self.link_ids() {
            let link = self.link(id).expect("it was listed");
            let is_seen_to = link.is_dirty || link.is_drained;
            assert!(!link.is_writable() || is_seen_to, "nobody writes {id:?}");
            let is_watched = link.phase == Phase::Ended || self.agenda.time_of(id).is_some();
            assert!(is_watched, "nobody watches {id:?}: {:?}", link.phase);
        }
        let dirty = self.links.iter().flatten().filter(|link| link.is_dirty);
        // The keeper may have one of them in hand.
        assert!(dirty.count() <= self.dirty_links() + 1, "for the keeper");
    }

    /// What is passed over for want of a peer has none, and who is late is there.
    pub(crate) fn check_returns(&self) {
        let mut roster = self.router.roster().iter();
        assert!(!roster.any(|id| self.may_have_stuck(*id)), "stuck");
        let has_link = |peer: &Peer| peer.link.is_some() || !peer.ending.is_empty();
        let mut late = self.ledger.late();
        assert!(
            late.all(|late| self.peers.get(&late).is_some_and(has_link)),
            "late, and not there"
        );
    }

    /// The roster is the links that are up, and each peer has one of them at most.
    pub(crate) fn check_roster(&self) {
        let roster = self.router.roster();
        let up = |link: &&crate::proto::link::Link| link.is_up();
        let count = self.links.iter().flatten().filter(up).count();
        assert_eq!(roster.len(), count, "links up and in the roster");
        for id in roster {
            let link = self.link(*id).expect("a link of the roster exists");
            let peer = link.peer.expect("a link that is up has a peer");
            assert_eq!(self.peers[&peer].link, Some(*id), "one link for {peer}");
        }
    }

    /// An identity has at most one link that is a peer, and knows how many are ending.
    pub(crate) fn check_peers(&self) {
        let mut ending: BTreeMap<Identity, usize> = BTreeMap::new();
        for id in self.link_ids() {
            let link = self.link(id).expect("it was listed");
            let Some(identity) = link.peer else { continue };
            let peer = self.peers.get(&identity).expect("a link's peer is known");
            match link.phase {
                Phase::Leaving { .. } | Phase::Ended => *ending.entry(identity).or_default() += 1,
                _ => assert_eq!(peer.link, Some(id), "one link for {identity}"),
            }
        }
        let absent = self.peers.values().filter(|peer| peer.away.is_some());
        assert_eq!(self.departed.len(), absent.count(), "who is away");
        for (identity, peer) in &self.peers {
            assert_eq!(peer.filed, peer.file(), "where {identity} is filed");
            let count = ending.get(identity).copied().unwrap_or_default();
            assert_eq!(peer.ending.len(), count, "links of {identity} that end");
            let link = peer.link.map(|id| self.link(id).expect("it exists"));
            assert!(link.is_none_or(|link| link.peer == Some(*identity)));
            assert!(link.is_none() || peer.away.is_none(), "{identity} is here");
        }
    }

    /// A slot is taken or free, and a dial knows its link.
    pub(crate) fn check_slots(&self) {
        let free: BTreeSet<u32> = self.free.iter().copied().collect();
        assert_eq!(free.len(), self.free.len(), "free once");
        for (slot, link) in (0..).zip(&self.links) {
            assert_eq!(link.is_none(), free.contains(&slot), "slot {slot}");
        }
        for (id, dial) in &self.dials {
            if let DialState::Linked(link) = dial.state {
                let link = self.link(link).expect("the link of a dial exists");
                assert_eq!(link.dial, Some(*id));
            }
        }
        let accepted = self.links.iter().flatten().filter(|it| it.dial.is_none());
        assert!(accepted.count() <= self.config.max_connections);
    }

    /// When something is due, the keeper comes; for what may wait a little, a little later.
    pub(crate) fn check_deadlines(&self) {
        let soonest = self.now + self.config.heartbeat.interval / LOOKS;
        let due_links = self.link_ids().filter_map(|id| {
            let due = self.next_look(self.link(id)?, soonest)?;
            let planned = self.agenda.time_of(id);
            assert!(planned.is_some_and(|at| at <= due), "{id:?} {planned:?}");
            Some(due)
        });
        let absent = self.peers.values();
        let due_peers = absent.filter_map(|peer| peer.due(self.config.absent.remembered));
        let forgotten = due_peers.min();
        let is_late = forgotten.is_some_and(|due| self.forget_at.is_none_or(|at| at > due));
        assert!(
            !is_late,
            "to be forgotten {forgotten:?}, not {:?}",
            self.forget_at
        );
        let forgotten = forgotten.map(|due| due.max(soonest));
        let due = due_links
            .chain(forgotten)
            .chain(self.ledger.audit_due())
            .min();
        let due = due.map(|due| due.max(self.now + TOGETHER));
        let next = self.poll_timeout();
        let is_late = due.is_some_and(|due| next.is_none_or(|next| next > due));
        assert!(!is_late, "due {due:?}, and the keeper comes {next:?}");
    }

    fn all_waiting(&self) -> impl Iterator<Item = &Item> {
        let parked = self.peers.values().map(|peer| &peer.waiting);
        parked
            .chain([&self.router.waiting])
            .flat_map(|queue| queue.iter())
    }

    #[allow(dead_code, reason = "for the simulator")]
    fn dirty_links(&self) -> usize {
        let dirty = self.dirty.iter().filter(|id| {
            let link = self.link(**id);
            link.is_some_and(|link| link.is_dirty)
        });
        dirty.count()
    }
}
