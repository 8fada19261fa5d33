//! Reading: the thread of one connection, from HELLO to the end of its stream.

use std::time::Duration;

use super::net::Got;
use super::node::{Drain, Hand, Stage};
use super::truth;
use super::world::{Call, World};
use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::dial::DialId;
use crate::proto::hub::{Next, Verdict};
use crate::proto::link::LinkId;

impl World {
    /// The connection's thread starts.
    pub(crate) fn serve(
        &mut self,
        index: usize,
        link: LinkId,
        (conn, side): (u64, usize),
        dial: Option<DialId>,
    ) {
        let max = self.nodes[index].config.max_message as u32;
        let hand = Hand {
            conn,
            side,
            dial,
            decoder: Decoder::new(max),
            stage: Stage::Greeting,
            is_awake: false,
            drain: Drain::None,
        };
        self.nodes[index].links.insert(link, hand);
        if let Some(conn) = self.net.conns.get_mut(&conn) {
            conn.ends[side].link = Some(link);
        }
        self.write_next(index, link);
        self.settle(index);
        self.wake_reader(index, link);
    }

    pub(crate) fn read(&mut self, index: usize, link: LinkId) {
        let Some(hand) = self.nodes[index].links.get_mut(&link) else {
            return;
        };
        hand.is_awake = false;
        match std::mem::replace(&mut hand.stage, Stage::Done) {
            Stage::Done => {}
            stage @ Stage::Asking(..) => hand.stage = stage,
            Stage::Greeting => self.read_hello(index, link),
            Stage::Succeeding(reading, peer) => self.succeed(index, link, reading, peer),
            Stage::Reading => self.read_on(index, link),
            Stage::Parked(peer, next) => self.unpark(index, link, peer, next),
            Stage::Queued(peer, batch, next) => self.deliver_late(index, link, peer, batch, next),
            Stage::Narrow(peer, next) => self.widen(index, link, peer, next),
            Stage::Crowded => self.uncrowd(index, link),
        }
    }

    fn set_stage(&mut self, index: usize, link: LinkId, stage: Stage) {
        if let Some(hand) = self.nodes[index].links.get_mut(&link) {
            hand.stage = stage;
        }
    }

    /// One read of the stream; `None` if there is nothing to read, and the stage is then `stage`.
    fn take(&mut self, index: usize, link: LinkId, stage: Stage) -> Option<Reading> {
        let hand = self.nodes[index].links.get_mut(&link)?;
        let (conn, side) = (hand.conn, hand.side);
        let space = hand.decoder.space();
        match self.net.read(self.now, conn, side, space, &mut self.rng) {
            Got::Nothing => {
                hand.stage = stage;
                None
            }
            Got::End => {
                self.finish_reading(index, link, DownReason::Closed);
                None
            }
            Got::Reset => {
                self.finish_reading(index, link, DownReason::Reset);
                None
            }
            Got::Bytes(count) => {
                let reading = hand.decoder.handle_read(count);
                let owner = self.nodes[index].id;
                let conn_now = self.net.conns.get_mut(&conn)?;
                let is_late = conn_now.ends[1 - side].is_closed;
                let pipe = &mut conn_now.pipes[1 - side];
                for number in truth::numbers(&reading.batch) {
                    let sent = pipe.in_flight.pop_front().map(|(number, _)| number);
                    assert_eq!(sent, Some(number), "bytes arrive as they were sent");
                    self.truth.handle_read(number, owner, conn, is_late);
                }
                self.wake_end(conn, 1 - side);
                self.wake_reader(index, link);
                Some(reading)
            }
        }
    }

    fn read_hello(&mut self, index: usize, link: LinkId) {
        let Some(reading) = self.take(index, link, Stage::Greeting) else {
            return;
        };
        assert_eq!(reading.violation, None, "what a hub writes is in order");
        let Some(peer) = reading.hello else {
            return self.set_stage(index, link, Stage::Greeting);
        };
        self.set_stage(index, link, Stage::Asking(reading, peer));
        let id = self.nodes[index].id;
        let time = self.plan.nodes[index].hook.unwrap_or(Duration::ZERO);
        self.at(self.now + time, id, Call::Answered(link));
    }

    /// The hook has said yes.
    pub(crate) fn answered(&mut self, index: usize, link: LinkId) {
        let Some(hand) = self.nodes[index].links.get_mut(&link) else {
            return;
        };
        let Stage::Asking(reading, peer) = std::mem::replace(&mut hand.stage, Stage::Done) else {
            return;
        };
        self.nodes[index].hub.handle_authorized(link);
        self.write_next(index, link);
        let verdict = self.with_hub(index, |hub, now| hub.handle_hello(now, link, peer));
        if verdict == Verdict::Rejected {
            // A peer that heard nothing for a while may have sent on before it was refused.
            let owner = self.nodes[index].id;
            self.truth
                .handle_refused(truth::numbers(&reading.batch), owner);
            return self.finish_reading(index, link, DownReason::Closed);
        }
        self.succeed(index, link, reading, peer);
    }

    fn succeed(&mut self, index: usize, link: LinkId, reading: Reading, peer: Identity) {
        let node = &mut self.nodes[index];
        if node.hub.is_succeeding(link) {
            return self.set_stage(index, link, Stage::Succeeding(reading, peer));
        }
        if node.hub.is_alive(link) {
            node.lanes.open(peer);
        }
        self.process(index, link, reading);
    }

    fn read_on(&mut self, index: usize, link: LinkId) {
        if let Some(reading) = self.take(index, link, Stage::Reading) {
            self.process(index, link, reading);
        }
    }

    fn process(&mut self, index: usize, link: LinkId, mut reading: Reading) {
        let held = match self.nodes[index].links.get(&link) {
            Some(hand) => hand.decoder.held(),
            None => return,
        };
        let next = self.with_hub(index, |hub, now| {
            hub.handle_reading(now, link, &mut reading, held)
        });
        let now = self.now;
        let hub = &mut self.nodes[index].hub;
        let answer = hub.claim_answer(now, link, &reading);
        self.write_of_reader(index, link, answer);
        let node = &mut self.nodes[index];
        let peer = node.hub.peer_of(link);
        let batch = std::mem::take(&mut reading.batch);
        match peer {
            Some(peer) if batch.spans.is_empty() => self.stay_small(index, link, peer, next),
            Some(peer) => self.deliver(index, link, peer, batch, next),
            None => self.go_on_reading(index, link, next),
        }
    }

    fn deliver(&mut self, index: usize, link: LinkId, peer: Identity, batch: Batch, next: Next) {
        let node = &mut self.nodes[index];
        let memory = batch.memory();
        if node.lanes.has_room(memory) || node.inbox_is_closed() {
            return self.put_in(index, link, peer, batch, next);
        }
        node.lanes.queue_up(peer, memory);
        self.hold(index, link, memory);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, true));
        self.set_stage(index, link, Stage::Queued(peer, batch, next));
        self.wake_reader(index, link);
    }

    fn hold(&mut self, index: usize, link: LinkId, more: usize) {
        let hand = self.nodes[index].links.get(&link);
        let held = more + hand.map_or(0, |hand| hand.decoder.held());
        self.with_hub(index, |hub, _| hub.handle_held(link, held));
    }

    fn put_in(&mut self, index: usize, link: LinkId, peer: Identity, batch: Batch, next: Next) {
        let node = &mut self.nodes[index];
        let may_read_on = node.lanes.push(peer, batch) || node.inbox_is_closed();
        self.wake_receiver(index);
        if may_read_on {
            return self.stay_small(index, link, peer, next);
        }
        self.nodes[index].lanes.park(peer, true);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, true));
        self.set_stage(index, link, Stage::Parked(peer, next));
        self.wake_reader(index, link);
    }

    /// What did not fit may fit now.
    fn deliver_late(
        &mut self,
        index: usize,
        link: LinkId,
        peer: Identity,
        batch: Batch,
        next: Next,
    ) {
        let node = &mut self.nodes[index];
        if node.lanes.is_queued(peer) && !node.inbox_is_closed() {
            return self.set_stage(index, link, Stage::Queued(peer, batch, next));
        }
        node.lanes.leave_queue(peer);
        let is_late = node.lanes.has_ended(peer) && !node.inbox_is_closed();
        self.wake_lanes(index);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, false));
        self.hold(index, link, 0);
        if !is_late {
            self.put_in(index, link, peer, batch, next);
            self.nodes[index].lanes.wake_first();
            return self.wake_lanes(index);
        }
        let owner = self.nodes[index].id;
        self.truth.handle_refused(truth::numbers(&batch), owner);
        for id in batch.spans.iter().filter_map(|span| batch.id(*span)) {
            self.with_hub(index, |hub, _| hub.handle_returned(peer, id));
        }
        self.stay_small(index, link, peer, next);
    }

    /// A large message does not grow while nothing more fits into the inbox.
    fn stay_small(&mut self, index: usize, link: LinkId, peer: Identity, next: Next) {
        let node = &mut self.nodes[index];
        let hand = node.links.get(&link);
        let is_large = hand.is_some_and(|hand| hand.decoder.is_in_large_message());
        if !is_large || node.lanes.has_room(1) || node.inbox_is_closed() {
            return self.go_on_reading(index, link, next);
        }
        node.lanes.queue_up(peer, 1);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, true));
        self.set_stage(index, link, Stage::Narrow(peer, next));
        self.wake_reader(index, link);
    }

    fn widen(&mut self, index: usize, link: LinkId, peer: Identity, next: Next) {
        let node = &mut self.nodes[index];
        if node.lanes.is_queued(peer) && !node.inbox_is_closed() {
            return self.set_stage(index, link, Stage::Narrow(peer, next));
        }
        node.lanes.leave_queue(peer);
        self.wake_lanes(index);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, false));
        self.go_on_reading(index, link, next);
    }

    fn go_on_reading(&mut self, index: usize, link: LinkId, next: Next) {
        match next {
            Next::ReadOn => self.set_stage(index, link, Stage::Reading),
            Next::Pause => {
                self.with_hub(index, |hub, now| hub.handle_parked(now, link, true));
                self.set_stage(index, link, Stage::Crowded);
            }
            Next::Stop => return self.finish_reading(index, link, DownReason::Closed),
        }
        self.wake_reader(index, link);
    }

    fn unpark(&mut self, index: usize, link: LinkId, peer: Identity, next: Next) {
        let node = &mut self.nodes[index];
        if node.lanes.is_held_up(peer) && !node.inbox_is_closed() {
            return self.set_stage(index, link, Stage::Parked(peer, next));
        }
        node.lanes.park(peer, false);
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, false));
        self.stay_small(index, link, peer, next);
    }

    fn uncrowd(&mut self, index: usize, link: LinkId) {
        if self.nodes[index].hub.is_crowded_by_acks(link) {
            return self.set_stage(index, link, Stage::Crowded);
        }
        self.with_hub(index, |hub, now| hub.handle_parked(now, link, false));
        self.go_on_reading(index, link, Next::ReadOn);
    }

    fn finish_reading(&mut self, index: usize, link: LinkId, reason: DownReason) {
        let node = &mut self.nodes[index];
        let dial = node.links.get(&link).and_then(|hand| hand.dial);
        self.set_stage(index, link, Stage::Done);
        if let Some(peer) = self.nodes[index].hub.peer_of(link) {
            self.nodes[index].lanes.end(peer);
            self.wake_lanes(index);
        }
        // Every other stream has a last word.
        self.with_hub(index, |hub, now| match link.token() % 2 {
            0 => hub.handle_gone(now, link, reason),
            _ => hub.handle_parted(now, link, reason),
        });
        self.end_dial(index, dial);
    }
}
