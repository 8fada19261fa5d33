//! Accounts: the counters of every socket, as each last told them.

use std::collections::BTreeMap;

use crate::cast::Line;

#[derive(Default)]
pub struct Accounts {
    /// By process, its instance, and line.
    stats: BTreeMap<(u8, u32, Line), Counters>,
    /// Drops told in events, by process, line and peer.
    drops: BTreeMap<(u8, Line, Option<u8>), u64>,
    /// Doubt told in events, by process, line and peer.
    downs: BTreeMap<(u8, Line, u8), u64>,
    /// Links end because the run does.
    pub is_leaving: bool,
}

#[derive(Clone, Default, Debug)]
pub struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Words of the form `name=number`.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Option<Counters> {
        let pairs = words.map(|word| {
            let (name, number) = word.split_once('=')?;
            Some((name.to_string(), number.parse().ok()?))
        });
        pairs.collect::<Option<_>>().map(Counters)
    }

    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub fn add(&mut self, other: &Counters) {
        for (name, number) in &other.0 {
            *self.0.entry(name.clone()).or_default() += number;
        }
    }
}

impl Accounts {
    pub fn handle_stats(&mut self, who: u8, instance: u32, line: Line, counters: Counters) {
        self.stats.insert((who, instance, line), counters);
    }

    pub fn handle_drops(&mut self, who: u8, line: Line, peer: Option<u8>, count: u64) {
        *self.drops.entry((who, line, peer)).or_default() += count;
    }

    pub fn handle_down(&mut self, who: u8, line: Line, peer: u8, in_doubt: u64) {
        *self.downs.entry((who, line, peer)).or_default() += in_doubt;
    }

    pub fn stats(&self, who: u8, instance: u32, line: Line) -> Option<&Counters> {
        self.stats.get(&(who, instance, line))
    }

    /// Over all sockets of a line in a process, and all instances.
    pub fn total(&self, who: u8, line: Line) -> Counters {
        let mut total = Counters::default();
        let mine = self.stats.iter();
        let mine = mine.filter(|((other, _, of), _)| (*other, *of) == (who, line));
        mine.for_each(|(_, counters)| total.add(counters));
        total
    }

    pub fn drops(&self, who: u8, line: Line, peer: Option<u8>) -> u64 {
        self.drops
            .get(&(who, line, peer))
            .copied()
            .unwrap_or_default()
    }

    /// What was told to be in doubt.
    pub fn downs(&self, who: u8, line: Line, peer: u8) -> u64 {
        self.downs
            .get(&(who, line, peer))
            .copied()
            .unwrap_or_default()
    }
}
