//! How it is called: help, and what is said to mistakes.

use crate::support::{assert_failed, run};

const VERBS: [&str; 10] = [
    "broker", "sub", "pub", "call", "serve", "peers", "stats", "ping", "demo", "bench",
];

#[test]
fn every_verb_explains_itself() {
    for verb in VERBS {
        for help in ["--help", "-h"] {
            let ended = run(&[verb, help]);
            assert_eq!(ended.status, Some(0), "{ended:?}");
            let usage = format!("usage: jackfield {verb} [FLAGS]");
            assert!(ended.lines[0].starts_with(&usage), "{ended:?}");
            assert!(ended.lines.iter().any(|line| line.contains("--help")));
            let longest = ended.lines.iter().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= 95), "{ended:?}");
            assert_eq!(ended.diagnostics, "");
        }
    }
}

#[test]
fn the_program_lists_its_verbs() {
    for help in ["--help", "-h", "help"] {
        let ended = run(&[help]);
        assert_eq!(ended.status, Some(0), "{ended:?}");
        for verb in VERBS {
            let listed = |line: &&String| line.trim_start().starts_with(verb);
            assert_eq!(ended.lines.iter().filter(listed).count(), 1, "{verb}");
        }
    }
}

#[test]
fn help_knows_each_verb() {
    for verb in VERBS {
        let (asked, own) = (run(&["help", verb]), run(&[verb, "--help"]));
        assert_eq!((asked.status, asked.lines), (Some(0), own.lines), "{verb}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let cases: [(&[&str], &str); 4] = [
        (&["pub"], "TOPIC is missing"),
        (&["call"], "NAME is missing"),
        (&["serve", "a"], "COMMAND is missing"),
        (
            &["serve", "a", "-w", "many", "--", "true"],
            "--workers \"many\": it is no whole number",
        ),
    ];
    for (arguments, reason) in cases {
        assert_failed(&run(arguments), 2, reason);
    }
}

#[test]
fn an_address_within_a_process_is_refused_with_a_hint() {
    let ended = run(&["broker", "mem://x"]);
    assert_failed(&ended, 2, "mem://x is within one process");
}

#[test]
fn the_program_tells_its_version() {
    let version = format!("jackfield {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).lines, [version]);
}

#[test]
fn wrong_arguments_get_usage_and_status_2() {
    let wrong: [&[&str]; 28] = [
        &[],
        &["dance"],
        &["--dance"],
        &["broker", "--dance"],
        &["sub", "-x"],
        &["sub", "--as"],
        &["sub", "--first=1"],
        &["sub", "-n", "0"],
        &["sub", "--raw", "--json"],
        &["sub", "--raw", "-t"],
        &["help", "dance"],
        &["pub", "a", "b", "--lines"],
        &["broker", "mem://x"],
        &["broker", "-m", "0"],
        &["peers", "-a", "mem://x"],
        &["pub"],
        &["pub", "a", "b", "c"],
        &["pub", "a", "b", "-H", "no colon"],
        &["call"],
        &["call", "a", "-t", "soon"],
        &["call", "a", "-t", "-1"],
        &["call", "a", "--timeout"],
        &["serve", "a"],
        &["serve", "a", "--"],
        &["serve", "a", "-w", "many", "--", "true"],
        &["ping"],
        &["peers", "everybody"],
        &["bench", "-n", "-5"],
    ];
    for arguments in wrong {
        let ended = run(arguments);
        assert_failed(&ended, 2, "usage: jackfield ");
        let verb = ended.diagnostics.lines().next().unwrap_or_default();
        assert!(verb.starts_with("jackfield"), "{ended:?}");
    }
}

#[test]
fn an_address_that_is_none_is_a_wrong_argument() {
    let wrong: [&[&str]; 3] = [
        &["peers", "-a", "nonsense"],
        &["sub", "--address", "tcp://"],
        &["broker", "nonsense"],
    ];
    for arguments in wrong {
        assert_failed(&run(arguments), 2, "endpoint ");
    }
}

#[test]
fn an_origin_that_is_none_is_a_wrong_argument() {
    let ended = run(&["broker", "-o", "HTTP://UPPER.CASE/", "ws://127.0.0.1:0"]);
    assert_failed(&ended, 2, "origin");
}
