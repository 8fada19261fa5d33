//! Inbox: what was received and not yet taken, bounded, each peer with its share, in turn.
//!
//! Lock order: front, then back. Neither is held while waiting for the other side.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::{Config, Limit};
use crate::engine::watcher::Watcher;
use crate::error::Error;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::frame::MessageId;

/// What a link over its share may still bring in, so that acknowledgements and heartbeats behind
/// its messages are found.
const OVERFLOW: usize = 1024 * 1024;

/// Spent buffers kept for the readers.
const MAX_SPARE: usize = 2;

/// Smaller buffers are not worth keeping.
const WORTH_KEEPING: usize = 16 * 1024;

pub(crate) struct Inbox {
    limit: Limit,
    /// Bytes past which no link may bring in more than its share.
    hard_limit: usize,
    /// The batch that is being served.
    front: Mutex<Option<Delivery>>,
    /// Messages left in it; it rises only under the lock of `back`, so that nobody goes to sleep
    /// beside a message.
    left: AtomicUsize,
    back: Mutex<Back>,
    arrived: Condvar,
    room: Condvar,
    is_closed: AtomicBool,
}

/// A message as it leaves the inbox.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Arrived {
    pub(crate) from: Identity,
    pub(crate) body: Vec<u8>,
    /// Its id, if its sender wants an ACK.
    pub(crate) id: Option<MessageId>,
}

#[derive(Default)]
struct Back {
    /// By peer, not by link: what came on its last connection goes out before what comes on the
    /// next.
    lanes: HashMap<Identity, Lane>,
    /// Peers with something in their lane, in turn.
    turn: VecDeque<Identity>,
    messages: usize,
    bytes: usize,
    receivers: usize,
    parked: usize,
    watchers: Vec<Arc<Watcher>>,
    spare: Vec<Vec<u8>>,
}

/// What came from one peer.
#[derive(Default)]
struct Lane {
    deliveries: VecDeque<Batch>,
    messages: usize,
    bytes: usize,
    /// Brought in since it is over its share.
    overflow: usize,
    has_ended: bool,
}

struct Delivery {
    from: Identity,
    batch: Batch,
    next: usize,
}

impl Inbox {
    pub(crate) fn new(config: &Config) -> Inbox {
        let hard_limit = config.memory_budget / 2;
        let bytes = config.inbox.bytes.min(hard_limit);
        Inbox {
            limit: Limit {
                bytes,
                ..config.inbox
            },
            hard_limit,
            front: Mutex::new(None),
            left: AtomicUsize::new(0),
            back: Mutex::new(Back::default()),
            arrived: Condvar::new(),
            room: Condvar::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Puts a peer's messages in. Says whether its reader may read on; if not, it waits for room.
    pub(crate) fn push(&self, from: Identity, batch: Batch) -> bool {
        let mut guard = self.back();
        let back = &mut *guard;
        let (messages, bytes) = (batch.spans.len(), batch.memory());
        let was_over = back.is_over(from, self.limit);
        let lane = back.lanes.entry(from).or_default();
        if lane.deliveries.is_empty() {
            back.turn.push_back(from);
        }
        lane.deliveries.push_back(batch);
        lane.messages += messages;
        lane.bytes += bytes;
        lane.overflow = if was_over { lane.overflow + bytes } else { 0 };
        let has_overflow = lane.overflow < OVERFLOW;
        back.messages += messages;
        back.bytes += bytes;
        if back.receivers > 0 {
            self.arrived.notify_one();
        }
        back.watchers.iter().for_each(|watcher| watcher.notify());
        (has_overflow && back.bytes < self.hard_limit) || self.is_closed()
    }

    /// Waits until the peer is within its share again or its link ends, or the socket closes.
    pub(crate) fn wait_for_room(&self, peer: Identity) {
        let mut back = self.back();
        while back.is_over(peer, self.limit) && !back.has_ended(peer) && !self.is_closed() {
            back.parked += 1;
            back = self.room.wait(back).unwrap_or_else(PoisonError::into_inner);
            back.parked -= 1;
        }
        if let Some(lane) = back.lanes.get_mut(&peer) {
            lane.overflow = 0;
        }
    }

    /// Another link of the peer is read from now on.
    pub(crate) fn open_lane(&self, peer: Identity) {
        self.back().lanes.entry(peer).or_default().has_ended = false;
    }

    /// The peer's link has ended: its reader is not to wait for room.
    pub(crate) fn end_lane(&self, peer: Identity) {
        let mut back = self.back();
        if let Some(lane) = back.lanes.get_mut(&peer) {
            lane.has_ended = true;
            if lane.deliveries.is_empty() {
                back.lanes.remove(&peer);
            }
        }
        if back.parked > 0 {
            self.room.notify_all();
        }
    }

    /// A spent buffer for a reader to read into.
    pub(crate) fn spare(&self) -> Option<Vec<u8>> {
        self.back().spare.pop()
    }

    pub(crate) fn try_take(&self) -> Result<Arrived, Error> {
        let mut front = self.front.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(delivery) = &mut *front else {
                // Asked first: what was put in before the close must not be missed.
                let nothing = self.nothing();
                *front = Some(self.next_delivery().ok_or(nothing)?);
                continue;
            };
            match delivery.next() {
                // Its sender is told nothing and sends it again.
                Some(arrived) if arrived.id.is_some() && self.is_closed() => {}
                Some(arrived) => {
                    self.left.store(delivery.left(), Ordering::SeqCst);
                    return Ok(arrived);
                }
                None => {
                    let spent = front.take().map(|delivery| delivery.batch.bytes);
                    self.keep_spare(spent);
                }
            }
        }
    }

    /// Waits for a message until the deadline, if there is one.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Result<Arrived, Error> {
        loop {
            match self.try_take() {
                Err(Error::Empty) => self.wait_for_arrival(deadline)?,
                result => return result,
            }
        }
    }

    fn wait_for_arrival(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut back = self.back();
        while back.turn.is_empty() && self.left() == 0 && !self.is_closed() {
            let pause = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(pause) if pause.is_zero() => return Err(Error::Timeout),
                pause => pause,
            };
            back.receivers += 1;
            back = match pause {
                None => self
                    .arrived
                    .wait(back)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let woken = self.arrived.wait_timeout(back, pause);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            back.receivers -= 1;
        }
        // One wake-up may stand for several messages: pass it on.
        if back.receivers > 0 && back.turn.len() + self.left() > 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    fn next_delivery(&self) -> Option<Delivery> {
        let mut guard = self.back();
        let back = &mut *guard;
        let from = back.turn.pop_front()?;
        let lane = back.lanes.get_mut(&from)?;
        let batch = lane.deliveries.pop_front()?;
        let (messages, bytes) = (batch.spans.len(), batch.memory());
        lane.messages -= messages;
        lane.bytes -= bytes;
        if !lane.deliveries.is_empty() {
            back.turn.push_back(from);
        } else if lane.has_ended {
            back.lanes.remove(&from);
        } else {
            lane.deliveries.shrink_to(8);
        }
        back.messages -= messages;
        back.bytes -= bytes;
        if back.parked > 0 {
            self.room.notify_all();
        }
        self.left.store(messages, Ordering::SeqCst);
        if back.receivers > 0 && messages > 1 {
            self.arrived.notify_one();
        }
        let next = 0;
        Some(Delivery { from, batch, next })
    }

    fn keep_spare(&self, spent: Option<Vec<u8>>) {
        let Some(spent) = spent.filter(|spent| spent.len() >= WORTH_KEEPING) else {
            return;
        };
        let mut back = self.back();
        if back.spare.len() < MAX_SPARE {
            back.spare.push(spent);
        }
    }

    fn nothing(&self) -> Error {
        match self.is_closed() {
            true => Error::Closed,
            false => Error::Empty,
        }
    }

    /// No more is put in; what is there can still be taken, if nobody was promised an ACK for it.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let back = self.back();
        self.arrived.notify_all();
        self.room.notify_all();
        back.watchers.iter().for_each(|watcher| watcher.notify());
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    pub(crate) fn watch(&self, watcher: Arc<Watcher>) {
        self.back().watchers.push(watcher);
    }

    pub(crate) fn unwatch(&self, watcher: &Arc<Watcher>) {
        self.back()
            .watchers
            .retain(|other| !Arc::ptr_eq(other, watcher));
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Back {
    fn has_ended(&self, peer: Identity) -> bool {
        self.lanes.get(&peer).is_none_or(|lane| lane.has_ended)
    }

    /// Whether a lane has its share: a quarter of everything, or an equal part when many have
    /// something. When everything is full, every lane that has something has its share.
    fn is_over(&self, peer: Identity, limit: Limit) -> bool {
        let lane = self.lanes.get(&peer);
        let Some(lane) = lane.filter(|lane| !lane.deliveries.is_empty()) else {
            return false;
        };
        let parts = self.turn.len().max(4);
        let is_full = self.messages >= limit.messages || self.bytes >= limit.bytes;
        is_full || lane.messages >= limit.messages / parts || lane.bytes >= limit.bytes / parts
    }
}

impl Delivery {
    fn left(&self) -> usize {
        self.batch.spans.len() - self.next
    }

    fn next(&mut self) -> Option<Arrived> {
        let span = *self.batch.spans.get(self.next)?;
        self.next += 1;
        let id = self.batch.id(span);
        // A message that was read into an allocation of its own keeps it.
        let is_alone = self.batch.spans.len() == 1 && span.len as usize >= OWN_FROM;
        let body = match is_alone && span.range().end == self.batch.bytes.len() {
            true => {
                let mut bytes = std::mem::take(&mut self.batch.bytes);
                bytes.drain(..span.start as usize);
                bytes
            }
            false => self.batch.payload(span).to_vec(),
        };
        Some(Arrived {
            from: self.from,
            body,
            id,
        })
    }
}

/// Messages from this size on are not copied out of a batch that is theirs alone.
const OWN_FROM: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::batch::Span;

    const PEER: Identity = Identity::new([1; 16]);

    fn batch(text: &str) -> Batch {
        let len = text.len() as u32;
        let spans = vec![Span {
            start: 0,
            len,
            wants_ack: false,
        }];
        Batch {
            bytes: text.into(),
            spans,
        }
    }

    #[test]
    fn what_came_on_the_last_link_goes_out_before_what_comes_on_the_next() {
        let inbox = Inbox::new(&Config::default());
        inbox.open_lane(PEER);
        ["a", "b"]
            .into_iter()
            .for_each(|text| assert!(inbox.push(PEER, batch(text))));
        inbox.end_lane(PEER);
        inbox.open_lane(PEER);
        inbox.push(PEER, batch("c"));
        let bodies = std::iter::from_fn(|| inbox.try_take().ok()).map(|one| one.body);
        assert_eq!(bodies.collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn peers_that_went_leave_nothing_behind() {
        let inbox = Inbox::new(&Config::default());
        for number in 0..100 {
            let peer = Identity::new([number; 16]);
            inbox.open_lane(peer);
            inbox.push(peer, batch("x"));
            inbox.end_lane(peer);
        }
        while inbox.try_take().is_ok() {}
        assert!(inbox.back().lanes.is_empty());
    }
}
