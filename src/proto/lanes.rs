//! Lanes: what was received and not yet taken, each peer with its share, peers in turn.

use std::collections::{BTreeMap, VecDeque};

use crate::config::{Config, Limit};
use crate::message::Identity;
use crate::proto::batch::Batch;

/// What a link over its share may still bring in, so that acknowledgements and heartbeats behind
/// its messages are found.
const OVERFLOW: usize = 1024 * 1024;

pub(crate) struct Lanes {
    limit: Limit,
    /// Bytes past which no link may bring in more than its share.
    hard_limit: usize,
    /// By peer, not by link: what came on its last connection goes out before what comes on the
    /// next.
    lanes: BTreeMap<Identity, Lane>,
    /// Peers with something in their lane, in turn.
    turn: VecDeque<Identity>,
    messages: usize,
    bytes: usize,
}

/// What came from one peer.
#[derive(Default)]
struct Lane {
    batches: VecDeque<Batch>,
    messages: usize,
    bytes: usize,
    /// Brought in since it is over its share.
    overflow: usize,
    has_ended: bool,
}

impl Lanes {
    pub(crate) fn new(config: &Config) -> Lanes {
        let hard_limit = config.memory_budget / 4;
        let bytes = config.inbox.bytes.min(hard_limit);
        let messages = config.inbox.messages;
        Lanes {
            limit: Limit { messages, bytes },
            hard_limit,
            lanes: BTreeMap::new(),
            turn: VecDeque::new(),
            messages: 0,
            bytes: 0,
        }
    }

    /// A link of `peer` is read from now on.
    pub(crate) fn open(&mut self, peer: Identity) {
        self.lanes.entry(peer).or_default().has_ended = false;
    }

    /// The peer's link has ended: its reader is not to wait for room.
    pub(crate) fn end(&mut self, peer: Identity) {
        let Some(lane) = self.lanes.get_mut(&peer) else {
            return;
        };
        lane.has_ended = true;
        if lane.batches.is_empty() {
            self.lanes.remove(&peer);
        }
    }

    /// Puts a peer's messages in. Says whether its reader may read on; if not, it waits while
    /// `is_held_up`.
    pub(crate) fn push(&mut self, from: Identity, batch: Batch) -> bool {
        let (messages, bytes) = (batch.spans.len(), batch.memory());
        let was_over = self.is_over(from);
        let lane = self.lanes.entry(from).or_default();
        if lane.batches.is_empty() {
            self.turn.push_back(from);
        }
        lane.batches.push_back(batch);
        lane.messages += messages;
        lane.bytes += bytes;
        lane.overflow = if was_over { lane.overflow + bytes } else { 0 };
        let has_overflow = lane.overflow < OVERFLOW;
        self.messages += messages;
        self.bytes += bytes;
        has_overflow && self.bytes < self.hard_limit
    }

    /// The peer's reader has to wait: its lane has its share, and its link has not ended.
    pub(crate) fn is_held_up(&self, peer: Identity) -> bool {
        let lane = self.lanes.get(&peer);
        lane.is_some_and(|lane| !lane.has_ended) && self.is_over(peer)
    }

    /// The peer's reader must not bring in more of a large message: there is no room for it, and
    /// what was read of it cannot be given back. Its link has not ended.
    pub(crate) fn is_full_for(&self, peer: Identity) -> bool {
        let lane = self.lanes.get(&peer);
        lane.is_some_and(|lane| !lane.has_ended) && self.bytes >= self.hard_limit
    }

    /// The peer's reader goes on.
    pub(crate) fn readmit(&mut self, peer: Identity) {
        if let Some(lane) = self.lanes.get_mut(&peer) {
            lane.overflow = 0;
        }
    }

    /// The oldest batch of the peer whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<(Identity, Batch)> {
        let from = self.turn.pop_front()?;
        let lane = self.lanes.get_mut(&from)?;
        let batch = lane.batches.pop_front()?;
        let (messages, bytes) = (batch.spans.len(), batch.memory());
        lane.messages -= messages;
        lane.bytes -= bytes;
        if !lane.batches.is_empty() {
            self.turn.push_back(from);
        } else if lane.has_ended {
            self.lanes.remove(&from);
        } else {
            lane.batches.shrink_to(8);
        }
        self.messages -= messages;
        self.bytes -= bytes;
        Some((from, batch))
    }

    /// Peers that have something in their lane.
    pub(crate) fn turns(&self) -> usize {
        self.turn.len()
    }

    /// Whether a lane has its share: a quarter of everything, or an equal part when many have
    /// something. When everything is full, every lane that has something has its share.
    fn is_over(&self, peer: Identity) -> bool {
        let lane = self.lanes.get(&peer);
        let Some(lane) = lane.filter(|lane| !lane.batches.is_empty()) else {
            return false;
        };
        let limit = self.limit;
        let parts = self.turn.len().max(4);
        let is_full = self.messages >= limit.messages || self.bytes >= limit.bytes;
        is_full || lane.messages >= limit.messages / parts || lane.bytes >= limit.bytes / parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::batch::Span;

    fn who(n: u8) -> Identity {
        Identity::new([n; 16])
    }

    fn batch(text: &str) -> Batch {
        let len = text.len() as u32;
        let wants_ack = false;
        let start = 0;
        let spans = vec![Span {
            start,
            len,
            wants_ack,
        }];
        let bytes = text.into();
        Batch { bytes, spans }
    }

    fn lanes(messages: usize, bytes: usize) -> Lanes {
        Lanes::new(&Config::default().inbox(messages, bytes))
    }

    fn take_all(lanes: &mut Lanes) -> Vec<(u8, String)> {
        std::iter::from_fn(|| lanes.pop())
            .map(|(from, batch)| (from.as_bytes()[0], String::from_utf8(batch.bytes).unwrap()))
            .collect()
    }

    #[test]
    fn what_came_on_the_last_link_goes_out_before_what_comes_on_the_next() {
        let mut lanes = lanes(100, 100_000);
        lanes.open(who(1));
        assert!(lanes.push(who(1), batch("a")));
        lanes.end(who(1));
        lanes.open(who(1));
        lanes.push(who(1), batch("b"));
        assert_eq!(take_all(&mut lanes), [(1, "a".into()), (1, "b".into())]);
    }

    #[test]
    fn peers_take_turns() {
        let mut lanes = lanes(100, 100_000);
        for (peer, text) in [(1, "a"), (1, "b"), (1, "c"), (2, "d")] {
            lanes.push(who(peer), batch(text));
        }
        let order: Vec<u8> = take_all(&mut lanes).iter().map(|(peer, _)| *peer).collect();
        assert_eq!(order, [1, 2, 1, 1]);
    }

    #[test]
    fn peers_that_went_leave_nothing_behind() {
        let mut lanes = lanes(100, 100_000);
        for number in 0..100 {
            lanes.open(who(number));
            lanes.push(who(number), batch("x"));
            lanes.end(who(number));
        }
        take_all(&mut lanes);
        assert!(lanes.lanes.is_empty());
        assert_eq!((lanes.messages, lanes.bytes, lanes.turns()), (0, 0, 0));
    }

    #[test]
    fn a_lane_with_its_share_is_held_up_and_no_other_is() {
        let mut lanes = lanes(8, 100_000);
        lanes.push(who(1), batch("a"));
        assert!(!lanes.is_held_up(who(1)));
        lanes.push(who(1), batch("b"));
        lanes.push(who(2), batch("c"));
        assert!(lanes.is_held_up(who(1)) && !lanes.is_held_up(who(2)));
        lanes.end(who(1));
        assert!(!lanes.is_held_up(who(1)), "there is nobody to read on");
    }

    #[test]
    fn a_link_over_its_share_reads_on_for_a_while() {
        let mut lanes = lanes(4, 4_000);
        let large = "x".repeat(300 * 1024);
        let pushed: Vec<bool> = (0..5).map(|_| lanes.push(who(1), batch(&large))).collect();
        assert_eq!(pushed, [true, true, true, true, false]);
        lanes.readmit(who(1));
        assert!(lanes.push(who(1), batch(&large)));
    }

    #[test]
    fn at_the_hard_limit_nobody_reads_on() {
        let mut lanes = Lanes::new(&Config::default().memory_budget(8 * 1024 * 1024));
        let large = "x".repeat(1024 * 1024);
        assert!(lanes.push(who(1), batch(&large)));
        assert!(!lanes.push(who(2), batch(&large)));
    }

    /// Row 40: messages that nobody takes.
    #[test]
    fn at_the_hard_limit_no_large_message_grows() {
        let mut lanes = Lanes::new(&Config::default().memory_budget(8 * 1024 * 1024));
        let large = "x".repeat(1024 * 1024);
        lanes.open(who(3));
        lanes.push(who(1), batch(&large));
        assert!(!lanes.is_full_for(who(3)));
        lanes.push(who(2), batch(&large));
        assert!(lanes.is_full_for(who(3)) && !lanes.is_held_up(who(3)));
        lanes.pop();
        assert!(!lanes.is_full_for(who(3)));
        lanes.push(who(1), batch(&large));
        lanes.end(who(3));
        assert!(!lanes.is_full_for(who(3)), "there is nobody to read on");
    }
}
