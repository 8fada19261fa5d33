//! What the benches are told, what they write down, and when they call a figure better or worse.

#![allow(dead_code)]

#[path = "../benches/own/arguments.rs"]
mod arguments;
#[path = "../benches/own/figure.rs"]
mod figure;

use arguments::Arguments;
use figure::{Figure, Unit, Verdict, parse_all, save};

fn parse(line: &str) -> Result<Arguments, String> {
    Arguments::parse(line.split_whitespace().map(str::to_owned))
}

fn figure(unit: Unit, values: [f64; 3]) -> Figure {
    Figure::new("a: name, with 1,000 peers".to_owned(), unit, values.into())
}

#[test]
fn wrong_arguments_are_answered_with_a_sentence() {
    for line in ["--nope", "-x", "--save", "--compare --quick"] {
        let sentence = parse(line).err().expect("it is wrong");
        assert!(sentence.ends_with('.'), "{line}: {sentence}");
    }
}

#[test]
fn what_cargo_adds_is_no_option() {
    let arguments = parse("--quick --bench").expect("cargo says --bench");
    assert!(arguments.is_quick && arguments.words.is_empty());
}

#[test]
fn a_word_chooses_what_has_it_in_its_name() {
    let arguments = parse("codec 1,000").expect("these are words");
    assert!(arguments.wants("codec: decode") && arguments.wants("idle: 1,000 peers"));
    assert!(!arguments.wants("pipe: tcp, 64 B"));
}

#[test]
fn without_words_all_is_wanted() {
    assert!(parse("--quick").expect("it is right").wants("whatever"));
}

#[test]
fn saved_figures_are_read_as_they_were() {
    let units = [Unit::PerSecond, Unit::Seconds, Unit::Bytes, Unit::Pieces];
    let figures = units.map(|unit| figure(unit, [1.25e-9, 7.0, 3.3e7]));
    let file = std::env::temp_dir().join(format!("jackfield-own-test-{}", std::process::id()));
    save(&file, &figures).expect("there is a directory for temporary files");
    let text = std::fs::read_to_string(&file).expect("it was written");
    std::fs::remove_file(&file).expect("it was written");
    assert_eq!(parse_all(&text).as_deref(), Some(&figures[..]));
}

#[test]
fn a_file_that_is_something_else_is_not_taken_for_figures() {
    assert_eq!(parse_all("[package]\nname = \"jackfield\"\n"), None);
    let title = "# jackfield: name, unit, median, lowest, highest\n";
    for line in ["a\ts\t1\t1", "a\tmiles\t1\t1\t1", "a\ts\tNaN\t1\t1"] {
        assert_eq!(parse_all(&format!("{title}{line}\n")), None, "{line}");
    }
}

#[test]
fn a_difference_no_larger_than_the_spreads_is_neither_better_nor_worse() {
    let old = figure(Unit::Seconds, [1.0, 1.1, 1.3]);
    let new = figure(Unit::Seconds, [1.4, 1.5, 1.6]);
    assert_eq!(new.verdict(&old), Verdict::Alike);
}

#[test]
fn higher_is_better_for_rates_and_worse_for_anything_else() {
    for unit in [Unit::PerSecond, Unit::Seconds, Unit::Bytes, Unit::Pieces] {
        let (low, high) = (figure(unit, [1.0; 3]), figure(unit, [2.0; 3]));
        let (better, worse) = match unit {
            Unit::PerSecond => (high.verdict(&low), low.verdict(&high)),
            _ => (low.verdict(&high), high.verdict(&low)),
        };
        assert_eq!((better, worse), (Verdict::Better, Verdict::Worse));
    }
}

#[test]
fn values_are_shown_with_three_digits_in_a_unit_that_fits() {
    let shown = |unit: Unit, value| {
        let (number, name) = unit.show(value);
        format!("{number} {name}")
    };
    assert_eq!(shown(Unit::Seconds, 9.996e-6), "10.0 µs");
    assert_eq!(shown(Unit::Seconds, 0.0), "0.00 ns");
    assert_eq!(shown(Unit::PerSecond, 8_254_000.0), "8.25 M/s");
    assert_eq!(shown(Unit::Bytes, 15_565.0), "15.2 KiB");
}
