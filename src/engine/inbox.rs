//! Inbox: what was received and not yet taken, bounded, each peer with its share, in turn.
//!
//! Lock order: front, then back. Neither is held while waiting for the other side.

mod lending;
mod serving;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::serving::Front;
pub(crate) use self::serving::{Acks, Served};
use crate::config::Config;
use crate::engine::commons::Commons;
use crate::engine::connection::Reader;
use crate::engine::turns::Turns;
use crate::engine::watcher::Watcher;
use crate::error::Error;
use crate::loan::{Loan, is_patient};
use crate::message::Identity;
use crate::policy::AckMode;
use crate::proto::batch::Batch;
use crate::proto::delivery::{Arrived, Presence};
use crate::proto::lanes::Lanes;
use crate::session::Session;

/// What comes out of the inbox.
pub(crate) enum Taken {
    Message(Arrived, Acks),
    Presence(Presence),
}

/// What a receiver may go on with.
pub(crate) enum Awaited {
    /// There may be something to take.
    Arrival,
    /// There is nothing to take, and a connection to be read.
    Reader(Box<Reader>),
}

/// What a reader does that has put something in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    ReadOn,
    /// As above, and one receiver had nothing to do: it may do the reading.
    Awaited,
    /// Its peer is past its share.
    Wait,
}

pub(crate) struct Inbox {
    front: Mutex<Front>,
    /// What wants an ACK has it when it is taken.
    acks_taken: bool,
    /// Messages left in it. It changes only under the lock of `front`, which orders the changes,
    /// and rises only under that of `back` as well, so that nobody goes to sleep beside a message.
    left: AtomicUsize,
    /// The batch that is being served is divided, and nothing in it plain: a hint for who comes
    /// for the next, which changes only under the lock of `front`.
    is_divided: AtomicBool,
    commons: Commons,
    back: Mutex<Back>,
    arrived: Condvar,
    /// Where the thread whose reader is lent waits for it.
    returned: Condvar,
    is_closed: AtomicBool,
    /// Who takes what is in it, where several threads wait for it.
    pub(crate) turns: Turns,
}

struct Back {
    lanes: Lanes,
    /// Where readers wait for room. Each has a place of its own, because a peer that is one of a
    /// thousand parked ones must not cost a thousand wake-ups for each batch that is taken.
    rooms: HashMap<Identity, Arc<Condvar>>,
    /// Threads that sleep until something arrives.
    receivers: usize,
    /// Those of them that could read instead.
    patient: usize,
    loan: Loan<Box<Reader>>,
    watchers: Vec<Arc<Watcher>>,
}

impl Inbox {
    pub(crate) fn new(config: &Config) -> Inbox {
        Inbox {
            front: Mutex::default(),
            acks_taken: config.ack_mode == AckMode::OnRecv,
            left: AtomicUsize::new(0),
            is_divided: AtomicBool::new(false),
            commons: Commons::new(config),
            back: Mutex::new(Back {
                lanes: Lanes::new(config),
                rooms: HashMap::new(),
                receivers: 0,
                patient: 0,
                loan: Loan::default(),
                watchers: Vec::new(),
            }),
            arrived: Condvar::new(),
            returned: Condvar::new(),
            is_closed: AtomicBool::new(false),
            turns: Turns::default(),
        }
    }

    /// Puts a peer's messages in. They come back if there is no room for them at all.
    pub(crate) fn push(&self, from: Identity, batch: Batch) -> Result<Pushed, Batch> {
        let mut back = self.back();
        match back.lanes.has_room(batch.memory()) || self.is_closed() {
            true => Ok(self.put_in(&mut back, from, batch)),
            false => Err(batch),
        }
    }

    /// As `push`, but waits for its turn to have room. They come back if the peer's link ends.
    pub(crate) fn push_in_turn(&self, from: Identity, batch: Batch) -> Result<Pushed, Batch> {
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
    pub(crate) fn push_present(&self, session: Session) {
        self.back().lanes.push_present(session);
    }

    /// A peer came or left: told behind what came from it before.
    pub(crate) fn push_presence(&self, presence: Presence) {
        let mut back = self.back();
        back.lanes.push_presence(presence);
        self.tell_receivers(&back);
    }

    fn tell_receivers(&self, back: &Back) {
        if back.receivers > 0 {
            self.arrived.notify_one();
        }
        back.watchers.iter().for_each(|watcher| watcher.notify());
    }

    fn put_in(&self, back: &mut Back, from: Identity, batch: Batch) -> Pushed {
        let may_read_on = back.lanes.push(from, batch);
        self.tell_receivers(back);
        let is_awaited = back.patient == 1 && back.receivers == 1 && back.watchers.is_empty();
        match may_read_on || self.is_closed() {
            true if is_awaited => Pushed::Awaited,
            true => Pushed::ReadOn,
            false => Pushed::Wait,
        }
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

    /// Waits until there may be something to take, or to read, until the deadline, if there is one.
    pub(crate) fn await_arrival(&self, deadline: Option<Instant>) -> Result<Awaited, Error> {
        let mut back = self.back();
        while back.lanes.ready() == 0 && self.left() == 0 && !self.is_closed() {
            let pause = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(pause) if pause.is_zero() => return Err(Error::Timeout),
                pause => pause,
            };
            let is_patient = is_patient(deadline);
            if let Some(reader) = back.loan.borrow() {
                if is_patient {
                    return Ok(Awaited::Reader(reader));
                }
                self.hand_back(&mut back, reader);
            }
            back.receivers += 1;
            back.patient += usize::from(is_patient);
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
            back.patient -= usize::from(is_patient);
        }
        // One wake-up may stand for several messages: pass it on.
        if back.receivers > 0 && back.lanes.ready() + self.left() > 1 {
            self.arrived.notify_one();
        }
        Ok(Awaited::Arrival)
    }

    fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
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
        drop(back);
        self.turns.close();
    }

    /// As `close`. What a panic has left behind in the middle of a change is thrown away.
    pub(crate) fn fail(&self, config: &Config) {
        if self.front.is_poisoned() {
            *self.front() = Front::default();
            self.left.store(0, Ordering::Relaxed);
        }
        if self.back.is_poisoned() {
            self.back().lanes = Lanes::new(config);
        }
        self.lose_reader();
        self.close();
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    pub(crate) fn watch(&self, watcher: Arc<Watcher>) {
        self.back().watchers.push(watcher);
        self.recall();
    }

    pub(crate) fn unwatch(&self, watcher: &Arc<Watcher>) {
        self.back()
            .watchers
            .retain(|other| !Arc::ptr_eq(other, watcher));
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back(&self) -> MutexGuard<'_, Back> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Back {
    fn is_unattended(&self) -> bool {
        self.receivers == 0 && self.watchers.is_empty()
    }

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
