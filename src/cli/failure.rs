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

/// What is refused before anything is done came from the command line.
fn is_argument(error: &Error) -> bool {
    use jackfield::Error::{InvalidConfig, InvalidEndpoint};
    match error {
        Error::BadTopic { .. } | Error::BadHeader { .. } => true,
        Error::Socket(error) => matches!(error, InvalidConfig { .. } | InvalidEndpoint { .. }),
        _ => false,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match is_argument(&error) {
            true => Failure::Usage(error.to_string()),
            false => Failure::Failed(error.to_string()),
        }
    }
}
