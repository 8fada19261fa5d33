//! What README.md and the pages under docs/ point to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files_under(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of the crate") {
            let path = entry.expect("a readable entry").path();
            match path.is_dir() {
                // Built things come and go while others are being tested.
                true if path.ends_with("target") => {}
                true => left.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all test functions.
fn tests() -> BTreeSet<String> {
    let files = files_under("src").into_iter().chain(files_under("tests"));
    let rust = files.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let mut names = BTreeSet::new();
    for path in rust {
        let text = read(path);
        let heads = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("fn "));
        names.extend(heads.filter_map(|head| Some(head.split_once('(')?.0.to_owned())));
    }
    names
}

#[test]
fn every_guarantee_names_a_test_or_a_section() {
    let page = read("README.md");
    let table = page
        .split_once("<!-- guarantees: begin -->")
        .expect("the table begins")
        .1;
    let table = table
        .split_once("<!-- guarantees: end -->")
        .expect("the table ends")
        .0;
    let tests = tests();
    for row in table.lines().filter(|line| line.starts_with('|')).skip(2) {
        let proof = row
            .trim_matches('|')
            .rsplit('|')
            .next()
            .expect("a last cell");
        assert!(
            quoted(proof).next().is_some() || proof.contains("]("),
            "no proof: {row}"
        );
        for name in quoted(proof) {
            assert!(
                tests.contains(name),
                "README.md names a test that is not there: {name}"
            );
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = ["PROTOCOL", "ARCHITECTURE", "DESIGN", "STYLE", "CHANGELOG"];
    let pages = pages.map(|name| format!("docs/{name}.md"));
    for page in pages.iter().map(String::as_str).chain(["README.md"]) {
        let text = read(page);
        let parent = Path::new(page).parent().expect("a page has a parent");
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().expect("a link ends");
            let target = link.split('#').next().expect("a link begins");
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let path = root().join(parent).join(target);
            assert!(path.exists(), "{page} links to {link}");
        }
    }
}

#[test]
fn every_example_is_listed() {
    let page = read("README.md");
    for path in files_under("examples") {
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let is_listed = page.contains(&format!("- `{name}`:"));
        let is_one = path.parent() == Some(&root().join("examples"));
        assert!(
            is_listed || !is_one,
            "README.md does not list the example {name}"
        );
    }
}
