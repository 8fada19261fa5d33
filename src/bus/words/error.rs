//! Error: what a bus answers when it did not do what it was asked to.

use std::borrow::Cow;
use std::{error, fmt, io};

use crate::Error as SocketError;

/// Why a call on a bus did not do what it was asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bus was closed, before the call or during it.
    Closed,
    /// The time given to the call passed.
    Timeout,
    /// There is nothing to receive now.
    Empty,
    /// Nobody serves that name.
    NoService,
    /// Nobody of that name is connected, or whoever had the call went away with it.
    NoPeer,
    /// No broker is there, or what is there is none.
    NoBroker {
        /// What stands in the way, as far as it is known.
        why: String,
    },
    /// Another client that is connected has that name.
    NameTaken,
    /// There is no room for the call where it would run.
    Busy,
    /// The text is no topic, pattern, service or name.
    BadTopic {
        /// The text.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header cannot be sent as it is.
    BadHeader {
        /// Its name.
        name: String,
        /// What is wrong with the name, or with the value.
        reason: String,
    },
    /// The other side made no sense of what we said.
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The other side does not know what we said: it is older than we are.
    Unsupported {
        /// What it does not know.
        what: String,
    },
    /// The other side does not let us do that: see [`Access`](crate::bus::Access).
    Denied {
        /// What, and what it lets us do.
        what: String,
    },
    /// A bound of the other side was reached.
    Limit {
        /// Which.
        what: String,
    },
    /// The other side's handler failed.
    Remote {
        /// A word to match on, as the handler gave it; `Panic` if it panicked.
        kind: String,
        /// What it said.
        message: String,
    },
    /// The socket below refused.
    Socket(SocketError),
}

impl Error {
    /// The system has no thread for us.
    pub(crate) fn no_thread(source: io::Error) -> Error {
        Error::Socket(SocketError::Io {
            op: "start a thread".to_owned(),
            source,
        })
    }

    /// The words in which it is sent.
    pub(crate) fn words(&self) -> [&str; 2] {
        match self {
            Error::Closed => ["Closed", ""],
            Error::Timeout | Error::Empty => ["Timeout", ""],
            Error::NoService => ["NoService", ""],
            Error::NoPeer => ["NoPeer", ""],
            Error::NoBroker { .. } => ["Remote", "NoBroker"],
            Error::NameTaken => ["NameTaken", ""],
            Error::Busy => ["Busy", ""],
            Error::BadTopic { topic, .. } => ["BadTopic", topic],
            Error::BadHeader { name, .. } => ["BadHeader", name],
            Error::Malformed { .. } => ["Malformed", ""],
            Error::Unsupported { .. } => ["Unknown", ""],
            Error::Denied { .. } => ["Denied", ""],
            Error::Limit { .. } => ["Limit", ""],
            Error::Remote { kind, .. } => ["Remote", kind],
            Error::Socket(_) => ["Remote", "Socket"],
        }
    }

    /// The text that is sent with it.
    pub(crate) fn body(&self) -> Cow<'_, str> {
        match self {
            Error::NoBroker { why: text }
            | Error::BadTopic { reason: text, .. }
            | Error::BadHeader { reason: text, .. }
            | Error::Malformed { what: text }
            | Error::Unsupported { what: text }
            | Error::Denied { what: text }
            | Error::Limit { what: text }
            | Error::Remote { message: text, .. } => Cow::Borrowed(text),
            // A call that had a runner is answered with what was called.
            Error::NoPeer => Cow::Borrowed("no such client is connected, or it left"),
            other => Cow::Owned(other.to_string()),
        }
    }

    /// The same once more, for another one who waits. The system's own error is told as text.
    pub(crate) fn again(&self) -> Error {
        match self {
            Error::Empty => Error::Empty,
            Error::NoBroker { why } => Error::NoBroker { why: why.clone() },
            other => {
                let [kind, detail] = other.words();
                Error::from_words(kind, detail, &other.body())
            }
        }
    }

    /// The error that was sent in these words; a word that is new to us is the handler's.
    pub(crate) fn from_words(kind: &str, detail: &str, body: &str) -> Error {
        let (detail, body) = (detail.to_owned(), body.to_owned());
        match kind {
            "Closed" => Error::Closed,
            "Timeout" => Error::Timeout,
            "NoService" => Error::NoService,
            "NoPeer" => Error::NoPeer,
            "NameTaken" => Error::NameTaken,
            "Busy" => Error::Busy,
            "BadTopic" => Error::BadTopic {
                topic: detail,
                reason: body,
            },
            "BadHeader" => Error::BadHeader {
                name: detail,
                reason: body,
            },
            "Malformed" => Error::Malformed { what: body },
            "Unknown" => Error::Unsupported { what: body },
            "Denied" => Error::Denied { what: body },
            "Limit" => Error::Limit { what: body },
            "Remote" => Error::Remote {
                kind: detail,
                message: body,
            },
            other => Error::Remote {
                kind: other.to_owned(),
                message: body,
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Closed => f.write_str("the bus is closed"),
            Error::Timeout => f.write_str("timed out"),
            Error::Empty => f.write_str("nothing to receive"),
            Error::NoService => f.write_str("nobody serves that name"),
            Error::NoPeer => {
                f.write_str("whoever it was for is not connected, or went away with it")
            }
            Error::NoBroker { why } => {
                let colon = if why.is_empty() { "" } else { ": " };
                let hint = "start one with `jackfield broker`";
                write!(f, "no broker answers{colon}{why}; {hint}")
            }
            Error::NameTaken => f.write_str("another client has that name"),
            Error::Busy => f.write_str("the service has no room for another call"),
            Error::BadTopic { topic, reason } => write!(f, "{topic:?}: {reason}"),
            Error::BadHeader { name, reason } => write!(f, "header {name:?}: {reason}"),
            Error::Malformed { what } => write!(f, "it makes no sense: {what}"),
            Error::Unsupported { what } => write!(f, "not supported: {what}"),
            Error::Denied { what } => write!(f, "denied: {what}"),
            Error::Limit { what } => write!(f, "limit reached: {what}"),
            Error::Remote { kind, message } => write!(f, "{kind}: {message}"),
            Error::Socket(error) => error.fmt(f),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Socket(error) => error::Error::source(error),
            _ => None,
        }
    }
}

impl From<SocketError> for Error {
    fn from(error: SocketError) -> Error {
        match error {
            SocketError::Closed => Error::Closed,
            SocketError::Timeout | SocketError::Full => Error::Timeout,
            SocketError::Empty => Error::Empty,
            SocketError::NoPeer => Error::NoPeer,
            other => Error::Socket(other),
        }
    }
}
