//! Properties of the protocol core: bytes in any chunking, the window, and the hub against a
//! naive model of what was promised; of the framing of WebSocket, of the topics of the bus,
//! and of JSON.

// The core is not public, so it is compiled into this test, with the plain data that it knows.
#![allow(dead_code, unused_imports, rustdoc::broken_intra_doc_links)]

#[path = "../src/bus"]
mod bus {
    pub(crate) mod error;
    pub(crate) mod topic;
    pub(crate) mod trie;
}
#[path = "../src/check.rs"]
mod check;
#[path = "../src/config.rs"]
mod config;
#[path = "../src/endpoint.rs"]
mod endpoint;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/event.rs"]
mod event;
#[path = "../src/hooks.rs"]
mod hooks;
#[path = "../src/message.rs"]
mod message;
#[path = "../src/policy.rs"]
mod policy;
#[path = "../src/proto/mod.rs"]
mod proto;
#[path = "../src/stats.rs"]
mod stats;
#[path = "../src/stream.rs"]
mod stream;
#[path = "../src/transport/websocket"]
mod framing {
    pub(crate) mod frame;
    pub(crate) mod framer;
    pub(crate) mod parser;
}

#[path = "props/bus.rs"]
mod bus_properties;
#[path = "props/decoder.rs"]
mod decoder;
#[path = "props/hub.rs"]
mod hub;
#[path = "props/json.rs"]
mod json;
#[path = "props/websocket.rs"]
mod websocket;
#[path = "props/window.rs"]
mod window;

use proptest::test_runner::{Config, FileFailurePersistence};

/// So many cases a run; what failed is written down beside the property, below `tests/`.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}
