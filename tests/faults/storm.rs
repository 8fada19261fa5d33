//! Storm: everybody loses one listener at once, tries to come back, and does.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Pauses, Socket};

use crate::again::{is_prepared, run_prepared};
use crate::support::{
    Transport, assert_law, await_peers, bound, connected, end_listening, next_text, quick, send,
};

/// Pieces of the time in which attempts are counted.
const PIECES: usize = 10;

/// What everybody's return may take beyond the longest pause.
const RETURN: Duration = Duration::from_secs(5);

/// Nothing here takes so long.
const HANGS: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
struct Storm {
    diallers: usize,
    shortest: Duration,
    longest: Duration,
    /// After so many attempts of each, their pauses are at the longest.
    rounds: usize,
    /// For how long attempts are counted then.
    counted: Duration,
}

/// A listener that turns everybody away and notes when they came.
struct Closed {
    address: String,
    is_over: Arc<AtomicBool>,
    times: Receiver<Instant>,
    thread: Option<JoinHandle<TcpListener>>,
}

impl Closed {
    fn at(endpoint: &str) -> Closed {
        let address = endpoint.trim_start_matches("tcp://").to_owned();
        let listener = TcpListener::bind(&address).expect("the port is free");
        let is_over = Arc::new(AtomicBool::new(false));
        let (note, times) = mpsc::channel();
        let until = is_over.clone();
        Closed {
            address,
            is_over,
            times,
            thread: Some(thread::spawn(move || turn_away(listener, &until, &note))),
        }
    }

    fn await_attempts(&self, count: usize) {
        for _ in 0..count {
            self.times.recv_timeout(HANGS).expect("they try");
        }
    }

    /// How many come in each piece of the time from now on.
    fn count(&self, time: Duration) -> [usize; PIECES] {
        let (begin, mut counts) = (Instant::now(), [0; PIECES]);
        let left = || (begin + time).saturating_duration_since(Instant::now());
        while let Ok(at) = self.times.recv_timeout(left()) {
            let part = (at - begin).as_secs_f64() / time.as_secs_f64();
            let piece = (part * PIECES as f64) as usize;
            counts[piece.min(PIECES - 1)] += 1;
        }
        counts
    }
}

fn turn_away(listener: TcpListener, is_over: &AtomicBool, note: &Sender<Instant>) -> TcpListener {
    while !is_over.load(Ordering::SeqCst) {
        drop(listener.accept());
        note.send(Instant::now()).ok();
    }
    listener
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect(&self.address).ok();
        let listener = self.thread.take().and_then(|thread| thread.join().ok());
        listener.into_iter().for_each(end_listening);
    }
}

fn weather(storm: Storm) {
    let here = Transport::Tcp.endpoint();
    let config = || {
        quick().redial(Pauses {
            first: storm.shortest,
            max: storm.longest,
        })
    };
    let server = bound(quick(), &here);
    let diallers: Vec<Socket> = (0..storm.diallers)
        .map(|_| connected(config(), &here))
        .collect();
    server
        .wait_for_peers(storm.diallers, HANGS)
        .expect("they come");
    server.close();
    let server = bound(quick(), &here);
    assert_all_come_back(&server, storm);
    server.close();
    let closed = Closed::at(&here);
    closed.await_attempts(storm.diallers * storm.rounds);
    let counts = closed.count(storm.counted);
    drop(closed);
    let (peak, sum) = (
        counts.iter().max().expect("some"),
        counts.iter().sum::<usize>(),
    );
    assert!(*peak * PIECES <= 3 * sum, "a peak in {counts:?}");
    let server = bound(quick(), &here);
    assert_all_come_back(&server, storm);
    assert_alive(&server, &here);
    diallers.iter().for_each(assert_law);
}

fn assert_all_come_back(server: &Socket, storm: Storm) {
    let back = server.wait_for_peers(storm.diallers, storm.longest + RETURN);
    back.unwrap_or_else(|error| panic!("{error}: {} are back", server.peers().len()));
    assert_eq!(server.stats().peers_down, 0);
}

/// It still lets in whoever comes.
fn assert_alive(server: &Socket, here: &str) {
    let before = server.peers().len();
    let late = connected(quick(), here);
    await_peers(server, before + 1);
    send(&late, "late");
    assert_eq!(next_text(server), "late");
    let sent = server.send_to(late.identity(), "welcome");
    sent.expect("it is a peer");
    assert_eq!(next_text(&late), "welcome");
    server.events().try_recv().expect("it is told of");
}

/// Row 22: two hundred diallers lose a listener that restarts at once, and then one that stays
/// away: their attempts are spread, all are back soon, and it lets in others too.
#[test]
fn two_hundred_diallers_come_back_spread_out() {
    weather(Storm {
        diallers: 200,
        shortest: Duration::from_millis(100),
        longest: Duration::from_millis(800),
        rounds: 4,
        counted: Duration::from_secs(2),
    });
}

/// Row 22: the same with a thousand, and the pauses that are the default. It takes half a minute
/// and more descriptors than many systems give a process unasked.
#[test]
#[ignore = "it takes half a minute"]
fn a_thousand_diallers_come_back_spread_out() {
    if !is_prepared() {
        let name = "storm::a_thousand_diallers_come_back_spread_out";
        return run_prepared(name, r#"ulimit -n 8192 && exec "$@""#);
    }
    weather(Storm {
        diallers: 1_000,
        shortest: Duration::from_millis(100),
        longest: Duration::from_secs(5),
        rounds: 8,
        counted: Duration::from_secs(10),
    });
}
