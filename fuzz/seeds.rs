//! Seeds: what the fuzzer starts from, written into `corpus/`: the vectors of the protocol's page,
//! endpoints of every form, JSON, and a few short lives of a link.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../docs/PROTOCOL.md");

const ENDPOINTS: [&str; 8] = [
    "tcp://localhost:80",
    "Example.ORG:080",
    "tcp://*:5555",
    "tcp://[fe80::1%2]:65535",
    "unix:///run/a.sock",
    "unix://a.sock",
    "mem://a b",
    "ws://h:1",
];

const TEXTS: [&str; 5] = [
    r#"{"a":[1,-0,2.5e-3,1E+400],"b":{"":null}}"#,
    r#"["\"\\\/\b\f\n\r\t","\u00e9\ud83d\ude00","\uD800"]"#,
    "[true,false , null\r\n\t]",
    "170141183460469231731687303715884105728",
    "[[[[{\"a\":[]}]]]]",
];

/// Bytes in front of a decoder's stream: flags, the largest message, one cut of one byte. The
/// stream follows as it is, behind a HELLO or not.
const BEHIND_HELLO: [u8; 4] = [3, 6, 0, 1];
const FIRST: [u8; 4] = [2, 6, 0, 1];

/// A link's settings: all defaults, at least once, publish.
const SETTINGS: [u8; 3] = [0, 2, 1];
const OTHER_SETTINGS: [u8; 17] = [0; 17];

/// Peer 1 comes and shows itself, gets two messages, acknowledges one and sends one, which is
/// taken; then it is silent for 8 s, and goes.
const LIFE: [&[u8]; 8] = [
    &[0, 0, 1],
    &[7, 0, 0, 0],
    &[19, 40, 0, 20, 40, 0],
    &[7, 0, 1, 7, 0, 6, 5, 9],
    &[25, 0],
    &[14, 0],
    &[27, 0, 32],
    &[12, 0],
];

fn main() {
    for (number, row) in PAGE.lines().filter(|line| is_vector(line)).enumerate() {
        let bytes = unhex(row.split('|').nth(2).expect("a row has cells"));
        let is_first = row.contains("first:") || row.contains("| HELLO |");
        let front = if is_first { FIRST } else { BEHIND_HELLO };
        write("decoder", number, &[&front[..], &bytes].concat());
    }
    for (number, text) in ENDPOINTS.iter().enumerate() {
        write("endpoint", number, text.as_bytes());
    }
    for (number, text) in TEXTS.iter().enumerate() {
        write("json", number, text.as_bytes());
    }
    for (number, first) in SETTINGS.iter().enumerate() {
        write(
            "link",
            number,
            &[&[*first], &OTHER_SETTINGS[..], &LIFE.concat()].concat(),
        );
    }
}

/// A row of a table whose second cell is hexadecimal digits in backquotes.
fn is_vector(line: &str) -> bool {
    let cell = line.split('|').nth(2).unwrap_or_default().trim();
    let digits = cell.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
    digits.is_some_and(|it| it.len() > 4 && it.chars().all(|c| c == ' ' || c.is_ascii_hexdigit()))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| pair[0] * 16 + pair[1]).collect()
}

fn write(target: &str, number: usize, bytes: &[u8]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&directory).expect("a directory for the seeds");
    fs::write(directory.join(format!("seed-{number}")), bytes).expect("a seed is written");
}
