//! Stream: what a program may put between the system's streams and the protocol.

use std::any::Any;
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::endpoint::Remote;

/// What a [`Duplex`] knows of its peer: the fingerprint of a certificate, the name of a user,
/// anything. It reaches the [`authorize`](crate::Config::authorize) hook in
/// [`Candidate::credentials`](crate::Candidate::credentials).
pub type Credentials = Arc<dyn Any + Send + Sync>;

/// What turns a raw stream into one of the program's own: its handshake.
pub(crate) type Upgrade =
    Arc<dyn Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync>;

/// A stream that a program brings along, such as TLS: it lies between the raw stream of the system
/// and the protocol. [`Socket::bind_with`](crate::Socket::bind_with) and
/// [`Socket::connect_with`](crate::Socket::connect_with) take what makes one, once its own
/// handshake is through.
///
/// # Who calls what
///
/// One thread reads while another writes, **at the same time**. There is never more than one call
/// of `read`, and never more than one of `write` and `flush` together, but the writing thread
/// changes from call to call, and may be the one that reads. `shutdown` may come from any thread,
/// `Both` at any time.
///
/// So a `read` that waits for bytes must not keep a `write` waiting, nor the other way round: hold
/// no lock while you read from the raw stream or write to it. A lock around the state of a cipher
/// is fine, if it is let go of before.
///
/// A call that panics counts as one that failed. Threads that write have a stack of 256 KiB.
///
/// # Waiting
///
/// `read` waits for as long as it takes. `write` and `flush` are called by threads that have other
/// things to do, such as the program's own in `send`. The raw stream has a write timeout, which
/// the socket sets and changes: a millisecond at first, later up to half a second on a thread that
/// is there for it. A raw write that could give the system nothing for that long is `WouldBlock`,
/// and `flush` passes it on. What is written elsewhere must give up as soon by itself.
///
/// # The reader never writes
///
/// Where something that was read wants an answer, such as a new key or a ping, `read` leaves it in
/// the buffer that `flush` empties and returns `WouldBlock`. The socket then sees to it that
/// something is written soon, and reads on.
///
/// # Example
///
/// A stream that turns the bits of every byte over, which protects nothing:
///
/// ```
/// use std::io::{self, IoSlice, Read, Write};
/// use std::sync::{Mutex, MutexGuard};
/// use std::time::Instant;
/// use jackfield::{Config, Duplex, RawStream, Socket};
///
/// struct Turned {
///     raw: RawStream,
///     kept: Mutex<Vec<u8>>,
/// }
///
/// impl Duplex for Turned {
///     fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
///         let count = (&self.raw).read(buffer)?;
///         buffer[..count].iter_mut().for_each(|byte| *byte = !*byte);
///         Ok(count)
///     }
///
///     fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
///         let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter()).map(|it| !it).collect();
///         let mut kept = self.kept.lock().unwrap();
///         kept.extend_from_slice(&bytes);
///         Ok(bytes.len())
///     }
///
///     fn flush(&self) -> io::Result<()> {
///         // Taken out of its lock, and what the system did not take is put back.
///         let mut bytes = std::mem::take(&mut *self.kept.lock().unwrap());
///         let result = loop {
///             if bytes.is_empty() {
///                 break Ok(());
///             }
///             match (&self.raw).write(&bytes) {
///                 Ok(count) => drop(bytes.drain(..count)),
///                 Err(error) => break Err(error),
///             }
///         };
///         *self.kept.lock().unwrap() = bytes;
///         result
///     }
/// }
///
/// fn turned(raw: RawStream, _deadline: Instant) -> io::Result<Box<dyn Duplex>> {
///     Ok(Box::new(Turned { raw, kept: Mutex::default() }))
/// }
///
/// let server = Socket::new(Config::default())?;
/// let here = server.bind_with("tcp://127.0.0.1:0", turned)?;
/// let client = Socket::new(Config::default())?;
/// client.connect_with(&here, turned)?;
/// client.send("hello")?;
/// assert_eq!(server.recv()?.text(), "hello");
/// # client.close();
/// # Ok::<(), jackfield::Error>(())
/// ```
pub trait Duplex: Send + Sync {
    /// Waits until there are bytes from the peer and puts some of them into `buffer`. 0 is the
    /// end: the peer has said that it is done.
    ///
    /// `WouldBlock` says that there is something to flush, see above; so does `TimedOut`. A
    /// stream that breaks off is another error. `InvalidData` says that what came cannot be right,
    /// and ends the connection as [`DownReason::BadStream`](crate::DownReason::BadStream).
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes bytes for the peer, the first parts first, and says how many: all of them, or as many
    /// as the stream wants to keep at most. It takes some, and need not give the system any of
    /// them: `flush` always follows. It is only called when nothing is kept but what the reader
    /// left there since the last `flush`.
    ///
    /// What was taken is gone: it goes out with this `flush` or a later one, once, and in order.
    /// So take little, some 64 KiB: if the connection breaks, what was taken is in doubt, whether
    /// it went out or not, and a peer that takes long for it counts as one that takes nothing.
    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Gives the system all that is kept. `WouldBlock` or `TimedOut` says that it takes no more
    /// for now: the rest stays, and `flush` is called again. `Ok` promises that nothing is kept,
    /// because nobody calls again until there is something else to write.
    fn flush(&self) -> io::Result<()>;

    /// With `Write`: says the last word, where there is one, such as TLS's `close_notify`. It is
    /// called at most once: no write is going on, and none follows. When the peer closes, a write
    /// that is going on ends first, within a second; a connection that ends otherwise in the middle
    /// of a write ends without it. It should try no longer than a `flush` does. Then the socket
    /// shuts down the raw stream.
    ///
    /// With `Both`: wakes the threads that wait in `read`, `write` and `flush`. The socket has
    /// shut the raw stream down just before, so those that wait there are awake already. A `Write`
    /// that another thread is in is given 50 ms to return first.
    fn shutdown(&self, how: Shutdown) {
        let _ = how;
    }

    /// What is known of the peer since the handshake.
    fn credentials(&self) -> Option<Credentials> {
        None
    }
}

/// A stream of the system, for a [`Duplex`] to be made of; clones are the same stream.
///
/// `&RawStream` reads and writes. Before the stream is handed over, in the handshake, each read
/// and write ends at the deadline at the latest, with `TimedOut`: code that just reads and writes
/// needs no clock. Afterwards a read waits without end, and a write has the timeout that
/// [`Duplex`] speaks of. [`Shutdown::Both`] by the socket wakes both, at any time.
#[derive(Clone)]
pub struct RawStream {
    inner: Arc<Inner>,
}

struct Inner {
    system: System,
    deadline: Instant,
    /// The handshake is through.
    is_open: AtomicBool,
    /// The write timeout for the time after the handshake.
    patience: Mutex<Option<Duration>>,
}

enum System {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A stream of the system, to look at and to set options of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum OsStream<'a> {
    /// TCP.
    Tcp(&'a TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(&'a UnixStream),
}

impl RawStream {
    pub(crate) fn tcp(stream: TcpStream, remote: SocketAddr, deadline: Instant) -> RawStream {
        RawStream::new(System::Tcp(stream, remote), deadline)
    }

    #[cfg(unix)]
    pub(crate) fn unix(stream: UnixStream, deadline: Instant) -> RawStream {
        RawStream::new(System::Unix(stream), deadline)
    }

    fn new(system: System, deadline: Instant) -> RawStream {
        let inner = Inner {
            system,
            deadline,
            is_open: AtomicBool::new(false),
            patience: Mutex::default(),
        };
        RawStream {
            inner: Arc::new(inner),
        }
    }

    /// The far end.
    pub fn remote(&self) -> Remote {
        match &self.inner.system {
            System::Tcp(_, remote) => Remote::Tcp(*remote),
            #[cfg(unix)]
            System::Unix(_) => Remote::Unix,
        }
    }

    /// The stream itself. Timeouts are the socket's business, and blocking is what it has to be.
    pub fn system(&self) -> OsStream<'_> {
        match &self.inner.system {
            System::Tcp(stream, _) => OsStream::Tcp(stream),
            #[cfg(unix)]
            System::Unix(stream) => OsStream::Unix(stream),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.inner.deadline
    }

    /// The handshake is through: from here on the deadline means nothing.
    pub(crate) fn handle_open(&self) {
        let patience = *self.patience();
        // A stream that refuses is broken, and its next read or write says so.
        let _ = self.system().set_read_timeout(None);
        let _ = self.system().set_write_timeout(patience);
        self.inner.is_open.store(true, Ordering::SeqCst);
    }

    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.system().set_write_timeout(timeout)?;
        *self.patience() = timeout;
        Ok(())
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.system() {
            OsStream::Tcp(stream) => stream.shutdown(how),
            #[cfg(unix)]
            OsStream::Unix(stream) => stream.shutdown(how),
        }
    }

    fn patience(&self) -> std::sync::MutexGuard<'_, Option<Duration>> {
        let patience = &self.inner.patience;
        patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left for the handshake; `None` once it is through.
    fn left(&self) -> io::Result<Option<Duration>> {
        if self.inner.is_open.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let left = self.inner.deadline.checked_duration_since(Instant::now());
        let left = left.filter(|left| !left.is_zero());
        left.map(Some).ok_or(io::ErrorKind::TimedOut.into())
    }

    /// Reads or writes, again and again while a signal interrupts it.
    fn carry(
        &self,
        set_timeout: impl Fn(OsStream<'_>, Duration) -> io::Result<()>,
        mut call: impl FnMut(OsStream<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            left.map_or(Ok(()), |left| set_timeout(self.system(), left))?;
            return match call(self.system()) {
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    // Systems have two words for a timeout.
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => match left {
                        Some(_) => Err(io::ErrorKind::TimedOut.into()),
                        None => Err(io::ErrorKind::WouldBlock.into()),
                    },
                    _ => Err(error),
                },
                carried => carried,
            };
        }
    }
}

impl Read for &RawStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.carry(
            |system, left| system.set_read_timeout(Some(left)),
            |system| match system {
                OsStream::Tcp(mut stream) => stream.read(buffer),
                #[cfg(unix)]
                OsStream::Unix(mut stream) => stream.read(buffer),
            },
        )
    }
}

impl Write for &RawStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.carry(
            |system, left| system.set_write_timeout(Some(left)),
            |system| match system {
                OsStream::Tcp(mut stream) => stream.write_vectored(parts),
                #[cfg(unix)]
                OsStream::Unix(mut stream) => stream.write_vectored(parts),
            },
        )
    }

    /// There is nothing to flush.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for RawStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawStream({})", self.remote())
    }
}

impl OsStream<'_> {
    fn set_read_timeout(self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            OsStream::Tcp(stream) => stream.set_read_timeout(timeout),
            #[cfg(unix)]
            OsStream::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }

    fn set_write_timeout(self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            OsStream::Tcp(stream) => stream.set_write_timeout(timeout),
            #[cfg(unix)]
            OsStream::Unix(stream) => stream.set_write_timeout(timeout),
        }
    }
}
