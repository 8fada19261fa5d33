//! WebSocket peers: what a browser would send, by hand over loopback, and what comes back.

mod breaking;
mod browser;
mod closing;
mod doors;
mod handshake;
mod load;
mod mixed;
mod pings;
#[path = "../behaviour/support.rs"]
mod support;
mod talking;
#[path = "../raw/wire.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod wire;
