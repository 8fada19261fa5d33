//! The examples of docs/BUS.md, played against a broker.

use std::collections::BTreeMap;

use jackfield::Socket;

use crate::stage::{broker, stranger};
use crate::support::{self, Transport, eventually};

const PAGE: &str = include_str!("../../docs/BUS.md");

/// One message of an example: who, whether it is said to the broker, and its lines.
#[derive(Debug)]
struct Step {
    who: char,
    is_said: bool,
    text: String,
}

fn examples() -> Vec<Vec<Step>> {
    let begin = PAGE
        .split_once("<!-- examples: begin -->")
        .expect("it begins");
    let part = begin
        .1
        .split_once("<!-- examples: end -->")
        .expect("it ends")
        .0;
    let blocks = part.split("```text\n").skip(1);
    blocks
        .map(|block| steps(block.split("```").next().expect("a block ends")))
        .collect()
}

/// Lines that follow each other with the same beginning are one message.
fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut last = "";
    for line in block.lines() {
        let (mark, rest) = line.split_at(line.len().min(2));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match (mark, steps.last_mut()) {
            ("", _) => {}
            (mark, Some(step)) if mark == last => step.text.push_str(&format!("\n{rest}")),
            (mark, _) => steps.push(Step {
                who: mark.chars().next().expect("somebody speaks"),
                is_said: mark.ends_with('>'),
                text: rest.to_owned(),
            }),
        }
        last = mark;
    }
    steps.iter_mut().for_each(end_headers);
    steps
}

/// A message without a body ends in the line feed of the empty line.
fn end_headers(step: &mut Step) {
    if !step.text.contains("\n\n") {
        step.text.push('\n');
    }
}

/// What the broker made up, by its name on the page.
type Made = BTreeMap<String, String>;

fn fill_in(text: &str, made: &Made) -> String {
    made.iter().fold(text.to_owned(), |text, (name, word)| {
        text.replace(name, word)
    })
}

/// Holds what came against the page, and learns the words that are made up.
fn compare(expected: &str, found: &str, made: &mut Made) {
    let words =
        |text: &str| -> Vec<String> { text.split([' ', '\n']).map(str::to_owned).collect() };
    for (expected, found) in words(expected).into_iter().zip(words(found)) {
        if expected.starts_with('{') {
            made.entry(expected).or_insert(found);
        }
    }
    assert_eq!(fill_in(expected, made), found);
}

#[test]
fn the_examples_of_the_page_are_what_happens() {
    let examples = examples();
    assert!(examples.len() >= 5, "{examples:?}");
    for steps in examples {
        let (broker, there) = broker(Transport::Tcp);
        // One after the other: the page lists them in the order in which they came.
        let sockets: BTreeMap<char, Socket> = [('a', 1), ('b', 2)]
            .map(|(who, count)| {
                let socket = stranger(&there);
                eventually("it is a client", || broker.stats().clients == count);
                (who, socket)
            })
            .into();
        let mut made = Made::new();
        for step in steps {
            let socket = &sockets[&step.who];
            match step.is_said {
                true => support::send(socket, fill_in(&step.text, &made)),
                false => compare(&step.text, &support::next_text(socket), &mut made),
            }
        }
    }
}

/// The cells of the table of patterns.
fn matches() -> Vec<[Vec<String>; 3]> {
    let begin = PAGE
        .split_once("<!-- matches: begin -->")
        .expect("it begins");
    let part = begin
        .1
        .split_once("<!-- matches: end -->")
        .expect("it ends")
        .0;
    let rows = part.lines().filter(|line| line.starts_with('|')).skip(2);
    let quoted = |cell: &str| {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [pattern, yes, no] = cells[..] else {
            panic!("not three cells: {row}");
        };
        [quoted(pattern), quoted(yes), quoted(no)]
    })
    .collect()
}

#[test]
fn the_table_of_patterns_is_what_matches() {
    let bus = jackfield::Bus::local().expect("a bus");
    let rows = matches();
    assert!(rows.len() >= 18, "{rows:?}");
    for [pattern, yes, no] in rows {
        for topic in yes.iter().chain(&no) {
            let is_kept = topic.starts_with("$sys");
            // Only the broker itself publishes there; a topic beside it stands for it.
            let (asked, topic) = match is_kept {
                true => (
                    pattern[0].replace("$sys", "$own"),
                    topic.replace("$sys", "$own"),
                ),
                false => (pattern[0].clone(), topic.clone()),
            };
            let other = bus.subscribe(&asked).expect("a pattern");
            bus.publish(&topic, "x").expect("a topic");
            let is_match = yes.contains(&topic.replace("$own", "$sys"));
            assert_eq!(other.try_recv().is_ok(), is_match, "{asked} and {topic}");
        }
    }
}
