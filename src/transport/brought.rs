//! Brought: a stream that the program has put on top of one of the system's.

#[cfg(test)]
mod tests;

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Notice;
use super::last_word::LastWord;
use crate::event::DownReason;
use crate::held;
use crate::stream::{Credentials, Duplex, RawStream, Upgrade};

pub(crate) struct Stream {
    raw: RawStream,
    upgrade: Upgrade,
    /// Before it is there, nothing is written.
    duplex: OnceLock<Box<dyn Duplex>>,
    /// What came cannot be right, in the handshake or later: what follows means nothing.
    has_failed: AtomicBool,
    /// It failed, and nobody has been told.
    is_news: AtomicBool,
    /// The duplex keeps something that the system did not take.
    is_kept: AtomicBool,
    /// It keeps all that it was offered, and our answer was one byte less: whoever believes that
    /// all is written does not come back, and somebody has to, to flush.
    owes_byte: AtomicBool,
    /// Somebody writes, or the last word is said.
    is_claimed: AtomicBool,
    goodbye: LastWord,
}

/// What the system may take for the last word. It rounds up to its ticks.
const LAST_WORD: Duration = Duration::from_millis(1);

impl Stream {
    /// The handshake is for the thread that reads first.
    pub(super) fn accepted(raw: RawStream, upgrade: Upgrade) -> Stream {
        Stream {
            raw,
            upgrade,
            duplex: OnceLock::new(),
            has_failed: AtomicBool::new(false),
            is_news: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            owes_byte: AtomicBool::new(false),
            is_claimed: AtomicBool::new(false),
            goodbye: LastWord::default(),
        }
    }

    /// With its handshake, now.
    pub(super) fn dialled(raw: RawStream, upgrade: Upgrade) -> io::Result<Stream> {
        let stream = Stream::accepted(raw, upgrade);
        stream.shake_hands()?;
        Ok(stream)
    }

    fn shake_hands(&self) -> io::Result<&dyn Duplex> {
        let opened = guard(|| (self.upgrade)(self.raw.clone(), self.raw.deadline()));
        self.raw.handle_open();
        let duplex = opened?;
        Ok(&**self.duplex.get_or_init(|| duplex))
    }

    pub(super) fn raw(&self) -> &RawStream {
        &self.raw
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub(super) fn is_open(&self) -> bool {
        self.duplex.get().is_some()
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let duplex = self.duplex.get()?;
        // One that panics knows nothing.
        held::run_outside("a stream's code", || duplex.credentials()).flatten()
    }

    /// As [`Stream::read`](super::Stream::read).
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_failed() {
            return self.read_away(buffer);
        }
        let duplex = match self.duplex.get() {
            Some(duplex) => &**duplex,
            None => match self.shake_hands() {
                Ok(duplex) => duplex,
                Err(error) => return self.handle_no_handshake(error, buffer),
            },
        };
        match guard(|| duplex.read(buffer)) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(self.fail()),
            Err(error) if is_pause(&error) => Err(io::ErrorKind::WouldBlock.into()),
            read => read,
        }
    }

    fn handle_no_handshake(&self, error: io::Error, buffer: &mut [u8]) -> io::Result<usize> {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(0),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Err(error),
            // The socket has the same deadline, and ends what does not keep it.
            io::ErrorKind::TimedOut => {
                self.has_failed.store(true, Ordering::Relaxed);
                self.read_away(buffer)
            }
            _ => Err(self.fail()),
        }
    }

    fn fail(&self) -> io::Error {
        self.has_failed.store(true, Ordering::Relaxed);
        self.is_news.store(true, Ordering::Relaxed);
        io::ErrorKind::WouldBlock.into()
    }

    /// What is read away does not make the system answer our last words with a reset, which would
    /// destroy them on the other side.
    fn read_away(&self, buffer: &mut [u8]) -> io::Result<usize> {
        while (&self.raw).read(buffer)? > 0 {}
        Ok(0)
    }

    /// What the last `WouldBlock` of a read was about.
    pub(super) fn notice(&self) -> Option<Notice> {
        if !self.has_failed() {
            return Some(Notice::Prompt);
        }
        let is_news = self.is_news.swap(false, Ordering::Relaxed);
        is_news.then_some(Notice::Leave(DownReason::BadStream))
    }

    fn write_claimed(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_claimed.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = self.put(parts);
        self.is_claimed.store(false, Ordering::SeqCst);
        taken
    }

    /// All that the duplex took counts as taken, but for the last byte of all that it was offered:
    /// that one counts when nothing is kept any more.
    fn put(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let duplex = self.duplex.get().ok_or(io::ErrorKind::NotConnected)?;
        if self.is_kept.load(Ordering::Relaxed) {
            self.flush(&**duplex)?;
            if self.owes_byte.swap(false, Ordering::Relaxed) {
                return Ok(1);
            }
        }
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        let taken = guard(|| duplex.write(parts))?.min(offered);
        match self.flush(&**duplex) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(taken),
        }
        if taken < offered {
            return Ok(taken);
        }
        self.owes_byte.store(true, Ordering::Relaxed);
        match taken {
            1 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(taken - 1),
        }
    }

    fn flush(&self, duplex: &dyn Duplex) -> io::Result<()> {
        let flushed = match guard(|| duplex.flush()) {
            Err(error) if is_pause(&error) => Err(io::ErrorKind::WouldBlock.into()),
            flushed => flushed,
        };
        self.is_kept.store(flushed.is_err(), Ordering::Relaxed);
        flushed
    }

    pub(super) fn shutdown(&self, how: Shutdown, until: Instant) -> io::Result<()> {
        self.goodbye.owe();
        self.goodbye.settle(until, || self.say_goodbye());
        let shut = self.raw.shutdown(how);
        if how != Shutdown::Write {
            self.tell(how);
        }
        shut
    }

    /// An end without a last word looks like a broken connection to the other side. Where a write
    /// is going on, or hangs, it is one.
    fn say_goodbye(&self) {
        if self.is_kept.load(Ordering::Relaxed) || self.is_claimed.swap(true, Ordering::SeqCst) {
            return;
        }
        // A stream that refuses is broken, and takes no last word either.
        let _ = self.raw.set_write_timeout(Some(LAST_WORD));
        self.tell(Shutdown::Write);
    }

    fn tell(&self, how: Shutdown) {
        if let Some(duplex) = self.duplex.get() {
            held::run_outside("a stream's code", || duplex.shutdown(how));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let duplex = self.duplex.take();
        held::run_outside("a stream's end", || drop(duplex));
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_claimed(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_claimed(parts)
    }

    /// There is nothing to flush: what is kept is not yet taken.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn guard<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let result = held::run_outside("a stream's code", call);
    result.unwrap_or_else(|| Err(io::Error::other("the stream's own code panicked")))
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
