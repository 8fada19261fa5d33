//! Receiver: a thread of the application that waits for what arrives.

use std::time::Instant;

use crate::engine::core::Core;
use crate::engine::inbox::{Awaited, Taken};
use crate::error::Error;
use crate::proto::delivery::Arrived;

impl Core {
    /// Waits for a message until the deadline, if there is one.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Result<Arrived, Error> {
        loop {
            match self.inbox.try_take() {
                Err(Error::Empty) => self.await_arrival(deadline)?,
                result => return result,
            }
        }
    }

    /// As `take`, and tells who comes and goes as well.
    pub(crate) fn take_next(&self, deadline: Option<Instant>) -> Result<Taken, Error> {
        loop {
            match self.inbox.try_take_next() {
                Err(Error::Empty) => self.await_arrival(deadline)?,
                result => return result,
            }
        }
    }

    /// Something may have arrived when this returns: somebody brought it, or we read it here.
    fn await_arrival(&self, deadline: Option<Instant>) -> Result<(), Error> {
        match self.inbox.await_arrival(deadline)? {
            Awaited::Arrival => {}
            Awaited::Reader(reader) => reader.read_for_receiver(self),
        }
        Ok(())
    }
}
