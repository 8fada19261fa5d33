//! The rules of the house that a program can check; each failure says what to do instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules that hold plain data, or what programs bring along, and know only each other.
const PLAIN: [&str; 17] = [
    "check", "config", "contents", "endpoint", "error", "event", "held", "hooks", "loan",
    "message", "page", "payload", "policy", "report", "session", "stats", "stream",
];

/// What the core must not touch. Plain data that it carries is named in `ALLOWED`.
const FORBIDDEN_IN_PROTO: [&str; 6] = [
    "std::net",
    "std::io",
    "std::thread",
    "std::sync",
    "Instant::now",
    "HashMap",
];

/// The part of the bus that decides: it is told the time, and says what is to be sent.
const PURE_IN_BUS: [&str; 7] = [
    "bus/client/gate.rs",
    "bus/client/gate/",
    "bus/note.rs",
    "bus/request.rs",
    "bus/table.rs",
    "bus/table/",
    "bus/words/",
];

/// What it must not touch. It may share what it keeps (`Arc`), but nothing that is locked, and it
/// looks things up in hash maps, but never goes through one.
const FORBIDDEN_IN_BUS: [&str; 10] = [
    "std::net",
    "std::thread",
    "Mutex",
    "Condvar",
    "mpsc",
    "Atomic",
    "Instant::now",
    "SystemTime::now",
    "crate::Socket",
    "crate::Arrivals",
];

/// An address to compare and an error to hand on: neither does any I/O.
const ALLOWED: [&str; 3] = [
    "std::net::IpAddr;",
    "std::net::SocketAddr;",
    "std::io::Error;",
];

const TOP_LEVEL: [&str; 15] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    ".gitignore",
    ".gitattributes",
    "src",
    "examples",
    "tests",
    "benches",
    "docs",
    "fuzz",
    ".ci",
    ".git",
    "target",
];

const MAX_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `directory`, with its path from there and its text.
fn files(directory: &str) -> Vec<(String, String)> {
    let base = root().join(directory);
    let mut todo: Vec<PathBuf> = vec![base.clone()];
    let mut found = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory can be read");
            todo.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(&base).expect("it was found below");
            let name = name.to_string_lossy().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).expect("a file can be read")));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no Rust file below {directory}");
    found
}

fn is_test(name: &str) -> bool {
    name.ends_with("tests.rs") || name.contains("tests/")
}

/// The lines of code that are no test and no comment, numbered from 1.
fn code(text: &str) -> Vec<(usize, &str)> {
    let product = text.split("#[cfg(test)]\nmod tests {").next();
    let lines = product.unwrap_or_default().lines().enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with("//")).collect()
}

fn assert_none(faults: &[String], instead: &str) {
    assert!(faults.is_empty(), "\n{}\n\n{instead}\n", faults.join("\n"));
}

/// Lines of product code below `src/` in which `is_wrong` finds something, as `file:line: what`.
fn faults(is_wrong: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, text) in files("src").iter().filter(|(name, _)| !is_test(name)) {
        for (number, line) in code(text) {
            if let Some(what) = is_wrong(name, line) {
                faults.push(format!("src/{name}:{number}: {what}"));
            }
        }
    }
    faults
}

#[test]
fn the_first_line_of_each_file_says_its_one_job() {
    let files = files("src").into_iter();
    let silent = files.filter(|(_, text)| !text.starts_with("//! "));
    let names: Vec<String> = silent.map(|(name, _)| format!("src/{name}")).collect();
    assert_none(&names, "Begin each file with `//! its one job`.");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let files = files("src").into_iter();
    let long = files.filter(|(_, text)| text.lines().count() > MAX_LINES);
    let names: Vec<String> = long
        .map(|(name, text)| format!("src/{name}: {} lines", text.lines().count()))
        .collect();
    assert_none(
        &names,
        "Find the second noun in the file and give it a file of its own; tests may move to tests.rs.",
    );
}

#[test]
fn the_core_does_no_io_and_asks_no_clock() {
    let faults = faults(|name, line| {
        let is_data = ALLOWED.iter().any(|allowed| line.ends_with(allowed));
        if !name.starts_with("proto/") || is_data {
            return None;
        }
        let word = FORBIDDEN_IN_PROTO.iter().find(|word| line.contains(**word));
        word.map(|word| word.to_string())
    });
    assert_none(
        &faults,
        "Time, bytes and seeds are arguments of the core: let the engine do this and tell the \
         core the result. For HashMap take BTreeMap, so that the same inputs give the same outputs.",
    );
}

#[test]
fn the_table_of_the_bus_has_no_thread_clock_lock_or_socket() {
    let faults = faults(|name, line| {
        let is_pure = PURE_IN_BUS.iter().any(|pure| name.starts_with(pure));
        let mut words = FORBIDDEN_IN_BUS.iter();
        let word = words.find(|word| is_pure && line.contains(**word));
        word.map(|word| word.to_string())
    });
    assert_none(
        &faults,
        "Time is an argument, and what is to be sent an effect: let the station do this.",
    );
}

/// The modules at the crate's root that a line of code names.
fn named_modules(line: &str) -> Vec<&str> {
    let parts = line.split("crate::").skip(1);
    let words = parts.map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    words
        .filter(|word| word.starts_with(|c: char| c.is_lowercase()))
        .collect()
}

/// Whether the layer `from` may know the module `to`.
fn may_know(from: &str, to: &str) -> bool {
    let is_plain = PLAIN.contains(&to);
    match from {
        "lib" => true,
        "proto" | "transport" => is_plain || to == from,
        "engine" => is_plain || ["engine", "proto", "transport"].contains(&to),
        // The socket asks the hub itself: it holds the engine's lock when it does.
        "socket" => is_plain || ["socket", "engine", "proto"].contains(&to),
        "json" => to == "json",
        // Of the rest of the crate the bus names what the root makes public: `crate::Socket`.
        "bus" => ["bus", "json"].contains(&to),
        // The program is a user of the crate: what it names there is public.
        "main" | "cli" => to == "cli",
        _ => is_plain,
    }
}

#[test]
fn arrows_between_layers_point_down() {
    let faults = faults(|name, line| {
        let layer = name.split(['/', '.']).next().unwrap_or_default();
        let up = named_modules(line)
            .into_iter()
            .find(|to| !may_know(layer, to));
        up.map(|to| format!("{layer} knows {to}"))
    });
    assert_none(
        &faults,
        "Plain data knows plain data; proto and transport know it too, and never each other; the \
         engine knows both; the socket knows the engine; json knows nothing; the bus is a user of \
         the public names. Move what is shared down, or pass it in.",
    );
}

/// The name of the module in a file, with slashes between.
fn module_of(name: &str) -> &str {
    let name = name.trim_end_matches(".rs");
    name.trim_end_matches("/mod")
}

/// Every path that a `use` names, braces spread out.
fn spread(path: &str) -> Vec<String> {
    let Some((head, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let body = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in body.chars().chain([',']) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match c == ',' && depth == 0 {
            true => parts.push(std::mem::take(&mut part)),
            false => part.push(c),
        }
    }
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts
        .flat_map(|part| spread(&format!("{head}{part}")))
        .collect()
}

/// Which modules each one imports from.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let files = files("src");
    let files = files.iter().filter(|(name, _)| !is_test(name));
    let texts: BTreeMap<&str, &str> = files
        .map(|(name, text)| (module_of(name), text.as_str()))
        .collect();
    let find = |module: &str, path: &str| {
        let full = match path.strip_prefix("crate::") {
            Some(path) => path.replace("::", "/"),
            None => format!("{module}/{}", path.replace("::", "/")),
        };
        let mut at = full.as_str();
        while !texts.contains_key(at) {
            at = at.rsplit_once('/')?.0;
        }
        (at != module).then(|| at.to_owned())
    };
    let of = |(module, text): (&&str, &&str)| {
        let lines = code(text).into_iter().map(|(_, line)| line);
        let text = lines.collect::<Vec<_>>().join(" ");
        let uses = text
            .split("use ")
            .skip(1)
            .filter_map(|rest| rest.split_once(';'));
        let uses = uses.map(|(path, _)| path.replace(' ', ""));
        let paths: Vec<String> = uses.flat_map(|path| spread(&path)).collect();
        let known = paths.iter().filter_map(|path| find(module, path));
        (module.to_string(), known.collect())
    };
    texts.iter().map(of).collect()
}

/// Everything that can be reached from a module along imports.
fn reach<'a>(imports: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<&'a str> {
    let (mut todo, mut seen) = (vec![from], BTreeSet::new());
    while let Some(module) = todo.pop() {
        let next = imports.get(module).into_iter().flatten();
        for module in next.map(String::as_str) {
            if seen.insert(module) {
                todo.push(module);
            }
        }
    }
    seen
}

#[test]
fn no_files_of_the_bus_import_each_other_in_a_circle() {
    let imports = imports();
    let modules = imports.keys().filter(|module| module.starts_with("bus/"));
    let circles: Vec<String> = modules
        .filter(|module| reach(&imports, module).contains(module.as_str()))
        .map(|module| format!("{module} knows {:?}", imports[module]))
        .collect();
    assert_none(
        &circles,
        "Give what both need a file of its own below them, or let the upper one bring itself along: \
         an impl in its own file, a trait in the lower one.",
    );
}

#[test]
fn the_words_of_the_bus_know_nothing_else_of_it_and_its_table_only_them() {
    let faults = faults(|name, line| {
        let mut layers = ["words", "table"].into_iter();
        let layer = layers.rfind(|layer| name.starts_with(&format!("bus/{layer}")))?;
        let mut known = line.split("crate::bus::").skip(1);
        let is_above = |rest: &&str| !rest.starts_with("words::") && !rest.starts_with(layer);
        known.find(is_above).map(|_| line.to_owned())
    });
    assert_none(
        &faults,
        "What is said, and what it means, is asked by the rest of the bus and asks nothing of it: \
         move what is shared down into bus/words/, or pass it in.",
    );
}

#[test]
fn the_map_of_the_code_names_each_file() {
    let path = root().join("docs/ARCHITECTURE.md");
    let map = fs::read_to_string(path).expect("docs/ARCHITECTURE.md is there");
    let names = files("src").into_iter().map(|(name, _)| name);
    let missing: Vec<String> = names
        .filter(|name| !is_test(name) && !map.contains(name.as_str()))
        .collect();
    assert_none(
        &missing,
        "Give each of these a line in the code map of docs/ARCHITECTURE.md, by its path from src/.",
    );
}

#[test]
fn product_code_never_unwraps() {
    let faults = faults(|_, line| line.contains(".unwrap()").then(|| line.to_string()));
    assert_none(
        &faults,
        "The caller's failure is Err(Error), the peer's a Violation, ours expect(\"the invariant\").",
    );
}

#[test]
fn nothing_is_left_to_do() {
    let marks = [
        concat!("todo", "!"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut faults = Vec::new();
    for directory in ["src", "tests"] {
        for (name, text) in files(directory) {
            if marks.iter().any(|mark| text.contains(mark)) {
                faults.push(format!("{directory}/{name}"));
            }
        }
    }
    assert_none(
        &faults,
        "Do it now, or write an issue; the code says what is.",
    );
}

#[test]
fn nobody_sleeps() {
    let mut faults = Vec::new();
    let sleep = concat!("thread::", "sleep");
    // A sleep that is itself what the code is about says so, and why, on its own line.
    let exempt = concat!("// the sleep is ", "the subject: ");
    for directory in ["src", "tests"] {
        for (name, text) in files(directory) {
            for (index, line) in text.lines().enumerate() {
                if line.contains(sleep) && !line.contains(exempt) {
                    faults.push(format!("{directory}/{name}:{}", index + 1));
                }
            }
        }
    }
    assert_none(
        &faults,
        "Wait for the event itself, with a deadline and wakeable by close: a condvar, recv_timeout, \
         wait_for_peers. Where the sleep itself is what is wanted, say why behind it: \
         `// the sleep is the subject: ..`.",
    );
}

#[test]
fn the_top_level_holds_what_belongs_there() {
    let entries = fs::read_dir(root()).expect("the crate has a directory");
    let names = entries.map(|entry| entry.expect("an entry can be read").file_name());
    let strangers: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()))
        .collect();
    assert_none(
        &strangers,
        "Put it where its kind belongs (tests/, docs/, .ci/); regression files of property tests \
         go below tests/.",
    );
}
