//! The fault matrix in docs/TESTING.md and the tests that claim its rows agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Tests by row, as `path::name`.
type Rows = BTreeMap<u32, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the table says.
fn table() -> Rows {
    let page = read(&root().join("docs/TESTING.md"));
    let begin = page
        .split_once("<!-- faults: begin -->")
        .expect("it begins");
    let (table, _) = begin.1.split_once("<!-- faults: end -->").expect("it ends");
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [number, fault, outcome, tests] = cells[..] else {
            panic!("not four cells: {line}");
        };
        assert!(!fault.trim().is_empty() && !outcome.trim().is_empty());
        let number = number.trim().parse().expect("a number");
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned);
        (number, tests.collect())
    });
    rows.collect()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the crate");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let files = paths.flat_map(|path| match path.is_dir() {
        true => rust_files(&path),
        false => vec![path],
    });
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|it| it == "rs");
    files.filter(is_rust).collect()
}

/// The number in `/// Row N: ...`.
fn row_of(line: &str) -> Option<u32> {
    let rest = line.trim().strip_prefix("/// Row ")?;
    let (number, _) = rest.split_once(':')?;
    Some(number.parse().expect("a row has a number"))
}

/// What the tests say: the rows in front of each function.
fn claims() -> Rows {
    let mut claims = Rows::new();
    let mut files = rust_files(&root().join("src"));
    files.extend(rust_files(&root().join("tests")));
    for file in files {
        let path = file.strip_prefix(root()).expect("it was found below");
        let path = path.to_string_lossy().replace('\\', "/");
        let path = path.strip_prefix("tests/").unwrap_or(&path);
        let mut rows = Vec::new();
        for line in read(&file).lines() {
            rows.extend(row_of(line));
            let head = line.trim().strip_prefix("fn ");
            if let Some((name, _)) = head.and_then(|head| head.split_once('(')) {
                for row in rows.drain(..) {
                    let tests = claims.entry(row).or_default();
                    tests.insert(format!("{path}::{name}"));
                }
            }
        }
    }
    claims
}

#[test]
fn every_row_of_the_socket_is_in_the_table_and_has_a_test() {
    let table = table();
    for row in (1..=34).chain([39, 40]) {
        let tests = table.get(&row);
        assert!(tests.is_some_and(|tests| !tests.is_empty()), "row {row}");
    }
}

#[test]
fn every_test_in_the_table_says_its_row_and_the_other_way_round() {
    let (table, claims) = (table(), claims());
    let none = BTreeSet::new();
    let rows: BTreeSet<&u32> = table.keys().chain(claims.keys()).collect();
    for row in rows {
        let of = |rows: &Rows| rows.get(row).unwrap_or(&none).clone();
        let (told, claimed) = (of(&table), of(&claims));
        let unsaid: Vec<&String> = told.difference(&claimed).collect();
        assert!(
            unsaid.is_empty(),
            "no test that says `/// Row {row}:` {unsaid:?}"
        );
        let untold: Vec<&String> = claimed.difference(&told).collect();
        assert!(
            untold.is_empty(),
            "not in docs/TESTING.md: row {row}, {untold:?}"
        );
    }
}
