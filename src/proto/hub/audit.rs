//! Audit: what holds after every call of a hub. For tests only.

use crate::proto::hub::Hub;
use crate::proto::link::Phase;
use crate::proto::peer::Item;

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
        let outboxes: usize = links().map(|link| link.outbox.bytes()).sum();
        assert_eq!(self.queued_bytes, waiting + outboxes, "bytes queued");
        let held: usize = links().map(|link| link.unacknowledged).sum();
        let tracked = items.iter().filter(|item| item.id.is_some()).count();
        assert_eq!(self.ledger.len(), held + tracked, "entries of the ledger");
        let held: usize = links().map(|link| link.unacknowledged_bytes).sum();
        let entries = items.iter().filter_map(|item| self.ledger.get(item.id?));
        let waiting: usize = entries.map(|entry| entry.memory()).sum();
        assert_eq!(self.ledger.bytes(), held + waiting, "bytes of the ledger");
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
        let queued = links().map(|link| link.outbox.messages());
        assert!(queued.max() <= Some(bound), "messages in one outbox");
        let half_open = links().filter(|link| link.phase == Phase::Opening && link.dial.is_none());
        assert!(half_open.count() <= self.config.half_open, "half-open");
        let half_budget = self.config.memory_budget / 2;
        assert!(self.held_bytes <= half_budget, "unfinished frames");
        let absent = self.peers.values().filter(|peer| peer.away.is_some());
        assert!(absent.count() <= self.config.absent_peers, "absent peers");
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
            let is_watched = link.phase == Phase::Ended || self.next_timeout.is_some();
            assert!(is_watched, "nobody watches {id:?}: {:?}", link.phase);
        }
        let dirty = self.links.iter().flatten().filter(|link| link.is_dirty);
        // The keeper may have one of them in hand.
        assert!(dirty.count() <= self.dirty_links() + 1, "for the keeper");
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
