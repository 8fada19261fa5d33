//! Sessions: who comes and goes, as an application sees it, and what it answers there.

use super::node::{Outgoing, State, To};
use super::truth;
use super::world::World;
use crate::message::Identity;
use crate::proto::delivery::Presence;
use crate::proto::link::LinkId;
use crate::session::Session;

impl World {
    /// The application of a node that answers takes that a peer came or went.
    pub(crate) fn take_presence(&mut self, index: usize, presence: Presence) {
        let bytes = presence.memory();
        if bytes > 0 {
            self.with_hub(index, |hub, _| hub.handle_collected(bytes));
        }
        let node = &mut self.nodes[index];
        match presence {
            Presence::Up(session) => {
                let former = node.sessions.insert(session.peer(), session);
                assert_eq!(former, None, "one session at a time");
                self.answer(index, session.peer());
            }
            Presence::Down(session, unsent) => {
                let ended = node.sessions.remove(&session.peer());
                assert_eq!(ended, Some(session), "it had begun");
                let numbers = unsent.iter().map(|body| truth::number(body));
                self.truth.handle_unsent(node.id, numbers.collect());
            }
        }
    }

    /// It may answer to what came of `peer`, now and then more than the outbox takes.
    pub(crate) fn answer(&mut self, index: usize, peer: Identity) {
        let node = &self.nodes[index];
        if !self.plan.nodes[index].answers || self.is_healed || node.state != State::Open {
            return;
        }
        // What comes on a connection that gave way before it was up comes in none.
        let Some(session) = node.sessions.get(&peer).copied() else {
            return;
        };
        let (count, len) = match self.rng.below(64) {
            0 => (20, 8 + self.rng.below(400) as usize),
            1 => (1, 16 * 1024 + self.rng.below(2_000) as usize),
            2..18 => (1, 8 + self.rng.below(400) as usize),
            _ => return,
        };
        let to = To::Session(session);
        (0..count).for_each(|_| self.send(index, Outgoing { to, len }));
    }

    /// The connection of a session that has not ended.
    pub(crate) fn conn_of(&self, index: usize, session: Session) -> Option<u64> {
        let link = LinkId::from_token(session.link());
        let mut up = self.nodes[index].hub.peers();
        let is_up = up.any(|(id, _)| id == link);
        let conn = self.conn(index, link).filter(|_| is_up);
        conn.map(|(conn, _)| conn)
    }
}
