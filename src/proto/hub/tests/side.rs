//! A side: one hub, and in place of the engine a hand that moves time and bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::endpoint::{Endpoint, Remote};
use crate::event::{DownReason, Event};
use crate::message::Identity;
use crate::policy::Delivery;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::Reading;
use crate::proto::delivery::Presence;
use crate::proto::dial::{DialId, DialStep};
use crate::proto::frame::MessageId;
pub(super) use crate::proto::hub::tests::wire::{Frame, Wire, decode, ids, texts};
use crate::proto::hub::{Accepted, Hub, Next, Refusal, Sent, Shut, Verdict};
use crate::proto::link::LinkId;

pub(super) struct Side {
    pub(super) hub: Hub,
    pub(super) me: Identity,
    /// What `send` does is to publish.
    publishes: bool,
    pub(super) now: Instant,
    pub(super) events: Vec<Event>,
    /// Links whose stream was shut down, and how.
    pub(super) shut: Vec<(LinkId, Shut)>,
    pub(super) gone: BTreeSet<LinkId>,
    /// Who came and who went, since the inbox is told.
    presences: Vec<Presence>,
    /// Readers that are somewhere else, and do not see that their stream was shut down.
    pub(super) absent_readers: BTreeSet<LinkId>,
    wires: BTreeMap<LinkId, Wire>,
}

/// Identity number `n`; their order is that of the numbers.
pub(super) fn who(n: u8) -> Identity {
    Identity::new([n; 16])
}

pub(super) fn id(n: u8) -> MessageId {
    MessageId([n; 16])
}

pub(super) fn data(text: &str) -> Frame {
    Frame::Data(text.into())
}

pub(super) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The listener that peers come to.
pub(super) fn here() -> Endpoint {
    "mem://here".parse().expect("a valid endpoint")
}

pub(super) fn round_robin() -> Config {
    Config::default()
}

pub(super) fn at_least_once() -> Config {
    Config::default().delivery(Delivery::AtLeastOnce)
}

impl Side {
    /// Identity number 100.
    pub(super) fn new(config: Config) -> Side {
        Side::named(100, config)
    }

    /// One whose `send` publishes.
    pub(super) fn publisher(config: Config) -> Side {
        Side {
            publishes: true,
            ..Side::new(config)
        }
    }

    pub(super) fn named(n: u8, config: Config) -> Side {
        let now = <Instant>::now();
        Side {
            hub: Hub::new(now, config, who(n), 7, 8),
            me: who(n),
            publishes: false,
            now,
            events: Vec::new(),
            shut: Vec::new(),
            gone: BTreeSet::new(),
            presences: Vec::new(),
            absent_readers: BTreeSet::new(),
            wires: BTreeMap::new(),
        }
    }

    pub(super) fn accept(&mut self) -> LinkId {
        self.accept_from(Remote::Mem)
            .expect("there is room for a link")
    }

    pub(super) fn accept_from(&mut self, remote: Remote) -> Option<LinkId> {
        let accepted = self.hub.handle_accepted(self.now, remote, here(), true);
        self.settle();
        match accepted {
            Accepted::Link(id) => Some(id),
            Accepted::Refused => None,
        }
    }

    pub(super) fn connect(&mut self, endpoint: &str) -> Option<DialId> {
        let endpoint = endpoint.parse().expect("a valid endpoint");
        self.hub.handle_connect(self.now, endpoint)
    }

    /// Dials as soon as the hub lets it.
    pub(super) fn dial(&mut self, dial: DialId) -> LinkId {
        while let DialStep::Wait { until } = self.hub.poll_dial(self.now, dial) {
            self.pass(until - self.now);
        }
        let link = self.hub.handle_dialled(self.now, dial, Remote::Mem);
        self.settle();
        link.expect("the dial is wanted")
    }

    pub(super) fn hello(&mut self, link: LinkId, peer: Identity) -> Verdict {
        let verdict = self.hub.handle_hello(self.now, link, peer);
        self.settle();
        verdict
    }

    /// `peer` sends `frames` on `link`; what the application gets of it.
    pub(super) fn read(&mut self, link: LinkId, frames: &[Frame]) -> Vec<Frame> {
        let mut reading = decode(frames);
        self.take(link, &mut reading);
        let batch = reading.batch;
        let spans = batch.spans.iter();
        let delivered = spans.map(|span| match batch.id(*span) {
            Some(id) => Frame::Tracked(id, batch.payload(*span).to_vec()),
            None => Frame::Data(batch.payload(*span).to_vec()),
        });
        delivered.collect()
    }

    /// One read of `link` brought this.
    pub(super) fn take(&mut self, link: LinkId, reading: &mut Reading) -> Next {
        let next = self.hub.handle_reading(self.now, link, reading, 0);
        let answer = self.hub.claim_answer(self.now, link, reading);
        if let Some(chunk) = answer {
            self.carry(link, chunk, usize::MAX);
        }
        self.settle();
        next
    }

    /// An accepted link to `peer` that is up, with nothing left to write.
    pub(super) fn up(&mut self, peer: Identity) -> LinkId {
        let link = self.accept();
        self.bring_up(link, peer);
        link
    }

    pub(super) fn bring_up(&mut self, link: LinkId, peer: Identity) {
        self.hello(link, peer);
        self.write_bytes(link, 22 + 5);
        self.wires.remove(&link);
        self.read(link, &[Frame::Heartbeat]);
    }

    /// Writes all that may be written to `link`, and gives the frames that are now on the wire.
    pub(super) fn write(&mut self, link: LinkId) -> Vec<Frame> {
        self.write_bytes(link, usize::MAX);
        self.take_frames(link)
    }

    /// As `write`, but the kernel takes only `count` bytes.
    pub(super) fn write_bytes(&mut self, link: LinkId, mut count: usize) {
        while let Some(chunk) = self.hub.poll_chunk(link) {
            let len = chunk.rest().0.len() + chunk.rest().1.len();
            self.carry(link, chunk, count);
            if count < len {
                return;
            }
            count -= len;
        }
        self.hub.handle_caught_up(link);
        self.settle();
    }

    fn carry(&mut self, link: LinkId, mut chunk: Chunk, count: usize) {
        let wire = self.wires.entry(link).or_insert_with(Wire::new);
        let bytes = [chunk.rest().0, chunk.rest().1].concat();
        let taken = bytes.len().min(count);
        wire.extend(&bytes[..taken]);
        chunk.handle_taken(taken);
        self.hub.handle_back(self.now, link, chunk, taken > 0);
        self.settle();
    }

    /// The whole frames on the wire; the front of another may stay there.
    pub(super) fn take_frames(&mut self, link: LinkId) -> Vec<Frame> {
        let wire = self.wires.entry(link).or_insert_with(Wire::new);
        wire.take_frames()
    }

    /// The reading thread of `link` is done.
    pub(super) fn end(&mut self, link: LinkId, reason: DownReason) {
        self.hub.handle_gone(self.now, link, reason);
        self.settle();
    }

    pub(super) fn send(&mut self, text: &str) -> Result<Sent, Refusal> {
        let sent = match self.publishes {
            true => self.hub.publish(&text.as_bytes().into()),
            false => self.hub.send(&text.as_bytes().into()),
        };
        self.settle();
        sent
    }

    pub(super) fn publish(&mut self, text: &str) -> Result<Sent, Refusal> {
        let sent = self.hub.publish(&text.as_bytes().into());
        self.settle();
        sent
    }

    pub(super) fn send_all(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| {
            self.send(text).expect("there is room");
        });
    }

    pub(super) fn send_to(&mut self, to: Identity, text: &str) -> Result<Sent, Refusal> {
        let sent = self.hub.send_to(to, &text.as_bytes().into());
        self.settle();
        sent
    }

    /// Time passes, and the keeper is there whenever the hub wants it.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.hub.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    /// As `pass`, in steps of a second: `peer` sends a heartbeat in each, and whatever is there
    /// to be written is.
    pub(super) fn pass_alive(&mut self, seconds: u64, links: &[LinkId]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for _ in 0..seconds {
            self.pass(secs(1));
            for link in links {
                self.read(*link, &[Frame::Heartbeat]);
                frames.extend(self.write(*link));
            }
        }
        frames
    }

    /// Time passes and nobody is there; then the keeper comes.
    pub(super) fn oversleep(&mut self, time: Duration) {
        self.now += time;
        self.hub.handle_timeout(self.now);
        self.settle();
    }

    /// Does what the hub asks for, as the engine would, and checks what always holds.
    pub(super) fn settle(&mut self) {
        while let Some(effects) = self.hub.take_effects() {
            self.gone.extend(effects.gone);
            self.presences.extend(effects.presences);
            for (link, how) in effects.shutdowns {
                self.shut.push((link, how));
                if how == Shut::Both && !self.absent_readers.contains(&link) {
                    self.hub.handle_gone(self.now, link, DownReason::Closed);
                }
            }
        }
        while let Some(event) = self.hub.poll_event() {
            self.events.push(event);
        }
        self.hub.check_counts();
        self.hub.check_bounds();
        self.hub.check_roster();
        self.hub.check_returns();
        self.hub.check_peers();
        self.hub.check_slots();
        self.hub.check_deadlines();
    }

    /// The application takes what its inbox was told.
    pub(super) fn take_presences(&mut self) -> Vec<Presence> {
        let presences = std::mem::take(&mut self.presences);
        let bytes = presences.iter().map(Presence::memory).sum();
        self.hub.handle_collected(bytes);
        self.settle();
        presences
    }

    pub(super) fn is_gone(&self, link: LinkId) -> bool {
        self.gone.contains(&link)
    }

    pub(super) fn is_shut(&self, link: LinkId, how: Shut) -> bool {
        self.shut.contains(&(link, how))
    }

    pub(super) fn is_up(&self, peer: Identity) -> bool {
        self.hub.peers().any(|(_, link)| link.peer == Some(peer))
    }

    /// Why peers went down, in order.
    pub(super) fn downs(&self) -> Vec<(DownReason, u64)> {
        let downs = self.events.iter().filter_map(|event| match event {
            Event::PeerDown {
                reason, in_doubt, ..
            } => Some((*reason, *in_doubt)),
            _ => None,
        });
        downs.collect()
    }

    pub(super) fn rejections(&self) -> Vec<DownReason> {
        let rejections = self.events.iter().filter_map(|event| match event {
            Event::Rejected { reason, .. } => Some(*reason),
            _ => None,
        });
        rejections.collect()
    }

    /// The messages that were handed back.
    pub(super) fn given_up(&self) -> Vec<(Option<Identity>, String)> {
        let given_up = self.events.iter().filter_map(|event| match event {
            Event::GaveUp { peer, message } => {
                Some((*peer, String::from_utf8_lossy(message).into_owned()))
            }
            _ => None,
        });
        given_up.collect()
    }
}
