//! Faults: what happens to nodes and connections, as the plan says.

use std::time::Duration;

use super::net::ConnId;
use super::node::{Outgoing, State, To};
use super::plan::Op;
use super::world::World;
use crate::proto::dial::DialId;

impl World {
    pub(crate) fn operate(&mut self, op: Op) {
        let now = self.now;
        match op {
            Op::Send { node, count, len } => {
                let to = To::Next;
                (0..count).for_each(|_| self.send(node, Outgoing { to, len }));
            }
            Op::Publish { node, count, len } => {
                let to = To::Everyone;
                (0..count).for_each(|_| self.send(node, Outgoing { to, len }));
            }
            Op::SendTo {
                node,
                to,
                count,
                len,
                publishes,
            } => {
                let one = To::One(self.nodes[to].me);
                for nth in 0..count {
                    let is_news = publishes && nth % 2 == 0;
                    let to = if is_news { To::Everyone } else { one };
                    self.send(node, Outgoing { to, len });
                }
            }
            Op::Cut {
                nth,
                side,
                after: 0,
                how,
            } => {
                if let Some(id) = self.nth_conn(nth) {
                    let _ = side;
                    self.cut(id, how);
                }
            }
            Op::Cut {
                nth,
                side,
                after,
                how,
            } => {
                self.with_pipe(nth, side, |pipe| pipe.cut_after = Some((after, how)));
            }
            Op::Swallow { nth, side, both } => {
                self.with_pipe(nth, side, |pipe| pipe.swallows = true);
                if both {
                    self.with_pipe(nth, 1 - side, |pipe| pipe.swallows = true);
                }
            }
            Op::Stall { nth, side, time } => {
                self.with_pipe(nth, side, |pipe| pipe.stalled_until = Some(now + time));
            }
            Op::Deafen { node, time } => self.nodes[node].deaf_until = Some(now + time),
            Op::Stop { node, time } => self.stop_process(node, time),
            Op::Refuse { node, time } => self.nodes[node].refuses_until = Some(now + time),
            Op::Restart {
                node,
                keeps_identity,
            } => self.kill(node, keeps_identity),
            Op::Close { node, linger } => self.close(node, linger),
            Op::Redial { node } => self.redial(node),
            Op::Latency { min, max } => self.net.latency = (min, max),
        }
    }

    fn stop_process(&mut self, index: usize, time: Duration) {
        let node = &mut self.nodes[index];
        let until = self.now + time;
        node.stopped_until = Some(node.stopped_until.map_or(until, |other| until.max(other)));
        // It cannot keep the time meanwhile.
        if let State::Closing { latest } = &mut node.state {
            *latest += time;
        }
    }

    fn nth_conn(&self, nth: u64) -> Option<ConnId> {
        let count = self.net.conns.len() as u64;
        let index = nth.checked_rem(count)?;
        self.net.conns.keys().nth(index as usize).copied()
    }

    fn with_pipe(&mut self, nth: u64, side: usize, change: impl FnOnce(&mut super::net::Pipe)) {
        let id = self.nth_conn(nth);
        if let Some(conn) = id.and_then(|id| self.net.conns.get_mut(&id)) {
            change(&mut conn.pipes[side]);
        }
    }

    fn redial(&mut self, index: usize) {
        if self.nodes[index].state != State::Open {
            return;
        }
        let dials: Vec<DialId> = self.nodes[index].dials.keys().copied().collect();
        for (number, dial) in dials.into_iter().enumerate() {
            let target = self.nodes[index].dials[&dial].target;
            let endpoint = format!("mem://n{target}-{number}");
            let endpoint = endpoint.parse().expect("a valid endpoint");
            self.with_hub(index, |hub, now| hub.handle_disconnect(now, &endpoint));
        }
        self.nodes[index].dials.clear();
        self.start_dials(index);
    }

    /// Nothing goes wrong from now on; what is half-open is found out.
    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        let now = self.now;
        self.net.latency = (Duration::from_micros(50), Duration::from_micros(200));
        for node in &mut self.nodes {
            node.stopped_until = None;
            node.deaf_until = None;
            node.refuses_until = None;
        }
        let ids: Vec<ConnId> = self.net.conns.keys().copied().collect();
        for id in ids {
            let Some(conn) = self.net.conns.get_mut(&id) else {
                continue;
            };
            let has_hole = conn.pipes.iter().any(|pipe| pipe.swallows);
            for pipe in &mut conn.pipes {
                pipe.stalled_until = None;
                pipe.cut_after = None;
            }
            if has_hole {
                (0..2).for_each(|side| self.net.reset(now, id, side));
            }
            (0..2).for_each(|side| self.wake_end(id, side));
        }
        (0..self.nodes.len()).for_each(|index| self.wake_receiver(index));
    }
}
