//! Options: the settings of a bus.

use std::time::Duration;

use crate::bus::words::{Error, bad_name, is_name};
use crate::{Config, Limit};

/// The longest message, and what is put around it on its way.
pub(crate) const LONGEST: usize = MAX_MESSAGE + 64 * 1024;
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The settings of a [`Bus`](crate::bus::Bus), for those who need other ones than the usual.
///
/// ```
/// use std::time::Duration;
/// use jackfield::bus::{Broker, Bus};
///
/// let broker = Broker::bind("tcp://127.0.0.1:0")?;
/// let options = Bus::options().name("client_2").timeout(Duration::from_secs(1));
/// let bus = options.connect(broker.endpoint())?;
/// assert_eq!(bus.peers()?[0].name.as_deref(), Some("client_2"));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) name: Option<String>,
    pub(crate) timeout: Duration,
    /// Of the queue of a subscription.
    pub(crate) queue: Limit,
    /// Of what waits for a broker.
    pub(crate) outbox: Limit,
    pub(crate) config: Config,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: None,
            timeout: Duration::from_secs(5),
            queue: Limit {
                messages: 65_536,
                bytes: 64 * 1024 * 1024,
            },
            outbox: Limit {
                messages: 65_536,
                bytes: 16 * 1024 * 1024,
            },
            config: Config::default().max_message(LONGEST),
        }
    }
}

impl Options {
    /// What others call this bus, `@` in front: one token, for one live bus at a time; default:
    /// none.
    pub fn name(self, name: impl Into<String>) -> Options {
        Options {
            name: Some(name.into()),
            ..self
        }
    }

    /// How long anything waits that is given no timeout of its own; default: 5 s.
    pub fn timeout(self, timeout: Duration) -> Options {
        Options { timeout, ..self }
    }

    /// The bound of what came to a subscription and was not taken; default: 65 536 messages or
    /// 64 MiB. One message always fits.
    pub fn queue(self, queue: Limit) -> Options {
        Options { queue, ..self }
    }

    /// The bound of what is published while no broker is there; default: 65 536 messages or 16 MiB.
    /// One message always fits.
    pub fn outbox(self, outbox: Limit) -> Options {
        Options { outbox, ..self }
    }

    /// The settings of the socket that [`connect`](Options::connect) makes. Its longest message
    /// should be a little longer than what is sent over it.
    pub fn config(self, config: Config) -> Options {
        Options { config, ..self }
    }

    /// A name that no broker would take is the caller's mistake.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name = self.name.as_deref().unwrap_or("unnamed");
        match is_name(name) {
            true => Ok(()),
            false => Err(bad_name(name)),
        }
    }

    /// How long an opening waits for somebody to be there: a broker that is answers sooner.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout.min(Duration::from_secs(1))
    }
}
