//! Pump: the thread that carries one direction of one connection.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::{Arc, MutexGuard, Weak};
use std::time::{Duration, Instant};

use super::state::{Knobs, Shared, State};
use super::stream::Stream;
use super::{Cut, Way};

/// Read at once.
const BUFFER: usize = 64 * 1024;

/// On their way through a delay; with more, reading waits.
const LINE: usize = 4 * 1024 * 1024;

/// A throttled direction writes this often.
const TICKS: u64 = 50;

pub struct Pump {
    shared: Arc<Shared>,
    number: u64,
    way: Way,
    /// The one owner: a stream is closed when the pump that reads it ends.
    source: Arc<Stream>,
    sink: Weak<Stream>,
    line: VecDeque<Chunk>,
    in_line: usize,
    has_ended: bool,
    /// Bytes were swallowed. TCP never leaves a hole in a stream, so nothing may follow.
    is_holed: bool,
    random: u64,
    next_write: Option<Instant>,
}

struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    written: usize,
}

/// How the direction ended.
enum End {
    /// The proxy is dropped, or the other side ended for good.
    Over,
    /// The source finished, and all of it was carried.
    Finished,
    Cut(Cut),
}

impl Pump {
    pub fn new(
        shared: Arc<Shared>,
        number: u64,
        way: Way,
        source: Arc<Stream>,
        sink: Weak<Stream>,
    ) -> Pump {
        Pump {
            shared,
            number,
            way,
            source,
            sink,
            line: VecDeque::new(),
            in_line: 0,
            has_ended: false,
            is_holed: false,
            random: (number * 2 + way as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            next_write: None,
        }
    }

    pub fn run(mut self) {
        match self.carry() {
            End::Over => {}
            End::Finished => self.finish(),
            End::Cut(Cut::Fin) => self.discard(),
            End::Cut(Cut::Reset) => self.source.await_unread(),
        }
        let (number, way) = (self.number, self.way);
        self.shared.change(|state| state.leave(number, way));
    }

    fn carry(&mut self) -> End {
        loop {
            let knobs = match self.look() {
                Ok(knobs) => knobs,
                Err(end) => return end,
            };
            let now = Instant::now();
            let due = self.line.front().map(|chunk| chunk.due);
            match due {
                Some(due) if due <= now => self.write(&knobs),
                Some(due) if self.has_ended || self.in_line >= LINE => self.pause(due),
                None if self.has_ended => return End::Finished,
                due => self.read(due.map(|due| due - now)),
            }
        }
    }

    /// Waits while it is stalled or throttled; says what to do now.
    fn look(&mut self) -> Result<Knobs, End> {
        let mut state = self.shared.lock();
        loop {
            if let Some(end) = self.end(&state) {
                return Err(end);
            }
            let knobs = &state.knobs[self.way as usize];
            let until = self.next_write.filter(|_| knobs.rate.is_some());
            let is_early = until.is_some_and(|until| Instant::now() < until);
            if !knobs.is_stalled && !is_early {
                return Ok(knobs.clone());
            }
            let until = until.filter(|_| is_early);
            state = self.shared.wait(state, until);
        }
    }

    fn end(&self, state: &MutexGuard<'_, State>) -> Option<End> {
        if state.is_over {
            return Some(End::Over);
        }
        let connection = state.connections.get(&self.number)?;
        connection.fate.map(End::Cut)
    }

    /// Waits for any change, at most until then.
    fn pause(&self, until: Instant) {
        let state = self.shared.lock();
        if self.end(&state).is_none() {
            drop(self.shared.wait(state, Some(until)));
        }
    }

    fn read(&mut self, timeout: Option<Duration>) {
        match self.source.await_bytes(timeout) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return self.break_off(),
        }
        // Meanwhile the direction may have been stalled: then the bytes stay where they are.
        let state = self.shared.lock();
        let knobs = state.knobs[self.way as usize].clone();
        if knobs.is_stalled || self.end(&state).is_some() {
            return;
        }
        drop(state);
        let most = knobs
            .cut_after
            .map_or(BUFFER, |(left, _)| BUFFER.min(left.max(1) as usize));
        let mut bytes = vec![0; most];
        match self.source.read(&mut bytes) {
            Ok(None) => {}
            Ok(Some(0)) => self.has_ended = true,
            Ok(Some(count)) => {
                bytes.truncate(count);
                self.in_line += count;
                self.line.push_back(Chunk {
                    due: Instant::now() + knobs.delay,
                    bytes,
                    written: 0,
                });
            }
            Err(_) => self.break_off(),
        }
    }

    /// The source or the sink broke: so does the other. A hole swallows that as well.
    fn break_off(&mut self) {
        let (number, way) = (self.number, self.way);
        self.has_ended = true;
        let is_holed = self.is_holed;
        self.shared.change(|state| {
            let is_hole = is_holed || state.knobs[way as usize].is_hole;
            if let Some(connection) = state.connections.get_mut(&number).filter(|_| !is_hole) {
                connection.cut(Cut::Reset);
            }
        });
        if self.is_holed {
            self.line.clear();
        }
    }

    /// Writes a piece of the first chunk.
    fn write(&mut self, knobs: &Knobs) {
        let chunk = self.line.front().expect("a chunk is due");
        let left = chunk.bytes.len() - chunk.written;
        if knobs.is_hole || self.is_holed {
            self.is_holed = true;
            return self.advance(left);
        }
        let piece = self.piece(knobs, left);
        let Some(piece) = self.reserve(piece) else {
            return;
        };
        let chunk = self.line.front().expect("a chunk is due");
        let bytes = &chunk.bytes[chunk.written..chunk.written + piece];
        let written = match self.sink.upgrade().map(|sink| sink.write(bytes)) {
            Some(Ok(written)) => written,
            Some(Err(_)) | None => {
                self.settle(piece, 0);
                self.line.clear();
                return self.break_off();
            }
        };
        self.settle(piece, written);
        self.advance(written);
        if let Some(rate) = knobs.rate {
            let cost = Duration::from_secs_f64(written as f64 / rate as f64);
            let now = Instant::now();
            self.next_write = Some(self.next_write.map_or(now, |next| next.max(now)) + cost);
        }
    }

    fn piece(&mut self, knobs: &Knobs, left: usize) -> usize {
        let mut piece = left;
        if let Some(most) = knobs.piece {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            piece = piece.min(1 + (self.random % most as u64) as usize);
        }
        if let Some(rate) = knobs.rate {
            piece = piece.min((rate / TICKS).max(1) as usize);
        }
        piece
    }

    /// Takes from the bytes that are left until a cut; `None` if there are none left.
    fn reserve(&self, piece: usize) -> Option<usize> {
        let (number, way) = (self.number, self.way as usize);
        self.shared.change(|state| {
            let Some((left, cut)) = &mut state.knobs[way].cut_after else {
                return Some(piece);
            };
            let granted = piece.min(usize::try_from(*left).unwrap_or(usize::MAX));
            let cut = *cut;
            *left -= granted as u64;
            if granted > 0 {
                return Some(granted);
            }
            state.knobs[way].cut_after = None;
            let connection = state.connections.get_mut(&number);
            connection.into_iter().for_each(|broken| broken.cut(cut));
            None
        })
    }

    /// Books what was written of what was reserved; the last byte before a cut cuts.
    fn settle(&self, reserved: usize, written: usize) {
        let (number, way) = (self.number, self.way as usize);
        self.shared.change(|state| {
            state.carried[way] += written as u64;
            state.pieces[way] += u64::from(written > 0);
            let Some((left, cut)) = &mut state.knobs[way].cut_after else {
                return;
            };
            *left += (reserved - written) as u64;
            let cut = *cut;
            if *left == 0 && written > 0 {
                state.knobs[way].cut_after = None;
                let connection = state.connections.get_mut(&number);
                connection.into_iter().for_each(|broken| broken.cut(cut));
            }
        });
    }

    fn advance(&mut self, count: usize) {
        let chunk = self.line.front_mut().expect("a chunk was written");
        chunk.written += count;
        self.in_line -= count;
        if chunk.written == chunk.bytes.len() {
            self.line.pop_front();
        }
    }

    /// Hands the end of the stream on, and keeps the source open for the other direction.
    fn finish(&self) {
        let (number, way) = (self.number, self.way);
        let is_hole = self.is_holed || self.shared.lock().knobs[way as usize].is_hole;
        if let Some(sink) = self.sink.upgrade().filter(|_| !is_hole) {
            sink.shutdown(Shutdown::Write);
        }
        self.shared.change(|state| state.leave(number, way));
        let mut state = self.shared.lock();
        while self.end(&state).is_none() && state.connections.contains_key(&number) {
            state = self.shared.wait(state, None);
        }
    }

    fn discard(&self) {
        let mut buffer = vec![0; BUFFER];
        while self.source.await_bytes(None).is_ok() {
            match self.source.read(&mut buffer) {
                Ok(Some(0)) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}
