//! Havoc: what is done to networks and processes, and when it is made good again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cast::{self, Fate};
use crate::chaos::Proxy;
use crate::company::Company;
use crate::random::Random;
use crate::trouble::Trouble;

pub struct Havoc {
    random: Random,
    next: Instant,
    undos: Vec<(Instant, Undo)>,
    /// Troubles that were made, by name.
    pub made: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Undo {
    Heal(u8, usize),
    Start(u8),
    Continue(u8),
}

impl Havoc {
    pub fn new(seed: u64) -> Havoc {
        Havoc {
            random: Random::new(seed),
            next: Instant::now(),
            undos: Vec::new(),
            made: BTreeMap::new(),
        }
    }

    /// Makes good what is due, and something bad if it is time.
    pub fn step(&mut self, company: &mut Company) {
        let now = Instant::now();
        self.undo(company, |at| at <= now);
        if now < self.next {
            return;
        }
        self.next = now + Duration::from_millis(self.random.within(100..600));
        match self.random.within(0..20) {
            0..3 => self.strike(company, Fate::Mortal),
            3 | 4 => self.strike(company, Fate::Sleeper),
            5..9 => self.disturb(company, true),
            _ => self.disturb(company, false),
        }
    }

    /// Makes everything good.
    pub fn end(&mut self, company: &mut Company) {
        self.undo(company, |_| true);
    }

    fn undo(&mut self, company: &mut Company, is_due: impl Fn(Instant) -> bool) {
        let undos = std::mem::take(&mut self.undos);
        let (due, later): (Vec<_>, Vec<_>) = undos.into_iter().partition(|(at, _)| is_due(*at));
        self.undos = later;
        for (_, undo) in due {
            company.note(&format!("{undo:?}"));
            match undo {
                Undo::Heal(who, index) => {
                    let proxy = &company.proxies[&who][index];
                    self.shuffle_in(proxy);
                    proxy.heal();
                }
                Undo::Start(who) => company.start(who),
                Undo::Continue(who) => company.signal(who, "CONT"),
            }
        }
    }

    /// Held connections come up in another order than they came.
    fn shuffle_in(&mut self, proxy: &Proxy) {
        while proxy.held() > 0 {
            proxy.release(self.random.within(0..proxy.held() as u64) as usize);
        }
    }

    fn later(&mut self, undo: Undo, millis: std::ops::Range<u64>) {
        let pause = Duration::from_millis(self.random.within(millis));
        self.undos.push((Instant::now() + pause, undo));
    }

    fn is_troubled(&self, undo: Undo) -> bool {
        self.undos.iter().any(|(_, other)| *other == undo)
    }

    fn make(&mut self, company: &mut Company, what: &'static str, to: &str) {
        *self.made.entry(what).or_default() += 1;
        company.note(&format!("{what}: {to}"));
    }

    /// Kills, dismisses or stops a process whose fate that is; sometimes a mortal one is only
    /// stopped.
    fn strike(&mut self, company: &mut Company, fate: Fate) {
        let doomed: Vec<u8> = cast::all()
            .filter(|who| cast::of(*who).fate == fate)
            .collect();
        let who = *self.random.pick(&doomed);
        if self.is_troubled(Undo::Start(who)) || self.is_troubled(Undo::Continue(who)) {
            return;
        }
        let name = cast::of(who).name;
        if fate == Fate::Sleeper || self.random.chance(250) {
            self.make(company, "stop", name);
            company.signal(who, "STOP");
            return self.later(Undo::Continue(who), 100..6_000);
        }
        match self.random.chance(300) {
            true => {
                self.make(company, "dismiss", name);
                company.dismiss(who);
            }
            false => {
                self.make(company, "kill", name);
                company.kill(who);
            }
        }
        // Sometimes for longer than messages are kept for it.
        match self.random.chance(100) {
            true => self.later(Undo::Start(who), 9_000..14_000),
            false => self.later(Undo::Start(who), 10..3_000),
        }
    }

    /// A line of a member that has wires, or all of its lines: those that are well get the trouble.
    fn disturb(&mut self, company: &mut Company, all_lines: bool) {
        let wired = company.proxies.iter();
        let wired = wired.filter(|(_, proxies)| !proxies.is_empty());
        let wired: Vec<u8> = wired.map(|(who, _)| *who).collect();
        let who = *self.random.pick(&wired);
        let count = company.proxies[&who].len();
        let one = self.random.within(0..count as u64) as usize;
        let trouble = Trouble::draw(&mut self.random);
        let lines = if all_lines { 0..count } else { one..one + 1 };
        for index in lines {
            if self.is_troubled(Undo::Heal(who, index)) {
                continue;
            }
            trouble.apply(&company.proxies[&who][index]);
            let name = cast::of(who).name;
            let what = format!("{name} {index}: {trouble:?}");
            self.make(company, trouble.name(), &what);
            self.later(Undo::Heal(who, index), 50..6_000);
        }
    }
}
