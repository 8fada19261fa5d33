//! Endpoints: where a socket accepts peers and where it dials.

use crate::endpoint::{Endpoint, parsed};
use crate::error::Error;
use crate::socket::Socket;

impl Socket {
    /// Accepts peers at `endpoint`, and says where: port 0 becomes the real one.
    ///
    /// See [`Endpoint`] for the forms. An address that is in use is an [`Error::Io`] at once.
    pub fn bind(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
    ) -> Result<Endpoint, Error> {
        self.core().bind(&parsed(endpoint)?, None)
    }

    /// Dials `endpoint` for as long as the socket lives, and returns at once. Connecting to one
    /// endpoint twice is one connection.
    pub fn connect(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
    ) -> Result<(), Error> {
        self.core().connect(parsed(endpoint)?, None)
    }

    /// Stops accepting at `endpoint`, as [`bind`](Socket::bind) returned it; peers that came
    /// that way stay. Says whether it was bound.
    pub fn unbind(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
    ) -> Result<bool, Error> {
        Ok(self.core().unbind(&parsed(endpoint)?))
    }

    /// Stops dialling `endpoint` and takes leave of the peer there, after what is queued for it.
    /// Says whether it was dialled.
    pub fn disconnect(
        &self,
        endpoint: impl TryInto<Endpoint, Error: Into<Error>>,
    ) -> Result<bool, Error> {
        Ok(self.core().disconnect(&parsed(endpoint)?))
    }
}
