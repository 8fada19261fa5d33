//! Hooks: settings that are code of the program's own.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::config::Config;
use crate::event::Event;
use crate::policy::Candidate;
use crate::stream::OsStream;

pub(crate) type Authorize = Hook<dyn Fn(&Candidate) -> bool + Send + Sync>;

pub(crate) type OnEvent = Hook<dyn Fn(&Event) + Send + Sync>;

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

    /// Tells `hook` of everything that happens to the socket, in order, beside
    /// [`events`](crate::Socket::events) and whether anybody reads those or not: this is for a log.
    ///
    /// It runs on a thread of its own, may take its time, and may call the socket; a panic in it
    /// costs that one event. When it is 1,024 events late, the oldest are lost to it, counted in
    /// [`Stats::events_lost`](crate::Stats::events_lost). A close waits for what is left to be
    /// told, but no longer than for everything else. A [`GaveUp`](Event::GaveUp) comes with an
    /// empty message here: `events` has it. A hook that holds a `Socket` keeps it open.
    ///
    /// ```
    /// use jackfield::{Config, Socket};
    ///
    /// let socket = Socket::new(Config::default().on_event(|event| eprintln!("{event:?}")))?;
    /// # Ok::<(), jackfield::Error>(())
    /// ```
    pub fn on_event(self, hook: impl Fn(&Event) + Send + Sync + 'static) -> Config {
        Config {
            on_event: Some(Hook(Arc::new(hook))),
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
