//! Bus: publishing and calling through a broker in a process of its own. Its clients are programs
//! with a `Bus`, or with `--opt clients=` one of `bare`, `nats` and `redis` bare streams that speak
//! the wire of such a broker and do nothing else.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::Bus;

use crate::arguments::{
    Arguments, Outcome, PROBE, linger, number, number_of, say, say_rate, say_times,
};
use crate::fan::{await_window, probe};
use crate::server::Server;
use crate::wires::{self, Wire};

const TOPIC: &str = "versus/news";
const NAME: &str = "versus/echo";
const PATIENCE: Duration = Duration::from_secs(20);

/// Subscriptions of one client that only has them: a broker allows so many at least.
const OF_EACH: usize = 4_000;

/// Starts a broker and publishes through it, at most two windows ahead of the slowest.
pub fn publish(arguments: &Arguments) -> Outcome {
    let _server = Server::start(arguments)?;
    let _others = others(arguments)?;
    if is_bare(arguments) {
        let mut client = wires::connect(arguments, 0)?;
        client.ignore_answers()?;
        return drive(arguments, |body| match body {
            Some(body) => Ok(client.publish(TOPIC, body)?),
            None => Ok(client.flush()?),
        });
    }
    let bus = Bus::connect(&arguments.address)?;
    bus.ready(PATIENCE)?;
    drive(arguments, |body| {
        body.map_or(Ok(()), |body| bus.publish(TOPIC, body))?;
        Ok(())
    })
}

fn is_bare(arguments: &Arguments) -> bool {
    arguments.option("clients").is_some()
}

/// Clients that want what nobody publishes, in all so many topics as are asked for.
fn others(arguments: &Arguments) -> Result<Vec<Box<dyn Wire>>, Box<dyn std::error::Error>> {
    let count: usize = arguments.option("others").map_or(Ok(0), str::parse)?;
    let topics: Vec<String> = (0..count).map(|it| format!("other/{it}/news")).collect();
    let mut clients = Vec::new();
    for (number, topics) in topics.chunks(OF_EACH).enumerate() {
        let mut client = wires::connect(arguments, 1_000_000 + number as u64)?;
        client.subscribe(topics)?;
        clients.push(client);
    }
    wires::keep_alive(&mut clients)?;
    Ok(clients)
}

/// Starts a broker and answers calls with what they ask.
pub fn echo(arguments: &Arguments) -> Outcome {
    let _server = Server::start(arguments)?;
    if is_bare(arguments) {
        let mut client = wires::connect(arguments, 0)?;
        client.serve(NAME)?;
        say("READY");
        for _ in 0..arguments.total() {
            client.answer_next()?;
        }
        linger();
        return Ok(());
    }
    let bus = Bus::connect(&arguments.address)?;
    bus.ready(PATIENCE)?;
    let _serving = bus.serve(NAME, |job| {
        let body = job.body().to_vec();
        job.reply(body);
    })?;
    say("READY");
    linger();
    Ok(())
}

/// Calls, and waits for each answer.
pub fn ping(arguments: &Arguments) -> Outcome {
    if is_bare(arguments) {
        let mut client = wires::connect(arguments, 1)?;
        return time(arguments, |body| Ok(number_of(client.call(NAME, body)?)));
    }
    let bus = Bus::connect(&arguments.address)?;
    bus.ready(PATIENCE)?;
    time(arguments, |body| {
        Ok(number_of(bus.call(NAME, body)?.body()))
    })
}

fn time(
    arguments: &Arguments,
    mut call: impl FnMut(&[u8]) -> Result<u64, Box<dyn std::error::Error>>,
) -> Outcome {
    let mut body = vec![0; arguments.size];
    let mut times = Vec::with_capacity(arguments.total() as usize);
    for each in 0..arguments.total() {
        number(&mut body, each);
        let start = Instant::now();
        let answer = call(&body)?;
        times.push(start.elapsed());
        assert_eq!(answer, each);
    }
    say_times(&mut times[arguments.warmup as usize..]);
    linger();
    Ok(())
}

/// Publishes all messages; `None` is a pause, before which what was put together has to leave.
fn drive(arguments: &Arguments, mut publish: impl FnMut(Option<&[u8]>) -> Outcome) -> Outcome {
    say("READY");
    let mut body = vec![0; arguments.size];
    number(&mut body, PROBE);
    let mut confirmed = probe(arguments.pipe(false)?, || {
        publish(Some(&body))?;
        publish(None)
    })?;
    let mut ahead = 2 * arguments.window;
    for each in 0..arguments.count {
        while arguments.window > 0 && each >= ahead {
            publish(None)?;
            await_window(&mut confirmed)?;
            ahead += arguments.window;
        }
        number(&mut body, each);
        publish(Some(&body))?;
    }
    publish(None)?;
    say("SENT");
    linger();
    Ok(())
}

/// How far all subscribers are together.
struct Progress {
    pipe: File,
    probed: usize,
    reached: Vec<usize>,
    start: Option<Instant>,
    bad: u64,
    done: usize,
}

/// Hears all that is published, as so many clients, each in a thread of its own.
pub fn subscribe(arguments: &Arguments) -> Outcome {
    let windows = arguments.count.checked_div(arguments.window).unwrap_or(0);
    let progress = Mutex::new(Progress {
        pipe: arguments.pipe(true)?,
        probed: 0,
        reached: vec![0; windows as usize + 1],
        start: None,
        bad: 0,
        done: 0,
    });
    match is_bare(arguments) {
        true => hear_bare(arguments, &progress)?,
        false => hear_buses(arguments, &progress)?,
    }
    linger();
    Ok(())
}

fn hear_buses(arguments: &Arguments, progress: &Mutex<Progress>) -> Outcome {
    let mut clients = Vec::new();
    for _ in 0..arguments.peers {
        let bus = Bus::connect(&arguments.address)?;
        let news = bus.subscribe(TOPIC)?;
        clients.push((bus, news));
    }
    thread::scope(|scope| {
        for (_, news) in &clients {
            let mut ear = Ear::new(arguments, progress);
            scope.spawn(move || while ear.take(news.recv().expect("the broker stays").body()) {});
        }
    });
    Ok(())
}

fn hear_bare(arguments: &Arguments, progress: &Mutex<Progress>) -> Outcome {
    let mut clients = Vec::new();
    for number in 0..arguments.peers {
        let mut client = wires::connect(arguments, 1 + number as u64)?;
        client.subscribe(&[TOPIC.to_owned()])?;
        clients.push(client);
    }
    wires::keep_alive(&mut clients)?;
    thread::scope(|scope| {
        for client in &mut clients {
            let mut ear = Ear::new(arguments, progress);
            scope.spawn(move || while ear.take(client.next_event().expect("the broker stays")) {});
        }
    });
    Ok(())
}

/// One subscriber; the others are told of its progress once in a window.
struct Ear<'a> {
    arguments: &'a Arguments,
    progress: &'a Mutex<Progress>,
    is_probed: bool,
    heard: u64,
    bad: u64,
}

impl Ear<'_> {
    fn new<'a>(arguments: &'a Arguments, progress: &'a Mutex<Progress>) -> Ear<'a> {
        Ear {
            arguments,
            progress,
            is_probed: false,
            heard: 0,
            bad: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a message; says whether there is another one to wait for.
    fn take(&mut self, body: &[u8]) -> bool {
        let Arguments {
            peers,
            window,
            count,
            size,
            ..
        } = *self.arguments;
        let told = number_of(body);
        if told == PROBE {
            if !std::mem::replace(&mut self.is_probed, true) {
                self.lock().handle_probe(peers);
            }
            return true;
        }
        if self.heard == 0 {
            self.lock().start.get_or_insert_with(Instant::now);
        }
        self.bad += u64::from(told != self.heard || body.len() != size);
        self.heard += 1;
        if window > 0 && self.heard % window == 0 {
            let reached = (self.heard / window) as usize;
            self.lock().handle_window(reached, peers);
        }
        if self.heard == count {
            self.lock().handle_end(peers, count, self.bad);
        }
        self.heard < count
    }
}

impl Progress {
    fn handle_probe(&mut self, peers: usize) {
        self.probed += 1;
        if self.probed == peers {
            self.tell(b'G');
        }
    }

    fn handle_window(&mut self, window: usize, peers: usize) {
        self.reached[window] += 1;
        if self.reached[window] == peers {
            self.tell(b'W');
        }
    }

    fn handle_end(&mut self, peers: usize, count: u64, bad: u64) {
        self.bad += bad;
        self.done += 1;
        if let Some(start) = self.start.filter(|_| self.done == peers) {
            say_rate(peers as u64 * count, start.elapsed(), self.bad);
        }
    }

    fn tell(&mut self, word: u8) {
        self.pipe.write_all(&[word]).expect("the publisher stays");
    }
}
