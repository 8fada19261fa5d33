//! Stage: two buses that know each other, in each of the ways there are.
//!
//! A program whose brokers listen and whose buses connect in a way of their own says so in
//! `crate::plug`.

use std::ops::Deref;
use std::time::Duration;

use jackfield::bus::{Broker, Bus, Error, Job, Limits, Note, Options, Subscription};
use jackfield::{Config, Socket};

use crate::support::{self, SLACK, Transport};
use crate::{plug, tunnel};

/// What leads from a client to its broker.
#[derive(Clone, Copy, Debug)]
pub enum Road {
    Tcp,
    Unix,
    Mem,
    /// As a page comes, through a client of WebSocket that is written by hand.
    WebSocket,
}

impl From<Transport> for Road {
    fn from(on: Transport) -> Road {
        match on {
            Transport::Tcp => Road::Tcp,
            Transport::Unix => Road::Unix,
            Transport::Mem => Road::Mem,
        }
    }
}

/// How two buses know each other.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Each is connected to a broker.
    Broker(Road),
    /// One is connected to a broker, the other is in the broker's process.
    Attached,
    /// Both are in the broker's process.
    Inside,
    /// Their sockets are peers.
    Direct(Transport),
    /// They are handles of one bus.
    Local,
}

/// Two buses, and what holds them together.
pub struct Stage {
    pub one: Bus,
    pub two: Bus,
    _broker: Option<Asked>,
}

impl Stage {
    pub fn new(way: Way) -> Stage {
        Stage::with(way, patient(), patient())
    }

    /// With these settings for the one and the other.
    pub fn with(way: Way, one: Options, two: Options) -> Stage {
        let attach = |options: Options, broker| options.attach(broker).expect("it is open");
        match way {
            Way::Broker(on) => {
                let (broker, there) = broker(on);
                let (one, two) = (connected(one, &there), connected(two, &there));
                let _broker = Some(Asked::new(broker));
                Stage { one, two, _broker }
            }
            Way::Attached => {
                let (broker, there) = broker(Road::Tcp);
                let (one, two) = (attach(one, &broker), connected(two, &there));
                let _broker = Some(Asked::new(broker));
                Stage { one, two, _broker }
            }
            Way::Inside => {
                let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
                let (one, two) = (attach(one, &broker), attach(two, &broker));
                let _broker = Some(Asked::new(broker));
                Stage { one, two, _broker }
            }
            Way::Direct(on) => {
                let (first, second) = support::pair(on, support::quick(), support::quick());
                let one = one.over(first).expect("a bus over a socket");
                let two = two.over(second).expect("a bus over a socket");
                await_names(&one, 2);
                await_names(&two, 2);
                let _broker = None;
                Stage { one, two, _broker }
            }
            Way::Local => {
                let one = one.local().expect("a bus");
                let (two, _broker) = (one.clone(), None);
                Stage { one, two, _broker }
            }
        }
    }
}

/// A broker that is asked in the end whether all who have gone are forgotten. So it is dropped
/// behind its clients.
pub struct Asked(Broker);

impl Asked {
    pub fn new(broker: Broker) -> Asked {
        Asked(broker)
    }
}

impl Deref for Asked {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.0
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        support::eventually("all of it is forgotten", || {
            let left = self.stats();
            [left.clients, left.subscriptions, left.services, left.calls] == [0; 4]
        });
    }
}

/// Where a broker is, or will be, and how its clients come there.
#[derive(Clone)]
pub struct Home {
    pub here: String,
    pub there: String,
}

impl Home {
    pub fn new(on: impl Into<Road>) -> Home {
        let here = match on.into() {
            Road::Tcp => Transport::Tcp.endpoint(),
            Road::Unix => Transport::Unix.endpoint(),
            Road::Mem => Transport::Mem.endpoint(),
            Road::WebSocket => {
                let here = Transport::Tcp.endpoint().replace("tcp:", "ws:");
                let there = tunnel::to(&here);
                return Home { here, there };
            }
        };
        let there = here.clone();
        Home { here, there }
    }

    /// A broker, for as long as none is there.
    pub fn start(&self) -> Broker {
        self.start_with(broker_config(), Limits::default())
    }

    pub fn start_with(&self, config: Config, limits: Limits) -> Broker {
        let broker = Broker::new(config, limits).expect("a broker");
        plug::listen(&broker, &self.here).expect("it is free");
        broker
    }
}

/// A loaded machine is no fault of ours.
pub fn patient() -> Options {
    Bus::options().timeout(SLACK).config(bus_config())
}

pub fn named(name: &str) -> Options {
    patient().name(name)
}

pub fn bus_config() -> Config {
    support::quick().max_message(16 * 1024 * 1024 + 64 * 1024)
}

pub fn broker(on: impl Into<Road>) -> (Broker, String) {
    let home = Home::new(on);
    (home.start(), home.there)
}

pub fn broker_config() -> Config {
    Broker::config().linger(Duration::from_millis(50))
}

/// A bus that knows its broker.
pub fn connected(options: Options, there: &str) -> Bus {
    let bus = plug::join(options, there).expect("a bus");
    bus.ready(SLACK).expect("the broker is there");
    bus
}

/// A plain socket that is connected to a broker, and was greeted.
pub fn stranger(there: &str) -> Socket {
    let socket = support::connected(support::quick(), there);
    let greeting = support::next_text(&socket);
    let words: Vec<&str> = greeting.trim_end().split(' ').collect();
    assert!(matches!(words[..], ["welcome", broker, _] if broker.len() == 32));
    socket
}

fn await_names(bus: &Bus, count: usize) {
    support::eventually("they know each other", || {
        bus.peers().is_ok_and(|peers| peers.len() == count)
    });
}

pub fn next(subscription: &Subscription) -> Note {
    subscription.recv_timeout(SLACK).expect("a message comes")
}

pub fn next_text(subscription: &Subscription) -> String {
    next(subscription).text().into_owned()
}

/// Nothing more has come: what is published now is the next.
pub fn assert_quiet(bus: &Bus, subscription: &Subscription, topic: &str) {
    bus.publish(topic, "the end").expect("it is accepted");
    assert_eq!(next_text(subscription), "the end");
}

/// Who has a name, in order.
pub fn names(bus: &Bus) -> Vec<String> {
    let peers = bus.peers().expect("it is answered");
    let mut names: Vec<String> = peers.into_iter().filter_map(|peer| peer.name).collect();
    names.sort();
    names
}

/// Answers with what came.
pub fn echo(job: Job) {
    let body = job.body().to_vec();
    job.reply(body);
}

pub fn call(bus: &Bus, name: &str, body: &str) -> Result<String, Error> {
    let answer = bus.call(name, body)?;
    Ok(answer.text().into_owned())
}

/// Makes a test of each claim, which is given this way or road.
macro_rules! each_claim {
    ($way:expr; $($name:ident,)*) => {
        $(#[test]
        fn $name() {
            #[allow(unused_imports)]
            use crate::{stage::{Road, Way}, support::Transport};
            crate::stage::run(super::$name, $way);
        })*
    };
}
pub(crate) use each_claim;

/// Runs a test in a thread of its own, so that one that hangs fails.
pub fn run<T: Send + 'static>(test: fn(T), on: T) {
    let (finished, end) = std::sync::mpsc::channel::<()>();
    let runner = std::thread::spawn(move || {
        let _finished = finished;
        test(on);
    });
    match end.recv_timeout(Duration::from_secs(60)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => runner
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}
