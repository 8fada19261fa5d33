//! Hostile peers: whatever they do, a good peer's traffic goes on, and nothing stays behind. Alone
//! in its process, to count.
#![cfg(target_os = "linux")]

#[path = "hostile/attacker.rs"]
mod attacker;
#[path = "hostile/deaf.rs"]
mod deaf;
#[path = "hostile/floods.rs"]
mod floods;
#[path = "hostile/footprint.rs"]
mod footprint;
#[path = "hostile/forgers.rs"]
mod forgers;
#[path = "hostile/good.rs"]
mod good;
#[path = "hostile/hoarders.rs"]
mod hoarders;
#[path = "hostile/impostors.rs"]
mod impostors;
#[path = "hostile/resets.rs"]
mod resets;
#[path = "hostile/stage.rs"]
mod stage;
#[path = "hostile/strangers.rs"]
mod strangers;
#[path = "behaviour/support.rs"]
mod support;
#[allow(dead_code, reason = "each test crate uses its part")]
#[path = "raw/wire.rs"]
mod wire;
