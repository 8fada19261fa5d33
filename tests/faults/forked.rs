//! Forked: child processes get nothing of a socket, and change nothing for their parent.

#[cfg(target_os = "linux")]
use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{Transport, next_text, pair, quick, send};

/// The sockets that a child process has; whoever started this one may have left it some.
#[cfg(target_os = "linux")]
fn inherited() -> BTreeSet<String> {
    let listing = Command::new("ls").args(["-l", "/proc/self/fd"]).output();
    let listing = String::from_utf8(listing.expect("it runs").stdout).expect("text");
    assert!(listing.contains("->"), "{listing}");
    let targets = listing
        .lines()
        .filter_map(|line| Some(line.split_once("-> ")?.1));
    let sockets = targets.filter(|target| target.starts_with("socket:"));
    sockets.map(str::to_owned).collect()
}

/// Row 34: a child that is started while sockets are open inherits none of them.
#[test]
#[cfg(target_os = "linux")]
fn a_child_process_inherits_no_socket() {
    let before = inherited();
    for on in [Transport::Tcp, Transport::Unix] {
        let (one, other) = pair(on, quick(), quick());
        assert_eq!(inherited(), before);
        send(&one, "unaffected");
        assert_eq!(next_text(&other), "unaffected");
    }
}

/// Row 34: the end of a child ends no connection of its parent.
#[test]
fn a_child_process_that_ends_takes_nothing_with_it() {
    let (one, other) = pair(Transport::Tcp, quick(), quick());
    for _ in 0..3 {
        let child = Command::new("sh").args(["-c", "kill -KILL $$"]).status();
        assert!(!child.expect("there is a shell").success());
        send(&one, "unaffected");
        assert_eq!(next_text(&other), "unaffected");
    }
    assert_eq!((one.stats().peers_down, other.stats().peers_down), (0, 0));
}
