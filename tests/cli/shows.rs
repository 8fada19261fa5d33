//! The verbs `demo` and `bench`: what they show.

use crate::support::{Broker, NOWHERE, run};

/// The lines of a node's table, without its heads.
fn table<'a>(lines: &'a [String], node: &str) -> &'a [String] {
    let begin = lines
        .iter()
        .position(|line| line == node)
        .expect("its table")
        + 2;
    let end = lines[begin..].iter().position(String::is_empty);
    &lines[begin..end.map_or(lines.len(), |end| begin + end)]
}

fn has(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| {
        let own: Vec<&str> = line.split_whitespace().collect();
        own.windows(words.len()).any(|part| part == words)
    })
}

#[test]
fn the_demonstration_ends_with_a_table_for_each_node() {
    let ended = run(&["demo"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let lines = &ended.lines;
    let wanted: [(&str, &[&str]); 9] = [
        ("broker", &["in", "event", "$sys/joined", "bob"]),
        ("broker", &["m2", "in", "event", "room/1/temp", "21.5"]),
        ("ann", &["m1", "out", "publish", "room/2/temp", "19.5"]),
        ("ann", &["in", "pong", "bob", "after"]),
        ("ann", &["c1", "in", "answer", "math/add", "6"]),
        ("ann", &["c3", "out", "answer", "@ann", "hello,", "too"]),
        ("bob", &["m1", "in", "retained", "room/2/temp", "19.5"]),
        ("bob", &["c1", "out", "answer", "math/add", "6"]),
        ("bob", &["c4", "in", "error", "nobody/home", "nobody"]),
    ];
    for (node, words) in wanted {
        assert!(
            has(table(lines, node), words),
            "{node}: {words:?}: {lines:#?}"
        );
    }
}

#[test]
fn the_demonstration_shows_each_message_before_the_tables() {
    let lines = run(&["demo"]).lines;
    let passing = lines.iter().position(String::is_empty).expect("tables");
    let rows: usize = ["broker", "ann", "bob"]
        .iter()
        .map(|node| table(&lines, node).len())
        .sum();
    assert_eq!(passing, rows);
    assert!(has(
        &lines[..passing],
        &["ann", "out", "call", "c1", "math/add", "[2,4]"]
    ));
}

#[test]
fn the_tables_of_the_demonstration_line_up() {
    let lines = run(&["demo"]).lines;
    for node in ["broker", "ann", "bob"] {
        let begin = lines
            .iter()
            .position(|line| line == node)
            .expect("its table")
            + 1;
        let heads = &lines[begin];
        let wide = heads.chars().count();
        let rows = table(&lines, node);
        assert!(
            rows.iter().all(|row| row.chars().count() == wide),
            "{rows:#?}"
        );
    }
}

#[test]
fn a_bench_tells_rate_latencies_and_their_histograms() {
    let broker = Broker::start();
    let ended = broker.run(&["bench", "-n", "2000", "-s", "10", "-t", "20"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let lines = &ended.lines;
    assert!(
        lines[0].starts_with("rate  ") && lines[0].contains("/s"),
        "{lines:#?}"
    );
    assert!(
        lines[0].contains("2,000 messages of 10 bytes"),
        "{lines:#?}"
    );
    assert!(has(lines, &["latency", "median", "90", "%", "99", "%"]));
    let counts = lines
        .iter()
        .filter(|line| line.contains(" to ") && line.contains('█'));
    assert!(counts.count() >= 2, "{lines:#?}");
}

#[test]
fn every_latency_is_in_the_histogram() {
    let broker = Broker::start();
    let ended = broker.run(&["bench", "-n", "1000", "-t", "20"]);
    let count = |line: &String| {
        let (_, rest) = line.split_once(" to ")?;
        rest.split_whitespace().nth(2)?.parse::<u64>().ok()
    };
    let counted: u64 = ended.lines.iter().filter_map(count).sum();
    assert_eq!(counted, 2 * 100, "{ended:?}");
}

#[test]
fn a_pipe_gets_no_colours_and_no_progress() {
    let broker = Broker::start();
    for ended in [run(&["demo"]), broker.run(&["bench", "-n", "500"])] {
        assert!(!ended.lines.concat().contains('\u{1b}'), "{ended:?}");
        assert_eq!(ended.diagnostics, "");
    }
}

#[test]
fn a_bench_without_a_broker_fails() {
    let ended = run(&["bench", "-t", "0.2", "-a", NOWHERE]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.diagnostics.contains("no broker answers"), "{ended:?}");
}
