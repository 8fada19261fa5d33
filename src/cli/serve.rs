//! The verb `serve`.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use jackfield::bus::{Job, Service};

use crate::cli::arguments::Arguments;
use crate::cli::client::{self, ADDRESS, NAME};
use crate::cli::command::{self, Patience};
use crate::cli::escape::one_line;
use crate::cli::failure::Failure;
use crate::cli::guard::Guard;
use crate::cli::link::Link;
use crate::cli::output::Output;
use crate::cli::quantity;
use crate::cli::verb::{Flag, Verb};

const WORKERS: Flag = Flag::value(
    Some('w'),
    "--workers",
    "COUNT",
    "how many commands may run at the same time, at most 1024; default: 1",
);

pub(crate) const VERB: Verb = Verb {
    name: "serve",
    synopsis: "NAME -- COMMAND [ARGUMENTS]",
    summary: "Answers each call of NAME with the output of a command.\n\n\
        The command gets the call's body as its standard input. If it ends with another status\n\
        than 0, the caller gets an error of the kind `Exit` with what it wrote to standard error.\n\
        When its caller has given up or is gone, when it prints more than 16 MiB, and when\n\
        `serve` ends, it is killed with all that it has started. `@` is what others call by `@`\n\
        and the name of --as. The broker need not be there yet, and may go and come back;\n\
        standard error tells of that.",
    flags: &[WORKERS, NAME, ADDRESS],
    words: (1, 1),
    takes_command: true,
    run,
};

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let name = arguments.word(0).unwrap_or_default();
    let workers = arguments.count(WORKERS.long, 1, 1_024)? as usize;
    let command = arguments.command().to_vec();
    let bus = client::connect(arguments)?;
    let link = Link::new(VERB.name, &bus, client::address(arguments)?);
    let service = Service::new(name).workers(workers);
    let guard = Guard::start();
    let _serving = bus.serve(service, move |job| answer(&guard, &command, job))?;
    writeln!(output, "serving {}", one_line(name))?;
    output.flush()?;
    Err(link.follow())
}

fn answer(guard: &Guard, command: &[String], job: Job) {
    let begin = Instant::now();
    let name = one_line(job.name());
    let patience = Patience {
        deadline: begin + job.time_left(),
        is_over: &|| job.is_cancelled(),
    };
    let result = command::run(guard, command, job.body(), patience);
    let outcome = match &result {
        Ok(_) => "answered",
        Err(fault) => fault.kind,
    };
    let outcome = format!(
        "{name}: {outcome} after {}",
        quantity::time(begin.elapsed())
    );
    match result {
        Ok(answer) => job.reply(answer),
        Err(fault) => job.fail(fault.kind, fault.message),
    }
    if io::stderr().is_terminal() {
        writeln!(io::stderr(), "{outcome}").ok();
    }
}
