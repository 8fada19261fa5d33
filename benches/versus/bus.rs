//! Bus: publishing through a broker in a process of its own, `jackfield broker`.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::Bus;
use jackfield::bus::Subscription;

use crate::arguments::{Arguments, Outcome, PROBE, linger, number, number_of, say, say_rate};
use crate::fan::confirmations;

const TOPIC: &str = "versus/news";
const PATIENCE: Duration = Duration::from_secs(20);

/// The broker; it ends with whoever started it.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts a broker and publishes through it, at most two windows ahead of the slowest.
pub fn publish(arguments: &Arguments) -> Outcome {
    let broker = Command::new(env!("CARGO_BIN_EXE_jackfield"))
        .args(["broker", &arguments.address])
        .stdout(Stdio::null())
        .stdin(Stdio::null())
        .spawn()?;
    let _broker = Broker(broker);
    let bus = Bus::connect(&arguments.address)?;
    bus.ready(PATIENCE)?;
    say("READY");
    let confirmed = confirmations(arguments.pipe(false)?);
    let mut body = vec![0; arguments.size];
    number(&mut body, PROBE);
    loop {
        bus.publish(TOPIC, &body)?;
        if confirmed.recv_timeout(Duration::from_millis(20)) == Ok(b'G') {
            break;
        }
    }
    let mut ahead = 2 * arguments.window;
    for each in 0..arguments.count {
        while arguments.window > 0 && each >= ahead {
            match confirmed.recv() {
                Ok(b'W') => ahead += arguments.window,
                _ => return Err("the subscribers are gone".into()),
            }
        }
        number(&mut body, each);
        bus.publish(TOPIC, &body)?;
    }
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
    let mut clients = Vec::new();
    for _ in 0..arguments.peers {
        let bus = Bus::connect(&arguments.address)?;
        let news = bus.subscribe(TOPIC)?;
        clients.push((bus, news));
    }
    thread::scope(|scope| {
        for (_, news) in &clients {
            scope.spawn(|| hear(arguments, news, &progress));
        }
    });
    linger();
    Ok(())
}

/// One subscriber; the others are told of its progress once in a window.
fn hear(arguments: &Arguments, news: &Subscription, progress: &Mutex<Progress>) {
    let lock = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut is_probed, mut heard, mut bad) = (false, 0, 0);
    while heard < arguments.count {
        let note = news.recv().expect("the broker stays");
        let told = number_of(note.body());
        if told == PROBE {
            if !std::mem::replace(&mut is_probed, true) {
                lock().handle_probe(arguments.peers);
            }
            continue;
        }
        if heard == 0 {
            lock().start.get_or_insert_with(Instant::now);
        }
        bad += u64::from(told != heard || note.body().len() != arguments.size);
        heard += 1;
        if arguments.window > 0 && heard % arguments.window == 0 {
            lock().handle_window((heard / arguments.window) as usize, arguments.peers);
        }
    }
    let mut progress = lock();
    progress.bad += bad;
    progress.done += 1;
    if let Some(start) = progress.start.filter(|_| progress.done == arguments.peers) {
        let all = arguments.peers as u64 * arguments.count;
        say_rate(all, start.elapsed(), progress.bad);
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

    fn tell(&mut self, word: u8) {
        self.pipe.write_all(&[word]).expect("the publisher stays");
    }
}
