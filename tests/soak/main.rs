//! Soak: real processes, a bad network between them, and books that must balance in the end.
//!
//! Run by `.ci/soak MINUTES`. In an ordinary test run it has nothing to do.

mod accounts;
mod bits;
mod body;
mod books;
mod cast;
#[path = "../chaos/mod.rs"]
mod chaos;
mod company;
mod flow;
mod havoc;

mod meter;
mod play;
mod process;
mod promises;
mod random;
mod receiver;
mod resources;
mod run;
mod stage;
mod table;
mod trouble;
mod verdict;

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(stage) = stage::Stage::enter() {
        play::perform(stage);
        return ExitCode::SUCCESS;
    }
    if !cfg!(target_os = "linux") {
        println!("soak: the meter reads /proc, which is not here");
        return ExitCode::SUCCESS;
    }
    let Ok(minutes) = env::var("SOAK_MINUTES") else {
        println!("soak: nothing asked for; run .ci/soak MINUTES");
        return ExitCode::SUCCESS;
    };
    let minutes: f64 = minutes.parse().expect("SOAK_MINUTES is a number");
    match run::run(minutes) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
