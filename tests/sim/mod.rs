//! The simulator: a network of sockets in one thread and in virtual time, from one seed.

mod application;
mod closing;
mod dialing;
mod faults;
mod net;
mod node;
mod plan;
mod queue;
mod reading;
mod search;
mod sessions;
mod truth;
mod world;
mod writing;

/// Seeds of an ordinary run, by so many threads.
const SEEDS: u64 = 4_000;
const PARTS: u64 = 4;

fn run_part(part: u64) {
    let range = SEEDS * part / PARTS..SEEDS * (part + 1) / PARTS;
    search::run_all(range);
}

#[test]
fn the_first_quarter_of_the_seeds_keeps_every_promise() {
    run_part(0);
}

#[test]
fn the_second_quarter_of_the_seeds_keeps_every_promise() {
    run_part(1);
}

#[test]
fn the_third_quarter_of_the_seeds_keeps_every_promise() {
    run_part(2);
}

#[test]
fn the_last_quarter_of_the_seeds_keeps_every_promise() {
    run_part(3);
}

/// `JACKFIELD_SEED=number`: everything that happens, one line each.
#[test]
#[ignore = "shows the seed that JACKFIELD_SEED names"]
fn the_seed_asked_for_is_shown() {
    let asked = std::env::var("JACKFIELD_SEED").expect("JACKFIELD_SEED=number");
    search::show(asked.parse().expect("a number"));
}

/// `JACKFIELD_SEEDS=from..to`: for a long run, or to see one seed again.
#[test]
#[ignore = "runs the seeds that JACKFIELD_SEEDS names"]
fn the_seeds_asked_for_keep_every_promise() {
    let asked = std::env::var("JACKFIELD_SEEDS").expect("JACKFIELD_SEEDS=from..to");
    let (from, to) = asked.split_once("..").expect("from..to");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    search::run_all(number(from)..number(to));
}

#[test]
fn the_seeds_reach_what_they_are_to_test() {
    let seen = search::reach(0..1_200);
    let words = [
        "PeerDown Closed",
        "PeerDown Disconnected",
        "PeerDown Duplicate",
        "PeerDown Replaced",
        "PeerDown Reset",
        "PeerDown Silent",
        "PeerDown SlowPeer",
        "Rejected Closed",
        "Rejected Crowded",
        "Rejected Disconnected",
        "Rejected Duplicate",
        "Rejected HandshakeTimeout",
        "Rejected OurselvesDialled",
        "Rejected Reset",
        "Dropped MemoryBudget",
        "Dropped OutboxFull",
        "Dropped PeerGone",
        "Dropped WaitingFull",
        "GaveUp",
        "duplicates",
        "in doubt",
        "resent",
        "unsent in a session",
        "refused in a session",
        "read in a session",
        "stray acks",
    ];
    for word in words {
        assert!(seen.contains(word), "no seed has {word}: {seen:?}");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..20 {
        assert_eq!(search::trace(seed), search::trace(seed));
    }
}
