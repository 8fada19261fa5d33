//! Broker: a table that clients elsewhere reach through a socket.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::bus::doors::Doors;
use crate::bus::options::LONGEST;
use crate::bus::reader;
use crate::bus::station::Station;
use crate::bus::table::access::Access;
use crate::bus::table::census::ClientStats;
use crate::bus::table::stats::BrokerStats;
use crate::bus::words::{Error, Limits};
use crate::{Config, Duplex, Endpoint, Error as SocketError, Limit, RawStream, Socket};

/// A broker: it knows who wants which topic and who serves which name, and relays.
///
/// Dropping it closes it. Clients come back to another one at the same address by themselves.
///
/// ```
/// use jackfield::bus::{Broker, Bus};
///
/// let broker = Broker::bind("tcp://127.0.0.1:0")?;
/// broker.listen("mem://the-same-broker")?;
/// let far = Bus::connect(broker.endpoint())?;
/// let near = broker.bus();
/// let all = far.subscribe("**")?;
/// near.publish("greeting", "hello")?;
/// assert_eq!(all.recv()?.text(), "hello");
/// assert_eq!(broker.stats().clients, 2);
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use = "a broker that is dropped ends"]
pub struct Broker {
    station: Arc<Station>,
    socket: Socket,
    doors: Arc<Doors>,
    reader: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Broker {
    /// A broker with the usual settings at `endpoint`.
    pub fn bind(
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
    ) -> Result<Broker, Error> {
        let broker = Broker::new(Broker::config(), Limits::default())?;
        broker.listen(endpoint)?;
        Ok(broker)
    }

    /// A broker that listens nowhere yet. Take the settings of its socket from
    /// [`Broker::config`], and change what is to be different.
    pub fn new(config: Config, limits: Limits) -> Result<Broker, Error> {
        let socket = Socket::new(config).map_err(Error::Socket)?;
        let doors = Arc::new(Doors::default());
        let station = Station::new(Some(socket.clone()), Some(doors.clone()), limits);
        let reader = reader::start(station.clone(), None, socket.arrivals())?;
        Ok(Broker {
            station,
            socket,
            doors,
            reader: Mutex::new(Some(reader)),
        })
    }

    /// The settings of a broker's socket: room for bursts, and nothing kept for a client that is
    /// gone, because it says again what it wants when it comes back.
    pub fn config() -> Config {
        Config::default()
            .max_message(LONGEST)
            .outbox(Limit {
                messages: 65_536,
                bytes: 32 * 1024 * 1024,
            })
            .absent_ttl(Duration::ZERO)
    }

    /// Accepts clients at another endpoint as well, and says where: port 0 becomes the real one.
    /// They may do everything.
    pub fn listen(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
    ) -> Result<Endpoint, Error> {
        self.doors.open(None, || self.socket.bind(endpoint))
    }

    /// As [`listen`](Broker::listen), with a stream of the program's own on top of every
    /// connection, such as TLS: see [`Socket::bind_with`].
    pub fn listen_with(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
        accept: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<Endpoint, Error> {
        self.doors
            .open(None, || self.socket.bind_with(endpoint, accept))
    }

    /// As [`listen`](Broker::listen), for clients that may do no more than `access` says. What one
    /// may not is refused with [`Error::Denied`], at once, and counted in
    /// [`BrokerStats::denied`].
    pub fn listen_as(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
        access: Access,
    ) -> Result<Endpoint, Error> {
        self.doors
            .open(Some(&access), || self.socket.bind(endpoint))
    }

    /// As [`listen_as`](Broker::listen_as), with streams as in
    /// [`listen_with`](Broker::listen_with).
    pub fn listen_as_with(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
        access: Access,
        accept: impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static,
    ) -> Result<Endpoint, Error> {
        self.doors
            .open(Some(&access), || self.socket.bind_with(endpoint, accept))
    }

    /// Where it listens, in the order of the calls.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.doors.endpoints()
    }

    /// The first place where it listens.
    ///
    /// # Panics
    ///
    /// If it listens nowhere.
    pub fn endpoint(&self) -> Endpoint {
        let endpoints = self.endpoints();
        let first = endpoints.into_iter().next();
        first.unwrap_or_else(|| panic!("this broker listens nowhere yet: call `listen` first"))
    }

    /// The counters.
    pub fn stats(&self) -> BrokerStats {
        self.station.stats()
    }

    /// The clients that are connected, local ones too, and what each has and loses.
    pub fn clients(&self) -> Vec<ClientStats> {
        self.station.clients()
    }

    /// Closes the broker: what is queued for its clients leaves, for at most the socket's linger;
    /// the buses on it in this process are closed.
    pub fn close(&self) {
        self.station.close();
        self.socket.close();
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = reader.take();
        // A handler that goes with its client may take us along on the reader's own thread.
        let is_other =
            |reader: &thread::JoinHandle<()>| reader.thread().id() != thread::current().id();
        // It ends with the socket, and has nothing to report.
        reader.filter(is_other).map(|reader| reader.join().ok());
    }

    pub(crate) fn station(&self) -> &Arc<Station> {
        &self.station
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.endpoints()).finish()
    }
}
