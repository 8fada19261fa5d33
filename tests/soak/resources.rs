//! Resources: whether processes end with what they began with, and do not grow in between.

use std::collections::BTreeMap;
use std::process;
use std::time::Duration;

use crate::cast;
use crate::company::Company;
use crate::meter::{self, Sample};
use crate::table::Table;

/// Threads and descriptors that each process had when all was well; ours too.
pub type Baseline = BTreeMap<&'static str, [u64; 2]>;

/// The run itself, with all proxies in it.
const OURSELVES: &str = "proxies";

/// Memory may rise by so many KiB over the second half: allocators keep what they had, and what is
/// bounded (queues, windows, shelves of large messages) may not be full yet. In an hour it is; a
/// minute shows only what leaks whole messages.
fn memory_slack(samples: usize) -> f64 {
    1024.0 * (3.0 + 32.0 / (samples as f64).sqrt())
}

/// Threads and descriptors come and go with connections, and a line through few samples of them
/// leans. In an hour about 3 may seem to stay, in a minute 8.
fn count_slack(samples: usize) -> f64 {
    2.0 + 32.0 / (samples as f64).sqrt()
}

pub fn baseline(company: &Company) -> Baseline {
    let children = company
        .players
        .iter()
        .filter_map(|(who, player)| Some((cast::of(*who).name, player.process.as_ref()?.id())));
    let all = children.chain([(OURSELVES, process::id())]);
    let all = all.filter_map(|(name, id)| {
        let now = meter::sample(id, 0.0)?;
        Some((name, [now.threads, now.descriptors]))
    });
    all.collect()
}

/// Nobody has more threads or descriptors than before.
pub fn is_back(company: &Company, before: &Baseline) -> bool {
    left_behind(&baseline(company), before).is_empty()
}

pub fn left_behind(now: &Baseline, before: &Baseline) -> Vec<String> {
    let all = now.iter().filter_map(|(name, now)| {
        let before = before.get(name)?;
        let is_more = now.iter().zip(before).any(|(now, before)| now > before);
        is_more.then(|| {
            format!("left behind: {name}: {now:?} threads and descriptors, before {before:?}")
        })
    });
    all.collect()
}

/// Memory, threads and descriptors do not grow in the second half.
pub fn judge(company: &Company, time: Duration) -> Vec<String> {
    let mut faults = Vec::new();
    let columns = [
        "process", "MiB", "KiB more", "threads", "more", "files", "more", "cores",
    ];
    let mut table = Table::new(&columns);
    for (who, player) in &company.players {
        let samples = &player.samples[player.samples.len() / 2..];
        let (Some(last), true) = (samples.last(), samples.len() > 3) else {
            continue;
        };
        let rises = rises(samples);
        let name = cast::of(*who).name;
        let numbers = [
            format!("{:.1}", last.memory as f64 / 1024.0),
            format!("{:.0}", rises[0]),
            last.threads.to_string(),
            format!("{:.1}", rises[1]),
            last.descriptors.to_string(),
            format!("{:.1}", rises[2]),
            format!("{:.2}", player.busy() / time.as_secs_f64()),
        ];
        table.row(&[name], numbers);
        let count_slack = count_slack(samples.len());
        let slacks = [memory_slack(samples.len()), count_slack, count_slack];
        let grows = rises.iter().zip(slacks).any(|(rise, slack)| *rise > slack);
        if grows && cast::of(*who).is_steady() {
            faults.push(format!("growth: {name}: {rises:.1?}, slack {slacks:?}"));
        }
    }
    let cores = company.busy() / time.as_secs_f64();
    table.print(&format!(
        "Resources, and what the second half added (least squares); {cores:.2} cores in all"
    ));
    faults
}

/// Memory, threads and descriptors.
fn rises(samples: &[Sample]) -> [f64; 3] {
    let rise = |of: fn(&Sample) -> u64| {
        let points = samples.iter().map(|sample| (sample.at, of(sample) as f64));
        meter::rise(&points.collect::<Vec<_>>())
    };
    [
        rise(|sample| sample.memory),
        rise(|sample| sample.threads),
        rise(|sample| sample.descriptors),
    ]
}
