//! WebSocket: browsers as peers. The accepting side of RFC 6455, as a stream of bytes.

mod base64;
mod doors;
pub(crate) mod frame;
pub(crate) mod framer;
mod handshake;
pub(crate) mod parser;
mod request;
mod sha1;

use std::io::{self, IoSlice, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) use self::doors::Doors;
use self::framer::Framer;
use self::handshake::Verdict;
use self::parser::{End, Parser};
use self::request::MAX_HEAD;
use super::base::Base;
use super::last_word::LastWord;
use super::{Notice, retry};
use crate::event::DownReason;

/// Read at once of a request.
const PORTION: usize = 2 * 1024;

/// What is around the bytes of one connection. Reading and writing meet only in the framer, and
/// neither lock is held across a read or a write.
pub(super) struct Connection {
    incoming: Mutex<Incoming>,
    framer: Mutex<Framer>,
    close: LastWord,
}

#[derive(Default)]
struct Incoming {
    parser: Parser,
    /// What came behind the request, in the same segments.
    early: Vec<u8>,
    notice: Option<Notice>,
    end: Option<Rest>,
}

/// What becomes of the bytes behind an end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// They are read and mean nothing, until the stream ends.
    Discard,
    /// Both sides have said their last word: nobody need wait for them.
    Ignore,
}

/// Answers the request that begins with `front`; `None` if its stream ends first.
pub(super) fn accept(base: &Base, front: &[u8], doors: &Doors) -> io::Result<Option<Connection>> {
    // Nobody has written yet, so an answer fits what the kernel holds, or the stream is broken.
    let say = |text: String| {
        let said = (&*base).write_all(text.as_bytes());
        said.map_err(|_| io::ErrorKind::BrokenPipe)
    };
    let mut request = front.to_vec();
    let mut seen = 0;
    loop {
        match handshake::judge(&request, seen, doors) {
            Verdict::Wait => seen = request.len(),
            Verdict::Accept { answer, end } => {
                say(answer)?;
                return Ok(Some(Connection::open(request.split_off(end))));
            }
            Verdict::Refuse(refusal) => {
                say(refusal.response())?;
                return Ok(Some(Connection::refused(refusal.reason())));
            }
        }
        let mut portion = [0; PORTION];
        let room = (MAX_HEAD - request.len()).min(PORTION);
        match base.read_on(&mut portion[..room])? {
            0 => return Ok(None),
            count => request.extend_from_slice(&portion[..count]),
        }
    }
}

impl Connection {
    fn open(early: Vec<u8>) -> Connection {
        let incoming = Incoming {
            early,
            ..Incoming::default()
        };
        Connection {
            incoming: Mutex::new(incoming),
            framer: Mutex::default(),
            close: LastWord::default(),
        }
    }

    /// A connection on which nothing is said any more.
    fn refused(reason: DownReason) -> Connection {
        let incoming = Incoming {
            notice: Some(Notice::Leave(reason)),
            end: Some(Rest::Discard),
            ..Incoming::default()
        };
        let mut framer = Framer::default();
        framer.close();
        Connection {
            incoming: Mutex::new(incoming),
            framer: Mutex::new(framer),
            close: LastWord::default(),
        }
    }

    /// As [`Stream::read`](super::Stream::read): bytes of the stream, without their frames.
    pub(super) fn read(&self, mut base: &Base, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut incoming = lock(&self.incoming);
            if incoming.notice.is_some() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            if incoming.end == Some(Rest::Ignore) {
                return Ok(0);
            }
            let early = incoming.take_early(buffer);
            drop(incoming);
            let count = match early {
                0 => retry(|| base.read(buffer))?,
                early => early,
            };
            if count == 0 {
                return Ok(0);
            }
            let len = self.handle_read(&mut buffer[..count]);
            if len > 0 {
                return Ok(len);
            }
        }
    }

    /// Returns how many bytes of the stream are in front of `bytes` now.
    fn handle_read(&self, bytes: &mut [u8]) -> usize {
        let mut incoming = lock(&self.incoming);
        if incoming.end.is_some() {
            return 0;
        }
        let parsed = incoming.parser.parse(bytes);
        if let Some(ping) = parsed.ping {
            lock(&self.framer).answer(ping);
            incoming.notice = Some(Notice::Prompt);
        }
        let Some(end) = parsed.end else {
            return parsed.len;
        };
        let (code, reason) = match end {
            End::Closed(code) => (code, DownReason::Closed),
            End::Broken(code) => (Some(code), DownReason::Malformed),
        };
        let is_answer = lock(&self.framer).handle_end(code);
        (incoming.end, incoming.notice) = match is_answer {
            true => (Some(Rest::Ignore), None),
            false => (Some(Rest::Discard), Some(Notice::Leave(reason))),
        };
        parsed.len
    }

    pub(super) fn notice(&self) -> Option<Notice> {
        lock(&self.incoming).notice.take()
    }

    /// As [`Stream::write`](super::Stream::write): one frame, whose head is not counted.
    pub(super) fn write(&self, mut base: &Base, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let first = head.first().or(body.first()).copied().unwrap_or_default();
        loop {
            let plan = lock(&self.framer).plan(head.len() + body.len());
            let plan = plan.ok_or(io::ErrorKind::BrokenPipe)?;
            let head = &head[..plan.len.min(head.len())];
            let body = &body[..plan.len - head.len()];
            let parts = [&plan.prefix, head, body].map(IoSlice::new);
            let taken = base.write_vectored(&parts);
            let count = *taken.as_ref().unwrap_or(&0);
            let of_stream = lock(&self.framer).handle_taken(plan, count, first);
            if taken? == 0 || of_stream > 0 {
                return Ok(of_stream);
            }
        }
    }

    /// Our last bytes. They are few: where the kernel has no room for them, the end of the stream
    /// has to say it.
    ///
    /// Whoever reads the other side's close may believe that both are said, and end the stream,
    /// while another thread is about to say ours.
    pub(super) fn close(&self, mut base: &Base, until: Instant) {
        self.close.settle(until, || {
            let last = lock(&self.framer).close();
            if let Some(bytes) = last {
                let _ = base.write_all(&bytes);
            }
        });
    }

    /// Our close is what is written next.
    pub(super) fn owe_close(&self) {
        self.close.owe();
    }
}

impl Incoming {
    /// Moves what came with the request to the front of `buffer`; returns how much.
    fn take_early(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.early.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.early[..count]);
        self.early.drain(..count);
        if self.early.is_empty() {
            self.early = Vec::new();
        }
        count
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
