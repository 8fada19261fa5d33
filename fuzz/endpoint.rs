//! Endpoint: whatever parses has one canonical text, and that parses to the same.

#![no_main]
#![allow(dead_code, rustdoc::broken_intra_doc_links)]

#[path = "../src/contents.rs"]
mod contents;
#[path = "../src/endpoint.rs"]
mod endpoint;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/message.rs"]
mod message;
#[path = "../src/payload.rs"]
mod payload;

use endpoint::Endpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(endpoint) = text.parse::<Endpoint>() else {
        return;
    };
    let again: Endpoint = endpoint.to_string().parse().expect("canonical text parses");
    assert_eq!(again, endpoint);
    assert_eq!(again.to_string(), endpoint.to_string());
});
