//! Footprint: what this process holds, as the system counts it.

use std::fs;

/// What a set of sockets holds besides memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Footprint {
    /// Threads of the library, by their names, but for drains, which go when they were idle.
    pub threads: usize,
    pub descriptors: usize,
}

impl Footprint {
    pub fn now() -> Footprint {
        Footprint {
            threads: thread_count().saturating_sub(drains()),
            descriptors: entries("/proc/self/fd").len(),
        }
    }
}

/// Threads of the library.
pub fn thread_count() -> usize {
    let names = thread_names().into_iter();
    names.filter(|name| name.starts_with("jackfield")).count()
}

pub fn drains() -> usize {
    let names = thread_names().into_iter();
    names.filter(|name| name.ends_with("drain")).count()
}

/// Bytes of memory that are really there.
pub fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages = statm.split(' ').nth(1).expect("a second field");
    pages.parse::<usize>().expect("a number") * 4096
}

/// How often threads of ours have gone to sleep so far; those that have ended are not counted.
pub fn sleeps() -> u64 {
    let of_one = |task: &String| {
        let status = fs::read_to_string(format!("/proc/self/task/{task}/status")).ok()?;
        let lines = &mut status.lines();
        let is_ours = lines.next()?.contains("jackfield");
        let line = lines.find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        let count = line.split_whitespace().nth(1)?.parse::<u64>().ok();
        count.filter(|_| is_ours)
    };
    entries("/proc/self/task").iter().filter_map(of_one).sum()
}

pub fn thread_names() -> Vec<String> {
    let tasks = entries("/proc/self/task").into_iter();
    // A thread that ends while we look has no name any more.
    let names =
        tasks.filter_map(|id| fs::read_to_string(format!("/proc/self/task/{id}/comm")).ok());
    names.map(|name| name.trim_end().to_owned()).collect()
}

fn entries(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("Linux tells").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}
