//! Failure: how a verb ends when it does not end well.

use std::io;

use jackfield::bus::Error;

/// Each has an exit status of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was called wrongly: 2.
    Usage(String),
    /// It did not work: 1.
    Failed(String),
    /// Whoever read what it said has read enough: 0.
    PipeClosed,
}

/// What is written to our own output fails like this; nothing else is converted by `?`.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::PipeClosed,
            _ => Failure::Failed(format!("cannot write: {error}")),
        }
    }
}

/// What the socket refuses before it does anything came from the command line.
fn is_argument(error: &jackfield::Error) -> bool {
    use jackfield::Error::{InvalidConfig, InvalidEndpoint};
    matches!(error, InvalidConfig { .. } | InvalidEndpoint { .. })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match &error {
            Error::Socket(wrong) if is_argument(wrong) => Failure::Usage(wrong.to_string()),
            _ => Failure::Failed(error.to_string()),
        }
    }
}
