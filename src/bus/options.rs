//! Options: the settings of a bus, and the ways to open one with them.

use std::io;
use std::time::{Duration, Instant};

use crate::bus::broker::Broker;
use crate::bus::client::{MARGIN, MAX_MESSAGE};
use crate::bus::handle::Bus;
use crate::bus::words::{Error, bad_name, is_name};
use crate::{Config, Duplex, Endpoint, Error as SocketError, Limit, RawStream, Socket};

/// The settings of a [`Bus`], for those who need other ones than the usual.
///
/// ```
/// use std::time::Duration;
/// use jackfield::bus::{Broker, Bus};
///
/// let broker = Broker::bind("tcp://127.0.0.1:0")?;
/// let options = Bus::options().name("client_2").timeout(Duration::from_secs(1));
/// let bus = options.connect(broker.endpoint())?;
/// assert_eq!(bus.peers()?[0].name.as_deref(), Some("client_2"));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) name: Option<String>,
    pub(crate) timeout: Duration,
    /// Of the queue of a subscription.
    pub(crate) queue: Limit,
    pub(crate) config: Config,
    /// The table is for this bus alone, and its socket, if it has one.
    pub(crate) owns_station: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: None,
            timeout: Duration::from_secs(5),
            queue: Limit {
                messages: 65_536,
                bytes: 64 * 1024 * 1024,
            },
            config: Config::default().max_message(MAX_MESSAGE + MARGIN),
            owns_station: false,
        }
    }
}

impl Options {
    /// What others call this bus, `@` in front: one token, for one live bus at a time; default:
    /// none.
    pub fn name(self, name: impl Into<String>) -> Options {
        Options {
            name: Some(name.into()),
            ..self
        }
    }

    /// How long anything waits that is given no timeout of its own; default: 5 s.
    pub fn timeout(self, timeout: Duration) -> Options {
        Options { timeout, ..self }
    }

    /// The bound of what came to a subscription and was not taken; default: 65 536 messages or
    /// 64 MiB. One message always fits.
    pub fn queue(self, queue: Limit) -> Options {
        Options { queue, ..self }
    }

    /// The settings of the socket that [`connect`](Options::connect) makes. Its longest message
    /// should be a little longer than what is sent over it.
    pub fn config(self, config: Config) -> Options {
        Options { config, ..self }
    }

    /// See [`Bus::connect`].
    pub fn connect(
        self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
    ) -> Result<Bus, Error> {
        let endpoint = endpoint.try_into();
        let endpoint = endpoint.map_err(|error| Error::Socket(error.into()))?;
        Bus::open_connected(self, |socket| socket.connect(endpoint))
    }

    /// As [`connect`](Options::connect), with a stream of the program's own on top of the
    /// connection, such as TLS: see [`Socket::connect_with`].
    pub fn connect_with(
        self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
        dial: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<Bus, Error> {
        let endpoint = endpoint.try_into();
        let endpoint = endpoint.map_err(|error| Error::Socket(error.into()))?;
        Bus::open_connected(self, |socket| socket.connect_with(endpoint, dial))
    }

    /// See [`Bus::over`].
    pub fn over(self, socket: Socket) -> Result<Bus, Error> {
        Bus::open_over(self, socket)
    }

    /// See [`Bus::local`].
    pub fn local(self) -> Result<Bus, Error> {
        Bus::open_local(self)
    }

    /// A bus on a broker in this process, as [`Broker::bus`] gives it.
    pub fn attach(self, broker: &Broker) -> Result<Bus, Error> {
        Bus::open_attached(self, broker.station())
    }

    /// A name that no broker would take is the caller's mistake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name = self.name.as_deref().unwrap_or("unnamed");
        match is_name(name) {
            true => Ok(()),
            false => Err(bad_name(name)),
        }
    }

    pub(crate) fn opening_deadline(&self) -> Instant {
        /// A broker that is there answers sooner.
        const OPENING: Duration = Duration::from_secs(1);
        Instant::now() + OPENING.min(self.timeout)
    }
}
