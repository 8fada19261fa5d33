//! Service: a name to be served, and how.

use crate::bus::job::Job;

/// A service to offer, for [`Bus::serve`](crate::bus::Bus::serve): a name, or more.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) backlog: usize,
    pub(crate) is_only: bool,
}

impl Service {
    /// A service of that name. `@` is what a client answers under its own name.
    pub fn new(name: impl Into<String>) -> Service {
        Service {
            name: name.into(),
            workers: 1,
            backlog: 1_024,
            is_only: false,
        }
    }

    /// How many calls run at the same time, each in a thread; default: 1.
    pub fn workers(self, workers: usize) -> Service {
        Service {
            workers: workers.max(1),
            ..self
        }
    }

    /// How many calls may wait for a worker; default: 1 024. One more is answered with
    /// [`Error::Busy`](crate::bus::Error::Busy).
    pub fn backlog(self, backlog: usize) -> Service {
        Service { backlog, ..self }
    }

    /// Nobody else serves that name as long as this service does; where somebody does already,
    /// serving it is refused, [`Error::NameTaken`](crate::bus::Error::NameTaken).
    pub fn only(self) -> Service {
        Service {
            is_only: true,
            ..self
        }
    }
}

impl<T: Into<String>> From<T> for Service {
    fn from(name: T) -> Service {
        Service::new(name)
    }
}

pub(crate) type Handler = Box<dyn Fn(Job) + Send + Sync>;
