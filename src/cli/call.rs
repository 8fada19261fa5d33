//! The verb `call`.

use std::io::{self, Write};

use jackfield::bus::Call;

use crate::cli::arguments::Arguments;
use crate::cli::body;
use crate::cli::client::{self, ADDRESS, TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, one_line};
use crate::cli::verb::{Flag, Verb};

const ALL: Flag = Flag::switch(None, "--all", "ask every provider, and print each answer");

pub(crate) const VERB: Verb = Verb {
    name: "call",
    synopsis: "NAME [BODY]",
    summary: "Calls a service, or one client by `@` and its name, and prints the answer.\n\n\
        A body of `-` is read from standard input. An answer that does not end its last line gets\n\
        a line end. With --all, answers are printed one after the other; if one of the providers\n\
        fails, its reason is told and the exit status is 1.",
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
        return body::show(bus.ask(call)?.body(), output);
    }
    let answers = bus.ask_all(call)?;
    let count = answers.len();
    let mut failures = 0;
    for answer in answers {
        match answer {
            Ok(answer) => body::show(answer.body(), output)?,
            Err(error) => {
                failures += 1;
                let reason = one_line(&error.to_string());
                // What cannot be told on standard error cannot be told.
                writeln!(io::stderr(), "jackfield call: {reason}").ok();
            }
        }
    }
    match failures {
        0 => Ok(()),
        failures => Err(Failure::Failed(format!("{failures} of {count} failed"))),
    }
}
