//! The hub, driven by hand in virtual time.

mod acks;
mod closing;
#[cfg(target_os = "linux")]
mod costs;
mod dialing;
mod doors;
mod duplicates;
mod ending;
mod handshake;
mod joining;
mod late;
mod lending;
mod liveness;
mod multicast;
mod overflow;
mod resends;
mod returning;
mod rounds;
mod sending;
mod sessions;
mod side;
mod streams;
mod telling;
mod windows;
mod wire;
mod writing;
