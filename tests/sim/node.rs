//! Node: one socket's core, and the hands that stand in for its threads.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::net::ConnId;
use super::plan::NodePlan;
use crate::config::Config;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::delivery::Delivery;
use crate::proto::dial::DialId;
use crate::proto::hub::{Hub, Next};
use crate::proto::lanes::Lanes;
use crate::proto::link::LinkId;
use crate::session::Session;

/// One life of one node: after a restart it is another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct NodeId {
    pub(crate) index: usize,
    pub(crate) life: u32,
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) me: Identity,
    pub(crate) config: Config,
    pub(crate) hub: Hub,
    pub(crate) lanes: Lanes,
    pub(crate) state: State,
    pub(crate) links: BTreeMap<LinkId, Hand>,
    pub(crate) dials: BTreeMap<DialId, Dialler>,
    /// Stopped by the system: none of its threads runs before this.
    pub(crate) stopped_until: Option<Instant>,
    /// Its application does not receive before this.
    pub(crate) deaf_until: Option<Instant>,
    pub(crate) listens: bool,
    /// Nobody can connect to it before this.
    pub(crate) refuses_until: Option<Instant>,
    /// The batch that the application has in hand.
    pub(crate) front: Option<Delivery>,
    pub(crate) is_receiving: bool,
    /// The sessions that the application has seen begin and not end.
    pub(crate) sessions: BTreeMap<Identity, Session>,
    /// Sends that wait for room, in order.
    pub(crate) blocked: VecDeque<Outgoing>,
    pub(crate) keeper_is_busy: bool,
    pub(crate) keeper_at: Option<Instant>,
    /// When it was last called, and how often at that time.
    pub(crate) called: Instant,
    pub(crate) calls: u32,
}

/// How far it is on its way out, and until when that may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Open,
    Closing {
        latest: Instant,
    },
    /// Its threads end.
    Stopping {
        until: Instant,
    },
    Gone,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    Next,
    Everyone,
    One(Identity),
    Session(Session),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) to: To,
    pub(crate) len: usize,
}

/// The thread that dials one endpoint.
pub(crate) struct Dialler {
    pub(crate) target: usize,
    /// It connects, or serves the connection that it made.
    pub(crate) is_busy: bool,
}

/// The thread that reads one connection, and who writes it.
pub(crate) struct Hand {
    pub(crate) conn: ConnId,
    pub(crate) side: usize,
    pub(crate) dial: Option<DialId>,
    pub(crate) decoder: Decoder,
    pub(crate) stage: Stage,
    pub(crate) is_awake: bool,
    pub(crate) drain: Drain,
}

/// What a drain does with a link that stalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drain {
    None,
    Turn,
    Writing,
    /// The kernel takes no more until the other side has read.
    Waiting,
}

/// Where the reading thread is.
pub(crate) enum Stage {
    Greeting,
    /// In the user's hook.
    Asking(Reading, Identity),
    /// Waits until an older link of the same peer has ended.
    Succeeding(Reading, Identity),
    Reading,
    /// Has its share in the inbox.
    Parked(Identity, Next),
    /// Has a batch in hand that does not fit into the inbox.
    Queued(Identity, Batch, Next),
    /// In the middle of a large message that does not fit.
    Narrow(Identity, Next),
    /// Waits until acknowledgements have left.
    Crowded,
    Done,
}

impl Stage {
    /// It waits for bytes.
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Stage::Greeting | Stage::Reading)
    }

    /// The peer for whose lane it waits.
    pub(crate) fn lane(&self) -> Option<Identity> {
        match self {
            Stage::Parked(peer, _) | Stage::Queued(peer, ..) | Stage::Narrow(peer, _) => {
                Some(*peer)
            }
            _ => None,
        }
    }
}

impl Node {
    pub(crate) fn new(now: Instant, id: NodeId, plan: &NodePlan, me: Identity, seed: u64) -> Node {
        let config = plan.config.clone().identity(me);
        config.check().expect("a plan is a valid configuration");
        let mut hub = Hub::new(now, config.clone(), me, seed, !seed);
        if plan.answers {
            assert!(hub.tell_inbox().is_empty(), "nobody is there yet");
        }
        Node {
            id,
            me,
            hub,
            lanes: Lanes::new(&config),
            config,
            state: State::Open,
            links: BTreeMap::new(),
            dials: BTreeMap::new(),
            stopped_until: None,
            deaf_until: None,
            listens: true,
            refuses_until: None,
            front: None,
            is_receiving: false,
            sessions: BTreeMap::new(),
            blocked: VecDeque::new(),
            keeper_is_busy: false,
            keeper_at: None,
            called: now,
            calls: 0,
        }
    }

    pub(crate) fn is_listening(&self, now: Instant) -> bool {
        self.listens && self.refuses_until.is_none_or(|until| until <= now)
    }

    /// The inbox takes in no more, and no message that wants an acknowledgement leaves it.
    pub(crate) fn inbox_is_closed(&self) -> bool {
        self.state != State::Open
    }
}
