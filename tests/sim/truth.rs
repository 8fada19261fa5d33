//! Truth: what really became of every message, and what was promised about it.

use std::collections::{BTreeMap, BTreeSet};

use super::net::ConnId;
use super::node::{Node, NodeId};
use crate::config::Config;
use crate::event::{DownReason, Event};
use crate::message::Identity;
use crate::policy::Delivery;
use crate::proto::batch::Batch;
use crate::proto::hub::Remains;
use crate::stats::Stats;

/// Who an accepted message is for.
pub(crate) enum Audience {
    Anyone,
    One(Identity),
    All(Vec<Identity>),
    /// It was published to nobody, and goes to the first who comes.
    First,
    /// It was sent in a session, which is this connection.
    Conn(ConnId),
}

/// What keeps its order at one receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Turn,
    /// By name, and in between to all.
    Bound,
    Published,
    /// In sessions, of which the later come behind the earlier.
    Session,
}

impl Audience {
    fn orders(&self) -> &'static [Order] {
        match self {
            Audience::Anyone => &[Order::Turn],
            Audience::One(_) => &[Order::Bound],
            Audience::All(_) => &[Order::Bound, Order::Published],
            Audience::First => &[Order::Published],
            Audience::Conn(_) => &[Order::Bound, Order::Session],
        }
    }
}

#[derive(Default)]
pub(crate) struct Truth {
    messages: Vec<Message>,
    lives: BTreeMap<NodeId, Life>,
    /// What has happened at all, in words.
    pub(crate) seen: BTreeSet<String>,
}

struct Message {
    by: NodeId,
    audience: Audience,
    is_tracked: bool,
    /// Whose reader has had it, and to whose application it went, as often as it did.
    read: Vec<NodeId>,
    delivered: Vec<NodeId>,
    /// Whose application gave it back unacknowledged.
    returned: Vec<NodeId>,
    handed_back: u32,
    /// Copies whose last byte was written and never read.
    lost: u32,
    /// Those of them that were written shortly before.
    lost_lately: u32,
    /// Copies that a reader had, and that went with its link.
    refused: u32,
    /// Read from a connection that its sender had given up.
    is_late: bool,
}

/// One socket, from its start to its end.
struct Life {
    me: Identity,
    is_tracked: bool,
    downs: u32,
    /// It ended a link itself, gently.
    took_leave: bool,
    was_killed: bool,
    /// Its last account, if it has closed.
    closed: Option<Stats>,
    delivered: BTreeMap<(NodeId, Order), u64>,
}

/// The body of message number so-and-so.
pub(crate) fn body(number: u64, len: usize) -> Vec<u8> {
    let mut body = number.to_be_bytes().to_vec();
    body.resize(len.max(8), 0);
    body
}

pub(crate) fn number(payload: &[u8]) -> u64 {
    let bytes = payload[..8].try_into().expect("eight bytes");
    u64::from_be_bytes(bytes)
}

pub(crate) fn numbers(batch: &Batch) -> impl Iterator<Item = u64> + '_ {
    batch.spans.iter().map(|span| number(batch.payload(*span)))
}

impl Truth {
    pub(crate) fn begin(&mut self, id: NodeId, me: Identity, config: &Config) {
        let life = Life {
            me,
            is_tracked: config.delivery == Delivery::AtLeastOnce,
            downs: 0,
            took_leave: false,
            was_killed: false,
            closed: None,
            delivered: BTreeMap::new(),
        };
        self.lives.insert(id, life);
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(crate) fn handle_accepted(&mut self, by: NodeId, audience: Audience) {
        let is_sent = matches!(audience, Audience::Anyone | Audience::One(_));
        let is_tracked = is_sent && self.lives[&by].is_tracked;
        self.messages.push(Message {
            by,
            audience,
            is_tracked,
            read: Vec::new(),
            delivered: Vec::new(),
            returned: Vec::new(),
            handed_back: 0,
            lost: 0,
            lost_lately: 0,
            refused: 0,
            is_late: false,
        });
    }

    /// `is_late`: its sender has given up the connection meanwhile.
    pub(crate) fn handle_read(&mut self, number: u64, by: NodeId, on: ConnId, is_late: bool) {
        let message = &mut self.messages[number as usize];
        if let Audience::Conn(conn) = message.audience {
            assert_eq!(conn, on, "message {number} is for another connection");
            assert_eq!(message.found(), 0, "message {number} is found already");
            self.seen.insert("read in a session".into());
        }
        message.read.push(by);
        message.is_late |= is_late;
    }

    /// `is_recent`: it was written within the heartbeat timeout before the connection's end.
    pub(crate) fn handle_lost(&mut self, number: u64, is_recent: bool) {
        let message = &mut self.messages[number as usize];
        message.lost += 1;
        message.lost_lately += u32::from(is_recent);
    }

    /// What came behind a HELLO that was refused is lost with its link, and so is what a reader
    /// still has in hand when its link ends.
    pub(crate) fn handle_refused(&mut self, numbers: impl Iterator<Item = u64>, by: NodeId) {
        for number in numbers {
            let message = &mut self.messages[number as usize];
            let before = message.read.len();
            // A copy that came meanwhile was dropped, because this one was in hand.
            message.read.retain(|node| *node != by);
            assert!(message.read.len() < before, "it was read");
            message.refused += 1;
        }
    }

    pub(crate) fn handle_returned(&mut self, number: u64, by: NodeId) {
        self.messages[number as usize].returned.push(by);
    }

    /// A message has come out of an inbox: what was promised about that is checked at once.
    pub(crate) fn handle_delivered(&mut self, number: u64, to: NodeId, from: Identity) {
        let message = &mut self.messages[number as usize];
        let sender = self.lives.get_mut(&message.by).expect("someone sent it");
        assert_eq!(from, sender.me, "message {number} says who sent it");
        message.delivered.push(to);
        let here = message.delivered.iter().filter(|node| **node == to).count();
        if message.is_tracked {
            let again = message.returned.iter().filter(|node| **node == to).count();
            assert!(here <= 1 + again, "message {number} came twice to {to:?}");
            return;
        }
        assert_eq!(here, 1, "message {number} came twice to {to:?}");
        let everywhere = message.delivered.len() as u32 + message.lost + message.handed_back;
        assert!(
            everywhere <= message.copies(),
            "message {number} came twice"
        );
        if message.is_late {
            // A receiver that stood still may come to it behind what came on the next connection.
            return;
        }
        for order in message.audience.orders() {
            // In turn, what comes back of one peer goes behind what another has already. What is
            // tracked comes back before what is not.
            let may_move = match order {
                Order::Turn => sender.downs > 0,
                Order::Bound => sender.is_tracked,
                Order::Published | Order::Session => false,
            };
            let last = sender.delivered.insert((to, *order), number);
            let is_late = last.is_some_and(|last| last > number);
            assert!(!is_late || may_move, "{number} after {last:?} at {to:?}");
        }
    }

    pub(crate) fn handle_event(&mut self, id: NodeId, event: Event) {
        match event {
            Event::GaveUp { message, .. } => {
                self.seen.insert("GaveUp".into());
                self.hand_back(&message);
            }
            Event::PeerDown { reason, .. } => {
                self.seen.insert(format!("PeerDown {reason:?}"));
                let life = self.lives.get_mut(&id).expect("it lives");
                life.downs += 1;
                let gently = [DownReason::Disconnected, DownReason::Duplicate];
                life.took_leave |= gently.contains(&reason);
            }
            Event::Rejected { reason, .. } => {
                self.seen.insert(format!("Rejected {reason:?}"));
            }
            Event::Dropped { reason, .. } => {
                self.seen.insert(format!("Dropped {reason:?}"));
            }
            _ => {}
        }
    }

    /// A session has ended, and these came back of what was sent in it.
    pub(crate) fn handle_unsent(&mut self, by: NodeId, numbers: Vec<u64>) {
        assert!(numbers.is_sorted(), "in order: {numbers:?}");
        for number in numbers {
            let message = &mut self.messages[number as usize];
            assert!(matches!(message.audience, Audience::Conn(_)));
            assert_eq!((message.by, message.found()), (by, 0), "{number} came back");
            message.handed_back += 1;
            self.seen.insert("unsent in a session".into());
        }
    }

    fn hand_back(&mut self, body: &[u8]) {
        self.messages[number(body) as usize].handed_back += 1;
    }

    pub(crate) fn handle_killed(&mut self, id: NodeId) {
        self.lives.get_mut(&id).expect("it lived").was_killed = true;
    }

    pub(crate) fn handle_closed(&mut self, id: NodeId, remains: &Remains, stats: Stats) {
        let left = remains.unacknowledged.iter().chain(&remains.unsent);
        left.for_each(|one| self.hand_back(&one.body));
        self.lives.get_mut(&id).expect("it lived").closed = Some(stats);
    }

    /// How many messages of one socket each other one has received.
    pub(crate) fn received_from(&self, by: NodeId) -> BTreeMap<NodeId, u64> {
        let mut received = BTreeMap::new();
        for message in self.messages.iter().filter(|message| message.by == by) {
            for to in &message.delivered {
                *received.entry(*to).or_default() += 1;
            }
        }
        received
    }

    /// Everything has come to rest: whatever was accepted is somewhere.
    pub(crate) fn judge(&self, nodes: &[Node]) {
        for (id, life) in self.lives.iter().filter(|(_, life)| !life.was_killed) {
            let node = nodes.iter().find(|node| node.id == *id);
            let stats = life.closed.or(node.map(|node| node.hub.stats()));
            let stats = stats.expect("it lives, or has closed");
            let mine: Vec<&Message> = self.messages.iter().filter(|it| it.by == *id).collect();
            let accepted: u32 = mine.iter().map(|message| message.copies()).sum();
            assert_eq!(u64::from(accepted), stats.accepted, "accepted by {id:?}");
            let (tracked, plain): (Vec<&Message>, _) = mine.iter().partition(|it| it.is_tracked);
            let missing =
                judge_tracked(*id, &tracked, stats) + self.judge_plain(*id, &plain, stats);
            let told = stats.dropped() + stats.waiting;
            // What is tracked may have arrived and wait for its acknowledgement.
            let is_told = if life.is_tracked {
                missing <= told
            } else {
                missing == told
            };
            assert!(is_told, "{missing} lost in silence by {id:?}: {stats:?}");
        }
        self.check_readers(nodes);
    }

    /// At most once: what did not arrive was lost on the way with its link, or is accounted for.
    /// How many copies are not found.
    fn judge_plain(&self, id: NodeId, mine: &[&Message], stats: Stats) -> u64 {
        let accepted: u32 = mine.iter().map(|message| message.copies()).sum();
        let known: u32 = mine.iter().map(|message| message.found()).sum();
        let missing = u64::from(accepted) - u64::from(known);
        let written = |message: &&Message| {
            message.read.len() as u64 + u64::from(message.lost + message.refused)
        };
        let written: u64 = mine.iter().map(written).sum();
        assert_eq!(written, stats.written + stats.in_doubt, "written by {id:?}");
        let lost: u64 = mine
            .iter()
            .map(|message| u64::from(message.lost_lately))
            .sum();
        // A peer that ends for silence of its own, while we take leave, seems to have read it all.
        let life = &self.lives[&id];
        let took_leave = life.closed.is_some() || life.took_leave;
        assert!(
            lost <= stats.in_doubt || took_leave,
            "{lost} lost by {id:?}: {stats:?}"
        );
        missing
    }

    /// What a reader has read, an application gets, if its socket lives on.
    fn check_readers(&self, nodes: &[Node]) {
        for (number, message) in self.messages.iter().enumerate() {
            for reader in &message.read {
                let is_live = nodes.iter().any(|node| node.id == *reader);
                let has_it = message.delivered.contains(reader);
                assert!(
                    has_it || !is_live,
                    "message {number} read and kept by {reader:?}"
                );
            }
            if let Audience::All(roster) = &message.audience {
                let to: Vec<Identity> = message
                    .delivered
                    .iter()
                    .map(|id| self.lives[id].me)
                    .collect();
                assert!(
                    to.iter().all(|me| roster.contains(me)),
                    "{number} went astray"
                );
            }
            if let Audience::Conn(_) = message.audience {
                let is_killed = self.lives[&message.by].was_killed;
                let is_found = message.found() == 1 || is_killed;
                assert!(is_found, "message {number} for a session is nowhere");
            }
            if let Audience::One(me) = message.audience {
                let is_meant = |id: &NodeId| self.lives[id].me == me;
                assert!(
                    message.delivered.iter().all(is_meant),
                    "{number} went astray"
                );
            }
        }
    }
}

impl Message {
    fn copies(&self) -> u32 {
        match &self.audience {
            Audience::All(roster) => roster.len() as u32,
            _ => 1,
        }
    }

    /// Copies of which it is known where they are: read by a socket, lost on the way, handed back.
    fn found(&self) -> u32 {
        self.read.len() as u32 + self.lost + self.refused + self.handed_back
    }
}

/// At least once: everything has reached an application, or its sender was told. How many did not.
fn judge_tracked(id: NodeId, mine: &[&Message], stats: Stats) -> u64 {
    let is_missing = |message: &&&Message| message.delivered.is_empty() && message.handed_back == 0;
    let missing = mine.iter().filter(is_missing).count() as u64;
    let delivered = mine
        .iter()
        .filter(|message| !message.delivered.is_empty())
        .count();
    assert!(
        stats.acknowledged <= delivered as u64,
        "acknowledged and not delivered"
    );
    let twice = mine.iter().filter(|message| message.handed_back > 1);
    assert_eq!(twice.count(), 0, "handed back twice by {id:?}");
    missing
}
