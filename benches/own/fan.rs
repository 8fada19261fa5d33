//! Fan: one socket to many, every message to all of them, or each to one in its turn.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Config, Receipt, SendError, Socket, recv_any};

use crate::Outcome;
use crate::bare::{self, HEADER};
use crate::figure::Unit;
use crate::harness::Run;

const BODY: [u8; 64] = [7; 64];

/// Messages that are queued for the slowest before the sender waits for it.
const AHEAD: usize = 4_096;

/// Messages that bare peers confirm together; the sender is at most two windows ahead.
const WINDOW: usize = 128;

/// How a message goes out.
type Verb = fn(&Socket) -> Result<Receipt, SendError>;

const SEND: Verb = |socket| socket.send(BODY);
const PUBLISH: Verb = |socket| socket.publish(BODY);

const PATIENCE: Duration = Duration::from_secs(10);

pub fn run(run: &Run) -> Outcome {
    for (name, verb, peers) in [
        ("publish 64 B to 10", PUBLISH, 10),
        ("publish 64 B to 100", PUBLISH, 100),
        ("in turn to 8, 64 B", SEND, 8),
    ] {
        run.figure(name, Unit::PerSecond, |plan| {
            plan.repeat(|| to_sockets(verb, peers, plan.budget))
        })?;
    }
    let (count, peers) = bare::many();
    let name = format!("publish 64 B to {peers}, which are bare streams");
    run.figure(&name, Unit::PerSecond, |plan| {
        let (socket, streams) = bare::gathered(bare::quiet(), count)?;
        let windows = Windows::start(streams);
        plan.repeat(|| windows.publish(&socket, plan.budget))
    })
}

/// Deliveries a second to sockets, all of which one thread reads.
fn to_sockets(verb: Verb, peers: usize, budget: Duration) -> Outcome<f64> {
    let sender = Socket::new(Config::default())?;
    let here = sender.bind("tcp://127.0.0.1:0")?;
    let receivers = (0..peers).map(|_| {
        let receiver = Socket::new(Config::default())?;
        receiver.connect(&here)?;
        Ok(receiver)
    });
    let receivers = receivers.collect::<Outcome<Vec<Socket>>>()?;
    sender.wait_for_peers(peers, PATIENCE)?;
    let counting = thread::spawn(move || count_all(&receivers));
    let began = Instant::now();
    while began.elapsed() < budget {
        for _ in 0..64 {
            verb(&sender)?;
        }
        // At the pace of the slowest, so that nothing is dropped.
        while sender.peers().iter().any(|peer| peer.queued > AHEAD) {
            thread::yield_now();
        }
    }
    for peer in sender.peers() {
        sender.send_to(peer.identity, "")?;
    }
    let count = counting.join().expect("the counter does not panic");
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Takes what comes until each has got an empty message.
fn count_all(sockets: &[Socket]) -> u64 {
    let all: Vec<&Socket> = sockets.iter().collect();
    let (mut count, mut open) = (0, all.len());
    while open > 0 {
        // Wait for one, then take what each has.
        let first = recv_any(&all, PATIENCE).map(|(_, first)| first);
        let first = first.expect("the sender sends on");
        let rest = all
            .iter()
            .flat_map(|each| std::iter::from_fn(|| each.try_recv().ok()));
        for message in std::iter::once(first).chain(rest) {
            match message.body() {
                [] => open -= 1,
                _ => count += 1,
            }
        }
    }
    count
}

/// A thread that reads bare peers a window at a time.
struct Windows {
    peers: usize,
    announce: Sender<()>,
    confirmed: Receiver<()>,
    _reading: JoinHandle<()>,
}

impl Windows {
    fn start(mut streams: Vec<TcpStream>) -> Windows {
        let peers = streams.len();
        let (announce, announced) = mpsc::channel();
        let (confirm, confirmed) = mpsc::channel();
        let reading = thread::spawn(move || {
            let mut window = vec![0; WINDOW * (HEADER + BODY.len())];
            for () in announced {
                for stream in &mut streams {
                    stream.read_exact(&mut window).expect("it is up");
                }
                if confirm.send(()).is_err() {
                    return;
                }
            }
        });
        Windows {
            peers,
            announce,
            confirmed,
            _reading: reading,
        }
    }

    /// Deliveries a second.
    fn publish(&self, socket: &Socket, budget: Duration) -> Outcome<f64> {
        let began = Instant::now();
        let (mut windows, mut open) = (0, 0);
        while began.elapsed() < budget {
            self.announce.send(())?;
            for _ in 0..WINDOW {
                socket.publish(BODY)?;
            }
            windows += 1;
            open += 1;
            if open == 2 {
                self.confirmed.recv()?;
                open -= 1;
            }
        }
        for _ in 0..open {
            self.confirmed.recv()?;
        }
        let deliveries = windows * WINDOW * self.peers;
        Ok(deliveries as f64 / began.elapsed().as_secs_f64())
    }
}
