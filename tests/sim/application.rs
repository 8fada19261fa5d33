//! Application: what the programs on the nodes do: send, receive, acknowledge.

use std::time::Duration;

use super::node::{Outgoing, State, To};
use super::truth::{self, Audience};
use super::world::{Call, Held, World};
use super::writing::Writer;
use crate::message::Identity;
use crate::policy::AckMode;
use crate::proto::delivery::Arrived;
use crate::proto::frame::MessageId;
use crate::proto::hub::Refusal;

impl World {
    /// The application sends, behind what waits for room already.
    pub(crate) fn send(&mut self, index: usize, outgoing: Outgoing) {
        if self.nodes[index].state != State::Open {
            return;
        }
        let is_behind = !self.nodes[index].blocked.is_empty();
        if is_behind || !self.offer(index, outgoing) {
            self.nodes[index].blocked.push_back(outgoing);
        }
    }

    /// There may be room now.
    pub(crate) fn retry(&mut self, index: usize) {
        while let Some(outgoing) = self.nodes[index].blocked.front().copied() {
            if self.nodes[index].state != State::Open {
                return self.nodes[index].blocked.clear();
            }
            if !self.offer(index, outgoing) {
                return;
            }
            self.nodes[index].blocked.pop_front();
        }
    }

    /// Says whether the message needs no further attempt.
    fn offer(&mut self, index: usize, Outgoing { to, len }: Outgoing) -> bool {
        let body = truth::body(self.truth.next_number(), len);
        let in_session = match to {
            To::Session(session) => Some(self.conn_of(index, session)),
            _ => None,
        };
        let node = &mut self.nodes[index];
        let roster: Vec<Identity> = node.hub.peers().filter_map(|(_, link)| link.peer).collect();
        let lent = match to {
            To::Next => node.hub.lend(None, &body),
            To::Everyone => None,
            To::One(peer) => node.hub.lend(Some(peer), &body),
            To::Session(session) => node.hub.lend_in(session, &body),
        };
        if let Some((link, chunk)) = lent {
            let id = node.id;
            let audience = match to {
                To::One(peer) => Audience::One(peer),
                To::Session(_) => Audience::Conn(in_session.flatten().expect("it is up")),
                _ => Audience::Anyone,
            };
            self.truth.handle_accepted(id, audience);
            self.soon(
                id,
                Call::Write(link, Held::lent(chunk, body), Writer::Caller),
            );
            self.settle(index);
            return true;
        }
        let result = match to {
            To::Next => node.hub.send(&(&body).into()),
            To::Everyone => node.hub.publish(&(&body).into()),
            To::One(peer) => node.hub.send_to(peer, &(&body).into()),
            To::Session(session) => node.hub.send_in(session, &(&body).into()),
        };
        if let Some(conn) = in_session {
            let is_refused = matches!(result, Err(Refusal::NoPeer));
            assert_eq!(is_refused, conn.is_none(), "refused when it has ended");
            if is_refused {
                self.truth.seen.insert("refused in a session".into());
            }
        }
        let sent = match result {
            Ok(sent) => sent,
            Err(Refusal::NoPeer) => return true,
            Err(Refusal::Full) => return false,
        };
        let audience = match to {
            To::One(peer) => Audience::One(peer),
            To::Session(_) => Audience::Conn(in_session.flatten().expect("it is up")),
            To::Everyone if roster.is_empty() => Audience::First,
            To::Everyone => {
                assert_eq!(
                    sent.queued + sent.dropped,
                    roster.len(),
                    "everyone has a copy"
                );
                Audience::All(roster)
            }
            To::Next => Audience::Anyone,
        };
        self.truth.handle_accepted(node.id, audience);
        let now = self.now;
        let claimed = sent.link.and_then(|link| {
            let in_turn = matches!(to, To::Next | To::Everyone);
            let chunk = node.hub.claim(link, in_turn, || now)?;
            Some((link, chunk))
        });
        let id = node.id;
        if let Some((link, chunk)) = claimed {
            self.soon(id, Call::Write(link, Held::new(chunk), Writer::Caller));
        }
        self.settle(index);
        true
    }

    pub(crate) fn wake_receiver(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.is_receiving {
            return;
        }
        node.is_receiving = true;
        let pace = match self.is_healed {
            true => Duration::ZERO,
            false => self.plan.nodes[index].pace,
        };
        let at = (self.now + pace).max(node.deaf_until.unwrap_or(self.now));
        let id = node.id;
        self.at(at, id, Call::Receive);
    }

    /// The application takes a few messages.
    pub(crate) fn receive(&mut self, index: usize) {
        self.nodes[index].is_receiving = false;
        let deaf_until = self.nodes[index].deaf_until;
        if deaf_until.is_some_and(|until| until > self.now) {
            return self.wake_receiver(index);
        }
        for _ in 0..1 + self.rng.below(8) {
            if !self.receive_one(index) {
                return;
            }
        }
        self.wake_receiver(index);
    }

    /// Says whether there was something to receive.
    pub(crate) fn receive_one(&mut self, index: usize) -> bool {
        let node = &mut self.nodes[index];
        if node.front.is_none() {
            node.front = node.lanes.take();
            self.wake_lanes(index);
        }
        let node = &mut self.nodes[index];
        let Some(delivery) = &mut node.front else {
            return false;
        };
        if let Some(presence) = delivery.take_presence() {
            node.front = None;
            self.take_presence(index, presence);
            return true;
        }
        if delivery.is_paused() {
            match node.lanes.ready() {
                0 => delivery.go_on(),
                _ => node
                    .lanes
                    .put_back(node.front.take().expect("it is in hand")),
            }
            return true;
        }
        let Some(Arrived { from, body, id, .. }) = delivery.next() else {
            node.front = None;
            return true;
        };
        if id.is_some() && node.inbox_is_closed() {
            return true;
        }
        let number = truth::number(body.bytes());
        self.truth.handle_delivered(number, node.id, from);
        if let Some(id) = id {
            self.acknowledge(index, from, id, number);
        }
        self.answer(index, from);
        true
    }

    fn acknowledge(&mut self, index: usize, from: Identity, message: MessageId, number: u64) {
        let id = self.nodes[index].id;
        if self.nodes[index].config.ack_mode == AckMode::OnRecv {
            return self.settle_message(index, from, message, true);
        }
        let is_done = self.is_healed || self.rng.below(4) > 0;
        if !is_done {
            self.truth.handle_returned(number, id);
        }
        let time = Duration::from_millis(self.rng.below(3) * 40);
        self.at(self.now + time, id, Call::Settle(from, message, is_done));
    }

    pub(crate) fn settle_message(
        &mut self,
        index: usize,
        peer: Identity,
        message: MessageId,
        is_done: bool,
    ) {
        self.with_hub(index, |hub, _| match is_done {
            true => hub.handle_taken(&[(peer, message)]),
            false => hub.handle_given_back(peer, message),
        });
    }
}
