//! World: the nodes, the network between them, and the queue of what happens next.

use std::fmt;
use std::time::{Duration, Instant};

use super::net::{Conn, ConnId, Net, between};
use super::node::{Node, NodeId, Stage, State};
use super::plan::Plan;
use super::queue::Queue;
use super::truth::Truth;
use super::writing::{Writer, Written};
use crate::message::Identity;
use crate::proto::backoff::Rng;
use crate::proto::chunk::Chunk;
use crate::proto::dial::DialId;
use crate::proto::frame::MessageId;
use crate::proto::hub::{Hub, Shut};
use crate::proto::link::LinkId;

/// More calls of one hub in no time at all are a livelock.
const MAX_CALLS: u32 = 20_000;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Node>,
    pub(crate) truth: Truth,
    pub(crate) is_healed: bool,
    /// Everything that happens is printed.
    pub(crate) is_traced: bool,
    queue: Queue<What>,
    pub(crate) happened: u64,
}

#[derive(Debug)]
pub(crate) enum What {
    Step(usize),
    Arrive(ConnId, usize),
    Accepted(ConnId),
    Of(NodeId, Call),
}

/// What one thread of a node does next.
#[derive(Debug)]
pub(crate) enum Call {
    Keep,
    Dial(DialId),
    Connected(DialId),
    Read(LinkId),
    Answered(LinkId),
    Write(LinkId, Held, Writer),
    Back(LinkId, Held, bool, Written, Writer),
    WriteNext(LinkId),
    Drain(LinkId),
    Receive,
    Settle(Identity, MessageId, bool),
    Retry,
    Close,
}

/// A chunk in a thread's hand.
pub(crate) struct Held {
    pub(crate) chunk: Box<Chunk>,
    /// A payload that it is to be written from.
    pub(crate) lent: Vec<u8>,
}

impl Held {
    pub(crate) fn new(chunk: Chunk) -> Held {
        Held::lent(chunk, Vec::new())
    }

    pub(crate) fn lent(chunk: Chunk, lent: Vec<u8>) -> Held {
        let chunk = Box::new(chunk);
        Held { chunk, lent }
    }
}

impl World {
    pub(crate) fn new(plan: Plan) -> World {
        let start = Instant::now();
        let mut world = World {
            start,
            now: start,
            rng: Rng::new(plan.seed),
            net: Net::new(plan.latency),
            nodes: Vec::new(),
            truth: Truth::default(),
            is_healed: false,
            is_traced: false,
            queue: Queue::new(start),
            happened: 0,
            plan,
        };
        for index in 0..world.plan.nodes.len() {
            let me = Identity::new([index as u8 + 1; 16]);
            let node = world.new_node(NodeId { index, life: 0 }, me);
            world.nodes.push(node);
        }
        (0..world.nodes.len()).for_each(|index| world.start_dials(index));
        for index in 0..world.plan.steps.len() {
            let at = start + world.plan.steps[index].at;
            world.schedule(at, What::Step(index));
        }
        world
    }

    pub(crate) fn new_node(&mut self, id: NodeId, me: Identity) -> Node {
        let seed = self.rng.next();
        let plan = &self.plan.nodes[id.index];
        self.truth.begin(id, me, &plan.config);
        Node::new(self.now, id, plan, me, seed)
    }

    pub(crate) fn schedule(&mut self, at: Instant, what: What) {
        self.queue.push(at.max(self.now), what);
    }

    /// A thread of `node` runs within the next moments.
    pub(crate) fn soon(&mut self, node: NodeId, call: Call) {
        let at = self.now + between(&mut self.rng, Duration::ZERO, Duration::from_micros(60));
        self.schedule(at, What::Of(node, call));
    }

    pub(crate) fn at(&mut self, at: Instant, node: NodeId, call: Call) {
        self.schedule(at, What::Of(node, call));
    }

    /// Lets everything happen that is due until then.
    pub(crate) fn run_until(&mut self, until: Instant) {
        while let Some((at, what)) = self.queue.pop() {
            if at > until {
                self.schedule(at, what);
                break;
            }
            self.now = at;
            self.happened += 1;
            self.handle(what);
        }
        self.now = until;
    }

    fn handle(&mut self, what: What) {
        if self.is_traced {
            eprintln!("{:>12?} {what:?}", self.now - self.start);
        }
        match what {
            What::Step(index) => self.operate(self.plan.steps[index].what),
            What::Arrive(conn, side) => self.arrive(conn, side),
            What::Accepted(conn) => self.accept(conn),
            What::Of(id, call) => self.call(id, call),
        }
    }

    fn call(&mut self, id: NodeId, call: Call) {
        let node = &mut self.nodes[id.index];
        if node.id != id || node.state == State::Gone {
            return;
        }
        if let Some(until) = node.stopped_until.filter(|until| *until > self.now) {
            let at = between(&mut self.rng, Duration::ZERO, Duration::from_micros(500));
            return self.schedule(until + at, What::Of(id, call));
        }
        if node.called != self.now {
            (node.called, node.calls) = (self.now, 0);
        }
        node.calls += 1;
        assert!(node.calls < MAX_CALLS, "{id:?} turns in circles");
        let index = id.index;
        match call {
            Call::Keep => self.keep(index),
            Call::Dial(dial) => self.dial(index, dial),
            Call::Connected(dial) => self.connected(index, dial),
            Call::Read(link) => self.read(index, link),
            Call::Answered(link) => self.answered(index, link),
            Call::Write(link, held, writer) => self.write(index, link, held, writer),
            Call::Back(link, chunk, took, written, writer) => {
                self.back(index, link, *chunk.chunk, took, written);
                self.go_on_writing(index, link, written, writer);
            }
            Call::WriteNext(link) => self.keeper_writes(index, link),
            Call::Drain(link) => self.drain(index, link),
            Call::Receive => self.receive(index),
            Call::Settle(peer, id, is_done) => self.settle_message(index, peer, id, is_done),
            Call::Retry => self.retry(index),
            Call::Close => self.go_on_closing(index),
        }
    }

    /// Calls the hub, and does what it asks for as the engine does when it lets go of the lock.
    pub(crate) fn with_hub<T>(
        &mut self,
        index: usize,
        call: impl FnOnce(&mut Hub, Instant) -> T,
    ) -> T {
        let now = self.now;
        let result = call(&mut self.nodes[index].hub, now);
        self.settle(index);
        result
    }

    pub(crate) fn settle(&mut self, index: usize) {
        while let Some(effects) = self.nodes[index].hub.take_effects() {
            for (link, how) in effects.shutdowns {
                let node = &mut self.nodes[index];
                let peer = node.hub.peer_of(link).filter(|_| how == Shut::Both);
                peer.inspect(|peer| node.lanes.end(*peer));
                self.shut(index, link, how);
                self.wake_lanes(index);
            }
            for presence in effects.presences {
                self.nodes[index].lanes.push_presence(presence);
                self.wake_receiver(index);
            }
            effects
                .gone
                .into_iter()
                .for_each(|link| self.release(index, link));
            let (id, wake) = (self.nodes[index].id, effects.wake);
            if wake.keeper {
                self.keep_by(index, self.now);
            }
            if wake.room && !self.nodes[index].blocked.is_empty() {
                self.soon(id, Call::Retry);
            }
            if wake.dials {
                let dials: Vec<DialId> = self.nodes[index].dials.keys().copied().collect();
                dials
                    .into_iter()
                    .for_each(|dial| self.soon(id, Call::Dial(dial)));
            }
            if wake.readers {
                self.wake_readers(index);
            }
            if wake.peers && self.nodes[index].state != State::Open {
                self.soon(id, Call::Close);
            }
        }
        self.look(index);
    }

    /// Takes in what the hub tells, and checks what always holds.
    fn look(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        while let Some(event) = node.hub.poll_event() {
            if self.is_traced {
                eprintln!(
                    "{:>12?} {:?} tells {event:?}",
                    self.now - self.start,
                    node.id
                );
            }
            self.truth.handle_event(node.id, event);
        }
        node.hub.check_counts();
        node.hub.check_bounds();
        node.hub.check_roster();
        node.hub.check_returns();
        node.hub.check_nothing_forgotten();
        if let Some(due) = node.hub.poll_timeout() {
            self.keep_by(index, due);
        }
    }

    /// Readers that wait for something of the hub's look whether it has come.
    pub(crate) fn wake_readers(&mut self, index: usize) {
        let waits = |stage: &Stage| matches!(stage, Stage::Succeeding(..) | Stage::Crowded);
        self.wake_where(index, waits);
    }

    /// Readers that wait for room are woken as the lanes say.
    pub(crate) fn wake_lanes(&mut self, index: usize) {
        let woken = self.nodes[index].lanes.take_woken();
        self.wake_where(index, |stage| {
            stage.lane().is_some_and(|peer| woken.contains(&peer))
        });
    }

    pub(crate) fn wake_where(&mut self, index: usize, waits: impl Fn(&Stage) -> bool) {
        let links = self.nodes[index].links.iter();
        let waiting: Vec<LinkId> = links
            .filter(|(_, hand)| waits(&hand.stage))
            .map(|(link, _)| *link)
            .collect();
        waiting
            .into_iter()
            .for_each(|link| self.wake_reader(index, link));
    }

    pub(crate) fn wake_reader(&mut self, index: usize, link: LinkId) {
        let id = self.nodes[index].id;
        let Some(hand) = self.nodes[index].links.get_mut(&link) else {
            return;
        };
        if !std::mem::replace(&mut hand.is_awake, true) {
            self.soon(id, Call::Read(link));
        }
    }

    pub(crate) fn conn(&self, index: usize, link: LinkId) -> Option<(ConnId, usize)> {
        let hand = self.nodes[index].links.get(&link)?;
        Some((hand.conn, hand.side))
    }

    fn arrive(&mut self, conn: ConnId, side: usize) {
        self.net.arrive(self.now, conn, side);
        self.wake_end(conn, side);
        self.wake_end(conn, 1 - side);
    }

    /// Reader and drain of one end see what is new.
    pub(crate) fn wake_end(&mut self, conn: ConnId, side: usize) {
        let Some(end) = self.net.conns.get(&conn).map(|conn| &conn.ends[side]) else {
            return;
        };
        let (owner, link) = (end.owner, end.link);
        let Some(link) = link.filter(|_| self.nodes[owner.index].id == owner) else {
            return;
        };
        let hand = self.nodes[owner.index].links.get(&link);
        if hand.is_some_and(|hand| hand.stage.reads()) {
            self.wake_reader(owner.index, link);
        }
        self.wake_drain(owner.index, link);
    }

    /// Everyone may be waiting for this connection: wakes both ends when something changes.
    pub(crate) fn wake_at(&mut self, at: Option<Instant>, conn: ConnId, side: usize) {
        if let Some(at) = at {
            self.schedule(at, What::Arrive(conn, side));
        }
    }

    fn shut(&mut self, index: usize, link: LinkId, how: Shut) {
        let Some((id, side)) = self.conn(index, link) else {
            return;
        };
        let end = self.net.finish(self.now, id, side, &mut self.rng);
        self.wake_at(end, id, 1 - side);
        if let (Shut::Both, Some(conn)) = (how, self.net.conns.get_mut(&id)) {
            conn.ends[side].is_shut = true;
            self.wake_end(id, side);
        }
    }

    /// The link is gone: its stream is closed.
    fn release(&mut self, index: usize, link: LinkId) {
        let hand = self.nodes[index].links.remove(&link);
        if let Some(hand) = hand {
            self.close_end(hand.conn, hand.side);
        }
    }

    /// The system closes one end of a connection: whoever has not been read is told so.
    pub(crate) fn close_end(&mut self, id: ConnId, side: usize) {
        let Some(conn) = self.net.conns.get_mut(&id) else {
            return;
        };
        conn.ends[side].is_closed = true;
        conn.ends[side].closed_at = Some(self.now);
        conn.ends[side].link = None;
        let (is_mute, has_unread) = (conn.pipes[side].swallows, conn.has_unread(side));
        if !is_mute && has_unread {
            let at = self.now + self.net.delay(&mut self.rng);
            self.net.reset(at, id, 1 - side);
            self.wake_at(Some(at), id, 1 - side);
        } else {
            let at = self.net.finish(self.now, id, side, &mut self.rng);
            self.wake_at(at, id, 1 - side);
        }
        let is_over = |conn: &Conn| conn.ends.iter().all(|end| end.is_closed);
        if self.net.conns.get(&id).is_some_and(is_over) {
            let conn = self.net.conns.remove(&id).expect("it was just there");
            let ended = conn.ends.iter().filter_map(|end| end.closed_at).min();
            let timeout = self.nodes[0].config.heartbeat.timeout;
            let in_flight = conn.pipes.into_iter().flat_map(|pipe| pipe.in_flight);
            for (number, written) in in_flight {
                let is_recent = ended.is_some_and(|ended| written + timeout > ended);
                self.truth.handle_lost(number, is_recent);
            }
        }
    }

    /// The connection is cut from outside, at both ends.
    pub(crate) fn cut(&mut self, id: ConnId, how: super::net::Cut) {
        for side in 0..2 {
            match how {
                super::net::Cut::Reset => self.net.reset(self.now, id, side),
                super::net::Cut::Fin => {
                    let at = self.net.finish(self.now, id, side, &mut self.rng);
                    self.wake_at(at, id, 1 - side);
                }
            }
            self.wake_end(id, side);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages, {} bytes",
            self.chunk.messages(),
            self.chunk.len()
        )
    }
}
