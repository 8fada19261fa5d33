//! Chosen: what a socket does with peers that the application names, several of them or one.

use std::time::Instant;

use crate::engine::core::Life;
use crate::error::{Error, SendError};
use crate::message::Identity;
use crate::payload::Payload;
use crate::socket::Socket;

impl Socket {
    /// Sends to each of these peers, and never waits: says who it is not on its way to, because
    /// they are not connected or have no room.
    ///
    /// It takes at most `percent` of an outbox; the rest is left for [`send_to`](Socket::send_to),
    /// so that an answer finds room where news do not.
    pub fn send_to_each<'a>(
        &self,
        peers: &[Identity],
        percent: u8,
        body: impl Into<Payload<'a>>,
    ) -> Result<Vec<Identity>, SendError> {
        let mut body = body.into();
        match self.cast(peers, percent, &mut body) {
            Ok(missed) => Ok(missed),
            Err(reason) => Err(SendError {
                reason,
                body: body.into_owned(),
            }),
        }
    }

    /// Ends the connection of a peer, without what is queued for it, and says whether it was
    /// connected. It may come back.
    pub fn expel(&self, peer: Identity) -> bool {
        let mut shared = self.core().lock();
        shared.acknowledge_taken();
        shared.hub.handle_expelled(Instant::now(), peer)
    }

    fn cast(
        &self,
        peers: &[Identity],
        percent: u8,
        body: &mut Payload<'_>,
    ) -> Result<Vec<Identity>, Error> {
        let core = self.core();
        core.check_length(body.len())?;
        body.share();
        let mut shared = core.lock_to_send();
        if shared.life != Life::Open {
            return Err(Error::Closed);
        }
        let cast = shared.hub.send_to_each(peers, percent, body);
        let claimed = cast
            .link
            .and_then(|link| Some((link, shared.hub.claim(link, false, Instant::now)?)));
        if let Some((link, chunk)) = claimed {
            core.carry_on(shared, link, chunk, &[]);
        }
        Ok(cast.missed)
    }
}
