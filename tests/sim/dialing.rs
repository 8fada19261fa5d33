//! Dialing: the threads that dial, and what the network says to them.

use std::io;
use std::time::Duration;

use super::node::{Dialler, NodeId};
use super::world::{Call, What, World};
use crate::endpoint::Remote;
use crate::proto::dial::{DialId, DialStep};
use crate::proto::hub::Accepted;

impl World {
    pub(crate) fn start_dials(&mut self, index: usize) {
        for (number, target) in self.plan.nodes[index].dials.clone().into_iter().enumerate() {
            let endpoint = format!("mem://n{target}-{number}");
            let endpoint = endpoint.parse().expect("a valid endpoint");
            let dial = self.with_hub(index, |hub, now| hub.handle_connect(now, endpoint));
            let dial = dial.expect("each of them once");
            let is_busy = false;
            let node = &mut self.nodes[index];
            node.dials.insert(dial, Dialler { target, is_busy });
            let id = node.id;
            self.soon(id, Call::Dial(dial));
        }
    }

    pub(crate) fn dial(&mut self, index: usize, dial: DialId) {
        let node = &mut self.nodes[index];
        let id = node.id;
        let Some(dialler) = node.dials.get_mut(&dial).filter(|dialler| !dialler.is_busy) else {
            return;
        };
        let target = dialler.target;
        match node.hub.poll_dial(self.now, dial) {
            DialStep::Connect { .. } => {
                dialler.is_busy = true;
                let mut time = self.net.delay(&mut self.rng) * 2;
                if !self.nodes[target].is_listening(self.now) && self.rng.below(2) == 0 {
                    // Nobody answers at all.
                    time = self.nodes[index].config.handshake_timeout;
                }
                self.at(self.now + time, id, Call::Connected(dial));
            }
            DialStep::Wait { until } => self.at(until, id, Call::Dial(dial)),
            DialStep::Hold => {}
            DialStep::Stop => drop(node.dials.remove(&dial)),
        }
        self.settle(index);
    }

    /// The network has answered: a connection, or none.
    pub(crate) fn connected(&mut self, index: usize, dial: DialId) {
        let Some(target) = self.nodes[index]
            .dials
            .get(&dial)
            .map(|dialler| dialler.target)
        else {
            return;
        };
        if !self.nodes[target].is_listening(self.now) {
            let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
            self.with_hub(index, |hub, now| hub.handle_dial_failed(now, dial, refused));
            return self.end_dial(index, Some(dial));
        }
        let ends: [NodeId; 2] = [self.nodes[index].id, self.nodes[target].id];
        let conn = self.net.connect(self.now, ends, &mut self.rng);
        let soon = Duration::from_micros(self.rng.below(300));
        self.schedule(self.now + soon, What::Accepted(conn));
        let now = self.now;
        let linked = self.nodes[index].hub.handle_dialled(now, dial, Remote::Mem);
        match linked {
            Some(link) => self.serve(index, link, (conn, 0), Some(dial)),
            None => {
                self.close_end(conn, 0);
                self.settle(index);
                self.end_dial(index, Some(dial));
            }
        }
    }

    /// The dial's thread has no connection any more, and asks what to do.
    pub(crate) fn end_dial(&mut self, index: usize, dial: Option<DialId>) {
        let Some(dial) = dial else { return };
        let node = &mut self.nodes[index];
        let id = node.id;
        if let Some(dialler) = node.dials.get_mut(&dial) {
            dialler.is_busy = false;
            self.soon(id, Call::Dial(dial));
        }
    }

    pub(crate) fn accept(&mut self, conn: u64) {
        let Some(owner) = self.net.conns.get(&conn).map(|conn| conn.ends[1].owner) else {
            return;
        };
        let node = &self.nodes[owner.index];
        if node.id != owner {
            return;
        }
        if let Some(until) = node.stopped_until.filter(|until| *until > self.now) {
            return self.schedule(until, What::Accepted(conn));
        }
        if !node.listens {
            return self.close_end(conn, 1);
        }
        let index = owner.index;
        let listener = format!("mem://n{index}");
        let listener = listener.parse().expect("a valid endpoint");
        match self.nodes[index]
            .hub
            .handle_accepted(self.now, Remote::Mem, listener, true)
        {
            Accepted::Link(link) => self.serve(index, link, (conn, 1), None),
            Accepted::Refused => self.close_end(conn, 1),
        }
        self.settle(index);
    }
}
