//! Run: the acts of a soak, one after the other.

use std::env;
use std::fs;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cast;
use crate::company::Company;
use crate::havoc::Havoc;
use crate::meter::Sample;
use crate::process::Process;
use crate::resources::{self, Baseline};
use crate::stage::Act;
use crate::verdict;

/// For whatever must happen soon; it takes so long only when it fails.
const SLACK: Duration = Duration::from_secs(60);

const STEP: Duration = Duration::from_millis(20);
const SAMPLES: Duration = Duration::from_secs(1);
const PROGRESS: Duration = Duration::from_secs(10);

/// Threads that are only kept for a while are gone after that.
const COOLING: Duration = Duration::from_secs(6);

/// Nothing arrived for so long: everything has.
const QUIET: Duration = Duration::from_millis(1_500);

/// Runs for so long; says whether all was well.
pub fn run(minutes: f64) -> bool {
    let seed = seed();
    let time = Duration::from_secs_f64(minutes * 60.0);
    let directory = env::temp_dir().join(format!("jackfield-soak-{}", process::id()));
    println!(
        "soak: {time:?} of trouble with seed {seed}; logs in {}",
        directory.display()
    );
    let mut company = Company::assemble(directory.clone(), seed);
    let mut show = Show {
        began: Instant::now(),
        time,
        sampled: Instant::now(),
        told: Instant::now(),
        received: 0,
    };
    let is_up = show.until(&mut company, "all peers are up", all_up);
    let baseline = resources::baseline(&company);
    company.tell(Act::Going);
    let mut havoc = Havoc::new(seed);
    if is_up {
        show.trouble(&mut company, &mut havoc);
    }
    havoc.end(&mut company);
    company.tell(Act::Hushed);
    show.calm_down(&mut company);
    show.cool(&mut company, &baseline);
    let at_rest = resources::baseline(&company);
    show.leave(&mut company);
    let is_good = verdict::judge(&company, &havoc, &baseline, &at_rest, time);
    match is_good {
        true => drop(fs::remove_dir_all(&directory)),
        false => println!(
            "soak: FAILED with seed {seed}; logs are kept in {}",
            directory.display()
        ),
    }
    is_good
}

fn seed() -> u64 {
    let given = env::var("SOAK_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("a clock after 1970").as_micros() as u64 % 1_000_000_000
    })
}

struct Show {
    began: Instant,
    time: Duration,
    sampled: Instant,
    told: Instant,
    received: u64,
}

impl Show {
    fn trouble(&mut self, company: &mut Company, havoc: &mut Havoc) {
        self.began = Instant::now();
        let until = self.began + self.time;
        while Instant::now() < until {
            self.tick(company);
            havoc.step(company);
        }
    }

    fn tick(&mut self, company: &mut Company) {
        thread::park_timeout(STEP);
        company.check_alive();
        if self.sampled.elapsed() >= SAMPLES {
            self.sampled += SAMPLES;
            company.sample();
        }
        if self.told.elapsed() >= PROGRESS {
            self.told += PROGRESS;
            self.tell(company);
        }
    }

    fn tell(&mut self, company: &Company) {
        let books = company.books();
        let rate = (books.received - self.received) / PROGRESS.as_secs();
        self.received = books.received;
        let memory = |samples: &[Sample]| samples.last().map_or(0, |sample| sample.memory);
        let memories = company
            .players
            .values()
            .map(|player| memory(&player.samples));
        println!(
            "soak: {} s of {} s: {} messages, {rate}/s; {} MiB in all; {} restarts; {} faults",
            self.began.elapsed().as_secs(),
            self.time.as_secs(),
            books.received,
            memories.sum::<u64>() / 1024,
            company.restarts,
            books.fault_count,
        );
    }

    /// Waits for something that must come true; what does not is a fault.
    fn until(
        &mut self,
        company: &mut Company,
        what: &str,
        holds: fn(&Company) -> Option<String>,
    ) -> bool {
        let deadline = Instant::now() + SLACK;
        loop {
            let Some(missing) = holds(company) else {
                return true;
            };
            if Instant::now() >= deadline {
                company.books().fault(format!("never: {what}: {missing}"));
                return false;
            }
            self.tick(company);
        }
    }

    /// Everything that waits leaves, and everything that left arrives. Who is half-open finds out
    /// first.
    fn calm_down(&mut self, company: &mut Company) {
        self.wait(company, cast::SILENCE);
        self.until(company, "all peers are back", all_up);
        self.until(company, "nothing waits", nothing_waits);
        let mut last = (company.books().received, Instant::now());
        while last.1.elapsed() < QUIET {
            self.tick(company);
            let received = company.books().received;
            if received != last.0 {
                last = (received, Instant::now());
            }
        }
    }

    fn wait(&mut self, company: &mut Company, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.tick(company);
        }
    }

    /// Waits until threads and descriptors are as they were.
    fn cool(&mut self, company: &mut Company, baseline: &Baseline) {
        self.wait(company, COOLING);
        let deadline = Instant::now() + SLACK;
        while Instant::now() < deadline && !resources::is_back(company, baseline) {
            self.tick(company);
        }
    }

    fn leave(&mut self, company: &mut Company) {
        company.books().accounts.is_leaving = true;
        company.tell(Act::Leaving);
        let deadline = Instant::now() + SLACK;
        while Instant::now() < deadline && company.books().done.len() < cast::CAST.len() {
            thread::park_timeout(STEP);
        }
        let missing = cast::all().filter(|who| !company.books().done.contains(who));
        let missing: Vec<&str> = missing.map(|who| cast::of(who).name).collect();
        if !missing.is_empty() {
            company.books().fault(format!("never: closed: {missing:?}"));
        }
        let all = company.players.values_mut();
        let all = all.filter_map(|player| player.process.as_mut());
        all.for_each(Process::kill);
    }
}

/// A socket without all its peers, if there is one.
fn all_up(company: &Company) -> Option<String> {
    missing(company, |expected, counters| {
        let peers = counters.get("peers");
        (peers != expected as u64).then(|| format!("{peers} of {expected} peers"))
    })
}

fn nothing_waits(company: &Company) -> Option<String> {
    missing(company, |_, counters| {
        let waiting = counters.get("waiting");
        (waiting > 0).then(|| format!("{waiting} wait"))
    })
}

fn missing(
    company: &Company,
    is_missing: impl Fn(usize, &crate::accounts::Counters) -> Option<String>,
) -> Option<String> {
    let books = company.books();
    for (who, player) in &company.players {
        for (line, expected) in cast::of(*who).sockets() {
            let name = format!("{} {}", cast::of(*who).name, line.name());
            let Some(counters) = books.accounts.stats(*who, player.instance, line) else {
                return Some(format!("{name} says nothing"));
            };
            if let Some(what) = is_missing(expected, counters) {
                return Some(format!("{name}: {what}"));
            }
        }
    }
    None
}
