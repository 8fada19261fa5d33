//! Books: what was sent and what arrived, kept while the children tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::accounts::{Accounts, Counters};
use crate::bits::Bits;
use crate::body::{Kind, Stream};
use crate::cast::{self, Line};
use crate::play::LINGER;

/// Faults kept with their words; the others are only counted.
const MAX_FAULTS: usize = 100;

/// A close returns within the linger and a second; half a second more for a busy machine.
const CLOSED_WITHIN: Duration = LINGER.saturating_add(Duration::from_millis(1_500));

#[derive(Default)]
pub struct Books {
    pub plain: BTreeMap<Stream, BTreeMap<u8, Plain>>,
    pub sure: BTreeMap<Stream, Sure>,
    /// Messages accepted, as the sender last said.
    pub sent: BTreeMap<Stream, u64>,
    pub accounts: Accounts,
    pub faults: Vec<String>,
    pub fault_count: u64,
    pub received: u64,
    /// Processes that have said their last line.
    pub done: BTreeSet<u8>,
}

/// A stream as one process got it, at most once.
#[derive(Default)]
pub struct Plain {
    /// The next that may come.
    pub next: u64,
    pub count: u64,
}

/// A stream, at least once.
#[derive(Default)]
pub struct Sure {
    pub arrived: Bits,
    pub back: Bits,
    /// By the process that got it and its instance.
    by: BTreeMap<u8, (u32, Bits)>,
    /// Arrivals of what had arrived elsewhere.
    pub again: u64,
    /// Arrivals that a later one had overtaken.
    pub late: u64,
    last: BTreeMap<u8, u64>,
}

impl Books {
    /// A line of the process `who`.
    pub fn hear(&mut self, who: u8, instance: u32, line: &str) {
        if self.understand(who, instance, line).is_none() {
            self.fault(format!("{}: said {line:?}", cast::of(who).name));
        }
    }

    fn understand(&mut self, who: u8, instance: u32, line: &str) -> Option<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ');
        match verb {
            "got" => self.handle_got(who, instance, words)?,
            "sent" => {
                let stream = words.next()?.parse().ok()?;
                self.sent.insert(stream, words.next()?.parse().ok()?);
            }
            "stats" => {
                let line = Line::of(words.next()?)?;
                let counters = Counters::parse(words)?;
                self.accounts.handle_stats(who, instance, line, counters);
            }
            "down" => {
                let line = Line::of(words.next()?)?;
                let peer = words.next()?.parse().ok()?;
                let in_doubt = words.next()?.parse().ok()?;
                self.handle_down(who, line, peer, in_doubt, words.next()?);
            }
            "dropped" => {
                let line = Line::of(words.next()?)?;
                let peer = words.next()?.parse().ok();
                let count = words.next()?.parse().ok()?;
                self.accounts.handle_drops(who, line, peer, count);
            }
            "back" => {
                let stream: Stream = words.next()?.parse().ok()?;
                let sure = self.sure.entry(stream).or_default();
                sure.back.insert(words.next()?.parse().ok()?);
            }
            "closed" => {
                let line = words.next()?;
                let left: u64 = words.next()?.parse().ok()?;
                let took = Duration::from_millis(words.next()?.parse().ok()?);
                self.handle_closed(who, line, left, took);
            }
            "fault" => self.fault(format!("{}: {rest}", cast::of(who).name)),
            "done" => drop(self.done.insert(who)),
            _ => return None,
        }
        Some(())
    }

    /// `STREAM 5-9 12`.
    fn handle_got<'a>(
        &mut self,
        who: u8,
        instance: u32,
        mut words: impl Iterator<Item = &'a str>,
    ) -> Option<()> {
        let stream = words.next()?.parse().ok()?;
        for word in words {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            for number in first.parse::<u64>().ok()?..=last.parse().ok()? {
                self.handle_arrival(who, instance, stream, number);
            }
        }
        Some(())
    }

    fn handle_arrival(&mut self, who: u8, instance: u32, stream: Stream, number: u64) {
        self.received += 1;
        if stream.target.is_some_and(|target| target != who) {
            let name = cast::of(who).name;
            self.fault(format!("stray: {name} got {stream} {number}"));
        }
        match stream.kind.is_sure() {
            true => self.handle_sure(who, instance, stream, number),
            false => self.handle_plain(who, stream, number),
        }
    }

    /// At most once, by its own peer alone: never twice, and in order.
    fn handle_plain(&mut self, who: u8, stream: Stream, number: u64) {
        let readers = self.plain.entry(stream).or_default();
        let plain = readers.entry(who).or_default();
        plain.count += 1;
        let expected = plain.next;
        plain.next = expected.max(number + 1);
        if number < expected {
            let name = cast::of(who).name;
            self.fault(format!(
                "order: {name} got {number} of {stream} after {}",
                expected - 1
            ));
        }
    }

    /// At least once: no instance gets a message again that it has acknowledged.
    fn handle_sure(&mut self, who: u8, instance: u32, stream: Stream, number: u64) {
        let sure = self.sure.entry(stream).or_default();
        let (owner, mine) = sure.by.entry(who).or_default();
        if *owner != instance {
            (*owner, *mine) = (instance, Bits::default());
            sure.last.remove(&who);
        }
        let is_new_here = mine.insert(number);
        sure.again += u64::from(!sure.arrived.insert(number) && is_new_here);
        let last = sure.last.entry(who).or_default();
        let is_late = number < *last;
        *last = (*last).max(number);
        sure.late += u64::from(is_late);
        let name = cast::of(who).name;
        let twice_calm = sure.by.iter().find(|(other, (_, bits))| {
            let both = cast::of(who).is_calm() && cast::of(**other).is_calm();
            **other != who && both && bits.contains(number)
        });
        let other = twice_calm.map(|(other, _)| cast::of(*other).name);
        if !is_new_here {
            self.fault(format!("twice: {name} got {number} of {stream} again"));
        }
        if let Some(other) = other.filter(|_| cast::of(stream.process).is_calm()) {
            self.fault(format!(
                "twice: {other} and {name} got {number} of {stream}"
            ));
        }
        if is_late && stream.kind != Kind::Jobs && is_calm(stream, who) {
            self.accounts.late_on_calm += 1;
        }
    }

    fn handle_closed(&mut self, who: u8, line: &str, left: u64, took: Duration) {
        let name = cast::of(who).name;
        if self.accounts.is_leaving && left > 0 {
            self.fault(format!("close: {name} {line}: {left} messages left"));
        }
        if took > CLOSED_WITHIN {
            self.fault(format!("close: {name} {line} took {took:?}"));
        }
    }

    fn handle_down(&mut self, who: u8, line: Line, peer: u8, in_doubt: u64, reason: &str) {
        self.accounts.handle_down(who, line, peer, in_doubt);
        let both_calm = cast::of(who).is_calm() && cast::of(peer).is_calm();
        let name = |who: u8| cast::of(who).name;
        if both_calm && !self.accounts.is_leaving {
            let (who, peer) = (name(who), name(peer));
            self.fault(format!(
                "calm: {who} lost {peer} ({}): {reason}",
                line.name()
            ));
        }
    }

    pub fn fault(&mut self, words: String) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(words);
        }
    }
}

/// Nothing ever happens between its sender and this receiver.
pub fn is_calm(stream: Stream, who: u8) -> bool {
    cast::of(stream.process).is_calm() && cast::of(who).is_calm()
}
