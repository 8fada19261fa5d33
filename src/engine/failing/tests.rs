//! Failing: a panic planted in each kind of thread ends its socket, and everybody is told.

use std::io::Write;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::core::Life;
use crate::engine::signals::Signal;
use crate::{Config, Error, Event, Pauses, Socket, recv_any};

const SLACK: Duration = Duration::from_secs(20);

type End = (&'static str, Error);

/// A socket that listens, and those who are blocked in its calls.
struct Victim {
    socket: Socket,
    here: String,
    ends: Sender<End>,
    ended: Receiver<End>,
    blocked: usize,
}

fn config() -> Config {
    let soon = Duration::from_millis(2);
    let (first, max) = (soon, 10 * soon);
    Config::default().redial(Pauses { first, max }).linger(soon)
}

impl Victim {
    fn new() -> Victim {
        let mut victim = Victim::alone();
        victim.block("wait_for_peers", |it| it.wait_for_peers(99, 5 * SLACK));
        victim.block("recv_any", |it| recv_any(&[it], 5 * SLACK).map(drop));
        victim
    }

    /// Nobody waits in it.
    fn alone() -> Victim {
        let socket = Socket::new(config()).unwrap();
        let here = socket.bind("tcp://127.0.0.1:0").unwrap().to_string();
        let (ends, ended) = mpsc::channel();
        Victim {
            socket,
            here,
            ends,
            ended,
            blocked: 0,
        }
    }

    /// Calls again and again, until it fails.
    fn block(&mut self, name: &'static str, call: fn(&Socket) -> Result<(), Error>) {
        let (socket, ends) = (self.socket.clone(), self.ends.clone());
        self.blocked += 1;
        thread::spawn(move || {
            let error = std::iter::repeat_with(|| call(&socket)).find_map(Result::err);
            ends.send((name, error.expect("it fails at last")))
        });
    }

    fn peer(&self) -> Socket {
        let peer = Socket::new(config()).unwrap();
        peer.connect(&self.here).unwrap();
        peer.wait_for_peers(1, SLACK).unwrap();
        peer
    }

    /// A peer that is there and reads nothing.
    fn deaf_peer(&self) -> TcpStream {
        let address = self.here.trim_start_matches("tcp://");
        let mut peer = TcpStream::connect(address).unwrap();
        let hello = [&[0, 0, 0, 18, 1, 1], &[9; 16][..]].concat();
        let heartbeat = [0, 0, 0, 1, 2];
        peer.write_all(&[hello, heartbeat.to_vec()].concat())
            .unwrap();
        self.socket.wait_for_peers(1, SLACK).unwrap();
        peer
    }

    fn plant(&self, place: &'static str) {
        *self.socket.core().planted.lock().unwrap() = Some(place);
    }

    /// It has ended, by a panic of that thread.
    fn assert_failed(self, thread: &str) {
        let events = self.socket.events();
        let last = std::iter::from_fn(|| events.recv_timeout(SLACK).ok()).last();
        assert!(
            matches!(last, Some(Event::Failed { thread: told }) if told == thread),
            "{last:?}"
        );
        assert!(matches!(events.recv(), Err(Error::Closed)));
        for _ in 0..self.blocked {
            let (call, error) = self.ended.recv_timeout(SLACK).expect("blocked calls end");
            assert!(matches!(error, Error::Closed), "{call}: {error:?}");
        }
        let sent = self.socket.send("x").map_err(Error::from);
        assert!(matches!(sent, Err(Error::Closed)));
        assert!(matches!(self.socket.recv(), Err(Error::Closed)));
        let bound = self.socket.bind("tcp://127.0.0.1:0");
        assert!(matches!(bound, Err(Error::Closed)));
        let began = Instant::now();
        self.socket.close_within(SLACK);
        assert!(began.elapsed() < Duration::from_secs(1));
        eventually(|| self.socket.core().lock().threads == 0);
        let next = Socket::new(config()).unwrap();
        // The thread that has failed lets go of it last.
        eventually(|| next.bind(&self.here).is_ok());
        let stats = self.socket.stats();
        let ended = stats.acknowledged + stats.written + stats.dropped() + stats.handed_back;
        assert_eq!(stats.accepted, ended + stats.in_doubt, "the law");
    }
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + SLACK;
    while !holds() {
        assert!(Instant::now() < until, "never");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Row 41: the keeper.
#[test]
fn a_keeper_that_panics_ends_its_socket() {
    let victim = Victim::new();
    victim.plant("keeper");
    // A handshake is a deadline, of which the keeper is told.
    let _peer = TcpStream::connect(victim.here.trim_start_matches("tcp://")).unwrap();
    victim.assert_failed("keeper");
}

/// Row 41: the acceptor.
#[test]
fn an_acceptor_that_panics_ends_its_socket() {
    let victim = Victim::new();
    victim.plant("acceptor");
    let peer = Socket::new(config()).unwrap();
    peer.connect(&victim.here).unwrap();
    victim.assert_failed("acceptor");
}

/// Row 41: the dialler.
#[test]
fn a_dialler_that_panics_ends_its_socket() {
    let victim = Victim::new();
    victim.plant("dialer");
    victim.socket.connect("tcp://127.0.0.1:9").unwrap();
    victim.assert_failed("dialer");
}

/// Row 41: the connection.
#[test]
fn a_connection_that_panics_ends_its_socket() {
    let mut victim = Victim::new();
    let (peer, _other) = (victim.peer(), victim.peer());
    victim.socket.wait_for_peers(2, SLACK).unwrap();
    victim.block("arrivals", |it| it.arrivals().recv().map(drop));
    victim.plant("connection");
    peer.send("hello").unwrap();
    victim.assert_failed("connection");
}

/// Row 41: a drain.
#[test]
fn a_drain_that_panics_ends_its_socket_and_who_waits_for_room() {
    let mut victim = Victim::new();
    let _peer = victim.deaf_peer();
    victim.plant("drain");
    victim.block("send", |it| {
        it.send(vec![7; 64 * 1024]).map(drop).map_err(Error::from)
    });
    victim.assert_failed("drain");
}

/// Row 41: in the middle of a close.
#[test]
fn a_close_that_waits_ends_with_its_socket() {
    let victim = Victim::new();
    let _peer = victim.deaf_peer();
    while victim.socket.try_send(vec![7; 64 * 1024]).is_ok() {}
    let socket = victim.socket.clone();
    let closing = thread::spawn(move || {
        let began = Instant::now();
        socket.close_within(5 * SLACK);
        began.elapsed()
    });
    eventually(|| victim.socket.core().lock().life == Life::Closing);
    victim.plant("keeper");
    eventually(|| {
        let core = victim.socket.core();
        core.wake(&mut core.lock(), Signal::Keeper);
        core.lock().life == Life::Closed
    });
    assert!(closing.join().unwrap() < SLACK);
    victim.assert_failed("keeper");
}

/// Row 41: the connection's own thread waits for the reader, which does not come back.
#[test]
fn a_borrower_that_panics_ends_its_socket() {
    let mut victim = Victim::alone();
    let peer = victim.peer();
    victim.block("recv", |it| it.recv().map(drop));
    victim.plant("borrower");
    eventually(|| {
        peer.send("hello").ok();
        victim.socket.core().lock().life == Life::Closed
    });
    victim.assert_failed("application");
}

/// Row 41: the thread that tells a hook.
#[test]
fn a_teller_that_panics_ends_its_socket() {
    let mut victim = Victim::new();
    victim.socket = Socket::new(config().on_event(|_| {})).unwrap();
    victim.here = victim.socket.bind("tcp://127.0.0.1:0").unwrap().to_string();
    victim.blocked = 0;
    victim.plant("hook");
    // Nobody is there, which is an event.
    let connected = victim.socket.connect("mem://nowhere");
    assert!(
        matches!(connected, Ok(()) | Err(Error::Closed)),
        "{connected:?}"
    );
    victim.assert_failed("hook");
}

/// Row 41: whoever has the lock next must not find what the panic has left of the hub.
#[test]
fn a_panic_under_the_lock_in_a_send_ends_its_socket() {
    let victim = Victim::new();
    let _peer = victim.peer();
    victim.plant("sender");
    let sent = catch_unwind(AssertUnwindSafe(|| victim.socket.send("hello")));
    assert!(sent.is_err(), "the panic goes on");
    victim.assert_failed("application");
}

/// Row 41: the lock is about to be let go of.
#[test]
fn a_panic_while_the_lock_is_let_go_of_ends_its_socket() {
    let victim = Victim::new();
    let core = victim.socket.core();
    let let_go = || {
        let mut shared = core.lock();
        // Somebody is to be woken. With the lock held nobody else stumbles.
        shared.hub.handle_collected(0);
        victim.plant("settler");
        drop(shared);
    };
    catch_unwind(AssertUnwindSafe(let_go)).expect_err("the panic goes on");
    assert_eq!(core.lock().life, Life::Closed);
    victim.assert_failed("application");
}

/// Row 41: the inbox may be in the middle of a change then, which is thrown away.
#[test]
fn a_panic_in_a_recv_ends_its_socket() {
    let mut victim = Victim::new();
    victim.block("recv", |it| it.recv().map(drop));
    victim.plant("receiver");
    let received = catch_unwind(AssertUnwindSafe(|| victim.socket.try_recv()));
    assert!(received.is_err(), "the panic goes on");
    victim.assert_failed("application");
}
