//! Chosen: what a socket does with peers that the application names, several of them or one.

use std::time::Instant;

use crate::engine::core::Life;
use crate::error::{Error, SendError};
use crate::message::Identity;
use crate::socket::Socket;

impl Socket {
    /// Sends to each of these peers, and never waits: says who it is not on its way to, because
    /// they are not connected or three quarters of their outbox are full. The last quarter is left
    /// for [`send_to`](Socket::send_to), so that an answer finds room where news do not.
    pub fn send_to_each(
        &self,
        peers: &[Identity],
        body: impl AsRef<[u8]>,
    ) -> Result<Vec<Identity>, SendError> {
        let body = body.as_ref();
        self.cast(peers, body).map_err(|reason| SendError {
            reason,
            message: body.to_vec(),
        })
    }

    /// Ends the connection of a peer, without what is queued for it, and says whether it was
    /// connected. It may come back.
    pub fn expel(&self, peer: Identity) -> bool {
        let mut shared = self.core().lock();
        shared.acknowledge_taken();
        shared.hub.handle_expelled(Instant::now(), peer)
    }

    fn cast(&self, peers: &[Identity], body: &[u8]) -> Result<Vec<Identity>, Error> {
        let core = self.core();
        core.check_length(body)?;
        let mut shared = core.lock_to_send();
        if shared.life != Life::Open {
            return Err(Error::Closed);
        }
        let cast = shared.hub.send_to_each(peers, body);
        let claimed = cast
            .link
            .and_then(|link| Some((link, shared.hub.claim(link, false, Instant::now)?)));
        if let Some((link, chunk)) = claimed {
            core.carry_on(shared, link, chunk, &[]);
        }
        Ok(cast.missed)
    }
}
