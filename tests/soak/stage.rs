//! Stage: a child process's side of its talk with the run: commands come in, lines go out.

use std::env;
use std::io::{self, BufRead, Write};
use std::process;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How far the run is. Each is a command on the standard input.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// Sockets come up.
    Arriving,
    /// Everybody sends.
    Going,
    /// Nobody sends; what is on its way arrives.
    Hushed,
    /// Sockets close.
    Leaving,
}

const COMMANDS: [(&str, Act); 3] = [
    ("go", Act::Going),
    ("hush", Act::Hushed),
    ("leave", Act::Leaving),
];

pub fn command(act: Act) -> &'static str {
    let found = COMMANDS.iter().find(|(_, other)| *other == act);
    found.expect("an act that is commanded").0
}

pub struct Stage {
    pub who: u8,
    pub instance: u32,
    pub seed: u64,
    /// Binds these, or dials these: `LINE ENDPOINT`, separated by semicolons.
    pub endpoints: Vec<(String, String)>,
    began: Instant,
    act: Mutex<Act>,
    changed: Condvar,
}

pub const WHO: &str = "SOAK_WHO";
pub const INSTANCE: &str = "SOAK_INSTANCE";
pub const SEED: &str = "SOAK_SEED";
pub const ENDPOINTS: &str = "SOAK_ENDPOINTS";

impl Stage {
    /// The stage of this process, if it is a child of a run. It ends with its parent.
    pub fn enter() -> Option<&'static Stage> {
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let endpoints = env::var(ENDPOINTS).unwrap_or_default();
        let endpoints = endpoints.split(';').filter_map(|pair| {
            let (line, endpoint) = pair.split_once(' ')?;
            Some((line.to_string(), endpoint.to_string()))
        });
        let stage: &'static Stage = Box::leak(Box::new(Stage {
            who: number(WHO)? as u8,
            instance: number(INSTANCE)? as u32,
            seed: number(SEED)?,
            endpoints: endpoints.collect(),
            began: Instant::now(),
            act: Mutex::new(Act::Arriving),
            changed: Condvar::new(),
        }));
        thread::spawn(|| stage.obey());
        thread::spawn(|| pulse(|late| stage.say(&format!("late {}", late.as_millis()))));
        Some(stage)
    }

    fn obey(&self) {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Some((_, act)) = COMMANDS.iter().find(|(name, _)| *name == line) {
                *self.lock() = *act;
                self.changed.notify_all();
            }
        }
        process::exit(3);
    }

    pub fn act(&self) -> Act {
        *self.lock()
    }

    /// Waits until the run is at that act.
    pub fn await_act(&self, act: Act) {
        let mut now = self.lock();
        while *now < act {
            now = self
                .changed
                .wait(now)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets time pass, but no longer than until the act changes.
    pub fn pass(&self, time: Duration) {
        let act = self.lock();
        let before = *act;
        let waited = self
            .changed
            .wait_timeout_while(act, time, |act| *act == before);
        drop(waited);
    }

    /// Writes whole lines in one go: they are with the run even if we are killed right after.
    pub fn say(&self, lines: &str) {
        let mut out = io::stdout().lock();
        if writeln!(out, "{lines}").is_err() {
            process::exit(3);
        }
    }

    /// Writes to the log of this process, with the time.
    pub fn note(&self, text: &str) {
        let at = self.began.elapsed().as_secs_f64();
        eprintln!("{at:9.3} {text}");
    }

    fn lock(&self) -> MutexGuard<'_, Act> {
        self.act.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const BEAT: Duration = Duration::from_millis(50);

/// Later than this, and the machine is too busy for anybody to be judged by the clock.
const LATE: Duration = Duration::from_millis(400);

/// Tells for ever when this process did not run for a while.
pub fn pulse(tell: impl Fn(Duration)) {
    loop {
        let begin = Instant::now();
        thread::park_timeout(BEAT);
        let late = begin.elapsed().saturating_sub(BEAT);
        if late > LATE {
            tell(late);
        }
    }
}
