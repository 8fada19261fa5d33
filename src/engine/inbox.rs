//! Inbox: what was received and not yet taken, bounded, each peer with its share, in turn.
//!
//! Lock order: front, then back. Neither is held while waiting for the other side.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::config::Config;
use crate::engine::watcher::Watcher;
use crate::error::Error;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::frame::MessageId;
use crate::proto::lanes::Lanes;

/// Spent buffers kept for the readers.
const MAX_SPARE: usize = 2;

/// Smaller buffers are not worth keeping.
const WORTH_KEEPING: usize = 16 * 1024;

pub(crate) struct Inbox {
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

struct Back {
    lanes: Lanes,
    receivers: usize,
    parked: usize,
    watchers: Vec<Arc<Watcher>>,
    spare: Vec<Vec<u8>>,
}

struct Delivery {
    from: Identity,
    batch: Batch,
    next: usize,
}

impl Inbox {
    pub(crate) fn new(config: &Config) -> Inbox {
        let back = Back {
            lanes: Lanes::new(config),
            receivers: 0,
            parked: 0,
            watchers: Vec::new(),
            spare: Vec::new(),
        };
        Inbox {
            front: Mutex::new(None),
            left: AtomicUsize::new(0),
            back: Mutex::new(back),
            arrived: Condvar::new(),
            room: Condvar::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Puts a peer's messages in. Says whether its reader may read on; if not, it waits for room.
    pub(crate) fn push(&self, from: Identity, batch: Batch) -> bool {
        let mut back = self.back();
        let may_read_on = back.lanes.push(from, batch);
        if back.receivers > 0 {
            self.arrived.notify_one();
        }
        back.watchers.iter().for_each(|watcher| watcher.notify());
        may_read_on || self.is_closed()
    }

    /// Waits until the peer is within its share again or its link ends, or the socket closes.
    pub(crate) fn wait_for_room(&self, peer: Identity) {
        let mut back = self.park_while(|lanes| lanes.is_held_up(peer));
        back.lanes.readmit(peer);
    }

    /// Whether a reader in the middle of a large message must wait with the rest of it.
    pub(crate) fn is_full_for(&self, peer: Identity) -> bool {
        self.back().lanes.is_full_for(peer) && !self.is_closed()
    }

    /// Waits until there is room for more of a large message, or the link ends, or the socket
    /// closes.
    pub(crate) fn wait_for_space(&self, peer: Identity) {
        drop(self.park_while(|lanes| lanes.is_full_for(peer)));
    }

    fn park_while(&self, holds: impl Fn(&Lanes) -> bool) -> MutexGuard<'_, Back> {
        let mut back = self.back();
        while holds(&back.lanes) && !self.is_closed() {
            back.parked += 1;
            back = self.room.wait(back).unwrap_or_else(PoisonError::into_inner);
            back.parked -= 1;
        }
        back
    }

    /// Another link of the peer is read from now on.
    pub(crate) fn open_lane(&self, peer: Identity) {
        self.back().lanes.open(peer);
    }

    /// The peer's link has ended: its reader is not to wait for room.
    pub(crate) fn end_lane(&self, peer: Identity) {
        let mut back = self.back();
        back.lanes.end(peer);
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
        while back.lanes.turns() == 0 && self.left() == 0 && !self.is_closed() {
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
        if back.receivers > 0 && back.lanes.turns() + self.left() > 1 {
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }

    fn next_delivery(&self) -> Option<Delivery> {
        let mut back = self.back();
        let (from, batch) = back.lanes.pop()?;
        if back.parked > 0 {
            self.room.notify_all();
        }
        let messages = batch.spans.len();
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
