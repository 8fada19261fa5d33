//! Core: one socket's shared state, and the lock around its hub.
//!
//! Lock order: the hub's lock, then the inbox's. No lock is held across a read, a write, a
//! connect, an accept, a join or a user's callback.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};
use std::{hint, thread};

use crate::config::Config;
use crate::contents::Home;
use crate::endpoint::Endpoint;
use crate::engine::inbox::Inbox;
use crate::engine::shelf::Shelf;
use crate::engine::signals::{SIGNALS, Signal, Sleepers};
use crate::error::Error;
use crate::message::Identity;
use crate::proto::hub::{Hub, Shut};
use crate::proto::link::LinkId;
use crate::transport::{Listener, Stream};

/// Who finds the hub's lock taken tries again so many times, then offers the processor to others so
/// many times, before it falls asleep.
const TRIES: usize = 20;
const OFFERS: usize = 50;

/// How long whoever ends streams hears out, in all, the last words that other threads say.
const HEARING_OUT: Duration = Duration::from_millis(50);

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
    signals: [Condvar; SIGNALS],
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
    streams: Vec<Option<(LinkId, Arc<Stream>)>>,
    /// A sender waits for room that only ACKs make, and could read them itself.
    pub(crate) wants_reader: bool,
    sleepers: [Sleepers; SIGNALS],
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
        });
        core.start_keeper()?;
        Ok(core)
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        let guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Locked {
            core: self,
            guard: Some(guard),
        }
    }

    /// The same for whoever sends.
    pub(crate) fn lock_to_send(&self) -> Locked<'_> {
        Locked {
            core: self,
            guard: Some(self.enter()),
        }
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
    /// nothing else to do. Says how many get it. Kept apart from all that may be slow, so that it
    /// comes to a few instructions.
    #[inline(always)]
    pub(crate) fn send_on(&self, body: &[u8]) -> Option<usize> {
        let mut shared = self.enter();
        match shared.life == Life::Open && body.len() <= self.config.max_message {
            true => shared.hub.join(body),
            false => None,
        }
    }

    /// What is longer than the limit is not sent.
    pub(crate) fn check_length(&self, body: &[u8]) -> Result<(), Error> {
        let (len, max) = (body.len(), self.config.max_message);
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

    pub(crate) fn attach(&mut self, id: LinkId, stream: Arc<Stream>) {
        if self.streams.len() <= id.slot() {
            self.streams.resize(id.slot() + 1, None);
        }
        self.streams[id.slot()] = Some((id, stream));
    }
}

/// The hub's lock, held. Letting go of it does what the hub has asked for in the meantime.
pub(crate) struct Locked<'a> {
    core: &'a Core,
    guard: Option<MutexGuard<'a, Shared>>,
}

impl Locked<'_> {
    /// Waits for `signal` until `deadline`, if there is one.
    pub(crate) fn wait(mut self, signal: Signal, deadline: Option<Instant>) -> Self {
        let shutdowns = self.settle();
        if !shutdowns.is_empty() {
            // Streams are shut down without the lock, so the state may be new: look again.
            drop(self.guard.take());
            shut_down(shutdowns);
            return self.core.lock();
        }
        if matches!(signal, Signal::Room | Signal::Events | Signal::Peers) {
            // Whoever might have received waits for something else, that reading may bring about.
            self.core.inbox.recall();
        }
        let pause = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let mut guard = self.guard.take().expect("held until dropped");
        let calls = guard.sleepers[signal as usize].join();
        let condvar = &self.core.signals[signal as usize];
        let mut guard = match pause {
            None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => {
                let woken = condvar.wait_timeout(guard, pause);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        guard.sleepers[signal as usize].leave(calls);
        Locked {
            core: self.core,
            guard: Some(guard),
        }
    }

    /// Tells the hub what the application has taken since the last time.
    pub(crate) fn acknowledge_taken(&mut self) {
        let taken = self.core.inbox.drain_taken();
        self.hub.handle_taken(&taken);
    }

    /// Does what the hub asks for, but for the shutdowns: they are for after the lock.
    fn settle(&mut self) -> Vec<(Arc<Stream>, Shut)> {
        let core = self.core;
        let shared = self.guard.as_mut().expect("held until dropped");
        let Some(effects) = shared.hub.take_effects() else {
            return Vec::new();
        };
        for (id, how) in &effects.shutdowns {
            let peer = shared.hub.peer_of(*id).filter(|_| *how == Shut::Both);
            peer.inspect(|peer| core.inbox.end_lane(*peer));
        }
        let shut = effects.shutdowns.into_iter();
        let streams: Vec<_> = shut
            .filter_map(|(id, how)| Some((shared.stream(id)?, how)))
            .collect();
        let ending = streams.iter().filter(|(_, how)| *how == Shut::Write);
        ending.for_each(|(stream, _)| stream.owe_last_word());
        for (peer, presence) in effects.presences {
            core.inbox.push_presence(peer, presence);
        }
        for id in effects.gone {
            shared.streams[id.slot()].take_if(|(owner, _)| *owner == id);
        }
        let wake = effects.wake;
        let wakes = [
            (wake.keeper, Signal::Keeper),
            (wake.room, Signal::Room),
            (wake.dials, Signal::Dials),
            (wake.readers, Signal::Readers),
            (wake.events, Signal::Events),
            (wake.peers, Signal::Peers),
        ];
        for (_, signal) in wakes.into_iter().filter(|(is_asked, _)| *is_asked) {
            core.wake(shared, signal);
        }
        streams
    }
}

impl Deref for Locked<'_> {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        self.guard.as_ref().expect("held until dropped")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Shared {
        self.guard.as_mut().expect("held until dropped")
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Most calls leave nothing to do.
        if self
            .guard
            .as_ref()
            .is_some_and(|shared| shared.hub.has_effects())
        {
            let shutdowns = self.settle();
            drop(self.guard.take());
            shut_down(shutdowns);
        }
    }
}

fn shut_down(streams: Vec<(Arc<Stream>, Shut)>) {
    // Most calls come to this, and need no clock.
    if streams.is_empty() {
        return;
    }
    let until = Instant::now() + HEARING_OUT;
    for (stream, how) in streams {
        let how = match how {
            Shut::Write => Shutdown::Write,
            Shut::Both => Shutdown::Both,
        };
        stream.shutdown(how, until);
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
