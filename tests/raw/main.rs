//! A peer that speaks the wire by hand: what a socket does with bytes that no socket sends.

mod acks;
mod bytes;
mod duplicates;
mod handshake;
mod hostile;
mod lending;
mod refusals;
#[cfg(unix)]
mod room;
#[cfg(unix)]
mod slow;
#[path = "../behaviour/support.rs"]
mod support;
mod wire;
