//! What jackfield costs and carries, measured within one machine: `cargo bench --bench own`.
//!
//! `-- --help` says what it takes. Each subject runs in a process of its own (see `alone`), so that
//! none finds the memory and the threads of another.

#![allow(dead_code, unused_imports)]

mod alone;
mod arguments;
mod bare;
mod bus;
mod codec;
mod fan;
mod figure;
mod harness;
mod idle;
mod load;
mod peers;
mod pipe;
mod table;

// The codec is not public, so the core is compiled into this program, with what it knows.
#[path = "../../src/check.rs"]
mod check;
#[path = "../../src/config.rs"]
mod config;
#[path = "../../src/contents.rs"]
mod contents;
#[path = "../../src/endpoint.rs"]
mod endpoint;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/event.rs"]
mod event;
#[path = "../../src/hooks.rs"]
mod hooks;
#[path = "../../src/message.rs"]
mod message;
#[path = "../../src/page.rs"]
mod page;
#[path = "../../src/payload.rs"]
mod payload;
#[path = "../../src/policy.rs"]
mod policy;
#[path = "../../src/proto/mod.rs"]
mod proto;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/session.rs"]
mod session;
#[path = "../../src/stats.rs"]
mod stats;
#[path = "../../src/stream.rs"]
mod stream;

use std::error::Error;
use std::process::ExitCode;

use crate::arguments::{Arguments, HELP};
use crate::harness::Run;

/// How something that can fail ends.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Measures what is wanted of one subject.
type Subject = fn(&Run) -> Outcome;

/// What there is to measure, in the order of the table.
const SUBJECTS: [(&str, Subject); 7] = [
    ("codec", codec::run),
    ("pipe", pipe::run),
    ("fan", fan::run),
    ("peers", peers::run),
    ("load", load::run),
    ("bus", bus::run),
    ("idle", idle::run),
];

fn main() -> ExitCode {
    let words = std::env::args().skip(1);
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(wrong) => return refuse(&wrong),
    };
    if arguments.wants_help {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let result = match &arguments.alone {
        Some(subject) => measure(subject, &arguments),
        None => measure_all(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("own: {error}");
        ExitCode::FAILURE
    })
}

/// Wrong arguments.
fn refuse(sentence: &str) -> ExitCode {
    eprintln!("own: {sentence}");
    ExitCode::from(2)
}

/// One subject, in this process.
fn measure(subject: &str, arguments: &Arguments) -> Outcome<ExitCode> {
    let found = SUBJECTS.into_iter().find(|(name, _)| *name == subject);
    let Some((name, run)) = found else {
        return Ok(refuse(&format!("there is no subject {subject}.")));
    };
    run(&Run::new(name, arguments))?;
    Ok(ExitCode::SUCCESS)
}

/// All subjects, one after the other, and their table.
fn measure_all(arguments: &Arguments) -> Outcome<ExitCode> {
    let old = match arguments.read_old() {
        Ok(old) => old,
        Err(wrong) => return Ok(refuse(&wrong)),
    };
    if let Err(wrong) = arguments.check_save() {
        return Ok(refuse(&wrong));
    }
    let (mut figures, mut status) = (Vec::new(), ExitCode::SUCCESS);
    for (subject, _) in SUBJECTS {
        let ended = alone::run(subject, arguments, |figure| {
            if figures.is_empty() {
                table::print_head(arguments, old.is_some());
            }
            table::print(&figure, old.as_deref());
            figures.push(figure);
        });
        if let Err(error) = ended {
            eprintln!("own: {subject}: {error}");
            status = ExitCode::FAILURE;
        }
    }
    if figures.is_empty() && status == ExitCode::SUCCESS {
        let asked = arguments.words.join(" or ");
        return Ok(refuse(&format!("nothing is called {asked}.")));
    }
    if let Some(file) = &arguments.save {
        figure::save(file, &figures)?;
    }
    Ok(status)
}
