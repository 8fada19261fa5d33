//! Hooks: settings that are code of the program's own.

use std::sync::Arc;

use crate::config::Config;
use crate::policy::Candidate;
use crate::stream::OsStream;

pub(crate) type Authorize = Arc<dyn Fn(&Candidate) -> bool + Send + Sync>;

pub(crate) type OnStream = Arc<dyn Fn(OsStream<'_>) + Send + Sync>;

impl Config {
    /// Asks `hook` about every connection whose HELLO came; `false`, or a panic, refuses it, and
    /// one that dialled us does not learn who we are before the answer.
    /// It runs on the connection's thread and may take its time.
    pub fn authorize(self, hook: impl Fn(&Candidate) -> bool + Send + Sync + 'static) -> Config {
        Config {
            authorize: Some(Arc::new(hook)),
            ..self
        }
    }

    /// Shows `hook` every new connection of TCP or a Unix socket before anything is read or
    /// written, accepted or dialled, to set options of it. What it does not care about it leaves
    /// alone. It must not block, because it may run on the thread that accepts.
    ///
    /// ```
    /// use jackfield::{Config, OsStream, Socket};
    ///
    /// let config = Config::default().on_stream(|stream| {
    ///     if let OsStream::Tcp(tcp) = stream {
    ///         tcp.set_ttl(64).ok(); // fails on a connection that is gone again
    ///     }
    /// });
    /// let socket = Socket::new(config)?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    pub fn on_stream(self, hook: impl Fn(OsStream<'_>) + Send + Sync + 'static) -> Config {
        Config {
            on_stream: Some(Arc::new(hook)),
            ..self
        }
    }
}
