//! Lanes: what was received and not yet taken, each peer with its share, peers in turn.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::config::Config;
use crate::message::Identity;
use crate::policy::Limit;
use crate::proto::batch::Batch;
use crate::proto::delivery::{Delivery, Presence};
use crate::session::Session;

/// What a link over its share may still bring in, so that acknowledgements and heartbeats behind
/// its messages are found.
const OVERFLOW: usize = 1024 * 1024;

pub(crate) struct Lanes {
    limit: Limit,
    /// Bytes past which nothing more is put in.
    hard_limit: usize,
    /// By peer, not by link: what came on its last connection goes out before what comes on the
    /// next.
    lanes: BTreeMap<Identity, Lane>,
    /// Peers with something in their lane, in turn.
    turn: VecDeque<Identity>,
    /// Peers whose reader has something in hand that does not fit, and its bytes, in turn.
    queue: VecDeque<(Identity, usize)>,
    load: Load,
    /// Peers whose reader waits and may go on.
    woken: Vec<Identity>,
}

/// What came from one peer.
struct Lane {
    deliveries: VecDeque<Delivery>,
    load: Load,
    /// Brought in since it is over its share.
    overflow: usize,
    has_ended: bool,
    /// Its reader waits.
    is_parked: bool,
}

/// What is there, in messages and in bytes of memory.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Load {
    messages: usize,
    bytes: usize,
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
            queue: VecDeque::new(),
            load: Load::default(),
            woken: Vec::new(),
        }
    }

    /// A link of `peer` is read from now on.
    pub(crate) fn open(&mut self, peer: Identity) {
        self.lane(peer).has_ended = false;
    }

    /// The peer's link has ended: its reader is not to wait for room.
    pub(crate) fn end(&mut self, peer: Identity) {
        let Some(lane) = self.lanes.get_mut(&peer) else {
            return;
        };
        lane.has_ended = true;
        self.woken.push(peer);
        if lane.deliveries.is_empty() {
            self.lanes.remove(&peer);
        }
    }

    /// No link of `peer` is read.
    pub(crate) fn has_ended(&self, peer: Identity) -> bool {
        self.lanes.get(&peer).is_none_or(|lane| lane.has_ended)
    }

    /// There is room for so many bytes, and nobody waits for room already. One batch always fits.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.queue.is_empty() && self.fits(bytes)
    }

    fn fits(&self, bytes: usize) -> bool {
        self.load.bytes == 0 || self.load.bytes + bytes <= self.hard_limit
    }

    /// Puts a peer's messages in. Says whether its reader may read on; if not, it waits while
    /// `is_held_up`.
    pub(crate) fn push(&mut self, from: Identity, batch: Batch) -> bool {
        let was_over = self.is_over(from);
        let delivery = Delivery::new(from, batch);
        let load = Load::of(&delivery);
        self.load.add(load);
        let lane = self.lane(from);
        lane.load.add(load);
        lane.deliveries.push_back(delivery);
        lane.overflow = match was_over {
            true => lane.overflow + load.bytes,
            false => 0,
        };
        let (is_first, has_overflow) = (lane.deliveries.len() == 1, lane.overflow < OVERFLOW);
        if is_first {
            self.turn.push_back(from);
        }
        has_overflow && self.load.bytes < self.hard_limit
    }

    /// Puts the coming of a peer in before its messages: it is there already.
    pub(crate) fn push_present(&mut self, session: Session) {
        self.put_first(Delivery::of_presence(Presence::Up(session)));
    }

    /// Puts the coming or going of a peer in behind its messages. Who leaves before it was seen to
    /// come is not told of: so there are never more of these than peers and messages.
    pub(crate) fn push_presence(&mut self, presence: Presence) {
        let (from, returned) = (presence.peer(), presence.memory());
        let leaves = matches!(presence, Presence::Down(..));
        let delivery = Delivery::of_presence(presence);
        let load = Load::of(&delivery);
        let lane = self.lane(from);
        let last = lane.deliveries.back().and_then(Delivery::presence);
        if leaves && matches!(last, Some(Presence::Up(_))) {
            debug_assert_eq!(returned, 0, "nobody could send to that connection alone");
            lane.deliveries.pop_back();
            lane.load.subtract(load);
            let (is_empty, has_ended) = (lane.deliveries.is_empty(), lane.has_ended);
            self.load.subtract(load);
            if is_empty {
                self.turn.retain(|peer| *peer != from);
            }
            if is_empty && has_ended {
                self.lanes.remove(&from);
            }
            return;
        }
        lane.deliveries.push_back(delivery);
        lane.load.add(load);
        let is_first = lane.deliveries.len() == 1;
        self.load.add(load);
        if is_first {
            self.turn.push_back(from);
        }
    }

    /// The peer's reader has to wait: its lane has its share, and its link has not ended.
    pub(crate) fn is_held_up(&self, peer: Identity) -> bool {
        !self.has_ended(peer) && self.is_over(peer)
    }

    /// The peer's reader goes to sleep, or goes on.
    pub(crate) fn park(&mut self, peer: Identity, is_parked: bool) {
        if let Some(lane) = self.lanes.get_mut(&peer) {
            lane.is_parked = is_parked;
            lane.overflow = 0;
        }
    }

    /// The peer's reader has so many bytes in hand that do not fit: it waits while `is_queued`.
    pub(crate) fn queue_up(&mut self, peer: Identity, bytes: usize) {
        self.queue.push_back((peer, bytes));
    }

    /// It is not the peer's turn to put in what it has, or there is no room for it.
    pub(crate) fn is_queued(&self, peer: Identity) -> bool {
        let first = self.queue.front();
        let may_go_on = first.is_some_and(|(first, bytes)| *first == peer && self.fits(*bytes));
        !may_go_on && !self.has_ended(peer)
    }

    pub(crate) fn leave_queue(&mut self, peer: Identity) {
        self.queue.retain(|(other, _)| *other != peer);
        self.wake_first();
    }

    /// Wakes the reader that is first in the queue, if there is room for what it has.
    pub(crate) fn wake_first(&mut self) {
        let first = self.queue.front().filter(|(_, bytes)| self.fits(*bytes));
        self.woken.extend(first.map(|(peer, _)| *peer));
    }

    /// The oldest batch of the peer whose turn it is. A parked reader is woken when its own lane
    /// has become short: it has something in it until then, so its turn will come.
    pub(crate) fn take(&mut self) -> Option<Delivery> {
        let from = self.turn.pop_front()?;
        let lane = self.lanes.get_mut(&from)?;
        let mut delivery = lane.deliveries.pop_front()?;
        delivery.go_on();
        let (load, is_parked) = (Load::of(&delivery), lane.is_parked);
        lane.load.subtract(load);
        self.load.subtract(load);
        if !lane.deliveries.is_empty() {
            self.turn.push_back(from);
        } else if lane.has_ended {
            self.lanes.remove(&from);
        } else {
            lane.deliveries.shrink_to(8);
        }
        if is_parked && !self.is_over(from) {
            self.woken.push(from);
        }
        self.wake_first();
        Some(delivery)
    }

    /// Others have their turn before the rest of this.
    pub(crate) fn put_back(&mut self, delivery: Delivery) {
        self.put_first(delivery);
    }

    fn put_first(&mut self, delivery: Delivery) {
        let (from, load) = (delivery.from, Load::of(&delivery));
        self.load.add(load);
        let lane = self.lane(from);
        lane.load.add(load);
        lane.deliveries.push_front(delivery);
        if lane.deliveries.len() == 1 {
            self.turn.push_back(from);
        }
    }

    /// Peers that have something to take.
    pub(crate) fn ready(&self) -> usize {
        self.turn.len()
    }

    /// Peers whose readers are to be woken, since the last call of this.
    pub(crate) fn take_woken(&mut self) -> Vec<Identity> {
        std::mem::take(&mut self.woken)
    }

    /// Whether a lane has its share: a quarter of everything, or an equal part when many have
    /// something. When everything is full, every lane that has something has its share.
    fn is_over(&self, peer: Identity) -> bool {
        let lane = self.lanes.get(&peer);
        let Some(lane) = lane.filter(|lane| !lane.deliveries.is_empty()) else {
            return false;
        };
        let (limit, parts) = (self.limit, self.turn.len().max(4));
        let (all, own) = (self.load, lane.load);
        let is_full = all.messages >= limit.messages || all.bytes >= limit.bytes;
        is_full || own.messages >= limit.messages / parts || own.bytes >= limit.bytes / parts
    }

    /// What has no lane any more has no link either.
    fn lane(&mut self, peer: Identity) -> &mut Lane {
        self.lanes.entry(peer).or_insert_with(|| Lane {
            deliveries: VecDeque::new(),
            load: Load::default(),
            overflow: 0,
            has_ended: true,
            is_parked: false,
        })
    }
}

impl Load {
    fn of(delivery: &Delivery) -> Load {
        Load {
            messages: delivery.left(),
            bytes: delivery.memory(),
        }
    }

    fn add(&mut self, other: Load) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    fn subtract(&mut self, other: Load) {
        self.messages -= other.messages;
        self.bytes -= other.bytes;
    }
}
