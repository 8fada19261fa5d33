//! Bytes to and from the operating system: knows no frame and no peer.

mod base;
mod brought;
mod last_word;
mod mem;
mod sniff;
mod tcp;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod unix;
pub(crate) mod websocket;

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use self::base::Base;
use crate::config::Config;
use crate::endpoint::{Address, Endpoint, Remote};
use crate::error::Error;
use crate::event::DownReason;
use crate::stream::{Credentials, OsStream, RawStream, Upgrade};

/// One connection: one descriptor, read by one thread and written by another.
pub(crate) enum Stream {
    Tcp(TcpStream, SocketAddr),
    Sniffed(sniff::Stream),
    #[cfg(unix)]
    Unix(UnixStream),
    Mem(mem::Stream),
    Brought(brought::Stream),
}

/// What a stream has to say besides its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    /// It has something of its own to write, which goes out with the next write.
    Prompt,
    /// The other side is done, or broke the stream's own rules: the stream takes no more of what
    /// comes, and says its last word when its writing half is shut down.
    Leave(DownReason),
}

impl Stream {
    /// An accepted stream with the program's own on top, whose handshake is part of the first read.
    pub(crate) fn accept_with(self, upgrade: &Upgrade, deadline: Instant) -> Stream {
        let accepted = |raw| brought::Stream::accepted(raw, upgrade.clone());
        match self.into_raw(deadline) {
            Ok(raw) => Stream::Brought(accepted(raw)),
            Err(Stream::Sniffed(stream)) => {
                let rebased = stream.rebased(|tcp, remote| {
                    Base::Brought(accepted(RawStream::tcp(tcp, remote, deadline)))
                });
                Stream::Sniffed(rebased)
            }
            Err(stream) => stream,
        }
    }

    /// A dialled stream with the program's own on top, whose handshake is through.
    pub(crate) fn dial_with(self, upgrade: &Upgrade, deadline: Instant) -> io::Result<Stream> {
        match self.into_raw(deadline) {
            Ok(raw) => brought::Stream::dialled(raw, upgrade.clone()).map(Stream::Brought),
            Err(stream) => Ok(stream),
        }
    }

    fn into_raw(self, deadline: Instant) -> Result<RawStream, Stream> {
        match self {
            Stream::Tcp(stream, remote) => Ok(RawStream::tcp(stream, remote, deadline)),
            #[cfg(unix)]
            Stream::Unix(stream) => Ok(RawStream::unix(stream, deadline)),
            stream => Err(stream),
        }
    }

    /// Blocks until there are bytes, or returns 0 at the end of the stream.
    ///
    /// `WouldBlock` says that there is a [`notice`](Stream::notice), `InvalidData` that what came
    /// is nothing that a peer begins with, and `Interrupted` nothing at all: read again.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream, _) => (&*stream).read(buffer),
            Stream::Sniffed(stream) => stream.read(buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => (&*stream).read(buffer),
            Stream::Mem(stream) => Ok(stream.read(buffer)),
            Stream::Brought(stream) => stream.read(buffer),
        }
    }

    /// What the last `WouldBlock` of a read was about.
    pub(crate) fn notice(&self) -> Option<Notice> {
        match self {
            Stream::Sniffed(stream) => stream.notice(),
            Stream::Brought(stream) => stream.notice(),
            _ => None,
        }
    }

    /// Whether we may write before the other side has said anything.
    pub(crate) fn may_begin(&self) -> bool {
        match self {
            Stream::Sniffed(_) => false,
            Stream::Brought(stream) => stream.is_open(),
            _ => true,
        }
    }

    /// Whether code of the program's own reads and writes it.
    pub(crate) fn is_brought(&self) -> bool {
        match self {
            Stream::Brought(_) => true,
            Stream::Sniffed(stream) => matches!(stream.base(), Base::Brought(_)),
            _ => false,
        }
    }

    /// What a stream of the program's own knows of the peer.
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        match self {
            Stream::Brought(stream) => stream.credentials(),
            Stream::Sniffed(stream) => stream.base().credentials(),
            _ => None,
        }
    }

    /// The system's stream, where there is one.
    pub(crate) fn system(&self) -> Option<OsStream<'_>> {
        match self {
            Stream::Tcp(stream, _) => Some(OsStream::Tcp(stream)),
            Stream::Sniffed(stream) => Some(stream.base().system()),
            #[cfg(unix)]
            Stream::Unix(stream) => Some(OsStream::Unix(stream)),
            Stream::Mem(_) => None,
            Stream::Brought(stream) => Some(stream.raw().system()),
        }
    }

    /// Writes `head`, then `body`, in one go; returns how many bytes of both were taken.
    ///
    /// With a write timeout set, `WouldBlock` says that it passed and nothing was taken.
    pub(crate) fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let taken = retry(|| match self {
            Stream::Tcp(stream, _) => write_both(stream, head, body),
            Stream::Sniffed(stream) => stream.write(head, body),
            #[cfg(unix)]
            Stream::Unix(stream) => write_both(stream, head, body),
            Stream::Mem(stream) => stream.write(head, body),
            Stream::Brought(stream) => write_both(stream, head, body),
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
            Stream::Sniffed(stream) => stream.base().set_write_timeout(timeout),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.set_write_timeout(timeout),
            Stream::Mem(stream) => stream.set_write_timeout(timeout),
            Stream::Brought(stream) => stream.raw().set_write_timeout(timeout),
        }
    }

    /// Whether a read can be told to wait only so long and leave the stream as it was. On Windows
    /// a read that timed out leaves a socket in no certain state.
    pub(crate) fn takes_read_timeout(&self) -> bool {
        match self {
            Stream::Tcp(..) => cfg!(unix),
            #[cfg(unix)]
            Stream::Unix(_) => true,
            Stream::Sniffed(_) | Stream::Mem(_) | Stream::Brought(_) => false,
        }
    }

    /// Whether the system takes much of what comes while nobody reads. Other systems than Linux may
    /// make a millisecond of a shorter nap.
    pub(crate) fn gathers(&self) -> bool {
        matches!(self, Stream::Tcp(..)) && cfg!(target_os = "linux")
    }

    /// How long one read may wait, before it fails with `WouldBlock`; `None` is without end.
    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream, _) => stream.set_read_timeout(timeout),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.set_read_timeout(timeout),
            Stream::Sniffed(_) | Stream::Mem(_) | Stream::Brought(_) => {
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Its writing half is about to be shut down, and nothing is written before: whoever is first
    /// to end the stream says its last word.
    pub(crate) fn owe_last_word(&self) {
        if let Stream::Sniffed(stream) = self {
            stream.owe_last_word();
        }
    }

    /// `Write` ends the stream behind what was written; `Both` ends it now and wakes the threads
    /// that are blocked in it. A last word that another thread is saying goes first, until then at
    /// the latest.
    pub(crate) fn shutdown(&self, how: Shutdown, until: Instant) {
        // An error says that the connection is gone already, which is what was asked for.
        let _ = match self {
            Stream::Tcp(stream, _) => stream.shutdown(how),
            Stream::Sniffed(stream) => stream.shutdown(how, until),
            #[cfg(unix)]
            Stream::Unix(stream) => stream.shutdown(how),
            Stream::Mem(stream) => {
                stream.shutdown(how);
                Ok(())
            }
            Stream::Brought(stream) => stream.shutdown(how, until),
        };
    }

    pub(crate) fn remote(&self) -> Remote {
        match self {
            Stream::Tcp(_, address) => Remote::Tcp(*address),
            Stream::Sniffed(stream) => stream.base().remote(),
            #[cfg(unix)]
            Stream::Unix(_) => Remote::Unix,
            Stream::Mem(_) => Remote::Mem,
            Stream::Brought(stream) => stream.raw().remote(),
        }
    }
}

/// A bound endpoint; dropping it closes it.
pub(crate) enum Listener {
    Tcp(tcp::Listener),
    Sniff(sniff::Listener),
    #[cfg(unix)]
    Unix(unix::Listener),
    Mem(mem::Listener),
}

impl Listener {
    pub(crate) fn bind(endpoint: &Endpoint, config: &Config) -> Result<Listener, Error> {
        let bound = match endpoint.address() {
            Address::Tcp { host, port } => tcp::Listener::bind(host, *port).map(Listener::Tcp),
            Address::Ws { host, port } => {
                sniff::Listener::bind(host, *port, config).map(Listener::Sniff)
            }
            #[cfg(unix)]
            Address::Unix(path) => unix::Listener::bind(path).map(Listener::Unix),
            Address::Mem(name) => mem::Listener::bind(name).map(Listener::Mem),
        };
        bound.map_err(|source| Error::Io {
            op: format!("bind {endpoint}"),
            source,
        })
    }

    /// A listener that somebody else has bound, and who may go on listening.
    pub(crate) fn adopt(listener: TcpListener) -> Result<Listener, Error> {
        let adopted = tcp::Listener::adopt(listener).map(Listener::Tcp);
        adopted.map_err(|source| Error::Io {
            op: "adopt a listener".to_owned(),
            source,
        })
    }

    /// The endpoint as bound: port 0 and the host `*` are replaced by the real ones.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Listener::Tcp(listener) => listener.endpoint(),
            Listener::Sniff(listener) => listener.endpoint(),
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
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept()?;
                Ok(Stream::Tcp(stream, remote))
            }
            Listener::Sniff(listener) => listener.accept().map(Stream::Sniffed),
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
            Listener::Sniff(listener) => listener.close(),
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
        Address::Ws { .. } => Err(io::ErrorKind::Unsupported.into()),
        #[cfg(unix)]
        Address::Unix(path) => retry(|| UnixStream::connect(path)).map(Stream::Unix),
        Address::Mem(name) => mem::connect(name).map(Stream::Mem),
    }
}

/// The answer of `accept` after `close`.
fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the listener was closed")
}

/// For streams that are written through a shared reference.
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
