//! Sessions: what is sent to one connection of a peer, which gets it, or it comes back.

use crate::proto::delivery::Presence;
use crate::proto::hub::Refusal;
use crate::proto::link::LinkId;
use crate::session::Session;
use crate::step::Write;
use crate::world::World;

impl World {
    /// Sends in the session of `link`, whatever has become of that.
    pub(crate) fn send_in(&mut self, link: LinkId, len: usize, write: Write) {
        let peer = self.ends.get(&link).and_then(|end| end.peer);
        let Some(peer) = peer.filter(|_| !self.close.has_begun()) else {
            return;
        };
        let body = self.application.numbered_body(len);
        let session = Session::new(peer, link.token(), None);
        if let Some((link, chunk)) = self.hub.lend_in(session, &body) {
            self.application.handle_accepted_in(peer, link, &body);
            return self.carry(link, chunk, &body, write);
        }
        let is_up = self.hub.peers().any(|(up, _)| up == link);
        let sent = self.hub.send_in(session, &(&body).into());
        assert_eq!(sent == Err(Refusal::NoPeer), !is_up);
        if sent.is_err() {
            return;
        }
        self.application.handle_accepted_in(peer, link, &body);
        if let Some(chunk) = self.hub.claim(link, false, || self.now) {
            self.carry(link, chunk, &[], write);
        }
    }

    /// The application takes that a peer came or went.
    pub(crate) fn take_presence(&mut self, presence: Presence) {
        let link = |session: Session| LinkId::from_token(session.link());
        let bytes = presence.memory();
        match presence {
            Presence::Up(session) => {
                assert!(self.sessions.insert(link(session)), "it comes once");
            }
            Presence::Down(session, unsent) => {
                assert!(self.sessions.remove(&link(session)), "it has come");
                let application = &mut self.application;
                for body in &unsent {
                    application.handle_unsent(link(session), body);
                }
                self.hub.handle_collected(bytes);
            }
        }
    }
}
