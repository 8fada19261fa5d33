//! The good peer: it asks and waits for the answer, at least once and without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Delivery, Identity, Socket};

use crate::stage::Application;
use crate::support::{SLACK, connected, eventually, quick};

pub const GOOD: Identity = Identity::new([0x60; 16]);

pub struct GoodPeer {
    socket: Socket,
    course: Arc<Course>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Course {
    rounds: AtomicU64,
    /// Microseconds of the longest wait for an answer, without those that its giver was late.
    longest: AtomicU64,
    is_over: AtomicBool,
}

impl GoodPeer {
    pub fn join(there: &str, giver: Arc<Application>) -> GoodPeer {
        let at_least_once = quick().delivery(Delivery::AtLeastOnce);
        let socket = connected(at_least_once.identity(GOOD), there);
        let course = Arc::new(Course::default());
        let (asking, on) = (socket.clone(), course.clone());
        let thread = Some(thread::spawn(move || on.run(&asking, &giver)));
        GoodPeer {
            socket,
            course,
            thread,
        }
    }

    pub fn rounds(&self) -> u64 {
        self.course.rounds.load(Ordering::SeqCst)
    }

    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.course.longest.load(Ordering::SeqCst))
    }

    /// Waits until so many more questions are answered, each in its time.
    pub fn await_rounds(&self, count: u64) {
        for _ in 0..count {
            let before = self.rounds();
            eventually("the good peer goes on", || self.rounds() > before);
        }
    }

    /// It asks no more, and nothing of what it asked was lost.
    pub fn leave(&mut self) {
        self.course.is_over.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it leaves once");
        thread.join().expect("every question was answered in turn");
        eventually("everything is acknowledged", || {
            let stats = self.socket.stats();
            stats.acknowledged == stats.accepted
        });
        let stats = self.socket.stats();
        assert_eq!((stats.peers_up, stats.peers_down), (1, 0), "{stats:?}");
    }

    pub fn stop(&self) {
        self.course.is_over.store(true, Ordering::SeqCst);
        self.socket.close_within(Duration::ZERO);
    }
}

impl Course {
    fn run(&self, socket: &Socket, giver: &Application) {
        for number in 0_u64.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let (begin, late) = (Instant::now(), giver.late());
            let answer = socket
                .send_timeout(number.to_be_bytes(), SLACK)
                .map_err(|refused| refused.reason)
                .and_then(|_| socket.recv_timeout(SLACK));
            match answer {
                Ok(answer) => assert_eq!(answer.body()[..8], number.to_be_bytes()),
                Err(_) if self.is_over.load(Ordering::SeqCst) => return,
                Err(error) => panic!("no answer to {number}: {error}"),
            }
            let took = begin.elapsed().saturating_sub(giver.late() - late);
            let micros = took.as_micros() as u64;
            self.longest.fetch_max(micros, Ordering::SeqCst);
            self.rounds.fetch_add(1, Ordering::SeqCst);
        }
    }
}
