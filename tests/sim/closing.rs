//! Closing: a node closes as a socket does, or is killed, and starts again.

use std::time::Duration;

use super::node::{NodeId, State};
use super::world::{Call, World};
use crate::message::Identity;
use crate::proto::hub::CloseStep;

/// What the engine gives its threads to end once every link has.
const LAST_THREADS: Duration = Duration::from_millis(400);

/// A close returns within its linger and this.
const GRACE: Duration = Duration::from_secs(1);

/// A closed node is started again after this.
const PAUSE: Duration = Duration::from_millis(700);

impl World {
    pub(crate) fn close(&mut self, index: usize, linger: Duration) {
        if self.nodes[index].state != State::Open {
            return;
        }
        let until = self.now + linger;
        // A process that is stopped meanwhile cannot keep the time.
        let stopped = self.nodes[index].stopped_until.unwrap_or(until);
        let latest = until.max(stopped) + GRACE;
        self.nodes[index].state = State::Closing { latest };
        self.with_hub(index, |hub, _| hub.begin_close(until));
        self.wake_where(index, |stage| stage.lane().is_some());
        let id = self.nodes[index].id;
        self.soon(id, Call::Close);
    }

    pub(crate) fn go_on_closing(&mut self, index: usize) {
        let now = self.now;
        let id = self.nodes[index].id;
        match self.nodes[index].state {
            State::Closing { latest } => {
                assert!(now <= latest, "{id:?} takes too long to close");
                match self.with_hub(index, |hub, now| hub.poll_close(now)) {
                    CloseStep::Wait { until } => self.at(until, id, Call::Close),
                    CloseStep::StopListening => {
                        self.nodes[index].listens = false;
                        self.soon(id, Call::Close);
                    }
                    CloseStep::Over => {
                        let until = now + LAST_THREADS;
                        self.nodes[index].state = State::Stopping { until };
                        self.soon(id, Call::Close);
                        self.at(until, id, Call::Close);
                    }
                }
            }
            State::Stopping { until } => {
                if now >= until || !self.nodes[index].hub.has_links() {
                    self.end(index);
                }
            }
            State::Open | State::Gone => {}
        }
    }

    /// Every thread has ended, or has had its time.
    fn end(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let remains = node.hub.drain();
        while let Some(event) = node.hub.poll_event() {
            self.truth.handle_event(node.id, event);
        }
        node.state = State::Gone;
        self.truth
            .handle_closed(node.id, &remains, node.hub.stats());
        // What had arrived can still be received.
        while self.receive_one(index) {}
        self.close_all_ends(index);
        self.start_again(index, self.nodes[index].me);
    }

    /// Nothing of what it had in memory is left.
    pub(crate) fn kill(&mut self, index: usize, keeps_identity: bool) {
        let node = &mut self.nodes[index];
        if node.state == State::Gone {
            return;
        }
        node.state = State::Gone;
        self.truth.handle_killed(node.id);
        self.close_all_ends(index);
        let me = match keeps_identity {
            true => self.nodes[index].me,
            false => self.fresh_identity(),
        };
        self.start_again(index, me);
    }

    fn fresh_identity(&mut self) -> Identity {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.rng.next().to_be_bytes());
        Identity::new(bytes)
    }

    /// The system closes what a process leaves behind.
    fn close_all_ends(&mut self, index: usize) {
        let owner = self.nodes[index].id;
        self.nodes[index].links.clear();
        let mut open = Vec::new();
        for (id, conn) in &self.net.conns {
            let mine = (0..2).filter(|side| conn.ends[*side].owner == owner);
            open.extend(
                mine.map(|side| (*id, side))
                    .filter(|(_, side)| !conn.ends[*side].is_closed),
            );
        }
        open.into_iter()
            .for_each(|(id, side)| self.close_end(id, side));
    }

    fn start_again(&mut self, index: usize, me: Identity) {
        let NodeId { life, .. } = self.nodes[index].id;
        let life = life + 1;
        let node = self.new_node(NodeId { index, life }, me);
        self.nodes[index] = node;
        self.nodes[index].refuses_until = Some(self.now + PAUSE);
        self.start_dials(index);
    }
}
