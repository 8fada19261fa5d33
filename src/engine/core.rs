//! Core: one socket's shared state, and the lock around its hub.
//!
//! Lock order: the hub's lock, then the inbox's. No lock is held across a read, a write, a
//! connect, an accept, a join or a user's callback.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use std::{hint, thread};

use crate::config::Config;
use crate::contents::Home;
use crate::endpoint::Endpoint;
use crate::engine::inbox::Inbox;
pub(crate) use crate::engine::locked::Locked;
use crate::engine::shelf::Shelf;
use crate::engine::signals::{SIGNALS, Signal, Sleepers};
use crate::error::Error;
use crate::message::Identity;
use crate::proto::hub::Hub;
use crate::proto::link::LinkId;
use crate::transport::{Listener, Stream};

/// Who finds the hub's lock taken tries again so many times, then offers the processor to others so
/// many times, before it falls asleep.
const TRIES: usize = 20;
const OFFERS: usize = 50;

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) me: Identity,
    pub(crate) inbox: Inbox,
    pub(crate) shelf: Arc<Shelf>,
    /// The way to that shelf, for messages.
    pub(crate) home: Home,
    /// The keeper leaves writing to those who send, or did when it last looked.
    pub(crate) rests: AtomicBool,
    /// Somebody has begun to wait for what may be an answer: the keeper is to write what there is.
    pub(crate) is_hurried: AtomicBool,
    shared: Mutex<Shared>,
    pub(super) signals: [Condvar; SIGNALS],
    /// Where our code is to panic next.
    #[cfg(test)]
    pub(super) planted: Mutex<Option<&'static str>>,
}

/// What the hub's lock guards.
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) life: Life,
    pub(crate) listeners: BTreeMap<Endpoint, Arc<Listener>>,
    /// Links that take no more for now, for the drains to write in turn.
    pub(crate) stalled: VecDeque<LinkId>,
    pub(crate) drains: usize,
    pub(crate) idle_drains: usize,
    /// When the keeper acknowledges what was taken.
    pub(crate) acks_due: Option<Instant>,
    /// Our threads that hold this core.
    pub(crate) threads: usize,
    /// The streams of the links, by slot.
    pub(super) streams: Vec<Option<(LinkId, Arc<Stream>)>>,
    /// A sender waits for room that only ACKs make, and could read them itself.
    pub(crate) wants_reader: bool,
    pub(super) sleepers: [Sleepers; SIGNALS],
}

/// How far a socket is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Life {
    Open,
    /// No new sends; what is queued leaves.
    Closing,
    /// Every thread ends.
    Stopped,
    /// The report is made.
    Closed,
}

impl Core {
    pub(crate) fn new(config: Config) -> Result<Arc<Core>, Error> {
        config.check()?;
        let config = config.within_a_century();
        let me = config.identity.unwrap_or_else(random_identity);
        let hub = Hub::new(Instant::now(), config.clone(), me, random(), random());
        let shelf = Arc::new(Shelf::new(&config));
        let core = Arc::new(Core {
            inbox: Inbox::new(&config),
            home: shelf.clone().home(),
            shelf,
            config,
            me,
            rests: AtomicBool::new(false),
            is_hurried: AtomicBool::new(false),
            shared: Mutex::new(Shared {
                hub,
                life: Life::Open,
                listeners: BTreeMap::new(),
                stalled: VecDeque::new(),
                drains: 0,
                idle_drains: 0,
                acks_due: None,
                threads: 0,
                streams: Vec::new(),
                wants_reader: false,
                sleepers: [Sleepers::default(); SIGNALS],
            }),
            signals: [const { Condvar::new() }; SIGNALS],
            #[cfg(test)]
            planted: Mutex::default(),
        });
        core.start_keeper()?;
        core.start_teller().inspect_err(|_| core.stop())?;
        Ok(core)
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Locked::new(self, guard)
    }

    /// The same for whoever sends.
    #[inline(always)]
    pub(crate) fn lock_to_send(&self) -> Locked<'_> {
        Locked::new(self, self.enter())
    }

    #[inline(always)]
    fn enter(&self) -> MutexGuard<'_, Shared> {
        match self.try_enter() {
            Some(guard) => guard,
            None => self.enter_crowd(),
        }
    }

    #[inline(always)]
    fn try_enter(&self) -> Option<MutexGuard<'_, Shared>> {
        match self.shared.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Threads that flood one socket side by side meet here all the time, and each holds the lock
    /// for much less time than it takes to fall asleep and to be woken.
    #[cold]
    fn enter_crowd(&self) -> MutexGuard<'_, Shared> {
        for turn in 0..TRIES + OFFERS {
            match turn < TRIES {
                true => hint::spin_loop(),
                false => thread::yield_now(),
            }
            if let Some(guard) = self.try_enter() {
                return guard;
            }
        }
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message of a burst as nearly all of them are: it joins those before it, and there is
    /// nothing else to do. Kept apart from all that may be slow, so that it comes to a few
    /// instructions.
    #[inline(always)]
    pub(crate) fn join_burst<T>(
        &self,
        body: &[u8],
        join: impl FnOnce(&mut Hub, &[u8]) -> Option<T>,
    ) -> Option<T> {
        let mut shared = self.lock_to_send();
        let sent = match shared.life == Life::Open && body.len() <= self.config.max_message {
            true => join(&mut shared.hub, body),
            false => None,
        };
        shared.let_go();
        sent
    }

    /// What is longer than the limit is not sent.
    pub(crate) fn check_length(&self, len: usize) -> Result<(), Error> {
        let max = self.config.max_message;
        match len > max {
            true => Err(Error::TooLarge { len, max }),
            false => Ok(()),
        }
    }

    /// Wakes whoever waits for `signal`.
    pub(crate) fn wake(&self, shared: &mut Shared, signal: Signal) {
        // A wake-up costs a system call even when nobody sleeps.
        if shared.sleepers[signal as usize].call() {
            self.signals[signal as usize].notify_all();
        }
    }

    /// Wakes everyone: the socket is on its way out.
    pub(crate) fn wake_all(&self) {
        self.signals.iter().for_each(Condvar::notify_all);
    }
}

impl Shared {
    /// A sender sleeps until ACKs make room. It has looked for a reader to borrow before, so none is
    /// to be offered, which nobody may come for.
    pub(crate) fn needs_acks(&self) -> bool {
        self.has_sleepers(Signal::Room) && self.hub.lacks_acks()
    }

    /// Somebody sleeps until `signal` and was not called yet.
    pub(crate) fn has_sleepers(&self, signal: Signal) -> bool {
        self.sleepers[signal as usize].are_there()
    }

    pub(crate) fn stream(&self, id: LinkId) -> Option<Arc<Stream>> {
        let (owner, stream) = self.streams.get(id.slot())?.as_ref()?;
        (*owner == id).then(|| stream.clone())
    }

    /// Gives back the stream of an earlier link, to be dropped behind the lock.
    #[must_use]
    pub(crate) fn attach(&mut self, id: LinkId, stream: Arc<Stream>) -> Option<Arc<Stream>> {
        if self.streams.len() <= id.slot() {
            self.streams.resize(id.slot() + 1, None);
        }
        let former = self.streams[id.slot()].replace((id, stream));
        former.map(|(_, stream)| stream)
    }
}

/// A time that far away, for timeouts that overflow the clock.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FAR)
}

/// std has no random numbers; the keys of its hash maps are drawn from the system.
fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}

fn random_identity() -> Identity {
    let [high, low] = [random(), random()].map(u64::to_be_bytes);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high);
    bytes[8..].copy_from_slice(&low);
    Identity::new(bytes)
}
