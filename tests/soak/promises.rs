//! Promises: what was sent against what arrived.

use std::collections::BTreeMap;

use crate::body::{Kind, Stream};
use crate::books::{self, Books, Sure};
use crate::cast::{self, Fate, Line};
use crate::company::Player;
use crate::table::Table;

/// What one process sent to another at most once, all instances together.
#[derive(Default)]
struct Row {
    sent: u64,
    arrived: u64,
    dropped: u64,
    in_doubt: u64,
}

/// Sender, stream, receiver.
type Route = (u8, Kind, u8);

/// What is at most once: never twice and in order was judged as it came. What does not arrive
/// must be told, and between two calm processes it arrives.
pub fn judge_plain(books: &Books) -> Vec<String> {
    let columns = [
        "from", "stream", "to", "sent", "arrived", "dropped", "in doubt", "missing",
    ];
    let mut table = Table::new(&columns);
    let mut faults = invented(books);
    for (route, row) in plain_rows(books) {
        let (from, kind, to) = (cast::of(route.0), route.1, cast::of(route.2));
        let missing = row.sent.saturating_sub(row.arrived + row.dropped);
        let numbers = [row.sent, row.arrived, row.dropped, row.in_doubt, missing];
        let words = [from.name, &format!("{kind:?}"), to.name];
        table.row(&words, numbers.map(|number| number.to_string()));
        let pair = books::pair(route.0, Line::carrying(kind), route.2);
        let allowed = allowance(route, &row, books.apart.contains(&pair));
        if missing > allowed {
            let (from, to) = (from.name, to.name);
            faults.push(format!(
                "lost: {from} to {to}: {missing} missing, {allowed} may be"
            ));
        }
    }
    table.print("At most once: in order, never twice; a publish goes to those who are connected");
    faults
}

fn plain_rows(books: &Books) -> BTreeMap<Route, Row> {
    let mut rows: BTreeMap<Route, Row> = BTreeMap::new();
    for (stream, readers) in &books.plain {
        let line = Line::carrying(stream.kind);
        for (who, plain) in readers {
            let route = (stream.process, stream.kind, *who);
            let row = rows.entry(route).or_default();
            row.sent += books.sent.get(stream).copied().unwrap_or_default();
            row.arrived += plain.count;
            row.dropped = books.accounts.drops(stream.process, line, Some(*who));
            row.in_doubt = books.accounts.downs(stream.process, line, *who);
        }
    }
    rows
}

/// How many may be missing.
fn allowance((from, kind, to): Route, row: &Row, were_apart: bool) -> u64 {
    let (from, to) = (cast::of(from), cast::of(to));
    match () {
        _ if from.is_calm() && to.is_calm() && !were_apart => 0,
        // A publish goes to those who are connected; a process that is killed has lost what it
        // had not told.
        _ if kind == Kind::News || !from.is_steady() || !to.is_steady() => u64::MAX,
        // It leaves only after what it had queued.
        _ if from.fate == Fate::Fickle => 0,
        _ => row.in_doubt,
    }
}

/// More arrived than was sent.
fn invented(books: &Books) -> Vec<String> {
    let steady = books.plain.iter();
    let steady = steady.filter(|(stream, _)| cast::of(stream.process).is_steady());
    let all = steady.filter_map(|(stream, readers)| {
        let sent = books.sent.get(stream).copied().unwrap_or_default();
        let came = readers.values().map(|plain| plain.next).max()?;
        (came > sent).then(|| format!("invented: {}: {sent} sent, {came} came", describe(*stream)))
    });
    all.collect()
}

/// What is at least once: all of it arrived or was handed back, where the sender lived.
pub fn judge_sure(books: &Books, players: &BTreeMap<u8, Player>) -> Vec<String> {
    let mut faults = broken_promises(books, players);
    let mut rows: BTreeMap<(u8, Kind), [u64; 6]> = BTreeMap::new();
    for (stream, sure) in &books.sure {
        let sent = books.sent.get(stream).copied().unwrap_or_default();
        let lives = players[&stream.process].instance == stream.instance;
        let missing = if lives { missing(sure, sent) } else { vec![] };
        if !missing.is_empty() {
            let (count, few) = (missing.len(), &missing[..missing.len().min(5)]);
            faults.push(format!("lost: {count} of {}: {few:?}", describe(*stream)));
        }
        let (arrived, back) = (sure.arrived.count(), sure.back.count());
        let lost = missing.len() as u64;
        let row = [sent, arrived, back, sure.again, sure.late, lost];
        let total = rows.entry((stream.process, stream.kind)).or_default();
        total.iter_mut().zip(row).for_each(|(sum, one)| *sum += one);
    }
    let columns = [
        "from",
        "stream",
        "sent",
        "arrived",
        "handed back",
        "again",
        "late",
        "missing",
    ];
    let mut table = Table::new(&columns);
    for ((process, kind), numbers) in rows {
        let words = [cast::of(process).name, &format!("{kind:?}")];
        table.row(&words, numbers.map(|number| number.to_string()));
    }
    table.print(
        "At least once: arrived or handed back, while the sender lives; again: by another worker",
    );
    faults
}

fn missing(sure: &Sure, sent: u64) -> Vec<u64> {
    let is_there = |number: &u64| sure.arrived.contains(*number) || sure.back.contains(*number);
    (0..sent).filter(|number| !is_there(number)).collect()
}

fn describe(stream: Stream) -> String {
    let from = cast::of(stream.process).name;
    let to = stream.target.map_or("anyone", |who| cast::of(who).name);
    format!("{stream}, {from} to {to}")
}

/// What the sure streams of one socket say together.
#[derive(Default)]
struct Told {
    arrived: u64,
    back: u64,
}

/// An acknowledged message was handed to an application: whoever acknowledges has told us before.
/// What was handed back was told in an event. And in the end all that was accepted is settled.
fn broken_promises(books: &Books, players: &BTreeMap<u8, Player>) -> Vec<String> {
    let mut sockets: BTreeMap<(u8, u32, Line), Told> = BTreeMap::new();
    for (stream, sure) in &books.sure {
        let line = Line::carrying(stream.kind);
        let socket = (stream.process, stream.instance, line);
        let told = sockets.entry(socket).or_default();
        told.arrived += sure.arrived.count();
        told.back += sure.back.count();
    }
    let mut faults = Vec::new();
    for ((who, instance, line), told) in sockets {
        let Some(stats) = books.accounts.stats(who, instance, line) else {
            continue;
        };
        let name = format!("{} {instance} {}", cast::of(who).name, line.name());
        let [accepted, acknowledged, back] =
            ["accepted", "acknowledged", "handed_back"].map(|name| stats.get(name));
        let arrived = told.arrived;
        if acknowledged > arrived {
            faults.push(format!(
                "promise: {name}: {acknowledged} acknowledged, {arrived} came"
            ));
        }
        let lives = players[&who].instance == instance;
        if lives && acknowledged + back != accepted {
            faults.push(format!("unsettled: {name}: {stats:?}"));
        }
        if lives && back != told.back {
            faults.push(format!(
                "untold: {name}: {back} handed back, {} told",
                told.back
            ));
        }
    }
    faults
}
