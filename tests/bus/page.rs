//! The examples of docs/BUS.md, and those of its first edition, played against a broker.

use std::collections::BTreeMap;

use crate::hand::Hand;
use crate::stage::{Home, Road};
use crate::support::eventually;

on_all_ways!(;
    broker:
    the_examples_of_the_page_are_what_happens,
    clients_that_know_the_first_edition_alone_go_on_working,
);

const PAGE: &str = include_str!("../../docs/BUS.md");
const FIRST_EDITION: &str = include_str!("first_edition.md");

/// One message of an example: who, whether it is said to the broker, and its lines.
#[derive(Debug)]
struct Step {
    who: char,
    is_said: bool,
    text: String,
}

fn examples(page: &str) -> Vec<Vec<Step>> {
    let begin = page
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

/// Learns the words that are made up.
fn learn(expected: &str, found: &str, made: &mut Made) {
    let words =
        |text: &str| -> Vec<String> { text.split([' ', '\n']).map(str::to_owned).collect() };
    for (expected, found) in words(expected).into_iter().zip(words(found)) {
        if expected.starts_with('{') {
            made.entry(expected).or_insert(found);
        }
    }
}

/// What came is what the page says.
fn compare(expected: &str, found: &str, made: &mut Made) {
    learn(expected, found, made);
    assert_eq!(fill_in(expected, made), found);
}

/// What came is what the page says, to a client that looks at no further words and no headers that
/// it does not know.
fn compare_as_told_once(expected: &str, found: &str, made: &mut Made) {
    let parts = |text: &str| {
        let (head, body) = text.split_once("\n\n").expect("an empty line");
        let mut lines = head.lines().map(str::to_owned);
        let words = lines.next().expect("a line of words");
        (words, lines.collect::<Vec<String>>(), body.to_owned())
    };
    let (found_words, found_headers, found_body) = parts(found);
    let (words, _, body) = parts(expected);
    learn(&words, &found_words, made);
    learn(&body, &found_body, made);
    let (words, headers, body) = parts(&fill_in(expected, made));
    let is_same = found_words == words || found_words.starts_with(&format!("{words} "));
    assert!(is_same, "{words:?} and {found_words:?}");
    let mut headers = headers.iter();
    assert!(headers.all(|header| found_headers.contains(header)));
    assert_eq!(found_body, body);
}

/// How what came is held against what was expected.
type Compare = fn(&str, &str, &mut Made);

fn play(on: Road, steps: Vec<Step>, compare: Compare) {
    let home = Home::new(on);
    let broker = home.start();
    // One after the other: the page lists them in the order in which they came.
    let mut clients: BTreeMap<char, Hand> = [('a', 1), ('b', 2)]
        .map(|(who, number)| {
            let client = Hand::join(on, &home, number);
            let count = usize::from(number);
            eventually("it is a client", || broker.stats().clients == count);
            (who, client)
        })
        .into();
    let mut made = Made::new();
    let mut last = None;
    for step in steps {
        // What two say arrives in the order of the page.
        if let Some(last) = last.filter(|last| step.is_said && *last != step.who) {
            let other = clients.get_mut(&last).expect("one of the two");
            other.await_dealt_with();
        }
        last = step.is_said.then_some(step.who);
        let client = clients.get_mut(&step.who).expect("one of the two");
        match step.is_said {
            true => client.say(&fill_in(&step.text, &made)),
            false => compare(&step.text, &client.hear(), &mut made),
        }
    }
}

fn the_examples_of_the_page_are_what_happens(on: Road) {
    let examples = examples(PAGE);
    assert!(examples.len() >= 7, "{examples:?}");
    let examples = examples.into_iter();
    examples.for_each(|steps| play(on, steps, compare));
}

fn clients_that_know_the_first_edition_alone_go_on_working(on: Road) {
    let examples = examples(FIRST_EDITION);
    assert!(examples.len() >= 5, "{examples:?}");
    let examples = examples.into_iter();
    examples.for_each(|steps| play(on, steps, compare_as_told_once));
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

/// What a cell of the table of bounds begins with: `64 KiB of ..`, `4,096`.
fn number(cell: &str) -> u64 {
    let mut words = cell.split_whitespace();
    let digits = words.next().expect("a number").replace(',', "");
    let number: u64 = digits.parse().expect("a number");
    match words.next() {
        Some("KiB") => number << 10,
        Some("MiB") => number << 20,
        _ => number,
    }
}

#[test]
fn the_bounds_of_the_page_are_those_of_a_broker() {
    let limits = format!("{:?}", jackfield::bus::Limits::default());
    let fields = limits.trim_end_matches(" }").split_once("{ ");
    for field in fields.expect("a struct").1.split(", ") {
        let (name, value) = field.split_once(": ").expect("a name and a value");
        let begin = format!("| `{name}` | ");
        let row = PAGE.lines().find_map(|line| line.strip_prefix(&begin));
        let row = row.unwrap_or_else(|| panic!("docs/BUS.md does not name the bound {name}"));
        assert_eq!(number(row).to_string(), value, "{name}");
    }
}
