//! Bus: the public handle.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::client::{Client, Handle, deadline_after};
use crate::bus::counters::BusStats;
use crate::bus::event::Events;
use crate::bus::job::Job;
use crate::bus::note::{Note, Post, Receipt};
use crate::bus::reply::Reply;
use crate::bus::report::CloseReport;
use crate::bus::request::{Answer, Call, Peer};
use crate::bus::service::Service;
use crate::bus::serving::Serving;
use crate::bus::subscription::Subscription;
use crate::bus::watch::Watch;
use crate::bus::words::Error;

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
/// let _shouting = bus.serve("text/upper", |job| job.text().to_uppercase())?;
/// assert_eq!(bus.call("text/upper", "hello")?.text(), "HELLO");
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use = "the last handle that is dropped closes the bus"]
#[derive(Clone)]
pub struct Bus {
    handle: Arc<Handle>,
}

impl Bus {
    /// Publishes, and does not wait to hear how many got it. While the broker is away it waits in
    /// the bus: 65,536 messages or 16 MiB. Where there is no room for it, here or on the way, the
    /// call waits for some, for the bus's timeout, then [`Error::Timeout`].
    pub fn publish(&self, topic: impl AsRef<str>, body: impl AsRef<[u8]>) -> Result<(), Error> {
        self.client().publish(topic.as_ref(), "", body.as_ref())
    }

    /// Publishes as the post says, and waits until it is on its way to whoever wants it.
    pub fn send(&self, post: Post) -> Result<Receipt, Error> {
        self.client().send(&post)
    }

    /// Asks for everything whose topic matches. When it returns, no later publish is missed; if a
    /// broker is not there, it is asked when it comes.
    pub fn subscribe(&self, pattern: impl AsRef<str>) -> Result<Subscription, Error> {
        let (id, pattern, notes) = self.client().subscribe(pattern.as_ref())?;
        Ok(Subscription {
            id,
            pattern: pattern.to_string(),
            notes,
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
    /// worker threads and may use the bus. What it returns is the answer, be it text, bytes, or a
    /// `Result`; see [`Reply`].
    pub fn serve<R: Reply>(
        &self,
        service: impl Into<Service>,
        handler: impl Fn(Job) -> R + Send + Sync + 'static,
    ) -> Result<Serving, Error> {
        let service = service.into();
        let handler = move |job: Job| job.run.clone().handle(|| handler(job));
        let (id, desk) = self.client().serve(&service, Box::new(handler))?;
        Ok(Serving {
            id,
            name: service.name,
            desk,
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

    /// Waits until the broker is there and knows us: [`Error::NoBroker`] if that takes longer, or
    /// [`Error::Denied`] if somebody is there who does not let us in; [`Error::NameTaken`] if it
    /// knows somebody else of our name.
    pub fn ready(&self, timeout: Duration) -> Result<(), Error> {
        self.client().wait_until_known(deadline_after(timeout))
    }

    /// What happens to this bus from now on; who is connected already is told first.
    ///
    /// ```
    /// use jackfield::bus::{Broker, Bus, Event};
    ///
    /// let broker = Broker::bind("tcp://127.0.0.1:0")?;
    /// let bus = Bus::connect(broker.endpoint())?;
    /// let events = bus.events();
    /// assert!(matches!(events.recv()?, Event::Connected { .. }));
    /// drop(broker);
    /// assert!(matches!(events.recv()?, Event::Disconnected { .. }));
    /// # Ok::<(), jackfield::bus::Error>(())
    /// ```
    pub fn events(&self) -> Events {
        Events {
            mailbox: self.client().events(),
        }
    }

    /// The counters of this bus.
    pub fn stats(&self) -> BusStats {
        self.client().stats()
    }

    /// Closes with the linger of the socket: see [`close_within`](Bus::close_within).
    pub fn close(&self) -> CloseReport {
        CloseReport::of(self.client().close_within(None))
    }

    /// Closes the bus: what waits gets [`Error::Closed`], and what was published leaves, for at most
    /// `linger`. With nothing to say, or nobody to say it to, it returns at once. What never left is
    /// in the report. Handlers that run go on; their answers go nowhere.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jackfield::bus::Bus;
    ///
    /// let bus = Bus::connect("mem://nobody-is-there")?;
    /// bus.publish("greeting", "hello")?;
    /// let report = bus.close_within(Duration::from_secs(60));
    /// assert_eq!(report.unsent[0].topic(), "greeting");
    /// # Ok::<(), jackfield::bus::Error>(())
    /// ```
    pub fn close_within(&self, linger: Duration) -> CloseReport {
        CloseReport::of(self.client().close_within(Some(linger)))
    }

    pub(crate) fn of(client: Arc<Client>) -> Bus {
        Bus {
            handle: Arc::new(Handle { client }),
        }
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.handle.client
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.client().options.name.as_deref();
        write!(f, "Bus({})", name.unwrap_or("unnamed"))
    }
}
