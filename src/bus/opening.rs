//! Opening: the ways to get a bus, each with an end of its own.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::bus::broker::Broker;
use crate::bus::bus::Bus;
use crate::bus::client::Client;
use crate::bus::end::End;
use crate::bus::ends::broker::{Dial, ToBroker};
use crate::bus::ends::inside::Inside;
use crate::bus::ends::peers::Peers;
use crate::bus::options::Options;
use crate::bus::station::Station;
use crate::bus::words::{Error, Limits};
use crate::{Duplex, Endpoint, Error as SocketError, RawStream, Socket};

impl Bus {
    /// A bus through the broker at `endpoint`, for as long as the bus lives. It need not run yet:
    /// this returns when it is reached or a first attempt has failed, after a second at most.
    /// [`Error::NameTaken`] if it is there and another client has the name.
    pub fn connect(
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
    ) -> Result<Bus, Error> {
        Bus::options().connect(endpoint)
    }

    /// A bus with the peers of `socket`, which do the same; nobody is between. It takes the socket
    /// over: from here on the bus receives, and closes it. A peer that is a broker is used as one.
    pub fn over(socket: Socket) -> Result<Bus, Error> {
        Bus::options().over(socket)
    }

    /// A bus within this process, with nobody but its own handles on it.
    pub fn local() -> Result<Bus, Error> {
        Bus::options().local()
    }

    /// A bus on an end of your own.
    pub fn through(end: impl End) -> Result<Bus, Error> {
        Bus::options().through(end)
    }

    /// The settings, to be changed before it is opened.
    pub fn options() -> Options {
        Options::default()
    }
}

impl Options {
    /// See [`Bus::connect`].
    pub fn connect(
        self,
        endpoint: impl TryInto<Endpoint, Error: Into<SocketError>>,
    ) -> Result<Bus, Error> {
        let endpoint = endpoint.try_into();
        let endpoint = endpoint.map_err(|error| Error::Socket(error.into()))?;
        self.dial(Box::new(|socket| socket.connect(endpoint)))
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
        self.dial(Box::new(|socket| socket.connect_with(endpoint, dial)))
    }

    /// See [`Bus::over`].
    pub fn over(self, socket: Socket) -> Result<Bus, Error> {
        self.through(Peers::new(socket))
    }

    /// See [`Bus::local`].
    pub fn local(self) -> Result<Bus, Error> {
        self.through(Inside::new(&Station::new(None, None, Limits::default())))
    }

    /// See [`Bus::through`].
    pub fn through(self, end: impl End) -> Result<Bus, Error> {
        self.check()?;
        let deadline = Instant::now() + self.patience();
        let bus = Bus::of(Client::new(Box::new(end), self));
        bus.client().open(deadline)?;
        Ok(bus)
    }

    /// A bus on a broker in this process, as [`Broker::bus`] gives it.
    pub fn attach(self, broker: &Broker) -> Result<Bus, Error> {
        self.through(Inside::new(broker.station()))
    }

    /// A bus on a socket of its own, which gets to its broker in this way.
    fn dial(self, dial: Dial) -> Result<Bus, Error> {
        self.check()?;
        let socket = Socket::new(self.config.clone()).map_err(Error::Socket)?;
        let end = ToBroker::new(socket, dial, self.patience());
        self.through(end)
    }

    /// A bus on a table that may be closed: then it is closed as well.
    fn attach_or_close(self, station: &Arc<Station>) -> Bus {
        let client = Client::new(Box::new(Inside::new(station)), self.clone());
        let deadline = Instant::now() + self.patience();
        let opened = client.open(deadline);
        let bus = Bus::of(client);
        if opened.is_err() {
            bus.close();
        }
        bus
    }
}

impl Broker {
    /// A bus on this broker, in this process. Of a closed broker it is a closed bus.
    pub fn bus(&self) -> Bus {
        Options::default().attach_or_close(self.station())
    }
}
