//! The hub under random sends, reads, writes, ends and time, against a naive model of its peers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::{Strategy, prop, prop_oneof};
use proptest::proptest;

use crate::config::Config;
use crate::endpoint::Remote;
use crate::event::{DownReason, Event};
use crate::message::Identity;
use crate::policy::{Delivery, Limit, Overflow};
use crate::proto::decoder::Decoder;
use crate::proto::frame::{self, MessageId};
use crate::proto::hub::{Accepted, Hub, Refusal, Sent, Shut};
use crate::proto::link::LinkId;

const PEERS: u8 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u16),
    SendTo(u8, u16),
    Publish(u16),
    /// A peer dials us, again or for the first time.
    Join(u8),
    Write(u8, u16),
    Beat(u8),
    /// A peer acknowledges the oldest message that it has and did not acknowledge.
    Ack(u8),
    End(u8),
    Break(u8),
    Pass(u16),
}

/// A remote end: what of its link it has read, in all its lives.
struct Remotely {
    link: LinkId,
    decoder: Decoder,
    unacknowledged: Vec<MessageId>,
}

struct World {
    hub: Hub,
    now: Instant,
    peers: BTreeMap<u8, Remotely>,
    sent: u64,
    accepted: BTreeSet<u64>,
    direct: BTreeMap<u64, u8>,
    published: BTreeSet<u64>,
    delivered: Vec<(u8, u64)>,
    ids: BTreeMap<u64, MessageId>,
    handed_back: u64,
}

fn who(n: u8) -> Identity {
    Identity::new([n; 16])
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 0..PEERS;
    prop_oneof![
        6 => (8..300_u16).prop_map(Step::Send),
        3 => (peer(), 8..300_u16).prop_map(|(peer, len)| Step::SendTo(peer, len)),
        4 => (8..300_u16).prop_map(Step::Publish),
        3 => peer().prop_map(Step::Join),
        6 => (peer(), 0..700_u16).prop_map(|(peer, count)| Step::Write(peer, count)),
        3 => peer().prop_map(Step::Beat),
        4 => peer().prop_map(Step::Ack),
        1 => peer().prop_map(Step::End),
        1 => peer().prop_map(Step::Break),
        3 => (0..6_000_u16).prop_map(Step::Pass),
    ]
}

impl World {
    fn new(delivery: Delivery, overflow: Overflow) -> World {
        let config = Config::default().delivery(delivery);
        let config = config
            .overflow(overflow)
            .outbox(Limit {
                messages: 8,
                bytes: 1_500,
            })
            .max_resends(1_000);
        let now = Instant::now();
        World {
            hub: Hub::new(now, config, who(100), 1, 2),
            now,
            peers: BTreeMap::new(),
            sent: 0,
            accepted: BTreeSet::new(),
            direct: BTreeMap::new(),
            published: BTreeSet::new(),
            delivered: Vec::new(),
            ids: BTreeMap::new(),
            handed_back: 0,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send(len) => self.send(len, |hub, body| hub.send(&body.into())),
            Step::SendTo(peer, len) => {
                let number = self.sent;
                self.send(len, |hub, body| hub.send_to(who(peer), &body.into()));
                (self.sent > number).then(|| self.direct.insert(number, peer));
            }
            Step::Publish(len) => {
                let number = self.sent;
                self.send(len, |hub, body| hub.publish(&body.into()));
                (self.sent > number).then(|| self.published.insert(number));
            }
            Step::Join(peer) => self.join(peer),
            Step::Write(peer, count) => self.write(peer, count.into()),
            Step::Beat(peer) => self.read(peer, frame::put_heartbeat),
            Step::Ack(peer) => self.acknowledge(peer),
            Step::End(peer) => self.end(peer, DownReason::Reset),
            Step::Break(peer) => {
                if let Some(link) = self.peers.get(&peer).map(|remote| remote.link) {
                    self.hub.handle_broken(self.now, link);
                }
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
        }
        self.settle();
    }

    /// Message number so-and-so, its number in front.
    fn send(&mut self, len: u16, send: impl FnOnce(&mut Hub, &[u8]) -> Result<Sent, Refusal>) {
        let number = self.sent;
        let mut body = number.to_be_bytes().to_vec();
        body.resize(len.into(), 0);
        if send(&mut self.hub, &body).is_ok() {
            self.sent += 1;
            self.accepted.insert(number);
        }
    }

    fn join(&mut self, peer: u8) {
        if self.peers.contains_key(&peer) {
            return;
        }
        let here = "mem://here".parse().expect("a valid endpoint");
        let accepted = self.hub.handle_accepted(self.now, Remote::Mem, here, true);
        let Accepted::Link(link) = accepted else {
            panic!("there is room for a link");
        };
        self.hub.handle_hello(self.now, link, who(peer));
        let remote = Remotely {
            link,
            decoder: Decoder::new(1_000_000),
            unacknowledged: Vec::new(),
        };
        self.peers.insert(peer, remote);
    }

    fn write(&mut self, peer: u8, mut count: usize) {
        let Some(link) = self.peers.get(&peer).map(|remote| remote.link) else {
            return;
        };
        while let Some(mut chunk) = self.hub.poll_chunk(link) {
            let bytes = [chunk.rest().0, chunk.rest().1].concat();
            let taken = bytes.len().min(count);
            count -= taken;
            chunk.handle_taken(taken);
            let is_done = chunk.is_done();
            self.hub.handle_back(self.now, link, chunk, taken > 0);
            self.receive(peer, &bytes[..taken]);
            if !is_done {
                return;
            }
        }
        self.hub.handle_caught_up(link);
    }

    /// What arrived at the other end.
    fn receive(&mut self, peer: u8, mut bytes: &[u8]) {
        let Some(remote) = self.peers.get_mut(&peer) else {
            return;
        };
        while !bytes.is_empty() {
            let space = remote.decoder.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            let reading = remote.decoder.handle_read(count);
            assert_eq!((reading.violation, reading.skipped), (None, 0));
            for span in reading.batch.spans.iter().copied() {
                let body = reading.batch.payload(span);
                let number = body[..8].try_into().expect("eight bytes of number");
                let number = u64::from_be_bytes(number);
                self.delivered.push((peer, number));
                assert!(self.direct.get(&number).is_none_or(|to| *to == peer));
                let id = reading.batch.id(span);
                assert!(id.is_none() || !self.published.contains(&number));
                if let Some(id) = id {
                    assert_eq!(*self.ids.entry(number).or_insert(id), id);
                    remote.unacknowledged.push(id);
                }
            }
        }
    }

    fn read(&mut self, peer: u8, put: impl FnOnce(&mut Vec<u8>)) {
        let Some(link) = self.peers.get(&peer).map(|remote| remote.link) else {
            return;
        };
        let mut bytes = Vec::new();
        frame::put_hello(&mut bytes, who(peer));
        let mut decoder = Decoder::new(1_000_000);
        put(&mut bytes);
        decoder.space()[..bytes.len()].copy_from_slice(&bytes);
        let mut reading = decoder.handle_read(bytes.len());
        self.hub.handle_reading(self.now, link, &mut reading, 0);
    }

    fn acknowledge(&mut self, peer: u8) {
        let remote = self.peers.get_mut(&peer);
        let id = remote.and_then(|it| it.unacknowledged.drain(..).next_back());
        if let Some(id) = id {
            self.read(peer, |out| frame::put_ack(out, id));
        }
    }

    fn end(&mut self, peer: u8, reason: DownReason) {
        if let Some(remote) = self.peers.remove(&peer) {
            self.hub.handle_gone(self.now, remote.link, reason);
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.hub.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn settle(&mut self) {
        while let Some(effects) = self.hub.take_effects() {
            for (link, how) in effects.shutdowns {
                let peer = self.peers.iter().find(|(_, remote)| remote.link == link);
                let peer = peer.map(|(peer, _)| *peer);
                match peer {
                    // The other end closes too, whether it sees half an end or a whole one.
                    Some(peer) => self.end(peer, DownReason::Closed),
                    None if how == Shut::Both => {
                        self.hub.handle_gone(self.now, link, DownReason::Closed);
                    }
                    None => {}
                }
            }
        }
        while let Some(event) = self.hub.poll_event() {
            self.handed_back += u64::from(matches!(event, Event::GaveUp { .. }));
        }
        let stats = self.hub.stats();
        let settled = stats.acknowledged + stats.written + stats.in_doubt;
        let others = stats.dropped() + stats.waiting + stats.handed_back;
        assert_eq!(stats.accepted, settled + others, "the law: {stats:?}");
        assert_eq!(stats.handed_back, self.handed_back);
    }

    /// Everyone comes, stays, and acknowledges, until nothing waits.
    fn calm_down(&mut self) {
        for _ in 0..400 {
            for peer in 0..PEERS {
                self.run(Step::Join(peer));
                self.write(peer, usize::MAX);
                self.run(Step::Beat(peer));
                self.write(peer, usize::MAX);
                let remote = self.peers.get_mut(&peer);
                let ids = remote.map(|it| std::mem::take(&mut it.unacknowledged));
                for id in ids.unwrap_or_default() {
                    self.read(peer, |out| frame::put_ack(out, id));
                }
                self.settle();
            }
            self.run(Step::Pass(1_000));
        }
        assert_eq!(self.hub.stats().waiting, 0, "{:?}", self.hub.stats());
    }

    /// What was sent once to one peer, by name or to all, keeps its order. In turn, only while no
    /// link ends: what comes back of one peer goes behind what another has already.
    fn check_order(&self) {
        let stayed = self.hub.stats().peers_down == 0;
        for peer in 0..PEERS {
            let mine = self.delivered.iter().filter(|(to, _)| *to == peer);
            let numbers = mine.map(|(_, number)| *number);
            let (direct, rest): (Vec<u64>, Vec<u64>) =
                numbers.partition(|number| self.direct.contains_key(number));
            let (published, in_turn): (Vec<u64>, Vec<u64>) = rest
                .into_iter()
                .partition(|number| self.published.contains(number));
            assert!(direct.is_sorted_by(|a, b| a < b), "{peer}: {direct:?}");
            assert!(
                published.is_sorted_by(|a, b| a < b),
                "{peer}: {published:?}"
            );
            assert!(
                !stayed || in_turn.is_sorted_by(|a, b| a < b),
                "{peer}: {in_turn:?}"
            );
        }
    }

    fn check_all_delivered(&self) {
        let delivered: BTreeSet<u64> = self.delivered.iter().map(|(_, number)| *number).collect();
        let lost = self.accepted.difference(&delivered).count() as u64;
        let stats = self.hub.stats();
        assert!(
            lost <= stats.handed_back + stats.dropped() + stats.in_doubt,
            "{lost} lost"
        );
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 0..200)
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        proptest::prelude::Just(Overflow::Block),
        proptest::prelude::Just(Overflow::DropNewest),
        proptest::prelude::Just(Overflow::DropOldest),
        proptest::prelude::Just(Overflow::Disconnect),
    ]
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn at_most_once_keeps_the_law_and_the_order(
        steps in steps(),
        overflow in overflow(),
    ) {
        let mut world = World::new(Delivery::AtMostOnce, overflow);
        steps.into_iter().for_each(|step| world.run(step));
        world.calm_down();
        world.check_order();
        world.check_all_delivered();
    }

    #[test]
    fn at_least_once_delivers_under_one_id_until_acknowledged(
        steps in steps(),
        overflow in overflow(),
    ) {
        let mut world = World::new(Delivery::AtLeastOnce, overflow);
        steps.into_iter().for_each(|step| world.run(step));
        world.calm_down();
        world.check_all_delivered();
        let stats = world.hub.stats();
        let copies = stats.written + stats.in_doubt + stats.dropped();
        assert_eq!(stats.accepted, stats.acknowledged + stats.handed_back + copies);
    }
}
