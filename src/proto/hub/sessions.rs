//! Sessions: what is sent to one connection of a peer, and what comes back when that ends.

use crate::contents::Body;
use crate::message::Identity;
use crate::payload::Payload;
use crate::proto::chunk::Chunk;
use crate::proto::delivery::Presence;
use crate::proto::hub::Hub;
use crate::proto::hub::sending::{Refusal, Sent};
use crate::proto::link::{Link, LinkId};
use crate::proto::whose::Whose;
use crate::report::Unsent;
use crate::session::Session;

impl Hub {
    /// Accepts a message for one connection of a peer.
    pub(crate) fn send_in(
        &mut self,
        session: Session,
        body: &Payload<'_>,
    ) -> Result<Sent, Refusal> {
        self.publishes = false;
        self.relieve_news(body.len());
        let link = self.link_of(session).ok_or(Refusal::NoPeer)?;
        if !self.has_room_in_session(link, body.len()) {
            return Err(Refusal::Full);
        }
        self.stats.accepted += 1;
        self.queue_new(link, Whose::Session, body);
        Ok(Sent::on(link))
    }

    /// As [`lend`](Hub::lend), for one connection of a peer.
    pub(crate) fn lend_in(&mut self, session: Session, body: &[u8]) -> Option<(LinkId, Chunk)> {
        let link = self.link_of(session)?;
        self.lend_on(link, Whose::Session, body)
    }

    /// It does not matter what the peer has to acknowledge, for this is not acknowledged.
    fn has_room_in_session(&self, link: LinkId, len: usize) -> bool {
        self.link(link).is_some_and(|link| {
            link.outbox.has_room(self.config.outbox, len) && self.budget_to_send().allows(link, len)
        })
    }

    /// The peer of a session that has not ended.
    pub(crate) fn peer(&self, session: Session) -> Option<(LinkId, &Link)> {
        let id = self.link_of(session)?;
        Some((id, self.link(id)?))
    }

    /// The link of a session that has not ended.
    fn link_of(&self, session: Session) -> Option<LinkId> {
        let id = LinkId::from_token(session.link());
        let is_its_own = |link: &&Link| link.is_up() && link.peer == Some(session.peer());
        self.link(id).filter(is_its_own).map(|_| id)
    }

    /// From now on the inbox is told who comes and goes. Says who is there, the first time.
    pub(crate) fn tell_inbox(&mut self) -> Vec<Session> {
        if std::mem::replace(&mut self.tells_inbox, true) {
            return Vec::new();
        }
        let peers = self.peers();
        peers
            .filter_map(|(id, link)| Some(link.session(link.peer?, id)))
            .collect()
    }

    pub(super) fn begin_session(&mut self, peer: Identity, id: LinkId) {
        let session = self.link(id).map(|link| link.session(peer, id));
        session
            .into_iter()
            .for_each(|session| self.note(Presence::Up(session)));
    }

    /// What a session has not written goes back to the application, or into the report of a close.
    pub(super) fn end_session(&mut self, session: Session, mut unsent: Vec<Body>) {
        if self.is_closing() {
            self.leave_over(session.peer(), unsent.drain(..));
        }
        self.stats.handed_back += unsent.len() as u64;
        self.note(Presence::Down(session, unsent));
    }

    /// The socket closes, and these are left.
    pub(super) fn leave_over(&mut self, peer: Identity, unsent: impl Iterator<Item = Body>) {
        let peer = Some(peer);
        self.left_over.extend(unsent.map(|body| Unsent {
            peer,
            body: body.to_vec(),
        }));
    }

    fn note(&mut self, presence: Presence) {
        if self.tells_inbox {
            self.uncollected += presence.memory();
            self.effects.presences.push(presence);
        }
    }

    /// The application has taken so many bytes of what came back.
    pub(crate) fn handle_collected(&mut self, bytes: usize) {
        // A hub that has taken the place of a broken one knows of none.
        self.uncollected = self.uncollected.saturating_sub(bytes);
        self.effects.wake.room = true;
    }
}
