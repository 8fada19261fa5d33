//! Properties of the protocol core: bytes in any chunking, the window, and the hub against a
//! naive model of what was promised; of the framing of WebSocket, of the topics of the bus,
//! and of JSON.

#[cfg(feature = "bus")]
mod bus;
mod decoder;
mod hub;
#[cfg(feature = "bus")]
mod json;
mod websocket;
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
