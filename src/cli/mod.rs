//! Cli: which verb is meant, and how the program ends.

mod arguments;
mod bench;
mod body;
mod broker;
mod call;
mod client;
mod command;
mod demo;
mod failure;
mod histogram;
mod journal;
mod output;
mod peers;
mod progress;
mod publish;
mod quantity;
mod serve;
mod subscribe;
mod table;
mod verb;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::verb::Verb;

const VERBS: [&Verb; 9] = [
    &broker::VERB,
    &subscribe::VERB,
    &publish::VERB,
    &call::VERB,
    &serve::VERB,
    &peers::PEERS,
    &peers::PING,
    &demo::VERB,
    &bench::VERB,
];

/// Does what the arguments say, the program's name not among them.
pub(crate) fn run(mut given: impl Iterator<Item = OsString>) -> ExitCode {
    let mut output = Output::new();
    let word = given.next().unwrap_or_default();
    let word = word.to_string_lossy();
    if let Some(verb) = VERBS.iter().find(|verb| verb.name == word) {
        let result = perform(verb, given, &mut output);
        return end(verb.name, &verb.usage(), result);
    }
    let result = match &*word {
        "-h" | "--help" | "help" => overview(&mut output),
        "-V" | "--version" => version(&mut output),
        "" => Err(Failure::Usage("what is to be done?".to_owned())),
        other => Err(Failure::Usage(format!("there is no verb {other:?}"))),
    };
    end("", "usage: jackfield VERB [ARGUMENTS]", result)
}

fn perform(
    verb: &Verb,
    given: impl Iterator<Item = OsString>,
    output: &mut Output,
) -> Result<(), Failure> {
    let arguments = Arguments::parse(verb, given)?;
    match arguments.has("--help") {
        true => write!(output, "{verb}")?,
        false => (verb.run)(&arguments, output)?,
    }
    Ok(output.flush()?)
}

/// The exit status, after the reason for it on standard error.
fn end(verb: &str, usage: &str, result: Result<(), Failure>) -> ExitCode {
    let name = format!("jackfield {verb}");
    let name = name.trim_end();
    let (status, reason) = match result {
        Ok(()) | Err(Failure::PipeClosed) => return ExitCode::SUCCESS,
        Err(Failure::Failed(reason)) => (1, format!("{name}: {reason}")),
        Err(Failure::Usage(reason)) => {
            let more = format!("`{name} --help` says more");
            (2, format!("{name}: {reason}\n{usage}\n{more}"))
        }
    };
    // If it cannot be told, the status still says it.
    writeln!(io::stderr(), "{reason}").ok();
    ExitCode::from(status)
}

fn overview(output: &mut Output) -> Result<(), Failure> {
    writeln!(output, "usage: jackfield VERB [ARGUMENTS]\n")?;
    for verb in VERBS {
        writeln!(output, "  {:<7} {}", verb.name, verb.first_line())?;
    }
    writeln!(output, "\n`jackfield VERB --help` says more.")?;
    Ok(())
}

fn version(output: &mut Output) -> Result<(), Failure> {
    Ok(writeln!(output, "jackfield {}", env!("CARGO_PKG_VERSION"))?)
}
