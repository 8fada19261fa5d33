//! Faults: what goes wrong in the field, done on purpose, over real sockets and real processes.
//!
//! The rows are those of the fault matrix in docs/TESTING.md.
#![cfg(unix)]

mod again;
mod binding;
mod broken;
#[path = "../chaos/mod.rs"]
mod chaos;
mod clock;
mod closing;
mod crowded;
mod flapping;
mod forked;
mod half_open;
mod hostile;
mod killed;
mod names;
mod network;
mod panics;
#[allow(dead_code, reason = "shared, and each test crate uses its part")]
#[path = "../interop/process.rs"]
mod process;
mod remote;
mod stalled;
mod starved;
mod storm;
#[path = "../behaviour/support.rs"]
mod support;
mod suspended;
mod watch;
#[allow(dead_code, reason = "shared, and each test crate uses its part")]
#[path = "../raw/wire.rs"]
mod wire;
