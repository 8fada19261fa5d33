//! The vectors of docs/PROTOCOL.md, read from the page and held against the encoder and decoder.

#![allow(dead_code)]

// The core is private. What reads and writes frames needs little else, so it is compiled in here.
#[path = "../src/contents.rs"]
mod contents;
#[path = "../src/message.rs"]
mod message;
#[path = "../src/proto"]
mod proto {
    pub(crate) mod backoff;
    pub(crate) mod batch;
    pub(crate) mod decoder;
    pub(crate) mod frame;
}

use message::Identity;
use proto::decoder::{Decoder, Reading};
use proto::frame::{self, MessageId, Violation, kind};

const PAGE: &str = include_str!("../docs/PROTOCOL.md");
const MAX: u32 = 16 * 1024 * 1024;
const ID: MessageId = MessageId([
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
]);

struct Vector {
    name: &'static str,
    bytes: Vec<u8>,
    decoded: &'static str,
}

/// The rows of the table between two markers of the page.
fn vectors(table: &str) -> Vec<Vector> {
    let begin = format!("<!-- {table}: begin -->");
    let end = format!("<!-- {table}: end -->");
    let text = PAGE.split_once(&begin).expect(&begin).1;
    let rows = text.split_once(&end).expect(&end).0.lines();
    let rows = rows.filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, bytes, decoded] = cells[..] else {
            panic!("three cells in a row: {row}");
        };
        let [bytes, decoded] = [bytes, decoded].map(|cell| cell.trim_matches('`'));
        let bytes = unhex(bytes);
        Vector {
            name,
            bytes,
            decoded,
        }
    })
    .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    assert_eq!(
        digits.len(),
        text.replace(' ', "").len(),
        "hexadecimal: {text}"
    );
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hello() -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_hello(&mut out, Identity::new([9; 16]));
    out
}

/// What the encoder makes of a row's name.
fn encode(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut data = |id, payload: &[u8]| {
        frame::put_data_head(&mut out, id, payload.len());
        out.extend_from_slice(payload);
    };
    match name {
        "DATA" => data(None, b"hi"),
        "DATA, empty" => data(None, b""),
        "DATA_REQ" => data(Some(ID), b"hi"),
        "DATA_REQ, empty" => data(Some(ID), b""),
        "ACK" => frame::put_ack(&mut out, ID),
        "NACK" => frame::put_nack(&mut out, ID),
        "HEARTBEAT" => frame::put_heartbeat(&mut out),
        "HELLO" => {
            let identity = "000102030405060708090a0b0c0d0e0f".parse().unwrap();
            frame::put_hello(&mut out, identity);
        }
        _ => panic!("no encoder for {name}"),
    }
    out
}

/// What the decoder makes of `bytes`, cut at `cut`, behind a HELLO unless they are the first.
fn decode(bytes: &[u8], is_first: bool, cut: usize) -> String {
    let mut decoder = Decoder::new(MAX);
    if !is_first {
        read(&mut decoder, &hello());
    }
    let (front, back) = bytes.split_at(cut);
    let mut words = read(&mut decoder, front);
    // A decoder that found a violation repeats it.
    if !words.iter().any(|word| word.starts_with("closed")) {
        words.extend(read(&mut decoder, back));
    }
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(" "),
    }
}

fn read(decoder: &mut Decoder, mut bytes: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    while !bytes.is_empty() {
        let space = decoder.space();
        let count = space.len().min(bytes.len());
        space[..count].copy_from_slice(&bytes[..count]);
        bytes = &bytes[count..];
        words.extend(describe(&decoder.handle_read(count)));
    }
    words
}

fn describe(reading: &Reading) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(reading.hello.map(|identity| format!("hello {identity}")));
    for span in &reading.batch.spans {
        let payload = hex(reading.batch.payload(*span));
        let head = match reading.batch.id(*span) {
            None => "data".to_owned(),
            Some(id) => format!("data_req {}", hex(&id.0)),
        };
        words.push(format!("{head} {payload}").trim_end().to_owned());
    }
    words.extend(reading.acks.iter().map(|id| format!("ack {}", hex(&id.0))));
    words.extend(
        reading
            .nacks
            .iter()
            .map(|id| format!("nack {}", hex(&id.0))),
    );
    words.extend((0..reading.skipped).map(|_| "skipped".to_owned()));
    words.extend(reading.violation.map(|violation| match violation {
        Violation::BadHello => "closed not-a-peer".to_owned(),
        Violation::Version(version) => format!("closed version {version}"),
        Violation::Truncated { .. } => "closed malformed".to_owned(),
        Violation::TooLarge { .. } => "closed too-large".to_owned(),
    }));
    words
}

#[test]
fn the_encoder_makes_the_bytes_of_the_page() {
    for vector in vectors("vectors") {
        assert_eq!(
            hex(&encode(vector.name)),
            hex(&vector.bytes),
            "{}",
            vector.name
        );
    }
}

#[test]
fn the_decoder_reads_the_bytes_of_the_page_cut_anywhere() {
    let all = vectors("vectors").into_iter().chain(vectors("foreign"));
    for vector in all {
        let is_first = vector.name.starts_with("first:") || vector.name == "HELLO";
        for cut in 0..=vector.bytes.len() {
            let decoded = decode(&vector.bytes, is_first, cut);
            assert_eq!(decoded, vector.decoded, "{} cut at {cut}", vector.name);
        }
    }
}

#[test]
fn the_page_names_every_frame_type() {
    let types = [
        (kind::HELLO, "HELLO"),
        (kind::HEARTBEAT, "HEARTBEAT"),
        (kind::DATA, "DATA"),
        (kind::DATA_REQ, "DATA_REQ"),
        (kind::ACK, "ACK"),
        (kind::NACK, "NACK"),
    ];
    for (kind, name) in types {
        let row = format!("| `0x{kind:02x}` | {name} |");
        assert!(PAGE.contains(&row), "docs/PROTOCOL.md has no row {row}");
    }
}

#[test]
fn no_table_of_vectors_is_empty() {
    assert_eq!(vectors("vectors").len(), 8);
    assert!(vectors("foreign").len() >= 18);
}
