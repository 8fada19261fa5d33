//! Payloads that are JSON: values on one bus, values on the other.

use std::collections::BTreeMap;

use jackfield::bus::Error;
use jackfield::json::Value;

use crate::stage::{Stage, Way, next};

on_all_ways!(
    a_value_is_asked_and_another_one_answered,
    a_value_is_published_to_who_reads_it_as_one,
    what_is_not_the_value_that_was_expected_is_told_to_the_caller,
);

fn a_value_is_asked_and_another_one_answered(way: Way) {
    let stage = Stage::new(way);
    let lengths = |words: Vec<String>| -> BTreeMap<String, usize> {
        let length = |word: String| (word.clone(), word.len());
        words.into_iter().map(length).collect()
    };
    let _counting = stage.one.serve_as("count", lengths).expect("accepted");
    let counted = stage.two.call_as("count", ["a", "bé"]);
    let counted: BTreeMap<String, u64> = counted.expect("served");
    assert_eq!(counted, lengths_of(&[("a", 1), ("bé", 3)]));
}

fn lengths_of(words: &[(&str, u64)]) -> BTreeMap<String, u64> {
    let owned = words
        .iter()
        .map(|(word, length)| (word.to_string(), *length));
    owned.collect()
}

fn a_value_is_published_to_who_reads_it_as_one(way: Way) {
    let stage = Stage::new(way);
    let rooms = stage.one.subscribe("room/*").expect("accepted");
    let reading = (i64::MAX, Some(21.5), [true, false]);
    stage.two.publish_as("room/1", reading).expect("accepted");
    let note = next(&rooms);
    assert_eq!(note.json(), Ok(reading));
    let error = note.json::<String>().expect_err("it is an array");
    assert!(error.to_string().contains("expected a string"), "{error}");
}

fn what_is_not_the_value_that_was_expected_is_told_to_the_caller(way: Way) {
    let stage = Stage::new(way);
    let half = |whole: f64| whole / 2.0;
    let _halving = stage.one.serve_as("half", half).expect("accepted");
    let kind = |answer: Result<bool, Error>| match answer {
        Err(Error::Remote { kind, .. }) => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(stage.two.call_as("half", "three")), "Json");
    assert_eq!(kind(stage.two.call_as("half", 3)), "Json");
    let raw: Value = stage.two.call_as("half", 3).expect("any value will do");
    assert_eq!(raw, Value::Float(1.5));
}
