//! Link: the state of one connection, from its first byte to its last.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Remote};
use crate::event::DownReason;
use crate::message::Identity;
use crate::policy::Limit;
use crate::proto::decoder::sizes::SMALLEST_BUFFER;
use crate::proto::dial::DialId;
use crate::proto::outbox::Outbox;
use crate::session::Session;

/// Names a link; never used again for another one. A slot, then a serial number: one word, because
/// it is passed on with every message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(NonZeroU64);

impl LinkId {
    /// Serial numbers begin with one.
    pub(crate) fn new(slot: u32, serial: u32) -> LinkId {
        LinkId::from_token(u64::from(slot) << 32 | u64::from(serial))
    }

    pub(crate) fn slot(self) -> usize {
        (self.0.get() >> 32) as usize
    }

    pub(crate) fn serial(self) -> u32 {
        self.0.get() as u32
    }

    /// The same name as a number, for the window.
    pub(crate) fn token(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn from_token(token: u64) -> LinkId {
        LinkId(NonZeroU64::new(token).expect("serial numbers begin with one"))
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkId({}, {})", self.slot(), self.serial())
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// No HELLO yet.
    Opening,
    /// Accepted, but an older link of the same identity has not ended yet.
    Succeeding,
    /// Accepted by us; the peer has not shown that it accepted us.
    Confirming { until: Instant },
    /// A peer.
    Up,
    /// Ends when what it still has to write is written and the peer has closed too.
    Leaving {
        until: Instant,
        flush: bool,
        finished: bool,
    },
    /// Its stream is shut down; it is gone as soon as reader and writer have let go of it.
    Ended,
}

pub(crate) struct Link {
    pub(crate) remote: Remote,
    pub(crate) dial: Option<DialId>,
    /// What it came to, if we did not dial it.
    pub(crate) listener: Option<Endpoint>,
    pub(crate) phase: Phase,
    pub(crate) peer: Option<Identity>,
    pub(crate) was_up: bool,
    has_greeted: bool,
    /// Why it ends; the first reason stays.
    pub(crate) reason: Option<DownReason>,
    pub(crate) outbox: Outbox,
    pub(crate) opened: Instant,
    /// When the last byte came.
    pub(crate) heard: Instant,
    /// When the last write ended, or the last heartbeat was queued.
    pub(crate) wrote: Instant,
    /// Bytes that its reader holds, of frames that are not complete or find no room.
    pub(crate) held: usize,
    /// How long the buffer may become that it is read into.
    pub(crate) buffer: usize,
    /// Our own reader does not read: silence means nothing.
    pub(crate) is_parked: bool,
    /// The kernel has taken nothing since then.
    pub(crate) stalled: Option<Instant>,
    pub(crate) reader_is_done: bool,
    /// A write failed, or the peer has said that it is done.
    pub(crate) is_broken: bool,
    /// Both ends finished what they had to say.
    pub(crate) is_clean: bool,
    /// It stalled, and a drain writes it until it has caught up.
    pub(crate) is_drained: bool,
    /// The keeper has been told to write it.
    pub(crate) is_dirty: bool,
    /// At-least-once messages that it holds.
    pub(crate) unacknowledged: usize,
    /// Bytes of memory that they take.
    pub(crate) unacknowledged_bytes: usize,
    /// They were as many as they may be, and those who wait for less are not called yet.
    pub(crate) is_choked: bool,
    /// Its peer was late with an ACK, and has not answered since: it gets no new ones.
    pub(crate) is_overdue: bool,
    /// At-most-once messages written, in all, and how many they were at some earlier times.
    pub(crate) written: u64,
    marks: VecDeque<(Instant, u64)>,
}

/// Marks are set so many times in a heartbeat timeout. They are kept for two timeouts, and there is
/// room for three.
const MARKS: u32 = 4;
const MOST_MARKS: usize = 3 * MARKS as usize;

/// Who is second to send a heartbeat is so much behind, of the interval.
const LAG: u32 = 50;

/// Links are looked at so many times per heartbeat interval, all at once. Heartbeats wait for such a
/// look once they are due, so that those of many links go out together.
pub(crate) const LOOKS: u32 = 20;

/// A peer that hears nothing for a timeout leaves, and what we hear of it was under way for less
/// than another, or we had left: heard so many timeouts after a write, it has what was written.
const CERTAIN: u32 = 2;

impl Link {
    pub(crate) fn new(now: Instant, remote: Remote, dial: Option<DialId>) -> Link {
        Link {
            remote,
            dial,
            listener: None,
            phase: Phase::Opening,
            peer: None,
            was_up: false,
            has_greeted: false,
            reason: None,
            outbox: Outbox::default(),
            opened: now,
            heard: now,
            wrote: now,
            held: 0,
            buffer: SMALLEST_BUFFER,
            is_parked: false,
            stalled: None,
            reader_is_done: false,
            is_broken: false,
            is_clean: false,
            is_drained: false,
            is_dirty: false,
            unacknowledged: 0,
            unacknowledged_bytes: 0,
            is_choked: false,
            is_overdue: false,
            written: 0,
            marks: VecDeque::new(),
        }
    }

    /// Its session, with the peer that it has or had.
    pub(crate) fn session(&self, peer: Identity, id: LinkId) -> Session {
        Session::new(peer, id.token(), self.listener.as_ref())
    }

    /// Says who we are, once.
    pub(crate) fn greet(&mut self, me: Identity) {
        if !std::mem::replace(&mut self.has_greeted, true) {
            self.outbox.push_hello(me);
        }
    }

    /// Nobody has said who is there.
    pub(crate) fn is_half_open(&self) -> bool {
        self.peer.is_none() && self.phase != Phase::Ended
    }

    pub(crate) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Its reader may sleep until that changes.
    pub(crate) fn holds_reader(&self) -> bool {
        self.phase == Phase::Succeeding || self.outbox.is_crowded_by_acks()
    }

    /// Nothing is left in it that a close should wait for.
    pub(crate) fn has_nothing_to_say(&self) -> bool {
        let is_finished = matches!(self.phase, Phase::Leaving { finished: true, .. });
        !self.was_up || self.outbox.is_empty() || (is_finished && self.outbox.messages() == 0)
    }

    /// Another message of that length may be queued, if this is all that counts.
    pub(crate) fn has_room(&self, limit: Limit, len: usize, unacknowledged: usize) -> bool {
        let has_answered = self.unacknowledged < unacknowledged && !self.is_overdue;
        has_answered && self.outbox.has_room(limit, len)
    }

    /// Messages may be written to it now.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Up | Phase::Leaving { flush: true, .. })
    }

    /// Bytes of memory that the messages take which are on their way to its peer.
    pub(crate) fn load(&self) -> usize {
        self.outbox.bytes() + self.unacknowledged_bytes
    }

    /// Its reader holds so many bytes now; what was held before, and what is now.
    pub(crate) fn hold(&mut self, bytes: usize) -> (usize, usize) {
        // Acknowledgements that the peer does not take are memory that it holds as well.
        let held = bytes + self.outbox.control_bytes();
        (std::mem::replace(&mut self.held, held), held)
    }

    /// Messages may be written to it, nothing is, and nobody is about to.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_up() && !self.is_dirty && !self.is_drained && self.outbox.is_empty()
    }

    /// Someone should write it, and nobody is at it.
    pub(crate) fn is_writable(&self) -> bool {
        let may_write = match self.phase {
            Phase::Leaving { finished, .. } => !finished,
            Phase::Ended => false,
            _ => true,
        };
        may_write && self.outbox.is_writable(self.is_open())
    }

    /// Somebody is in a write that will soon be over: the last one did not stall.
    pub(crate) fn is_being_written(&self) -> bool {
        self.phase != Phase::Ended && self.outbox.is_writing() && !self.is_drained
    }

    /// How long the peer has been silent while we listened.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        if self.is_parked {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.heard)
    }

    /// When a heartbeat is due, if nothing is written before. The end that was dialled comes first,
    /// because it is the one that may have many links: it sends to them together, and each answers.
    pub(crate) fn heartbeat_due(&self, interval: Duration) -> Instant {
        let lag = match self.dial {
            None => Duration::ZERO,
            Some(_) => interval / LAG,
        };
        self.wrote + interval + lag
    }

    /// Queues a heartbeat. It is about to be written, and the link need not be looked at for that
    /// once more.
    pub(crate) fn beat(&mut self, now: Instant) {
        self.wrote = now;
        self.outbox.shrink();
        self.outbox.push_heartbeat();
    }

    /// When an accepted link has to be looked at, if nothing else happens.
    pub(crate) fn next_look(
        &self,
        interval: Duration,
        timeout: Duration,
        stall_limit: Option<Duration>,
    ) -> Instant {
        let mut next = self.heartbeat_due(interval) + interval / LOOKS;
        if !self.is_parked {
            next = next.min(self.heard + timeout);
        }
        if let Some((since, limit)) = self.stalled.zip(stall_limit) {
            next = next.min(since + limit);
        }
        next
    }

    /// When what was written since the last mark is to be marked. Not while it piles up.
    pub(crate) fn next_mark(&self, timeout: Duration) -> Option<Instant> {
        let (last, marked) = self.marks.back().copied().unwrap_or((self.opened, 0));
        let may_mark = !self.is_drained && self.marks.len() < MOST_MARKS;
        (may_mark && self.written > marked).then(|| last + timeout / MARKS)
    }

    /// Called from time to time, to remember how much was written by now.
    pub(crate) fn mark(&mut self, now: Instant, timeout: Duration) {
        let is_due = self.next_mark(timeout).is_some_and(|at| now >= at);
        if is_due {
            self.marks.push_back((now, self.written));
        }
        let is_certain = |(at, _): &(Instant, u64)| *at + CERTAIN * timeout <= self.heard;
        while !self.is_drained && self.marks.get(1).is_some_and(is_certain) {
            self.marks.pop_front();
        }
    }

    /// Time in which we did not listen proves nothing.
    pub(crate) fn move_marks(&mut self, by: Duration) {
        self.marks.iter_mut().for_each(|(at, _)| *at += by);
    }

    /// At-most-once messages that the peer may not have read when the link breaks.
    pub(crate) fn in_doubt(&self, timeout: Duration) -> u64 {
        let oldest = self.marks.front();
        let certain = oldest.filter(|(at, _)| *at + CERTAIN * timeout <= self.heard);
        self.written - certain.map_or(0, |(_, written)| *written)
    }
}
