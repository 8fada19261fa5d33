//! Links: how a connection becomes a peer, and which of two connections to one peer stays.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Remote};
use crate::event::{DownReason, DropReason, Event};
use crate::message::Identity;
use crate::policy::Candidate;
use crate::proto::dial::{DialId, DialState};
use crate::proto::hub::Hub;
use crate::proto::link::{Link, LinkId, Phase};
use crate::proto::whose::Whose;

/// How long a peer that shows nothing after HELLO may still refuse us.
const CONFIRM_WITHIN: Duration = Duration::from_millis(50);

/// Two dials that met within this are one accident, and both ends settle it the same way.
const SAME_MOMENT: Duration = Duration::from_secs(1);

/// What to do with a connection that the system accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accepted {
    Link(LinkId),
    /// Too many: close it.
    Refused,
}

/// What to do with a connection whose HELLO came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Read on.
    Accepted,
    /// Read on once `is_succeeding` says no.
    Wait,
    /// It ends.
    Rejected,
}

impl Hub {
    /// `may_begin`: we may write before the other side has.
    pub(crate) fn handle_accepted(
        &mut self,
        now: Instant,
        remote: Remote,
        listener: Endpoint,
        may_begin: bool,
    ) -> Accepted {
        self.advance(now);
        let count = self.links.len() - self.free.len();
        if self.is_done() || count >= self.config.max_connections {
            self.reject(remote, DownReason::Crowded);
            return Accepted::Refused;
        }
        if let Some(oldest) = self.crowded_out(remote) {
            self.end(oldest, DownReason::Crowded);
        }
        // A hook may take its time: whoever dialled must not take us for a peer meanwhile.
        let greets = may_begin && self.config.authorize.is_none();
        let mut link = Link::new(now, remote, None);
        link.listener = Some(listener);
        let link = self.open(link, greets);
        self.half_open.push_back(link);
        Accepted::Link(link)
    }

    /// The dialling thread has a connection; `None` if nobody wants it any more.
    pub(crate) fn handle_dialled(
        &mut self,
        now: Instant,
        dial: DialId,
        remote: Remote,
    ) -> Option<LinkId> {
        self.advance(now);
        let started = self.dials.get(&dial)?.started;
        let mut link = Link::new(now, remote, Some(dial));
        // One deadline for connect and handshake, but a slow look-up leaves the latter a part.
        let spent = now.saturating_duration_since(started);
        link.opened -= spent.min(self.config.handshake_timeout * 4 / 5);
        let link = self.open(link, true);
        self.dials.get_mut(&dial)?.state = DialState::Linked(link);
        Some(link)
    }

    fn open(&mut self, mut link: Link, greets: bool) -> LinkId {
        if greets {
            link.greet(self.me);
        }
        let until = link.opened + self.config.handshake_timeout;
        let id = self.add_link(link);
        self.look_by(id, until);
        id
    }

    /// The half-open connection that gives way to a new one: the oldest of the address that has
    /// most of them.
    fn crowded_out(&self, newcomer: Remote) -> Option<LinkId> {
        let half_open: Vec<(LinkId, Option<IpAddr>)> = self
            .half_open
            .iter()
            .filter_map(|id| Some((*id, address_of(self.link(*id)?.remote))))
            .collect();
        let of =
            |address: Option<IpAddr>| half_open.iter().filter(move |(_, other)| *other == address);
        let address = address_of(newcomer);
        let is_limited = address.is_some_and(|address| !address.is_loopback());
        let crowd = if is_limited && of(address).count() >= self.config.half_open.per_address {
            address
        } else if half_open.len() >= self.config.half_open.total {
            let mut crowds: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
            for (_, address) in &half_open {
                *crowds.entry(*address).or_default() += 1;
            }
            crowds.into_iter().max_by_key(|(_, count)| *count)?.0
        } else {
            return None;
        };
        of(crowd).next().map(|(id, _)| *id)
    }

    /// The hook has nothing against the peer: it may know who we are.
    pub(crate) fn handle_authorized(&mut self, id: LinkId) {
        let me = self.me;
        if let Some(link) = self.link_mut(id) {
            link.greet(me);
        }
    }

    /// What an `authorize` hook is told about a link.
    pub(crate) fn candidate(&self, id: LinkId, identity: Identity) -> Option<Candidate> {
        let link = self.link(id)?;
        Some(Candidate {
            identity,
            remote: link.remote,
            dialled: link.dial.is_some(),
            listener: link.listener.clone(),
            credentials: None,
        })
    }

    /// A HELLO of the right version came, and the hook has nothing against it.
    pub(crate) fn handle_hello(&mut self, now: Instant, id: LinkId, identity: Identity) -> Verdict {
        self.advance(now);
        let Some(link) = self
            .link_mut(id)
            .filter(|link| link.phase == Phase::Opening)
        else {
            return Verdict::Rejected;
        };
        link.heard = now;
        if identity == self.me {
            self.end(id, DownReason::OurselvesDialled);
            return Verdict::Rejected;
        }
        if self.is_done() {
            self.end(id, DownReason::Disconnected);
            return Verdict::Rejected;
        }
        if let Some(rival) = self.peers.get(&identity).and_then(|peer| peer.link) {
            if !self.displaces(now, id, rival, identity) {
                self.cover_dial(id, identity);
                self.end(id, DownReason::Duplicate);
                return Verdict::Rejected;
            }
            self.give_way(now, rival, id, identity);
        }
        self.admit(now, id, identity)
    }

    fn admit(&mut self, now: Instant, id: LinkId, identity: Identity) -> Verdict {
        self.end_broken(identity);
        self.half_open.retain(|other| *other != id);
        let peer = self.peer_mut(identity);
        peer.link = Some(id);
        peer.away = None;
        let is_succeeding = !peer.ending.is_empty();
        self.file(identity);
        let interval = self.config.heartbeat.interval;
        let Some(link) = self.link_mut(id) else {
            return Verdict::Rejected;
        };
        link.peer = Some(identity);
        if is_succeeding {
            link.phase = Phase::Succeeding;
            link.is_parked = true;
            // It may wait for long, and its peer must hear of it meanwhile.
            let due = link.heartbeat_due(interval);
            self.look_by(id, due);
            return Verdict::Wait;
        }
        self.confirm(now, id);
        Verdict::Accepted
    }

    /// The peer is back: nobody need read on what is left of its broken connection.
    fn end_broken(&mut self, identity: Identity) {
        let is_broken = |id: &&LinkId| self.link(**id).is_some_and(|link| link.is_broken);
        let ending = self.peers.get(&identity).into_iter();
        let ending = ending.flat_map(|peer| &peer.ending);
        let broken: Vec<LinkId> = ending.filter(is_broken).copied().collect();
        broken
            .into_iter()
            .for_each(|id| self.end(id, DownReason::Replaced));
    }

    /// The new link wins over the one that is there.
    fn displaces(&self, now: Instant, new: LinkId, old: LinkId, identity: Identity) -> bool {
        let (Some(new), Some(old)) = (self.link(new), self.link(old)) else {
            return true;
        };
        let is_stale = old.silence(now) > self.config.heartbeat.interval * 3 / 2;
        if is_stale {
            return true;
        }
        let we_dialled = |link: &Link| link.dial.is_some();
        let apart = new.opened.saturating_duration_since(old.opened);
        let is_accident = we_dialled(new) != we_dialled(old) && apart < SAME_MOMENT;
        is_accident && we_dialled(new) == (self.me < identity)
    }

    /// The old link ends for the new one: at once if it is silent, else when both sides have
    /// finished what they were in the middle of.
    fn give_way(&mut self, now: Instant, old: LinkId, new: LinkId, identity: Identity) {
        let Some(link) = self.link(old) else {
            return;
        };
        let is_stale = link.silence(now) > self.config.heartbeat.interval * 3 / 2;
        self.cover_dial(old, identity);
        if is_stale || self.link(new).is_none() {
            self.end(old, DownReason::Replaced);
        } else {
            self.leave(old, DownReason::Duplicate, now + SAME_MOMENT, false);
        }
    }

    /// Shows the peer that we accepted it, and waits for the same from it.
    pub(super) fn confirm(&mut self, now: Instant, id: LinkId) {
        let until = now + CONFIRM_WITHIN;
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.phase = Phase::Confirming { until };
        link.is_parked = false;
        link.heard = now;
        link.outbox.push_heartbeat();
        self.mark_dirty(id);
        self.look_by(id, until);
    }

    /// The reader of `id` must not read on yet.
    pub(crate) fn is_succeeding(&self, id: LinkId) -> bool {
        self.link(id)
            .is_some_and(|link| link.phase == Phase::Succeeding)
    }

    /// It has not ended yet.
    pub(crate) fn is_alive(&self, id: LinkId) -> bool {
        self.link(id).is_some_and(|link| link.phase != Phase::Ended)
    }

    /// The peer has shown that it accepts us, or has had its time to refuse.
    pub(super) fn come_up(&mut self, now: Instant, id: LinkId) {
        let interval = self.config.heartbeat.interval;
        let Some(link) = self.link_mut(id) else {
            return;
        };
        link.phase = Phase::Up;
        link.was_up = true;
        let (remote, dial) = (link.remote, link.dial);
        let due = link.heartbeat_due(interval);
        let Some(peer) = link.peer else {
            return;
        };
        if let Some(dial) = dial.and_then(|dial| self.dials.get_mut(&dial)) {
            dial.backoff.handle_up(now);
            dial.attempt = 0;
        }
        self.stats.peers_up += 1;
        self.tell(Event::PeerUp { peer, remote });
        self.begin_session(peer, id);
        self.seal();
        self.router.add(id);
        self.effects.wake.peers = true;
        self.effects.wake.room = true;
        self.look_by(id, due);
        self.pour(id, peer);
    }

    /// What waited for this peer goes to it first, then what waited for anyone.
    fn pour(&mut self, id: LinkId, peer: Identity) {
        while let Some(item) = self.peer_mut(peer).waiting.pop_front() {
            self.queued_bytes -= item.memory();
            self.queue(id, item.id, item.whose, &item.body.into());
        }
        if self.router.waiting.published() > 0 {
            self.pour_published(id, peer);
        }
        self.pump();
        self.mark_dirty(id);
    }

    /// The first peer since nobody was there gets what was published meanwhile, on top of what it
    /// had of its own, but no more than as much again: who comes and goes and reads nothing must not
    /// pile up what it never reads. What was sent stays in its place, or waits on without room.
    fn pour_published(&mut self, id: LinkId, peer: Identity) {
        let most = self.config.outbox.doubled();
        let mut is_full = false;
        for item in self.router.waiting.take() {
            let len = item.body.len();
            if item.whose == Whose::Anyone {
                is_full |= !self.may_go_to(id, len, None);
                if is_full {
                    self.router.waiting.push_back(item);
                    continue;
                }
            }
            self.queued_bytes -= item.memory();
            let link = self.link(id);
            if link.is_some_and(|link| link.outbox.has_room(most, len)) {
                self.queue(id, item.id, item.whose, &item.body.into());
            } else {
                self.drop_messages(Some(peer), DropReason::OutboxFull, 1);
            }
        }
    }

    pub(super) fn reject(&mut self, remote: Remote, reason: DownReason) {
        self.stats.rejected += 1;
        self.tell(Event::Rejected { remote, reason });
    }
}

fn address_of(remote: Remote) -> Option<IpAddr> {
    match remote {
        Remote::Tcp(address) => Some(address.ip()),
        _ => None,
    }
}
