//! Base: what a sniffed stream lies on, the system's TCP or a stream that the program brought.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Notice, brought, retry};
use crate::endpoint::Remote;
use crate::stream::{Credentials, OsStream};

pub(crate) enum Base {
    Tcp(TcpStream, SocketAddr),
    Brought(brought::Stream),
}

impl Base {
    /// As [`Stream::read`](super::Stream::read), for whoever has nobody to prompt: what the stream
    /// wants to write waits for the next write.
    pub(super) fn read_on(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut base = self;
        loop {
            match retry(|| base.read(buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.has_failed() => {}
                read => return read,
            }
        }
    }

    fn has_failed(&self) -> bool {
        match self {
            Base::Tcp(..) => false,
            Base::Brought(stream) => stream.has_failed(),
        }
    }

    pub(super) fn system(&self) -> OsStream<'_> {
        match self {
            Base::Tcp(stream, _) => OsStream::Tcp(stream),
            Base::Brought(stream) => stream.raw().system(),
        }
    }

    pub(super) fn notice(&self) -> Option<Notice> {
        match self {
            Base::Tcp(..) => None,
            Base::Brought(stream) => stream.notice(),
        }
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        match self {
            Base::Tcp(..) => None,
            Base::Brought(stream) => stream.credentials(),
        }
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Base::Tcp(stream, _) => stream.set_write_timeout(timeout),
            Base::Brought(stream) => stream.raw().set_write_timeout(timeout),
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown, until: Instant) -> io::Result<()> {
        match self {
            Base::Tcp(stream, _) => stream.shutdown(how),
            Base::Brought(stream) => stream.shutdown(how, until),
        }
    }

    pub(super) fn remote(&self) -> Remote {
        match self {
            Base::Tcp(_, remote) => Remote::Tcp(*remote),
            Base::Brought(stream) => stream.raw().remote(),
        }
    }
}

impl Read for &Base {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Base::Tcp(stream, _) => (&*stream).read(buffer),
            Base::Brought(stream) => stream.read(buffer),
        }
    }
}

impl Write for &Base {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Base::Tcp(stream, _) => (&*stream).write(bytes),
            Base::Brought(stream) => (&*stream).write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Base::Tcp(stream, _) => (&*stream).write_vectored(parts),
            Base::Brought(stream) => (&*stream).write_vectored(parts),
        }
    }

    /// There is nothing to flush.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
