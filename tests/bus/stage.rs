//! Where a test of the bus plays: two buses that know each other, in each of the ways there are.

use std::time::Duration;

use jackfield::Socket;
use jackfield::bus::{Broker, Bus, Error, Job, Limits, Note, Options, Subscription};

use crate::plug::{join, listen};
use crate::support::{self, SLACK, Transport};

/// How two buses know each other.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// Each is connected to a broker.
    Broker(Transport),
    /// One is connected to a broker, the other is in the broker's process.
    Attached(Transport),
    /// Their sockets are peers.
    Direct(Transport),
}

/// Two buses, and what holds them together.
pub struct Stage {
    pub one: Bus,
    pub two: Bus,
    pub broker: Option<Broker>,
}

impl Stage {
    pub fn new(way: Way) -> Stage {
        Stage::with(way, patient(), patient())
    }

    /// With these settings for the one and the other.
    pub fn with(way: Way, one: Options, two: Options) -> Stage {
        match way {
            Way::Broker(on) => {
                let (broker, there) = broker(on);
                let (one, two) = (connected(one, &there), connected(two, &there));
                let broker = Some(broker);
                Stage { one, two, broker }
            }
            Way::Attached(on) => {
                let (broker, there) = broker(on);
                let one = one.attach(&broker).expect("the broker is open");
                let two = connected(two, &there);
                let broker = Some(broker);
                Stage { one, two, broker }
            }
            Way::Direct(on) => {
                let (first, second) = support::pair(on, support::quick(), support::quick());
                let one = one.over(first).expect("a bus over a socket");
                let two = two.over(second).expect("a bus over a socket");
                await_names(&one, 2);
                await_names(&two, 2);
                let broker = None;
                Stage { one, two, broker }
            }
        }
    }
}

/// A loaded machine is no fault of ours.
pub fn patient() -> Options {
    Bus::options().timeout(SLACK).config(bus_config())
}

pub fn named(name: &str) -> Options {
    patient().name(name)
}

pub fn bus_config() -> jackfield::Config {
    support::quick().max_message(16 * 1024 * 1024 + 64 * 1024)
}

pub fn broker(on: Transport) -> (Broker, String) {
    let broker = Broker::new(broker_config(), Limits::default()).expect("a broker");
    let there = listen(&broker, &on.endpoint()).expect("it is free");
    (broker, there.to_string())
}

pub fn broker_config() -> jackfield::Config {
    Broker::config().linger(Duration::from_millis(50))
}

/// A bus that knows its broker.
pub fn connected(options: Options, there: &str) -> Bus {
    let bus = join(options, there).expect("a bus");
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

/// Answers with what came.
pub fn echo(job: Job) {
    let body = job.body().to_vec();
    job.reply(body);
}

pub fn call(bus: &Bus, name: &str, body: &str) -> Result<String, Error> {
    let answer = bus.call(name, body)?;
    Ok(answer.text().into_owned())
}

/// Runs a test in a thread of its own, so that one that hangs fails.
pub fn run(test: fn(Way), way: Way) {
    let (finished, end) = std::sync::mpsc::channel::<()>();
    let runner = std::thread::spawn(move || {
        let _finished = finished;
        test(way);
    });
    match end.recv_timeout(Duration::from_secs(60)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => runner
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}
