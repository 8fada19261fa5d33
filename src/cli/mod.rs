//! Cli: which verb is meant, and how the program ends.

mod arguments;
mod bench;
mod body;
mod broker;
mod call;
mod client;
mod clock;
mod command;
mod demo;
mod escape;
mod failure;
mod guard;
mod histogram;
mod journal;
mod link;
mod log;
mod output;
mod peers;
mod progress;
mod publish;
mod quantity;
mod record;
mod serve;
mod subscribe;
mod table;
mod tap;
mod verb;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::verb::Verb;

const VERBS: [&Verb; 10] = [
    &broker::VERB,
    &subscribe::VERB,
    &publish::VERB,
    &call::VERB,
    &serve::VERB,
    &peers::PEERS,
    &peers::STATS,
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
        "-h" | "--help" | "help" => help(given.next(), &mut output),
        "-V" | "--version" => version(&mut output),
        "" => Err(Failure::Usage("what is to be done?".to_owned())),
        other => Err(stranger(other)),
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
    writeln!(io::stderr(), "{}", escape::lines(reason)).ok();
    ExitCode::from(status)
}

fn stranger(word: &str) -> Failure {
    Failure::Usage(format!("there is no verb {word:?}"))
}

/// Of the verb, or of all.
fn help(verb: Option<OsString>, output: &mut Output) -> Result<(), Failure> {
    let word = verb.unwrap_or_default();
    let word = word.to_string_lossy();
    match VERBS.iter().find(|verb| verb.name == word) {
        Some(verb) => write!(output, "{verb}")?,
        None if word.is_empty() => overview(output)?,
        None => return Err(stranger(&word)),
    }
    Ok(output.flush()?)
}

fn overview(output: &mut Output) -> io::Result<()> {
    writeln!(output, "usage: jackfield VERB [ARGUMENTS]\n")?;
    for verb in VERBS {
        writeln!(output, "  {:<7} {}", verb.name, verb.first_line())?;
    }
    writeln!(output, "\n{ENDING}\n")?;
    writeln!(output, "`jackfield VERB --help` says more.")
}

const ENDING: &str = "\
The exit status is 0, or 1 if something failed or was refused, with the reason on standard
error, or 2 for wrong arguments. Who reads a pipe of ours may end first: that is no failure.
Ctrl-C (SIGINT) and SIGTERM end it at once, without a word to the broker, which notices; a
Unix socket's path stays behind, and the next broker there takes it over.";

fn version(output: &mut Output) -> Result<(), Failure> {
    Ok(writeln!(output, "jackfield {}", env!("CARGO_PKG_VERSION"))?)
}
