//! Alone: a subject in a process of its own, which is ended if it takes too long.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::arguments::Arguments;
use crate::figure::Figure;

/// Far more than any subject takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a subject, and tells each of its figures.
pub fn run(subject: &str, arguments: &Arguments, mut tell: impl FnMut(Figure)) -> Outcome {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--alone", subject]).args(&arguments.words);
    if arguments.is_quick {
        command.arg("--quick");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().expect("its output is piped");
    let (end, ended) = mpsc::channel::<()>();
    let watching = thread::spawn(move || {
        let is_late = ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if is_late {
            // It may have ended this very moment, and then there is nothing to do.
            child.kill().ok();
        }
        child.wait().map(|status| (status, is_late))
    });
    for line in BufReader::new(output).lines() {
        let line = line?;
        tell(Figure::parse(&line).ok_or(format!("it said {line:?}"))?);
    }
    drop(end);
    match watching.join().expect("it does not panic")? {
        (_, true) => Err(format!("not done after {} s", PATIENCE.as_secs()).into()),
        (status, _) if !status.success() => Err(format!("its process failed: {status}").into()),
        _ => Ok(()),
    }
}
