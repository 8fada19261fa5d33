//! Hooks: settings that are code of the program's own.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::config::Config;
use crate::policy::Candidate;
use crate::stream::OsStream;

pub(crate) type Authorize = Hook<dyn Fn(&Candidate) -> bool + Send + Sync>;

pub(crate) type OnStream = Hook<dyn Fn(OsStream<'_>) + Send + Sync>;

/// Code that is shown as no more than that it is set.
pub(crate) struct Hook<F: ?Sized>(Arc<F>);

impl<F: ?Sized> Clone for Hook<F> {
    fn clone(&self) -> Hook<F> {
        Hook(self.0.clone())
    }
}

impl<F: ?Sized> Deref for Hook<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

impl<F: ?Sized> fmt::Debug for Hook<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("set")
    }
}

impl Config {
    /// Asks `hook` about every connection whose HELLO came; `false`, or a panic, refuses it, and
    /// one that dialled us does not learn who we are before the answer.
    /// It runs on the connection's thread and may take its time.
    pub fn authorize(self, hook: impl Fn(&Candidate) -> bool + Send + Sync + 'static) -> Config {
        Config {
            authorize: Some(Hook(Arc::new(hook))),
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
            on_stream: Some(Hook(Arc::new(hook))),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_shows_all_and_of_a_hook_that_it_is_set() {
        let shown = format!("{:?}", Config::default().authorize(|_| true));
        for setting in [
            "authorize: Some(set)",
            "on_stream: None",
            "heartbeat: Heartbeat { interval: 5s, timeout: 15s }",
            "duplicate_window: 16384",
        ] {
            assert!(shown.contains(setting), "{setting}: {shown}");
        }
    }
}
