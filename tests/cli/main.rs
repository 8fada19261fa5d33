//! The program `jackfield`: every verb, as it is run.
// The commands that are served are a shell's.
#![cfg(unix)]
#![allow(
    dead_code,
    reason = "what is shared with other tests is not all used here"
)]

#[path = "../interop/process.rs"]
mod process;

mod calls;
mod commands;
mod ending;
mod logging;
mod messages;
mod shows;
mod support;
mod usage;
