//! Net: connections between nodes, byte by byte: late, in pieces, stalled, swallowed or cut.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::node::NodeId;
use super::truth;
use crate::proto::backoff::Rng;
use crate::proto::decoder::Decoder;
use crate::proto::link::LinkId;

pub(crate) type ConnId = u64;

/// How a connection is cut from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    Fin,
    Reset,
}

/// What a read finds.
pub(crate) enum Got {
    Nothing,
    Bytes(usize),
    End,
    Reset,
}

/// What the kernel says to a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Took {
    Bytes(usize),
    Nothing,
    Broken,
}

pub(crate) struct Conn {
    /// The dialling end, then the accepting one.
    pub(crate) ends: [End; 2],
    /// What that end writes and the other one reads.
    pub(crate) pipes: [Pipe; 2],
}

pub(crate) struct End {
    pub(crate) owner: NodeId,
    pub(crate) link: Option<LinkId>,
    /// Shut down in both directions by its owner.
    pub(crate) is_shut: bool,
    pub(crate) is_closed: bool,
    pub(crate) closed_at: Option<Instant>,
}

pub(crate) struct Pipe {
    flying: VecDeque<(Instant, Vec<u8>)>,
    arrived: VecDeque<u8>,
    /// Bytes written and not read: what fills the kernel's buffers.
    unread: usize,
    capacity: usize,
    last: Instant,
    fin_at: Option<Instant>,
    reset_at: Option<Instant>,
    is_broken: bool,
    pub(crate) stalled_until: Option<Instant>,
    pub(crate) swallows: bool,
    pub(crate) cut_after: Option<(usize, Cut)>,
    pub(crate) writer_waits: bool,
    /// Messages whose last byte was written and not read yet, and when.
    pub(crate) in_flight: VecDeque<(u64, Instant)>,
    tap: Decoder,
}

pub(crate) struct Net {
    pub(crate) conns: BTreeMap<ConnId, Conn>,
    next: ConnId,
    pub(crate) latency: (Duration, Duration),
}

impl Net {
    pub(crate) fn new(latency: (Duration, Duration)) -> Net {
        Net {
            conns: BTreeMap::new(),
            next: 0,
            latency,
        }
    }

    pub(crate) fn connect(&mut self, now: Instant, ends: [NodeId; 2], rng: &mut Rng) -> ConnId {
        self.next += 1;
        let end = |owner| End {
            owner,
            link: None,
            is_shut: false,
            is_closed: false,
            closed_at: None,
        };
        let capacity = [1_024, 8 * 1024, 200 * 1024][rng.below(3) as usize];
        let conn = Conn {
            ends: ends.map(end),
            pipes: [Pipe::new(now, capacity), Pipe::new(now, capacity)],
        };
        self.conns.insert(self.next, conn);
        self.next
    }

    pub(crate) fn delay(&self, rng: &mut Rng) -> Duration {
        let (min, max) = self.latency;
        min + between(rng, Duration::ZERO, max - min)
    }

    /// One write by `side`. Says what the kernel took, and when it arrives.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        id: ConnId,
        side: usize,
        bytes: &[u8],
        rng: &mut Rng,
    ) -> (Took, Option<Instant>) {
        let delay = self.delay(rng);
        let Some(conn) = self.conns.get_mut(&id) else {
            return (Took::Broken, None);
        };
        let is_shut = conn.ends[side].is_shut;
        let pipe = &mut conn.pipes[side];
        if is_shut || pipe.is_broken || pipe.fin_at.is_some() {
            return (Took::Broken, None);
        }
        let mut count = bytes
            .len()
            .min(pipe.capacity - pipe.unread.min(pipe.capacity));
        if count > 1 && rng.below(8) == 0 {
            count = 1 + rng.below(count as u64 - 1) as usize;
        }
        if let Some((left, _)) = &mut pipe.cut_after {
            count = count.min(*left);
            *left -= count;
        }
        if count == 0 {
            pipe.writer_waits = true;
            return (Took::Nothing, None);
        }
        pipe.take(now, &bytes[..count]);
        if pipe.swallows {
            return (Took::Bytes(count), None);
        }
        let at = (now + delay).max(pipe.last);
        pipe.last = at.max(pipe.stalled_until.unwrap_or(at));
        pipe.flying.push_back((pipe.last, bytes[..count].to_vec()));
        (Took::Bytes(count), Some(pipe.last))
    }

    /// One read by `side`, into `space`.
    pub(crate) fn read(
        &mut self,
        now: Instant,
        id: ConnId,
        side: usize,
        space: &mut [u8],
        rng: &mut Rng,
    ) -> Got {
        let Some(conn) = self.conns.get_mut(&id) else {
            return Got::Reset;
        };
        let is_shut = conn.ends[side].is_shut;
        let pipe = &mut conn.pipes[1 - side];
        let is_reset = pipe.reset_at.is_some_and(|at| at <= now);
        // After a reset, or a shutdown of our own, systems differ in what they still give out.
        let is_over = (is_reset || is_shut) && rng.below(2) == 0;
        if pipe.arrived.is_empty() || is_over {
            let is_end = pipe.fin_at.is_some_and(|at| at <= now) && pipe.flying.is_empty();
            return match (is_reset, is_shut || is_end) {
                (true, _) => Got::Reset,
                (_, true) => Got::End,
                _ => Got::Nothing,
            };
        }
        let most = pipe.arrived.len().min(space.len());
        let count = match rng.below(4) {
            0 => 1 + rng.below(most as u64) as usize,
            _ => most,
        };
        let (front, back) = pipe.arrived.as_slices();
        let split = count.min(front.len());
        space[..split].copy_from_slice(&front[..split]);
        space[split..count].copy_from_slice(&back[..count - split]);
        pipe.arrived.drain(..count);
        pipe.unread -= count;
        Got::Bytes(count)
    }

    /// What is due has arrived at `side`.
    pub(crate) fn arrive(&mut self, now: Instant, id: ConnId, side: usize) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        let pipe = &mut conn.pipes[1 - side];
        while pipe.flying.front().is_some_and(|(at, _)| *at <= now) {
            let (_, bytes) = pipe.flying.pop_front().expect("it has a front");
            pipe.arrived.extend(bytes);
        }
        if conn.ends[side].is_closed && !pipe.arrived.is_empty() {
            self.reset(now, id, 1 - side);
        }
    }

    /// Everything that `side` does from now on fails.
    pub(crate) fn reset(&mut self, at: Instant, id: ConnId, side: usize) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.pipes[side].is_broken = true;
            conn.pipes[1 - side].reset_at.get_or_insert(at);
        }
    }

    /// `side` will write no more; the other one sees the end behind everything else.
    pub(crate) fn finish(
        &mut self,
        now: Instant,
        id: ConnId,
        side: usize,
        rng: &mut Rng,
    ) -> Option<Instant> {
        let delay = self.delay(rng);
        let pipe = &mut self.conns.get_mut(&id)?.pipes[side];
        if pipe.swallows || pipe.fin_at.is_some() {
            pipe.fin_at
                .get_or_insert(now + Duration::from_secs(1_000_000));
            return None;
        }
        pipe.last = pipe.last.max(now + delay);
        pipe.fin_at = Some(pipe.last);
        pipe.fin_at
    }

    /// Whether so much was written that a wanted cut is due now.
    pub(crate) fn is_cut_due(&self, id: ConnId, side: usize) -> Option<Cut> {
        let pipe = &self.conns.get(&id)?.pipes[side];
        pipe.cut_after
            .filter(|(left, _)| *left == 0)
            .map(|(_, how)| how)
    }
}

impl Conn {
    /// Bytes lie at `side` that nobody has read.
    pub(crate) fn has_unread(&self, side: usize) -> bool {
        !self.pipes[1 - side].arrived.is_empty()
    }
}

impl Pipe {
    fn new(now: Instant, capacity: usize) -> Pipe {
        Pipe {
            flying: VecDeque::new(),
            arrived: VecDeque::new(),
            unread: 0,
            capacity,
            last: now,
            fin_at: None,
            reset_at: None,
            is_broken: false,
            stalled_until: None,
            swallows: false,
            cut_after: None,
            writer_waits: false,
            in_flight: VecDeque::new(),
            tap: Decoder::new(16 * 1024 * 1024),
        }
    }

    fn take(&mut self, now: Instant, mut bytes: &[u8]) {
        self.unread += bytes.len();
        while !bytes.is_empty() {
            let space = self.tap.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            let reading = self.tap.handle_read(count);
            assert_eq!(reading.violation, None, "what a hub writes is in order");
            let numbers = truth::numbers(&reading.batch);
            self.in_flight.extend(numbers.map(|number| (number, now)));
            bytes = &bytes[count..];
        }
    }
}

/// Any time from `min` to `max`.
pub(crate) fn between(rng: &mut Rng, min: Duration, max: Duration) -> Duration {
    min + Duration::from_nanos(rng.below((max - min).as_nanos() as u64 + 1))
}
