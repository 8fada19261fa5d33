//! Inbox: what was received and not yet taken, bounded, each peer with its share, in turn.
//!
//! Lock order: front, then back. Neither is held while waiting for the other side.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Config;
use crate::engine::watcher::Watcher;
use crate::error::Error;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::delivery::{Arrived, Delivery, Presence};
use crate::proto::lanes::Lanes;

/// Spent buffers kept for the readers.
const MAX_SPARE: usize = 2;

/// Smaller buffers are not worth keeping.
const WORTH_KEEPING: usize = 16 * 1024;

/// What comes out of the inbox.
pub(crate) enum Taken {
    Message(Arrived),
    Presence(Identity, Presence),
}

pub(crate) struct Inbox {
    /// The batch that is being served.
    front: Mutex<Option<Delivery>>,
    /// Messages left in it. It changes only under the lock of `front`, which orders the changes,
    /// and rises only under that of `back` as well, so that nobody goes to sleep beside a message.
    left: AtomicUsize,
    back: Mutex<Back>,
    arrived: Condvar,
    is_closed: AtomicBool,
}

struct Back {
    lanes: Lanes,
    /// Where readers wait for room. Each has a place of its own, because a peer that is one of a
    /// thousand parked ones must not cost a thousand wake-ups for each batch that is taken.
    rooms: HashMap<Identity, Arc<Condvar>>,
    receivers: usize,
    watchers: Vec<Arc<Watcher>>,
    spare: Vec<Vec<u8>>,
}

impl Inbox {
    pub(crate) fn new(config: &Config) -> Inbox {
        Inbox {
            front: Mutex::new(None),
            left: AtomicUsize::new(0),
            back: Mutex::new(Back {
                lanes: Lanes::new(config),
                rooms: HashMap::new(),
                receivers: 0,
                watchers: Vec::new(),
                spare: Vec::new(),
            }),
            arrived: Condvar::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Puts a peer's messages in. Says whether its reader may read on; if not, it waits for room.
    /// They come back if there is no room for them at all.
    pub(crate) fn push(&self, from: Identity, batch: Batch) -> Result<bool, Batch> {
        let mut back = self.back();
        match back.lanes.has_room(batch.memory()) || self.is_closed() {
            true => Ok(self.put_in(&mut back, from, batch)),
            false => Err(batch),
        }
    }

    /// As `push`, but waits for its turn to have room. They come back if the peer's link ends.
    pub(crate) fn push_in_turn(&self, from: Identity, batch: Batch) -> Result<bool, Batch> {
        let mut back = self.wait_in_turn(from, batch.memory());
        let pushed = match back.lanes.has_ended(from) && !self.is_closed() {
            true => Err(batch),
            false => Ok(self.put_in(&mut back, from, batch)),
        };
        back.lanes.wake_first();
        back.wake();
        pushed
    }

    /// Waits until something more fits, or the peer's link ends, or the socket closes.
    pub(crate) fn wait_for_space(&self, peer: Identity) {
        drop(self.wait_in_turn(peer, 1));
    }

    fn wait_in_turn(&self, peer: Identity, bytes: usize) -> MutexGuard<'_, Back> {
        let mut back = self.back();
        back.lanes.queue_up(peer, bytes);
        while back.lanes.is_queued(peer) && !self.is_closed() {
            back = sleep(back, peer);
        }
        back.lanes.leave_queue(peer);
        back.wake();
        back
    }

    /// Whether a reader in the middle of a large message must wait with the rest of it.
    pub(crate) fn is_full(&self) -> bool {
        !self.back().lanes.has_room(1) && !self.is_closed()
    }

    /// A peer is there: told before what came from it.
    pub(crate) fn push_present(&self, peer: Identity) {
        self.back().lanes.push_present(peer);
    }

    /// A peer came or left: told behind what came from it before.
    pub(crate) fn push_presence(&self, peer: Identity, presence: Presence) {
        let mut back = self.back();
        back.lanes.push_presence(peer, presence);
        self.tell_receivers(&back);
    }

    fn tell_receivers(&self, back: &Back) {
        if back.receivers > 0 {
            self.arrived.notify_one();
        }
        back.watchers.iter().for_each(|watcher| watcher.notify());
    }

    fn put_in(&self, back: &mut Back, from: Identity, batch: Batch) -> bool {
        let may_read_on = back.lanes.push(from, batch);
        self.tell_receivers(back);
        may_read_on || self.is_closed()
    }

    /// Waits until the peer is within its share again or its link ends, or the socket closes.
    pub(crate) fn wait_for_room(&self, peer: Identity) {
        let mut back = self.back();
        while back.lanes.is_held_up(peer) && !self.is_closed() {
            back = sleep(back, peer);
        }
        back.lanes.park(peer, false);
    }

    /// Another link of the peer is read from now on.
    pub(crate) fn open_lane(&self, peer: Identity) {
        self.back().lanes.open(peer);
    }

    /// The peer's link has ended: its reader is not to wait for room.
    pub(crate) fn end_lane(&self, peer: Identity) {
        let mut back = self.back();
        back.lanes.end(peer);
        back.wake();
    }

    /// A spent buffer for a reader to read into.
    pub(crate) fn spare(&self) -> Option<Vec<u8>> {
        self.back().spare.pop()
    }

    /// A message; who comes and goes is passed over.
    pub(crate) fn try_take(&self) -> Result<Arrived, Error> {
        if let Some(arrived) = self.serve(&mut self.front()) {
            return Ok(arrived);
        }
        loop {
            if let Taken::Message(arrived) = self.try_take_next()? {
                return Ok(arrived);
            }
        }
    }

    /// The next message of the batch that is being served, while its turn lasts. Nearly every call
    /// comes to this: inlined up to the application's call, a message is moved once and not four
    /// times on its way.
    #[inline(always)]
    fn serve(&self, front: &mut Option<Delivery>) -> Option<Arrived> {
        let delivery = front.as_mut()?;
        if delivery.is_paused() {
            return None;
        }
        let arrived = delivery.next()?;
        self.left.store(delivery.left(), Ordering::Relaxed);
        // Its sender is told nothing and sends it again.
        let is_returned = arrived.id.is_some() && self.is_closed();
        (!is_returned).then_some(arrived)
    }

    pub(crate) fn try_take_next(&self) -> Result<Taken, Error> {
        let mut front = self.front();
        loop {
            if let Some(arrived) = self.serve(&mut front) {
                return Ok(Taken::Message(arrived));
            }
            let Some(delivery) = &mut *front else {
                // Asked first: what was put in before the close must not be missed.
                let nothing = self.nothing();
                *front = Some(self.next_delivery().ok_or(nothing)?);
                continue;
            };
            if let Some(presence) = delivery.presence() {
                let from = delivery.from;
                *front = None;
                return Ok(Taken::Presence(from, presence));
            }
            if delivery.is_paused() {
                *front = front.take().and_then(|delivery| self.give_way(delivery));
                continue;
            }
            if delivery.left() == 0 {
                let spent = front.take().map(Delivery::into_buffer);
                self.keep_spare(spent);
            }
        }
    }

    /// Lets others have their turn, if there are any; else the delivery comes back to be served.
    fn give_way(&self, mut delivery: Delivery) -> Option<Delivery> {
        let mut back = self.back();
        if back.lanes.ready() == 0 {
            delivery.go_on();
            return Some(delivery);
        }
        back.lanes.put_back(delivery);
        self.left.store(0, Ordering::Relaxed);
        None
    }

    /// Waits for a message until the deadline, if there is one.
    #[inline(always)]
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Result<Arrived, Error> {
        if let Some(arrived) = self.serve(&mut self.front()) {
            return Ok(arrived);
        }
        self.wait_and_take(deadline)
    }

    #[cold]
    fn wait_and_take(&self, deadline: Option<Instant>) -> Result<Arrived, Error> {
        loop {
            match self.try_take() {
                Err(Error::Empty) => self.wait_for_arrival(deadline)?,
                result => return result,
            }
        }
    }

    /// As `take`, and tells who comes and goes as well.
    pub(crate) fn take_next(&self, deadline: Option<Instant>) -> Result<Taken, Error> {
        loop {
            match self.try_take_next() {
                Err(Error::Empty) => self.wait_for_arrival(deadline)?,
                result => return result,
            }
        }
    }

    fn wait_for_arrival(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut back = self.back();
        while back.lanes.ready() == 0 && self.left() == 0 && !self.is_closed() {
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
        if back.receivers > 0 && back.lanes.ready() + self.left() > 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn next_delivery(&self) -> Option<Delivery> {
        let mut back = self.back();
        let delivery = back.lanes.take()?;
        back.wake();
        self.left.store(delivery.left(), Ordering::Relaxed);
        if back.receivers > 0 && delivery.left() > 1 {
            self.arrived.notify_one();
        }
        Some(delivery)
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
        back.rooms.values().for_each(|room| room.notify_all());
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

    fn front(&self) -> MutexGuard<'_, Option<Delivery>> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Back {
    /// Wakes the readers that may go on.
    fn wake(&mut self) {
        for peer in self.lanes.take_woken() {
            let room = self.rooms.get(&peer);
            room.inspect(|room| room.notify_all());
        }
    }
}

/// The reader of `peer` sleeps until it is woken.
fn sleep(mut back: MutexGuard<'_, Back>, peer: Identity) -> MutexGuard<'_, Back> {
    let room = back.rooms.entry(peer).or_default().clone();
    back.lanes.park(peer, true);
    let mut back = room.wait(back).unwrap_or_else(PoisonError::into_inner);
    back.lanes.park(peer, false);
    // Nobody else of this peer waits here.
    if Arc::strong_count(&room) == 2 {
        back.rooms.remove(&peer);
    }
    back
}
