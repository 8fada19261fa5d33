//! Serving: a service that is offered.

use std::fmt;
use std::sync::Arc;

use crate::bus::client::{Desk, Handle};
use crate::bus::words::{Error, Id};

/// A service that is offered, as [`Bus::serve`](crate::bus::Bus::serve) gives it. Dropping it
/// withdraws the service: calls that run go on, those that wait are answered with
/// [`Error::NoService`].
#[must_use = "a service that is dropped is withdrawn"]
pub struct Serving {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) desk: Arc<Desk>,
    pub(crate) handle: Arc<Handle>,
}

impl Serving {
    /// What is served.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why nothing is served any more: the other side refused it after all, such as a broker that
    /// came later.
    pub fn refused(&self) -> Option<Error> {
        self.desk.jobs.ended()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.handle.client.withdraw(self.id);
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serving({:?})", self.name)
    }
}
