//! Json: no bytes make the parser panic, and what it takes means the same when it is written again.

#![no_main]
#![allow(dead_code, unused_imports, rustdoc::broken_intra_doc_links)]

#[path = "../src/json/mod.rs"]
mod json;

use json::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let value = match json::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.offset().is_some_and(|offset| offset <= bytes.len()));
            return;
        }
    };
    let text = value.to_string();
    let again: Value = json::from_str(&text).expect("it was written");
    assert_eq!(again, value);
    assert_eq!(again.to_string(), text);
    // Whatever it is, a type that it is not is told inside of the text.
    if let Err(error) = json::from_str::<Vec<(u8, Vec<bool>)>>(&text) {
        assert!(error.offset().is_some_and(|offset| offset < text.len()));
    }
});
