//! Closing: a socket's last work, and the account of what it could not do.

use std::time::{Duration, Instant};

use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::dial::DialId;
use crate::proto::hub::Hub;
use crate::proto::link::{LinkId, Phase};
use crate::report::Unsent;

/// What the farewell to the peers may take beyond the linger.
const FAREWELL: Duration = Duration::from_millis(400);

/// How far a socket is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Closing {
    /// What is queued leaves, and is acknowledged.
    Flushing {
        until: Instant,
    },
    /// Nobody else is let in.
    Shutting {
        until: Instant,
    },
    /// Every link ends, gently if its peer closes too in time.
    Leaving {
        until: Instant,
    },
    Over,
}

/// What a closing thread does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CloseStep {
    /// Ask again at this time, or when woken.
    Wait { until: Instant },
    /// Close the listeners, and ask again.
    StopListening,
    /// Every link has ended.
    Over,
}

/// What a closed socket still had.
#[derive(Default)]
pub(crate) struct Remains {
    /// At-least-once messages that were written and not acknowledged.
    pub(crate) unacknowledged: Vec<Unsent>,
    /// Messages that were never given to the kernel whole.
    pub(crate) unsent: Vec<Unsent>,
}

impl Hub {
    /// No more sends; what is queued still leaves, what arrives is not delivered any more.
    pub(crate) fn begin_close(&mut self, until: Instant) {
        self.closing = Some(Closing::Flushing { until });
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// What comes next on the way out; `begin_close` was before.
    pub(crate) fn poll_close(&mut self, now: Instant) -> CloseStep {
        match self.closing.expect("it has begun to close") {
            Closing::Flushing { until } if now < until && !self.is_flushed() => {
                CloseStep::Wait { until }
            }
            Closing::Flushing { until } => {
                self.closing = Some(Closing::Shutting { until });
                CloseStep::StopListening
            }
            Closing::Shutting { until } => {
                let until = until.max(now + FAREWELL);
                self.take_leave(now, until);
                self.closing = Some(Closing::Leaving { until });
                self.poll_close(now)
            }
            Closing::Leaving { until } if now < until && self.has_links() => {
                CloseStep::Wait { until }
            }
            Closing::Leaving { .. } | Closing::Over => {
                self.end_all(now);
                // While somebody is there to be told.
                self.tell_drops();
                self.closing = Some(Closing::Over);
                CloseStep::Over
            }
        }
    }

    /// On the way out, with nothing that another peer could take.
    pub(super) fn is_done(&self) -> bool {
        self.is_closing() && self.is_flushed()
    }

    /// Nothing waits, everything queued is written, and everything written is acknowledged.
    pub(crate) fn is_flushed(&self) -> bool {
        let mut links = self.links.iter().flatten();
        self.ledger.len() == 0
            && self.router.waiting.is_empty()
            && links.all(|link| link.has_nothing_to_say())
            && self
                .peers
                .values()
                .all(|peer| peer.waiting.is_empty() || peer.link.is_none())
    }

    /// Takes leave of every peer, at the latest by `until`.
    pub(super) fn take_leave(&mut self, now: Instant, until: Instant) {
        self.advance(now);
        let dials: Vec<DialId> = self.dials.keys().copied().collect();
        self.dials.clear();
        self.effects.wake.dials |= !dials.is_empty();
        for id in self.link_ids().collect::<Vec<LinkId>>() {
            match self.link(id).map(|link| link.phase) {
                Some(Phase::Opening | Phase::Succeeding) => self.end(id, DownReason::Disconnected),
                _ => self.leave(id, DownReason::Disconnected, until, true),
            }
        }
    }

    /// Time is up: every link ends now.
    pub(super) fn end_all(&mut self, now: Instant) {
        self.advance(now);
        for id in self.link_ids().collect::<Vec<LinkId>>() {
            self.end(id, DownReason::Disconnected);
        }
    }

    /// What is queued behind a write that does not end need not wait for it.
    fn take_from_writer(&mut self, id: LinkId) {
        self.seal();
        let Some(link) = self.links[id.slot()].as_mut() else {
            return;
        };
        if link.unacknowledged > 0 {
            self.ledger.dissolve(id, link.outbox.chunks_mut());
        }
        let (peer, before) = (link.peer, link.outbox.bytes());
        let queued = link.outbox.take_queued();
        self.queued_bytes -= before - link.outbox.bytes();
        let queued = queued.into_iter().filter(|one| one.id.is_none());
        let in_session = self.take_back_plain(peer, queued.collect());
        if let Some(peer) = peer {
            self.leave_over(peer, in_session.into_iter());
        }
    }

    /// Hands back what is left.
    pub(crate) fn drain(&mut self) -> Remains {
        let mut remains = Remains::default();
        for id in self.link_ids().collect::<Vec<LinkId>>() {
            // A thread that is held up in a hook still has it; its messages need not wait.
            self.handle_gone(self.now, id, DownReason::Disconnected);
        }
        for id in self.link_ids().collect::<Vec<LinkId>>() {
            self.take_from_writer(id);
        }
        remains.unsent = std::mem::take(&mut self.left_over);
        for entry in self.ledger.drain() {
            let list = match entry.was_sent() || entry.is_written() {
                true => &mut remains.unacknowledged,
                false => &mut remains.unsent,
            };
            let (peer, body) = (self.last_peer(&entry), entry.body.to_vec());
            list.push(Unsent { peer, body });
        }
        let parked = self.peers.iter_mut();
        let parked = parked.map(|(identity, peer)| (Some(*identity), &mut peer.waiting));
        for (peer, waiting) in parked.chain([(None, &mut self.router.waiting)]) {
            while let Some(item) = waiting.pop_front() {
                self.queued_bytes -= item.memory();
                if item.id.is_none() {
                    let body = item.body.to_vec();
                    remains.unsent.push(Unsent { peer, body });
                }
            }
        }
        let known: Vec<Identity> = self.peers.keys().copied().collect();
        known.into_iter().for_each(|identity| self.file(identity));
        self.tell_drops();
        self.stats.handed_back += (remains.unacknowledged.len() + remains.unsent.len()) as u64;
        remains
    }
}
