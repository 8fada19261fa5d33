//! Versus: jackfield beside other libraries, two processes over loopback.
//!
//! `benches/versus.sh` builds the others and compares all of them. This binary is the measurer
//! (`compare`), and it plays jackfield's part, that of brokers and their clients (`bus ROLE`) and
//! that of raw streams (`raw ROLE`); the others are programs with the same roles. A role binds or connects at
//! `--addr`, says `READY` once it is bound, `RESULT key=value ...` at its end, and stays until its
//! input is closed.

mod arguments;
mod bus;
mod compare;
mod contender;
mod fan;
mod idle;
mod picture;
mod raw;
mod rows;
mod server;
mod stream;
mod wires;

use std::process::ExitCode;

use crate::arguments::{Arguments, Outcome};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Outcome {
    match words.split_first() {
        Some((first, rest)) if first == "compare" => compare::run(rest),
        Some((first, rest)) if first == "raw" => play(rest, raw_role),
        Some((first, rest)) if first == "bus" => play(rest, bus_role),
        _ => play(words, role),
    }
}

type Role = fn(&Arguments) -> Outcome;

fn play(words: &[String], role: fn(&str) -> Option<Role>) -> Outcome {
    let arguments = Arguments::parse(words)?;
    match role(&arguments.role) {
        Some(role) => role(&arguments),
        None => Err(format!("there is no role {}", arguments.role).into()),
    }
}

fn raw_role(name: &str) -> Option<Role> {
    Some(match name {
        "throughput-recv" => raw::receive,
        "throughput-send" => raw::send,
        "latency-echo" => raw::echo,
        "latency-ping" => raw::ping,
        _ => return None,
    })
}

fn bus_role(name: &str) -> Option<Role> {
    Some(match name {
        "fanout-pub" => bus::publish,
        "fanout-sub" => bus::subscribe,
        "latency-echo" => bus::echo,
        "latency-ping" => bus::ping,
        _ => return None,
    })
}

fn role(name: &str) -> Option<Role> {
    Some(match name {
        "throughput-recv" => stream::receive,
        "throughput-send" => stream::send,
        "latency-echo" => stream::echo,
        "latency-ping" => stream::ping,
        "fanout-pub" => fan::publish,
        "fanout-sub" => fan::subscribe,
        "share-send" => fan::share,
        "share-recv" => fan::work,
        "idle-server" => idle::serve,
        "idle-client" => idle::call,
        _ => return None,
    })
}
