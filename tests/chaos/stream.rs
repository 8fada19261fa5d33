//! Streams and listeners of the proxy: TCP or Unix, chosen by the endpoint.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A write that takes longer looks up whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(50);

const CONNECT: Duration = Duration::from_secs(5);

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Where to listen and where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Place {
    pub fn of(endpoint: &str) -> Place {
        match endpoint.split_once("://") {
            Some(("tcp", address)) => Place::Tcp(address.parse().expect("an address and a port")),
            Some(("unix", path)) => Place::Unix(path.into()),
            _ => panic!("no proxy for {endpoint}"),
        }
    }

    /// A free place of the same kind. A loopback address of its own, where there are many, keeps
    /// the port free for this proxy while it refuses.
    pub fn beside(&self) -> Place {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        match self {
            Place::Tcp(_) if cfg!(target_os = "linux") => {
                let bytes = process.to_be_bytes();
                let host = Ipv4Addr::new(127, (1 + number % 250) as u8, bytes[2], bytes[3]);
                Place::Tcp(SocketAddr::from((host, 0)))
            }
            Place::Tcp(_) => Place::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            Place::Unix(_) => {
                let name = format!("jackfield-chaos-{process}-{number}.sock");
                Place::Unix(std::env::temp_dir().join(name))
            }
        }
    }

    pub fn endpoint(&self) -> String {
        match self {
            Place::Tcp(address) => format!("tcp://{address}"),
            Place::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    /// Listens here, and says where: port 0 becomes the real one.
    pub fn listen(&self) -> io::Result<(Listener, Place)> {
        match self {
            Place::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                let here = Place::Tcp(listener.local_addr()?);
                Ok((Listener::Tcp(listener), here))
            }
            Place::Unix(path) => {
                let listener = Listener::Unix(UnixListener::bind(path)?);
                Ok((listener, self.clone()))
            }
        }
    }

    /// Nobody listens here any more.
    pub fn vacate(&self) {
        if let Place::Unix(path) = self {
            fs::remove_file(path).ok();
        }
    }

    pub fn connect(&self) -> io::Result<Stream> {
        let stream = match self {
            Place::Tcp(address) => Stream::Tcp(TcpStream::connect_timeout(address, CONNECT)?),
            Place::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        stream.prepare()
    }
}

impl Listener {
    pub fn accept(&self) -> io::Result<Stream> {
        let stream = match self {
            Listener::Tcp(listener) => Stream::Tcp(listener.accept()?.0),
            Listener::Unix(listener) => Stream::Unix(listener.accept()?.0),
        };
        stream.prepare()
    }
}

impl Stream {
    fn prepare(self) -> io::Result<Stream> {
        match &self {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
            }
            Stream::Unix(stream) => stream.set_write_timeout(Some(PATIENCE))?,
        }
        Ok(self)
    }

    /// Waits until a read has something to say, and leaves it unread; `false` after the timeout.
    /// For Unix streams `std` has no such call: the read itself waits.
    pub fn await_bytes(&self, timeout: Option<Duration>) -> io::Result<bool> {
        self.set_read_timeout(timeout)?;
        match self {
            Stream::Tcp(stream) => match stream.peek(&mut [0]) {
                Err(error) if is_timeout(&error) => Ok(false),
                Err(error) => Err(error),
                Ok(_) => Ok(true),
            },
            Stream::Unix(_) => Ok(true),
        }
    }

    /// Waits until there are bytes that nobody has read: a stream that is closed over such bytes
    /// ends with a reset. `std` has no other way to send one.
    pub fn await_unread(&self) {
        match self.await_bytes(None) {
            Ok(_) if matches!(self, Stream::Unix(_)) => drop(self.read(&mut [0])),
            // An error says that the other side has ended it.
            _ => {}
        }
    }

    /// Reads; `None` after the timeout of `await_bytes`.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let result = match self {
            Stream::Tcp(stream) => (&mut &*stream).read(buffer),
            Stream::Unix(stream) => (&mut &*stream).read(buffer),
        };
        match result {
            Err(error) if is_timeout(&error) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Writes a part; 0 if there was no room for a while.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let result = match self {
            Stream::Tcp(stream) => (&mut &*stream).write(bytes),
            Stream::Unix(stream) => (&mut &*stream).write(bytes),
        };
        match result {
            Err(error) if is_timeout(&error) => Ok(0),
            result => result,
        }
    }

    pub fn shutdown(&self, how: Shutdown) {
        // It fails only on a stream that has ended already.
        match self {
            Stream::Tcp(stream) => stream.shutdown(how).ok(),
            Stream::Unix(stream) => stream.shutdown(how).ok(),
        };
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_read_timeout(timeout),
            Stream::Unix(stream) => stream.set_read_timeout(timeout),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    let kinds = [
        ErrorKind::WouldBlock,
        ErrorKind::TimedOut,
        ErrorKind::Interrupted,
    ];
    kinds.contains(&error.kind())
}
