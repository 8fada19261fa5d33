//! Pipe: one socket to one other, two threads of this process.

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use jackfield::{Config, Delivery, Socket};

use crate::Outcome;
use crate::figure::Unit;
use crate::harness::{Plan, Run};

const SIZES: [(usize, &str); 6] = [
    (16, "16 B"),
    (64, "64 B"),
    (1_024, "1 KiB"),
    (8 * 1_024, "8 KiB"),
    (64 * 1_024, "64 KiB"),
    (1_024 * 1_024, "1 MiB"),
];

/// So many messages go in front of one that is answered.
const BURST: u32 = 300;

/// What such a message begins with.
const ASKS: u8 = 1;

/// How long a peer may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(run: &Run) -> Outcome {
    let place = Place::new()?;
    for (kind, endpoint) in place.endpoints() {
        for (size, name) in SIZES {
            run.figure(&format!("{kind}, {name}"), Unit::PerSecond, |plan| {
                plan.repeat(|| throughput(&endpoint, size, Delivery::AtMostOnce, plan.budget))
            })?;
        }
        let name = format!("{kind}, at least once, 64 B");
        run.figure(&name, Unit::PerSecond, |plan| {
            plan.repeat(|| throughput(&endpoint, 64, Delivery::AtLeastOnce, plan.budget))
        })?;
        run.times(&format!("{kind}, round trip, 64 B"), |plan| {
            plan.repeat(|| round_trips(&endpoint, 64, 0, plan))
        })?;
        let name = format!("{kind}, {BURST} x 1 KiB and an answer");
        run.times(&name, |plan| {
            plan.repeat(|| round_trips(&endpoint, 1_024, BURST, plan))
        })?;
    }
    Ok(())
}

/// A directory for Unix sockets, removed in the end.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> io::Result<Place> {
        let name = format!("jackfield-own-{}", process::id());
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory)?;
        Ok(Place(directory))
    }

    /// Of a Unix socket.
    pub fn path(&self) -> PathBuf {
        self.0.join("s")
    }

    /// One endpoint of each kind.
    pub fn endpoints(&self) -> [(&'static str, String); 3] {
        [
            ("tcp", "tcp://127.0.0.1:0".to_owned()),
            ("unix", format!("unix://{}", self.path().display())),
            ("mem", "mem://own".to_owned()),
        ]
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays in a directory for temporary files does no harm.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Two sockets that are connected: who listens, and who dialled.
pub fn pair(endpoint: &str, dialler: Config) -> Outcome<(Socket, Socket)> {
    let listener = Socket::new(Config::default())?;
    let here = listener.bind(endpoint)?;
    let dialler = Socket::new(dialler)?;
    dialler.connect(&here)?;
    dialler.wait_for_peers(1, PATIENCE)?;
    Ok((listener, dialler))
}

/// Messages a second at the receiver, from the first to the last that came within the budget.
fn throughput(endpoint: &str, size: usize, delivery: Delivery, budget: Duration) -> Outcome<f64> {
    let (receiver, sender) = pair(endpoint, Config::default().delivery(delivery))?;
    let sending = thread::spawn(move || -> Result<(), jackfield::Error> {
        let body = vec![7; size];
        let until = Instant::now() + budget;
        while Instant::now() < until {
            for _ in 0..(64 * 1_024 / size).clamp(1, 256) {
                sender.send(&body)?;
            }
        }
        sender.send("")?;
        sender.close();
        Ok(())
    });
    receiver.recv()?;
    let began = Instant::now();
    let mut count = 0;
    while !receiver.recv()?.body().is_empty() {
        count += 1;
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    sending.join().expect("the sender does not panic")?;
    Ok(rate)
}

/// From the first of a burst of messages to the answer to what comes behind it.
fn round_trips(endpoint: &str, size: usize, burst: u32, plan: &Plan) -> Outcome<Vec<Duration>> {
    let (server, client) = pair(endpoint, Config::default())?;
    let echo = server.clone();
    let echoing = thread::spawn(move || {
        let asking = echo.messages().filter(|message| message.body()[0] == ASKS);
        for message in asking {
            // The client is gone at the end.
            echo.send_to(message.sender(), &message).ok();
        }
    });
    let (body, question) = (vec![0; size], [ASKS; 64]);
    let round = || {
        for _ in 0..burst {
            client.send(&body)?;
        }
        client.send(question)?;
        client.recv()?;
        Ok(())
    };
    for _ in 0..100 {
        round()?;
    }
    let times = plan.time_each(round);
    client.close();
    server.close();
    echoing.join().expect("the echo does not panic");
    times
}
