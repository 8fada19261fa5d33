//! Error: the words that callers match on.

use std::convert::Infallible;
use std::{error, fmt, io};

use crate::payload::Payload;

/// Why a call did not do what it was asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The socket was closed, before the call or during it.
    Closed,
    /// The time given to the call passed.
    Timeout,
    /// There is no room now: every queue that could take the message is full.
    Full,
    /// There is nothing to receive now.
    Empty,
    /// No peer of that identity is connected.
    NoPeer,
    /// The message is longer than [`Config::max_message`](crate::Config::max_message) allows.
    TooLarge {
        /// Its length.
        len: usize,
        /// The longest payload that this socket sends.
        max: usize,
    },
    /// The text is no endpoint.
    InvalidEndpoint {
        /// The text.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The configuration contradicts itself.
    InvalidConfig {
        /// The setting, by the name of its method.
        setting: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system refused.
    Io {
        /// What was tried, for example `bind tcp://127.0.0.1:80`.
        op: String,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Closed => f.write_str("the socket is closed"),
            Error::Timeout => f.write_str("timed out"),
            Error::Full => f.write_str("no room: every queue that could take the message is full"),
            Error::Empty => f.write_str("nothing to receive"),
            Error::NoPeer => f.write_str("no peer of that identity is connected"),
            Error::TooLarge { len, max } => {
                write!(f, "a message of {len} bytes is over the limit of {max}")
            }
            Error::InvalidEndpoint { endpoint, reason } => {
                write!(f, "endpoint {endpoint:?}: {reason}")
            }
            Error::InvalidConfig { setting, reason } => write!(f, "config {setting}: {reason}"),
            Error::Io { op, source } => write!(f, "{op}: {source}"),
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Error {
        match never {}
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A send that failed, with the message handed back if it was given away.
///
/// It turns into an [`Error`] by `?`, for callers that do not need the message again.
pub struct SendError {
    /// Why it was not accepted.
    pub reason: Error,
    /// The message, untouched, if it was given away: what was borrowed is the caller's anyway.
    pub body: Option<Payload<'static>>,
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("reason", &self.reason)
            .field("body", &self.body)
            .finish()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl error::Error for SendError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        error::Error::source(&self.reason)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Error {
        error.reason
    }
}
