//! Fan: from one socket to many, every message to all of them, or each to one in its turn.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{error, io, thread};

use jackfield::{Error, Socket, recv_any};

use crate::arguments::{Arguments, Outcome, PROBE, linger, number, number_of, say, say_rate};
use crate::stream::config;

/// How much is taken from one socket before it is the next one's turn.
const TURN: usize = 256;

/// Publishes to all subscribers, at most two windows ahead of the slowest.
pub fn publish(arguments: &Arguments) -> Outcome {
    let socket = Socket::new(config(arguments))?;
    socket.bind(&arguments.address)?;
    say("READY");
    let mut body = vec![0; arguments.size];
    number(&mut body, PROBE);
    let mut confirmed = probe(arguments.pipe(false)?, || {
        socket.publish(&body)?;
        Ok(())
    })?;
    let mut ahead = 2 * arguments.window;
    for each in 0..arguments.count {
        while arguments.window > 0 && each >= ahead {
            await_window(&mut confirmed)?;
            ahead += arguments.window;
        }
        number(&mut body, each);
        socket.publish(&body)?;
    }
    say("SENT");
    linger();
    Ok(())
}

/// Sends probes until all subscribers have heard one. Gives the pipe back, in which they say later
/// how far they are.
pub fn probe(
    mut pipe: File,
    mut send: impl FnMut() -> Outcome,
) -> Result<File, Box<dyn error::Error>> {
    let (say, said) = mpsc::channel();
    thread::spawn(move || {
        let mut byte = [0];
        let read = pipe.read_exact(&mut byte);
        say.send(read.is_ok_and(|()| byte == *b"G").then_some(pipe))
    });
    loop {
        send()?;
        match said.recv_timeout(Duration::from_millis(20)) {
            Ok(pipe) => return pipe.ok_or("the subscribers are gone".into()),
            Err(_) => continue,
        }
    }
}

/// Waits until all subscribers have another window.
pub fn await_window(confirmed: &mut File) -> Outcome {
    let mut byte = [0];
    confirmed.read_exact(&mut byte)?;
    match byte {
        [b'W'] => Ok(()),
        _ => Err("the subscribers are gone".into()),
    }
}

/// Hears all that is published, as so many subscribers.
pub fn subscribe(arguments: &Arguments) -> Outcome {
    let sockets = connected(arguments)?;
    let mut progress = Progress::new(arguments)?;
    let mut subscribers: Vec<Subscriber> = sockets.iter().map(|_| Subscriber::default()).collect();
    while progress.done < sockets.len() {
        each_ready(&sockets, |index, body| {
            progress.tally(&mut subscribers[index], body)
        })?;
    }
    linger();
    Ok(())
}

fn connected(arguments: &Arguments) -> Result<Vec<Socket>, Error> {
    let sockets = (0..arguments.peers).map(|_| {
        let socket = Socket::new(config(arguments))?;
        socket.connect(&arguments.address)?;
        Ok(socket)
    });
    sockets.collect()
}

/// Waits for a message, then takes what every socket has, a turn at a time.
fn each_ready(sockets: &[Socket], mut take: impl FnMut(usize, &[u8]) -> io::Result<()>) -> Outcome {
    if let [socket] = sockets {
        return Ok(take(0, socket.recv()?.body())?);
    }
    let all: Vec<&Socket> = sockets.iter().collect();
    let (first, message) = recv_any(&all, Duration::from_secs(20))?;
    take(first, message.body())?;
    loop {
        let mut is_idle = true;
        for (index, socket) in sockets.iter().enumerate() {
            for _ in 0..TURN {
                match &socket.try_recv() {
                    Ok(message) => take(index, message.body())?,
                    Err(_) => break,
                }
                is_idle = false;
            }
        }
        if is_idle {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Subscriber {
    is_probed: bool,
    heard: u64,
}

/// How far all subscribers are together.
struct Progress<'a> {
    arguments: &'a Arguments,
    pipe: File,
    probed: usize,
    /// For each window, how many subscribers have it.
    reached: Vec<usize>,
    start: Option<Instant>,
    bad: u64,
    done: usize,
}

impl Progress<'_> {
    fn new(arguments: &Arguments) -> io::Result<Progress<'_>> {
        let windows = arguments.count.checked_div(arguments.window).unwrap_or(0);
        Ok(Progress {
            arguments,
            pipe: arguments.pipe(true)?,
            probed: 0,
            reached: vec![0; windows as usize + 1],
            start: None,
            bad: 0,
            done: 0,
        })
    }

    fn tally(&mut self, subscriber: &mut Subscriber, body: &[u8]) -> io::Result<()> {
        let Arguments {
            peers,
            window,
            count,
            size,
            ..
        } = *self.arguments;
        let told = number_of(body);
        if told == PROBE {
            self.probed += usize::from(!subscriber.is_probed);
            let is_last = !subscriber.is_probed && self.probed == peers;
            subscriber.is_probed = true;
            return if is_last {
                self.pipe.write_all(b"G")
            } else {
                Ok(())
            };
        }
        let start = *self.start.get_or_insert_with(Instant::now);
        self.bad += u64::from(told != subscriber.heard || body.len() != size);
        subscriber.heard += 1;
        if window > 0 && subscriber.heard % window == 0 {
            let reached = &mut self.reached[(subscriber.heard / window) as usize];
            *reached += 1;
            if *reached == peers {
                self.pipe.write_all(b"W")?;
            }
        }
        self.done += usize::from(subscriber.heard == count);
        if subscriber.heard == count && self.done == peers {
            say_rate(peers as u64 * count, start.elapsed(), self.bad);
        }
        Ok(())
    }
}

/// Gives each message to one worker in its turn; the first ones tell that all workers are there.
pub fn share(arguments: &Arguments) -> Outcome {
    let socket = Socket::new(config(arguments))?;
    socket.bind(&arguments.address)?;
    say("READY");
    socket.wait_for_peers(arguments.peers, Duration::from_secs(20))?;
    let mut body = vec![0; arguments.size];
    for each in 0..arguments.total() {
        number(&mut body, each);
        socket.send(&body)?;
    }
    say("SENT");
    linger();
    Ok(())
}

/// Takes messages as so many workers; the clock starts behind those of the warm-up.
pub fn work(arguments: &Arguments) -> Outcome {
    let sockets = connected(arguments)?;
    let (mut heard, mut bad, mut start) = (0, 0, Instant::now());
    while heard < arguments.total() {
        each_ready(&sockets, |_, body| {
            bad += u64::from(body.len() != arguments.size);
            heard += 1;
            if heard == arguments.warmup {
                start = Instant::now();
            }
            if heard == arguments.total() {
                say_rate(arguments.count, start.elapsed(), bad);
            }
            Ok(())
        })?;
    }
    linger();
    Ok(())
}
