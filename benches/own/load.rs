//! Load: how long others wait while a hundred peers stream, or while a thousand links stall.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Config, Endpoint, Heartbeat, Socket};

use crate::Outcome;
use crate::bare::{self, HEARTBEAT};
use crate::figure::Unit;
use crate::harness::{Plan, Run, kept};

const STREAMING: usize = 100;

/// What peers stream; whoever asks for an answer says something shorter.
const BODY: [u8; 64] = [7; 64];
const QUESTION: [u8; 32] = [8; 32];

/// Messages that a peer writes at once.
const AT_ONCE: usize = 256;

/// Messages of all peers before something is measured.
const WARM_UP: u64 = 200_000;

/// How often heartbeats are due where they are watched, and for how many peers.
const INTERVAL: Duration = Duration::from_millis(100);
const WATCHERS: usize = 10;

const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(run: &Run) -> Outcome {
    streaming(run)?;
    stalling(run)
}

fn streaming(run: &Run) -> Outcome {
    let mut load = None;
    let name = format!("{STREAMING} peers stream 64 B to one socket");
    run.figure(&name, Unit::PerSecond, |plan| {
        let load = kept(&mut load, Load::start)?;
        plan.repeat(|| {
            let (began, before) = (Instant::now(), load.taken());
            thread::sleep(plan.budget.max(Duration::from_millis(200)));
            let count = load.taken() - before;
            Ok(count as f64 / began.elapsed().as_secs_f64())
        })
    })?;
    let name = format!("round trip of another peer while {STREAMING} stream");
    run.times(&name, |plan| {
        let load = kept(&mut load, Load::start)?;
        plan.repeat(|| {
            let client = Socket::new(Config::default())?;
            client.connect(&load.here)?;
            client.wait_for_peers(1, PATIENCE)?;
            let round = || {
                client.send(QUESTION)?;
                client.recv_timeout(PATIENCE)?;
                Ok(())
            };
            round()?;
            plan.time_each(round)
        })
    })?;
    let name = format!("heartbeat each 100 ms, while {STREAMING} stream");
    run.times(&name, |plan| {
        let load = kept(&mut load, Load::start)?;
        plan.repeat(|| watch(&load.here, plan, || Ok(())))
    })
}

/// Heartbeats often, and peers may be silent.
fn watched() -> Config {
    Config::default().heartbeat(Heartbeat {
        interval: INTERVAL,
        timeout: Duration::from_secs(600),
    })
}

/// A socket that a hundred peers stream to as fast as it takes it.
struct Load {
    socket: Socket,
    here: Endpoint,
    taken: Arc<AtomicU64>,
    streams: Arc<Vec<TcpStream>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Returns when messages come steadily: at first all readers have something to read at once.
    fn start() -> Outcome<Load> {
        let socket = Socket::new(watched())?;
        let here = socket.bind("tcp://127.0.0.1:0")?;
        let taken = Arc::new(AtomicU64::new(0));
        let streams = Arc::new(bare::connect(&here, STREAMING)?);
        let threads = vec![take(socket.clone(), taken.clone()), write(streams.clone())];
        let load = Load {
            socket,
            here,
            taken,
            streams,
            threads,
        };
        let until = Instant::now() + PATIENCE;
        while load.taken() < WARM_UP {
            if Instant::now() > until {
                return Err("nothing comes".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(load)
    }

    /// Messages so far.
    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for stream in self.streams.iter() {
            // One that has ended by itself is not connected.
            stream.shutdown(Shutdown::Both).ok();
        }
        self.socket.close_within(Duration::ZERO);
        for thread in self.threads.drain(..) {
            // What went wrong in it was said when it panicked.
            thread.join().ok();
        }
    }
}

/// Takes everything that comes, and answers questions.
fn take(socket: Socket, taken: Arc<AtomicU64>) -> JoinHandle<()> {
    thread::spawn(move || {
        for message in socket.messages() {
            if message.body().len() == QUESTION.len() {
                // Whoever asked may have gone.
                socket.send_to(message.sender(), &message).ok();
            }
            taken.fetch_add(1, Ordering::Relaxed);
        }
    })
}

/// Writes to each in turn until they are shut down. One thread fills them all, and leaves the
/// processor to those that are measured.
fn write(streams: Arc<Vec<TcpStream>>) -> JoinHandle<()> {
    let frames = bare::frame(&BODY).repeat(AT_ONCE);
    thread::spawn(move || {
        let mut turns = streams.iter().cycle();
        while turns
            .next()
            .is_some_and(|mut stream| stream.write_all(&frames).is_ok())
        {}
    })
}

/// How far apart heartbeats to silent peers arrive, from when they are there until long after
/// `begin` did what might delay them.
fn watch(here: &Endpoint, plan: &Plan, begin: impl FnOnce() -> Outcome) -> Outcome<Vec<Duration>> {
    let streams = bare::connect(here, WATCHERS)?;
    let greeted = Instant::now();
    let is_over = Arc::new(AtomicBool::new(false));
    let watching: Vec<_> = streams
        .into_iter()
        .map(|stream| {
            let is_over = is_over.clone();
            thread::spawn(move || gaps(stream, greeted, &is_over))
        })
        .collect();
    let began = begin();
    let intervals = if plan.is_quick { 4 } else { 20 };
    thread::sleep(intervals * INTERVAL);
    is_over.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for watcher in watching {
        times.extend(watcher.join().expect("it does not panic")?);
    }
    began.map(|()| times)
}

/// The times from one heartbeat to the next, the first of which came when it was greeted, and with
/// the one that is still to come when all is over.
fn gaps(
    mut stream: TcpStream,
    greeted: Instant,
    is_over: &AtomicBool,
) -> io::Result<Vec<Duration>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut times, mut frame) = (Vec::new(), HEARTBEAT);
    let mut last = greeted;
    while times.is_empty() || !is_over.load(Ordering::Relaxed) {
        stream.read_exact(&mut frame)?;
        if frame != HEARTBEAT {
            return Err(ErrorKind::InvalidData.into());
        }
        times.push(last.elapsed());
        last = Instant::now();
    }
    Ok(times)
}

/// Links over Unix sockets, because the system keeps little of what is written there.
#[cfg(unix)]
fn stalling(run: &Run) -> Outcome {
    use crate::pipe::Place;
    use std::os::unix::net::UnixStream;

    let place = Place::new()?;
    let (count, peers) = bare::many();
    let name = format!("heartbeat each 100 ms, while {peers} stall at once");
    run.times(&name, |plan| {
        plan.repeat(|| {
            let socket = Socket::new(watched())?;
            let here = socket.bind("tcp://127.0.0.1:0")?;
            socket.bind(format!("unix://{}", place.path().display()))?;
            let dial = || UnixStream::connect(place.path());
            let (streams, identities) = bare::greeted(dial, count)?;
            socket.wait_for_peers(count, PATIENCE)?;
            let times = watch(&here, plan, || {
                // More than the system takes for a reader that does not read.
                let body = vec![7; 64 * 1_024];
                for _ in 0..16 {
                    socket.send_to_each(&identities, 75, &body)?;
                }
                Ok(())
            });
            let queued = socket.peers().into_iter().filter(|peer| peer.queued > 0);
            let stalled = queued.count();
            drop(streams);
            socket.close_within(Duration::ZERO);
            match stalled == count {
                true => times,
                false => Err(format!("only {stalled} peers stalled").into()),
            }
        })
    })
}

#[cfg(not(unix))]
fn stalling(_: &Run) -> Outcome {
    Ok(())
}
