//! The verb `call`.

use std::io::{self, Write};

use jackfield::bus::{Call, Error};

use crate::cli::arguments::Arguments;
use crate::cli::body;
use crate::cli::client::{self, ADDRESS, TIMEOUT};
use crate::cli::escape::{lines, one_line};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::quantity;
use crate::cli::verb::{Flag, Verb};

const ALL: Flag = Flag::switch(
    None,
    "--all",
    "ask every provider, and print each answer on a line, written as by `sub`",
);

pub(crate) const VERB: Verb = Verb {
    name: "call",
    synopsis: "NAME [BODY]",
    summary: "Calls a service, or one client by `@` and its name, and prints the answer.\n\n\
        A body of `-` is read from standard input. A pipe or a file gets the bytes of the answer\n\
        and nothing else. If the service fails, its error is told, its kind first, and the exit\n\
        status is 1; with --all, if one of the providers fails.",
    flags: &[ALL, TIMEOUT, ADDRESS],
    words: (1, 2),
    takes_command: false,
    run,
};

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let name = arguments.word(0).unwrap_or_default();
    let body = body::read(arguments.word(1))?;
    let call = Call::new(name, body).timeout(client::timeout(arguments)?);
    let bus = client::reach(arguments)?;
    if !arguments.has(ALL.long) {
        let answer = bus.ask(call).map_err(|error| failed(error, arguments))?;
        return body::show(answer.body(), output);
    }
    let answers = bus.ask_all(call);
    let answers = answers.map_err(|error| failed(error, arguments))?;
    let count = answers.len();
    let mut failures = 0;
    for answer in answers {
        match answer {
            Ok(answer) => writeln!(output, "{}", one_line(answer.body()))?,
            Err(error) => {
                failures += 1;
                let reason = reason(&error, arguments).unwrap_or_else(|| error.to_string());
                // What cannot be told on standard error cannot be told.
                writeln!(io::stderr(), "jackfield call: {}", lines(reason)).ok();
            }
        }
    }
    match failures {
        0 => Ok(()),
        failures => Err(Failure::Failed(format!("{failures} of {count} failed"))),
    }
}

fn failed(error: Error, arguments: &Arguments) -> Failure {
    let reason = reason(&error, arguments);
    reason.map_or_else(|| error.into(), Failure::Failed)
}

/// What an error means for this call.
fn reason(error: &Error, arguments: &Arguments) -> Option<String> {
    let name = arguments.word(0).unwrap_or_default();
    let time = quantity::time(client::timeout(arguments).ok()?);
    match (error, name.strip_prefix('@')) {
        (Error::Timeout, _) => Some(format!("no answer from {name:?} within {time}")),
        (Error::NoService, _) => Some(format!("nobody serves {name:?}")),
        (Error::Busy, _) => Some(format!("{name:?} has no room for another call now")),
        (Error::NoPeer, Some(name)) => Some(format!("no client {name:?} is there, or it left")),
        (Error::NoPeer, None) => Some(format!("whoever had the call of {name:?} went away")),
        _ => None,
    }
}
