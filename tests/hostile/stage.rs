//! Stage: a listener, and a good peer that exchanges traffic with it while attackers try theirs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, DownReason, Event, Identity, Socket};

use crate::footprint::{Footprint, drains, resident, thread_count, thread_names};
use crate::good::{GOOD, GoodPeer};
use crate::support::{SLACK, Transport, assert_law, await_peers, eventually, socket};

/// How much more memory may be there after an attack than after the first one of its kind. What
/// was freed stays with the allocator, in an arena for each few threads, and is used again; which
/// arena a thread gets is chance, so that some attacks touch one more than those before them.
const RETAINED: usize = 64 * 1024 * 1024;

/// The good peer never waits longer for an answer: a second, and some more for a machine whose
/// processors have other work.
const PATIENCE: Duration = Duration::from_secs(5);

/// Threads while nobody attacks: two keepers, two acceptors, a dialler and a connection.
const THREADS: usize = 6;

/// The most drains that a socket has.
const MAX_DRAINS: usize = 32;

/// Attacks take turns, because each counts what the process holds.
static TURN: Mutex<()> = Mutex::new(());

/// Panics in threads of the library.
static PANICS: AtomicUsize = AtomicUsize::new(0);

pub struct Stage {
    pub server: Socket,
    /// Where it listens: over TCP and on a Unix socket.
    pub doors: [String; 2],
    good: GoodPeer,
    application: Arc<Application>,
    threads: Vec<JoinHandle<()>>,
    events: Arc<Mutex<Vec<Event>>>,

    before: Footprint,
    _turn: MutexGuard<'static, ()>,
}

/// What receives at the server: it answers the good peer and counts what others send.
#[derive(Default)]
pub struct Application {
    heard: AtomicU64,
    /// Microseconds that it takes for each message of the others.
    pace: AtomicU64,
    /// Microseconds that it took longer than that, because the processors had other work.
    late: AtomicU64,
}

impl Application {
    pub fn late(&self) -> Duration {
        Duration::from_micros(self.late.load(Ordering::SeqCst))
    }

    fn take_its_time(&self) {
        let pace = Duration::from_micros(self.pace.load(Ordering::Relaxed));
        if pace > Duration::ZERO {
            let begin = Instant::now();
            thread::park_timeout(pace);
            let late = begin.elapsed().saturating_sub(pace).as_micros() as u64;
            self.late.fetch_add(late, Ordering::SeqCst);
        }
    }
}

impl Stage {
    /// A server that publishes its answers to everyone.
    pub fn publishing(config: Config, answer: usize) -> Stage {
        let answer = vec![0; answer.max(8)];
        Stage::open(config, move |server, number| {
            let mut answer = answer.clone();
            answer[..8].copy_from_slice(number);
            server.publish(answer).is_ok()
        })
    }

    /// A server that answers whoever asked, at least once.
    pub fn working(config: Config) -> Stage {
        Stage::open(config.delivery(Delivery::AtLeastOnce), |server, number| {
            server.send_to(GOOD, number).is_ok()
        })
    }

    fn open(config: Config, answer: impl Fn(&Socket, &[u8]) -> bool + Send + 'static) -> Stage {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        count_panics();
        eventually("the last stage is gone", || thread_count() == 0);
        let server = socket(config);
        let doors = [Transport::Tcp, Transport::Unix].map(Transport::endpoint);
        doors.iter().for_each(|door| {
            server.bind(door).expect("it is free");
        });
        let application = Arc::new(Application::default());
        let events = Arc::default();
        let threads = vec![
            serve(&server, application.clone(), answer),
            listen(&server, &events),
        ];
        let good = GoodPeer::join(&doors[0], application.clone());
        await_peers(&server, 1);
        good.await_rounds(10);
        // On a busy machine one that was started has no name until it has run.
        eventually("all threads run", || Footprint::now().threads == THREADS);
        Stage {
            before: Footprint::now(),
            server,
            doors,
            good,
            application,
            threads,
            events,
            _turn: turn,
        }
    }

    /// One of its doors, each in turn.
    pub fn door(&self, number: u32) -> &str {
        &self.doors[number as usize % self.doors.len()]
    }

    /// From now on the application takes its time for each message of an attacker.
    pub fn slow_down(&self, pace: Duration) {
        let micros = pace.as_micros() as u64;
        self.application.pace.store(micros, Ordering::Relaxed);
    }

    /// Messages of others that the application has received.
    pub fn heard(&self) -> u64 {
        self.application.heard.load(Ordering::Relaxed)
    }

    /// Questions of the good peer that were answered.
    pub fn rounds(&self) -> u64 {
        self.good.rounds()
    }

    /// Waits until so many more questions of the good peer are answered.
    pub fn await_rounds(&self, count: u64) {
        self.good.await_rounds(count);
    }

    /// Unacknowledged messages that a peer has.
    pub fn unacknowledged(&self, peer: Identity) -> Option<usize> {
        let peers = self.server.peers();
        let found = peers.iter().find(|other| other.identity == peer)?;
        Some(found.unacknowledged)
    }

    /// Plays an attack several times; each time everything must be as it was before, and the
    /// memory as it was after the first time.
    pub fn survives(self, times: usize, attack: impl Fn(&Stage)) {
        let mut first = None;
        for _ in 0..times {
            self.events().clear();
            attack(&self);
            self.slow_down(Duration::ZERO);
            self.assert_recovers();
            let now = resident();
            let bound = *first.get_or_insert(now) + RETAINED;
            assert!(now <= bound, "{now} bytes, the first time {first:?}");
        }
        self.finish();
    }

    fn assert_recovers(&self) {
        eventually("the attackers are gone", || self.server.peers().len() == 1);
        self.await_footprint();
        assert!(drains() <= MAX_DRAINS, "{} drains", drains());
        self.good.await_rounds(10);
        let longest = self.good.longest();
        assert!(longest < PATIENCE, "the good peer waited {longest:?}");
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
        assert_law(&self.server);
    }

    /// Waits until all is back that the attackers took.
    fn await_footprint(&self) {
        let deadline = Instant::now() + SLACK;
        let mut now = Footprint::now();
        while now != self.before {
            let names = thread_names();
            let what = format!("{now:?}, before {:?}: {names:?}", self.before);
            assert!(Instant::now() < deadline, "{what}");
            thread::park_timeout(Duration::from_millis(1));
            now = Footprint::now();
        }
    }

    /// The good peer got all its answers, and the server all its questions.
    fn finish(mut self) {
        println!(
            "the good peer: {} rounds, the longest {:?}; {} MiB",
            self.good.rounds(),
            self.good.longest(),
            resident() >> 20
        );
        self.good.leave();
        self.server.close_within(Duration::ZERO);
        for thread in self.threads.drain(..) {
            thread.join().expect("it ends well");
        }
    }

    /// Waits until so many connections ended for this reason before they were peers.
    pub fn await_rejected(&self, count: usize, expected: DownReason) {
        self.await_events(
            count,
            |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
        );
    }

    /// Waits until so many peers went for this reason.
    pub fn await_down(&self, count: usize, expected: DownReason) {
        self.await_events(
            count,
            |event| matches!(event, Event::PeerDown { reason, .. } if *reason == expected),
        );
    }

    pub fn await_events(&self, count: usize, fits: impl Fn(&Event) -> bool) {
        let enough = || self.events().iter().filter(|event| fits(event)).count() >= count;
        let deadline = Instant::now() + SLACK;
        while !enough() {
            assert!(Instant::now() < deadline, "never; {}", self.last_events());
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn last_events(&self) -> String {
        let events = self.events();
        let last: Vec<&Event> = events.iter().rev().take(5).collect();
        format!("{} others, the last {last:?}", events.len())
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.good.stop();
        self.server.close_within(Duration::ZERO);
    }
}

fn serve(
    server: &Socket,
    application: Arc<Application>,
    answer: impl Fn(&Socket, &[u8]) -> bool + Send + 'static,
) -> JoinHandle<()> {
    let server = server.clone();
    thread::spawn(move || {
        while let Ok(message) = server.recv() {
            if message.sender() == GOOD {
                if !answer(&server, &message.body()[..8]) {
                    return;
                }
                continue;
            }
            application.heard.fetch_add(1, Ordering::Relaxed);
            application.take_its_time();
        }
    })
}

fn listen(server: &Socket, events: &Arc<Mutex<Vec<Event>>>) -> JoinHandle<()> {
    let (source, events) = (server.events(), events.clone());
    thread::spawn(move || {
        for event in source {
            events
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(event);
        }
    })
}

/// Counts the panics of our threads from now on, which nobody would see otherwise.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_ours = thread::current()
                .name()
                .is_some_and(|name| name.starts_with("jackfield"));
            PANICS.fetch_add(usize::from(is_ours), Ordering::SeqCst);
            usual(info);
        }));
    });
}
