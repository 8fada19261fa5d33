//! Books: what was sent and what arrived, kept while the children tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

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
    /// What is a fault only if the machine let everybody run.
    pub suspects: Vec<Suspect>,
    /// Calm processes that lost each other.
    pub apart: BTreeSet<Pair>,
    pub losses: Vec<(Instant, String)>,
    /// When a calm process, or the run itself, did not run for a while.
    pub starved: Vec<Instant>,
    /// Processes that have said their last line.
    pub done: BTreeSet<u8>,
}

/// Two processes on a line.
pub type Pair = (u8, Line, u8);

/// A fault, unless one of these pairs had lost each other.
pub struct Suspect {
    pub pairs: Vec<Pair>,
    pub words: String,
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
            "late" => {
                if cast::of(who).is_calm() {
                    self.starved.push(Instant::now());
                }
            }
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
        let mut calm = sure.by.iter().filter(|(other, (_, bits))| {
            **other != who && cast::of(**other).is_calm() && bits.contains(number)
        });
        let other = calm.next().map(|(other, _)| *other);
        let name = cast::of(who).name;
        if !is_new_here {
            self.fault(format!("twice: {name} got {number} of {stream} again"));
        }
        if !is_calm(stream, who) {
            return;
        }
        if is_late && stream.kind != Kind::Jobs {
            self.suspect(
                stream,
                &[who],
                format!("order: {name} got {number} of {stream} late"),
            );
        }
        if let Some(other) = other {
            let words = format!("{name} got {number} of {stream}");
            let words = format!("twice: {words}, which {} has", cast::of(other).name);
            self.suspect(stream, &[who, other], words);
        }
    }

    fn suspect(&mut self, stream: Stream, to: &[u8], words: String) {
        if self.suspects.len() < MAX_FAULTS {
            let line = Line::carrying(stream.kind);
            let pairs = to.iter().map(|to| pair(stream.process, line, *to));
            self.suspects.push(Suspect {
                pairs: pairs.collect(),
                words,
            });
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
        if both_calm && !self.accounts.is_leaving {
            let pair = pair(who, line, peer);
            self.apart.insert(pair);
            let [who, peer] = [who, peer].map(|who| cast::of(who).name);
            let words = format!("calm: {who} lost {peer} ({}): {reason}", line.name());
            self.losses.push((Instant::now(), words));
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

/// The same for both.
pub fn pair(one: u8, line: Line, other: u8) -> Pair {
    (one.min(other), line, one.max(other))
}
