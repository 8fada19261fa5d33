//! Bytes to and from the operating system: knows no frame and no peer.

mod mem;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod unix;

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::endpoint::{Address, Endpoint, Remote};
use crate::error::Error;

/// One connection: one descriptor, read by one thread and written by another.
pub(crate) enum Stream {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    Unix(UnixStream),
    Mem(mem::Stream),
}

impl Stream {
    /// Blocks until there are bytes, or returns 0 at the end of the stream.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(|| match self {
            Stream::Tcp(stream, _) => (&*stream).read(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => (&*stream).read(buffer),
            Stream::Mem(stream) => Ok(stream.read(buffer)),
        })
    }

    /// Writes `head`, then `body`, in one go; returns how many bytes of both were taken.
    ///
    /// With a write timeout set, `WouldBlock` says that it passed and nothing was taken.
    pub(crate) fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let taken = retry(|| match self {
            Stream::Tcp(stream, _) => write_both(stream, head, body),
            #[cfg(unix)]
            Stream::Unix(stream) => write_both(stream, head, body),
            Stream::Mem(stream) => stream.write(head, body),
        });
        match taken {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            taken => taken,
        }
    }

    /// How long one write may wait; `None` is without end. Zero is an error.
    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream, _) => stream.set_write_timeout(timeout),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.set_write_timeout(timeout),
            Stream::Mem(stream) => stream.set_write_timeout(timeout),
        }
    }

    /// `Write` ends the stream behind what was written; `Both` ends it now and wakes the threads
    /// that are blocked in it.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        // An error says that the connection is gone already, which is what was asked for.
        let _ = match self {
            Stream::Tcp(stream, _) => stream.shutdown(how),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.shutdown(how),
            Stream::Mem(stream) => {
                stream.shutdown(how);
                Ok(())
            }
        };
    }

    pub(crate) fn remote(&self) -> Remote {
        match self {
            Stream::Tcp(_, address) => Remote::Tcp(*address),
            #[cfg(unix)]
            Stream::Unix(_) => Remote::Unix,
            Stream::Mem(_) => Remote::Mem,
        }
    }
}

/// A bound endpoint; dropping it closes it.
pub(crate) enum Listener {
    Tcp(tcp::Listener),
    #[cfg(unix)]
    Unix(unix::Listener),
    Mem(mem::Listener),
}

impl Listener {
    pub(crate) fn bind(endpoint: &Endpoint) -> Result<Listener, Error> {
        let bound = match endpoint.address() {
            Address::Tcp { host, port } => tcp::Listener::bind(host, *port).map(Listener::Tcp),
            #[cfg(unix)]
            Address::Unix(path) => unix::Listener::bind(path).map(Listener::Unix),
            Address::Mem(name) => mem::Listener::bind(name).map(Listener::Mem),
        };
        bound.map_err(|source| Error::Io {
            op: format!("bind {endpoint}"),
            source,
        })
    }

    /// The endpoint as bound: port 0 and the host `*` are replaced by the real ones.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Listener::Tcp(listener) => listener.endpoint(),
            #[cfg(unix)]
            Listener::Unix(listener) => listener.endpoint(),
            Listener::Mem(listener) => listener.endpoint(),
        }
    }

    /// Blocks until a connection comes; an error of kind `NotConnected` once closed.
    ///
    /// One thread at a time: `close` wakes only one on systems other than Linux.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => listener.accept(),
            #[cfg(unix)]
            Listener::Unix(listener) => listener.accept(),
            Listener::Mem(listener) => listener.accept().map(Stream::Mem),
        }
    }

    /// Wakes the thread in `accept`, fails every later `accept`, and frees the name.
    ///
    /// On Linux the endpoint can be bound again when this returns; elsewhere a TCP port is free
    /// once the listener is dropped, so the thread in `accept` must let go of it.
    pub(crate) fn close(&self) {
        match self {
            Listener::Tcp(listener) => listener.close(),
            #[cfg(unix)]
            Listener::Unix(listener) => listener.close(),
            Listener::Mem(listener) => listener.close(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tries once to reach `endpoint`; `attempt` counts the tries before this one.
///
/// TCP looks the name up first, which nothing bounds but the system; then each of its addresses
/// gets a share of `timeout`, short at first and longer with each attempt, and each attempt
/// starts with the next address. A Unix connect ignores `timeout` and blocks while the
/// listener's backlog is full: the standard library has no bound for it.
pub(crate) fn connect(endpoint: &Endpoint, timeout: Duration, attempt: u32) -> io::Result<Stream> {
    match endpoint.address() {
        Address::Tcp { host, port } => tcp::connect(host, *port, timeout, attempt),
        #[cfg(unix)]
        Address::Unix(path) => retry(|| UnixStream::connect(path)).map(Stream::Unix),
        Address::Mem(name) => mem::connect(name).map(Stream::Mem),
    }
}

/// The answer of `accept` after `close`.
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the listener was closed")
}

/// Two real users: `&TcpStream` and `&UnixStream`.
fn write_both<W>(stream: &W, head: &[u8], body: &[u8]) -> io::Result<usize>
where
    for<'a> &'a W: Write,
{
    let mut stream = stream;
    match (head, body) {
        (head, []) => stream.write(head),
        ([], body) => stream.write(body),
        _ => stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]),
    }
}

/// Again and again while a signal interrupts it.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
