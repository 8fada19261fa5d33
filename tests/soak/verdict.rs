//! Verdict: the account of a run, and whether there is a fault in it.

use std::fs;
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::cast;
use crate::company::Company;
use crate::havoc::Havoc;
use crate::promises;
use crate::resources::{self, Baseline};
use crate::table::Table;

/// Prints the account of the run; says whether there is no fault in it.
pub fn judge(
    company: &Company,
    havoc: &Havoc,
    before: &Baseline,
    at_rest: &Baseline,
    time: Duration,
) -> bool {
    let mut books = company.books();
    let mut faults = resources::left_behind(at_rest, before);
    faults.extend(suspicions(&books));
    faults.extend(panics(company));
    tell_troubles(havoc, company.restarts);
    faults.extend(promises::judge_plain(&books));
    faults.extend(promises::judge_sure(&books, &company.players));
    faults.extend(tell_law(&books));
    faults.extend(resources::judge(company, time));
    faults.into_iter().for_each(|fault| books.fault(fault));
    match books.fault_count {
        0 => println!("\nsoak: no fault"),
        count => println!("\nsoak: {count} faults"),
    }
    books.faults.iter().for_each(|fault| println!("  {fault}"));
    books.fault_count == 0
}

fn tell_troubles(havoc: &Havoc, restarts: u64) {
    let made = havoc.made.iter();
    let made: Vec<String> = made
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    println!("\nTroubles: {}; restarts {restarts}", made.join(", "));
}

/// Calm processes that lost each other, and what followed, unless the machine was so busy that
/// some of them did not run for a while around that time.
fn suspicions(books: &Books) -> Vec<String> {
    let is_excused = |at: Instant| {
        let mut starved = books.starved.iter();
        starved.any(|then| at < *then + cast::SILENCE * 2 && *then < at + cast::SILENCE)
    };
    let (excused, losses): (Vec<_>, Vec<_>) =
        books.losses.iter().partition(|(at, _)| is_excused(*at));
    println!(
        "\nA machine too busy: {} times; calm processes that lost each other for it: {}",
        books.starved.len(),
        excused.len()
    );
    let together = books.suspects.iter();
    let together = together.filter(|one| !one.pairs.iter().any(|pair| books.apart.contains(pair)));
    let losses = losses.into_iter().map(|(_, words)| words.clone());
    losses
        .chain(together.map(|one| one.words.clone()))
        .collect()
}

/// Nothing that a peer or the system does makes a process panic.
fn panics(company: &Company) -> Vec<String> {
    let names = cast::all().map(|who| cast::of(who).name);
    let logs = names.map(|name| (name, company.directory.join(format!("{name}.log"))));
    let texts = logs.filter_map(|(name, log)| Some((name, fs::read_to_string(log).ok()?)));
    let panics = texts.filter(|(_, text)| text.contains("panicked at"));
    panics
        .map(|(name, _)| format!("panic: {name}: see its log"))
        .collect()
}

/// The columns of the law, in its order.
const LAW: [&str; 7] = [
    "accepted",
    "acknowledged",
    "written",
    "in_doubt",
    "dropped",
    "waiting",
    "handed_back",
];

/// What is not in the law.
const BESIDES: [&str; 5] = ["received", "resent", "duplicates", "stray_acks", "peers_up"];

/// What stays at zero: events are read, and no peer speaks another language.
const NEVER: [&str; 2] = ["events_lost", "skipped"];

/// The counters of all instances together; each child has checked its own all the time.
fn tell_law(books: &Books) -> Vec<String> {
    let mut faults = Vec::new();
    let mut table = Table::new(&[&["process", "socket"][..], &LAW, &BESIDES].concat());
    for who in cast::all() {
        for (line, _) in cast::of(who).sockets() {
            let total = books.accounts.total(who, line);
            let all = LAW.iter().chain(&BESIDES);
            let numbers = all.map(|name| total.get(name).to_string());
            let words = [cast::of(who).name, line.name()];
            table.row(&words, numbers);
            let never = NEVER.iter().filter(|name| total.get(name) > 0);
            let never = never.map(|name| format!("never: {words:?}: {name} {}", total.get(name)));
            faults.extend(never);
        }
    }
    table.print(
        "The law: accepted = acknowledged + written + in doubt + dropped + waiting + handed back",
    );
    faults
}
