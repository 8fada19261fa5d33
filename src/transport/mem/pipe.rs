//! Pipe: one direction of an in-process connection, a bounded buffer of bytes.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait to be read; a write beyond them waits. Allocated as it is used.
const CAPACITY: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Pipe {
    state: Mutex<State>,
    readable: Condvar,
    writable: Condvar,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// No byte comes any more: the reader gets the rest, then the end.
    ended: bool,
    /// Nobody reads any more: writes fail.
    abandoned: bool,
    write_timeout: Option<Duration>,
    waiting_readers: usize,
    waiting_writers: usize,
}

impl Pipe {
    /// Blocks until there are bytes, or returns 0 at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        if buffer.is_empty() {
            return 0;
        }
        let mut state = self.lock();
        if state.nothing_to_read() {
            state.waiting_readers += 1;
            let woken = self
                .readable
                .wait_while(state, |state| state.nothing_to_read());
            state = woken.unwrap_or_else(PoisonError::into_inner);
            state.waiting_readers -= 1;
        }
        let count = state.take(buffer);
        // Half empty rather than one byte free, so that a full pipe is not handed over in crumbs.
        let wake = state.waiting_writers > 0 && !state.mostly_full();
        drop(state);
        if wake {
            self.writable.notify_all();
        }
        count
    }

    /// Takes what fits; when nothing does, waits for room up to the write timeout.
    pub(super) fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        if state.bytes.len() == CAPACITY && !state.broken() {
            state = self.wait_for_room(state);
        }
        if state.broken() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = state.put(head) + state.put(body);
        if count == 0 && !(head.is_empty() && body.is_empty()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let wake = state.waiting_readers > 0;
        drop(state);
        if wake {
            self.readable.notify_all();
        }
        Ok(count)
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.lock().write_timeout = timeout;
    }

    /// The writer has no more to say.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.wake_all();
    }

    /// The reader has gone; what it did not read is discarded.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.bytes = VecDeque::new();
        drop(state);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.readable.notify_all();
        self.writable.notify_all();
    }

    fn wait_for_room<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let full = |state: &mut State| state.mostly_full() && !state.broken();
        state.waiting_writers += 1;
        let mut state = match state.write_timeout {
            None => self
                .writable
                .wait_while(state, full)
                .unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.writable.wait_timeout_while(state, timeout, full);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.waiting_writers -= 1;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn nothing_to_read(&self) -> bool {
        self.bytes.is_empty() && !self.ended && !self.abandoned
    }

    fn broken(&self) -> bool {
        self.ended || self.abandoned
    }

    fn mostly_full(&self) -> bool {
        self.bytes.len() > CAPACITY / 2
    }

    /// Moves bytes to the front of `buffer`; returns how many.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let (front, back) = self.bytes.as_slices();
        let first = front.len().min(buffer.len());
        let second = back.len().min(buffer.len() - first);
        buffer[..first].copy_from_slice(&front[..first]);
        buffer[first..first + second].copy_from_slice(&back[..second]);
        self.bytes.drain(..first + second);
        first + second
    }

    /// Appends as many of `bytes` as fit; returns how many.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(CAPACITY - self.bytes.len());
        self.bytes.extend(&bytes[..count]);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn bytes_wrap_around_in_order() {
        let pipe = Pipe::default();
        let mut expected = 0_u8;
        for round in 0..2_000_u32 {
            let bytes: Vec<u8> = (0..700_u32).map(|at| (round * 700 + at) as u8).collect();
            assert_eq!(pipe.write(&bytes[..300], &bytes[300..]).unwrap(), 700);
            let mut buffer = [0; 699 + 1];
            assert_eq!(pipe.read(&mut buffer), 700);
            assert!(buffer.iter().all(|byte| {
                let matches = *byte == expected;
                expected = expected.wrapping_add(1);
                matches
            }));
        }
    }

    #[test]
    fn a_write_takes_what_fits() {
        let pipe = Pipe::default();
        assert_eq!(pipe.write(&[1; 10], &vec![2; CAPACITY]).unwrap(), CAPACITY);
        pipe.set_write_timeout(Some(Duration::from_millis(1)));
        let full = pipe.write(&[], &[3]);
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(pipe.read(&mut [0; 7]), 7);
        assert_eq!(
            pipe.write(&[4; 3], &[5; 9]).unwrap(),
            7,
            "room for one byte is room"
        );
    }

    #[test]
    fn writing_nothing_takes_nothing() {
        assert_eq!(Pipe::default().write(&[], &[]).unwrap(), 0);
    }

    #[test]
    fn abandoning_wakes_a_blocked_writer() {
        let pipe = Pipe::default();
        pipe.write(&[], &vec![0; CAPACITY]).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| pipe.write(&[0], &[]));
            pipe.abandon();
            let error = writer.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }

    #[test]
    fn ending_wakes_a_blocked_writer() {
        let pipe = Pipe::default();
        pipe.write(&[], &vec![0; CAPACITY]).unwrap();
        thread::scope(|scope| {
            let writer = scope.spawn(|| pipe.write(&[0], &[]));
            pipe.end();
            let error = writer.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    }

    #[test]
    fn a_reader_gets_the_rest_before_the_end() {
        let pipe = Pipe::default();
        pipe.write(&[1, 2], &[3]).unwrap();
        pipe.end();
        assert_eq!(pipe.read(&mut [0; 2]), 2);
        assert_eq!(pipe.read(&mut [0; 2]), 1);
        assert_eq!(pipe.read(&mut [0; 2]), 0);
    }

    #[test]
    fn an_unused_pipe_has_no_buffer() {
        let pipe = Pipe::default();
        assert_eq!(pipe.lock().bytes.capacity(), 0);
        pipe.write(&[1], &[]).unwrap();
        assert!(pipe.lock().bytes.capacity() < 1024);
    }
}
