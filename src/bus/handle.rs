//! Bus: the public handle.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::bus::client::{Client, Handle, Way, listen};
use crate::bus::counters::BusStats;
use crate::bus::job::Job;
use crate::bus::note::{Note, Post, Receipt};
use crate::bus::options::Options;
use crate::bus::reader;
use crate::bus::request::{Answer, Call, Peer};
use crate::bus::service::{Service, Serving};
use crate::bus::station::Station;
use crate::bus::subscription::Subscription;
use crate::bus::watch::Watch;
use crate::bus::words::{Error, Limits};
use crate::{Endpoint, Error as SocketError, Event, Socket};

/// Topics, services and names, through a broker or without one.
///
/// It is a handle: clone it into as many threads as you like. It is closed when the last handle
/// is dropped, those that subscriptions and services hold included.
///
/// ```
/// use jackfield::bus::{Broker, Bus};
///
/// let broker = Broker::bind("tcp://127.0.0.1:0")?;
/// let bus = Bus::connect(broker.endpoint())?;
/// let rooms = bus.subscribe("room/*/temp")?;
/// bus.publish("room/1/temp", "21.5")?;
/// assert_eq!(rooms.recv()?.text(), "21.5");
///
/// let _adding = bus.serve("text/upper", |job| {
///     let answer = job.text().to_uppercase();
///     job.reply(answer);
/// })?;
/// assert_eq!(bus.call("text/upper", "hello")?.text(), "HELLO");
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use = "the last handle that is dropped closes the bus"]
#[derive(Clone)]
pub struct Bus {
    handle: Arc<Handle>,
}

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
    /// over: from here on the bus receives, and closes it.
    pub fn over(socket: Socket) -> Result<Bus, Error> {
        Bus::options().over(socket)
    }

    /// A bus within this process, with nobody but its own handles on it.
    pub fn local() -> Result<Bus, Error> {
        Bus::options().local()
    }

    /// The settings, to be changed before it is opened.
    pub fn options() -> Options {
        Options::default()
    }

    /// Publishes, and does not wait to hear how many got it. While the broker is away it waits in
    /// the socket; when there is no room for it either, for 5 s, then [`Error::Timeout`].
    pub fn publish(&self, topic: impl AsRef<str>, body: impl AsRef<[u8]>) -> Result<(), Error> {
        self.client().publish(&Post::new(topic.as_ref(), body))
    }

    /// Publishes as the post says, and waits until it is on its way to whoever wants it.
    pub fn send(&self, post: Post) -> Result<Receipt, Error> {
        self.client().send(&post)
    }

    /// Asks for everything whose topic matches. When it returns, no later publish is missed; if a
    /// broker is not there, it is asked when it comes.
    pub fn subscribe(&self, pattern: impl AsRef<str>) -> Result<Subscription, Error> {
        let (id, pattern, queue) = self.client().subscribe(pattern.as_ref())?;
        Ok(Subscription {
            id,
            pattern: pattern.to_string(),
            queue,
            handle: self.handle.clone(),
        })
    }

    /// As [`subscribe`](Bus::subscribe), and calls `call` with each message, in a thread of its
    /// own. It may use the bus.
    pub fn on(
        &self,
        pattern: impl AsRef<str>,
        call: impl FnMut(Note) + Send + 'static,
    ) -> Result<Watch, Error> {
        Watch::start(self.subscribe(pattern)?, call)
    }

    /// Forgets the retained value of a topic.
    pub fn clear(&self, topic: impl AsRef<str>) -> Result<(), Error> {
        let post = Post::new(topic.as_ref(), "").retain();
        self.send(post).map(drop)
    }

    /// Serves calls of that name: a text, or a [`Service`] with more workers. The handler runs in
    /// worker threads and may use the bus.
    pub fn serve(
        &self,
        service: impl Into<Service>,
        handler: impl Fn(Job) + Send + Sync + 'static,
    ) -> Result<Serving, Error> {
        let service = service.into();
        let id = self.client().serve(&service, Box::new(handler))?;
        Ok(Serving {
            id,
            name: service.name,
            handle: self.handle.clone(),
        })
    }

    /// Calls a service, or `@` and the name of a client, and waits for the answer. Exactly one
    /// provider runs it. After an error that is none of the handler's, it may have run or not.
    pub fn call(&self, name: impl AsRef<str>, body: impl AsRef<[u8]>) -> Result<Answer, Error> {
        self.ask(Call::new(name.as_ref(), body))
    }

    /// As [`call`](Bus::call), but answers [`Error::Timeout`] after `timeout`.
    pub fn call_timeout(
        &self,
        name: impl AsRef<str>,
        body: impl AsRef<[u8]>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        self.ask(Call::new(name.as_ref(), body).timeout(timeout))
    }

    /// As [`call`](Bus::call), with what the [`Call`] says.
    pub fn ask(&self, call: Call) -> Result<Answer, Error> {
        self.client().call(&call)
    }

    /// Calls every provider of a service: one entry each, an answer or its error, all by one
    /// deadline.
    pub fn call_all(
        &self,
        name: impl AsRef<str>,
        body: impl AsRef<[u8]>,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        self.ask_all(Call::new(name.as_ref(), body))
    }

    /// As [`call_all`](Bus::call_all), with what the [`Call`] says.
    pub fn ask_all(&self, call: Call) -> Result<Vec<Result<Answer, Error>>, Error> {
        self.client().call_all(&call)
    }

    /// The clients that are connected, this one too.
    pub fn peers(&self) -> Result<Vec<Peer>, Error> {
        self.client().peers()
    }

    /// How long a word takes to the client of that name and back.
    pub fn ping(&self, name: impl AsRef<str>) -> Result<Duration, Error> {
        self.client().ping(name.as_ref())
    }

    /// Waits until the broker is there and knows us; [`Error::NameTaken`] if it knows somebody
    /// else of our name.
    pub fn ready(&self, timeout: Duration) -> Result<(), Error> {
        let deadline = crate::bus::client::deadline_after(timeout);
        self.client().wait_for_introduction(deadline)
    }

    /// The counters of this bus.
    pub fn stats(&self) -> BusStats {
        self.client().stats()
    }

    /// Closes the bus: what waits gets [`Error::Closed`], what was published leaves, for at most
    /// the socket's linger. Handlers that run go on; their answers go nowhere.
    pub fn close(&self) {
        self.client().close();
    }

    pub(crate) fn open_connected(
        options: Options,
        dial: impl FnOnce(&Socket) -> Result<(), SocketError>,
    ) -> Result<Bus, Error> {
        options.check()?;
        let socket = Socket::new(options.config.clone()).map_err(Error::Socket)?;
        let deadline = options.opening_deadline();
        let arrivals = Arc::new(socket.arrivals());
        let client = Client::new(Way::Broker(socket.clone(), arrivals.clone()), options);
        let listener = Arc::downgrade(&client);
        let bus = Bus::of(client);
        let builder = thread::Builder::new().name("jackfield bus".to_owned());
        let reader = builder.spawn(move || listen(&listener, &arrivals));
        bus.client().set_reader(reader.map_err(Error::no_thread)?);
        bus.client().introduce()?;
        let events = socket.events();
        dial(&socket).map_err(Error::Socket)?;
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(event) = events.recv_timeout(left()) {
            match event {
                Event::PeerUp { .. } => return bus.introduced(deadline),
                Event::DialFailed { .. } => break,
                _ => {}
            }
        }
        Ok(bus)
    }

    /// The bus, unless its name is taken.
    fn introduced(self, deadline: Instant) -> Result<Bus, Error> {
        match self.client().wait_for_introduction(deadline) {
            Err(Error::NameTaken) => Err(Error::NameTaken),
            _ => Ok(self),
        }
    }

    pub(crate) fn open_over(options: Options, socket: Socket) -> Result<Bus, Error> {
        let station = Station::new(Some(socket.clone()), None, Limits::default());
        let bus = Bus::open_own(options, &station)?;
        let arrivals = socket.arrivals();
        while let Ok(arrival) = arrivals.try_recv() {
            reader::step(&station, Some(bus.client()), arrival);
        }
        let client = Arc::downgrade(bus.client());
        let reader = reader::start(station, Some(client), arrivals)?;
        bus.client().set_reader(reader);
        Ok(bus)
    }

    pub(crate) fn open_local(options: Options) -> Result<Bus, Error> {
        let station = Station::new(None, None, Limits::default());
        Bus::open_own(options, &station)
    }

    fn open_own(options: Options, station: &Arc<Station>) -> Result<Bus, Error> {
        let options = Options {
            owns_station: true,
            ..options
        };
        Bus::open_attached(options, station)
    }

    pub(crate) fn open_attached(options: Options, station: &Arc<Station>) -> Result<Bus, Error> {
        options.check()?;
        let key = station.reserve();
        let client = Client::new(Way::Own(station.clone(), key), options);
        station.attach(key, Arc::downgrade(&client))?;
        let deadline = client.usual_deadline();
        let bus = Bus::of(client);
        bus.client().introduce()?;
        bus.introduced(deadline)
    }

    /// A bus on a table that may be closed: then it is closed as well.
    pub(crate) fn open_or_closed(options: Options, station: &Arc<Station>) -> Bus {
        Bus::open_attached(options.clone(), station).unwrap_or_else(|_| {
            let key = station.reserve();
            let bus = Bus::of(Client::new(Way::Own(station.clone(), key), options));
            bus.close();
            bus
        })
    }

    fn of(client: Arc<Client>) -> Bus {
        Bus {
            handle: Arc::new(Handle { client }),
        }
    }

    fn client(&self) -> &Arc<Client> {
        &self.handle.client
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.client().options.name.as_deref();
        write!(f, "Bus({})", name.unwrap_or("unnamed"))
    }
}
