//! Peers: how they come and go, one and many, and what a word to all of them costs.

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Socket};

use crate::Outcome;
use crate::bare::{self, HEADER};
use crate::figure::Unit;
use crate::harness::{Plan, Run, kept};
use crate::pipe::Place;

const BODY: [u8; 64] = [7; 64];

pub fn run(run: &Run) -> Outcome {
    let place = Place::new()?;
    for (kind, endpoint) in place.endpoints() {
        run.times(&format!("{kind}, connect to first message"), |plan| {
            plan.repeat(|| first_messages(&endpoint, plan))
        })?;
    }
    crowd(run)
}

/// One socket with many peers.
fn crowd(run: &Run) -> Outcome {
    let (count, peers) = bare::many();
    let (mut visits, mut words) = (None, None);
    run.figure(&format!("{peers} up"), Unit::Seconds, |plan| {
        let visits = kept(&mut visits, || plan.repeat(|| visit(count)))?;
        Ok(visits.iter().map(|(up, _)| *up).collect())
    })?;
    run.figure(&format!("close with {peers}"), Unit::Seconds, |plan| {
        let visits = kept(&mut visits, || plan.repeat(|| visit(count)))?;
        Ok(visits.iter().map(|(_, closed)| *closed).collect())
    })?;
    let name = format!("publish 64 B to {peers}, the call");
    run.times(&name, |plan| {
        let words = kept(&mut words, || publish(count, plan))?;
        Ok(words.iter().map(|word| word.called.clone()).collect())
    })?;
    let name = format!("publish 64 B to {peers}, until all have it");
    run.times(&name, |plan| {
        let words = kept(&mut words, || publish(count, plan))?;
        Ok(words.iter().map(|word| word.read.clone()).collect())
    })
}

/// From `connect` until the listener has the first message.
fn first_messages(endpoint: &str, plan: &Plan) -> Outcome<Vec<Duration>> {
    let listener = Socket::new(Config::default())?;
    let here = listener.bind(endpoint)?;
    let times = (0..if plan.is_quick { 20 } else { 100 }).map(|_| {
        let dialler = Socket::new(Config::default())?;
        let began = Instant::now();
        dialler.connect(&here)?;
        dialler.send(BODY)?;
        listener.recv()?;
        let took = began.elapsed();
        drop(dialler);
        // The next one comes to a listener that has nothing else to do.
        while !listener.peers().is_empty() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(2));
        Ok(took)
    });
    times.collect()
}

/// How long it takes until so many peers are up, and to close then.
fn visit(count: usize) -> Outcome<(f64, f64)> {
    let began = Instant::now();
    let (socket, streams) = bare::gathered(bare::quiet(), count)?;
    let up = began.elapsed();
    // They answer the end of the stream with their own.
    let leaving = thread::spawn(move || {
        for mut stream in streams {
            // Whichever way it ends, it has ended.
            io::copy(&mut stream, &mut io::sink()).ok();
        }
    });
    let began = Instant::now();
    socket.close();
    let closed = began.elapsed();
    leaving.join().expect("it does not panic");
    Ok((up.as_secs_f64(), closed.as_secs_f64()))
}

/// Times of messages that were published one by one.
#[derive(Default)]
struct Words {
    /// Until the call was back.
    called: Vec<Duration>,
    /// Until the last peer had read it.
    read: Vec<Duration>,
}

fn publish(count: usize, plan: &Plan) -> Outcome<Vec<Words>> {
    let (socket, mut streams) = bare::gathered(bare::quiet(), count)?;
    let mut frame = [0; HEADER + BODY.len()];
    plan.repeat(|| {
        let (mut words, until) = (Words::default(), Instant::now() + plan.budget);
        while words.read.is_empty() || Instant::now() < until {
            let began = Instant::now();
            socket.publish(BODY)?;
            words.called.push(began.elapsed());
            for stream in &mut streams {
                stream.read_exact(&mut frame)?;
            }
            words.read.push(began.elapsed());
        }
        Ok(words)
    })
}
