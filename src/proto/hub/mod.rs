//! Hub: every decision of one socket. It is told what happened and says what to do next.

#[cfg(any(test, fuzzing))]
mod audit;
mod budget;
mod closing;
mod dialing;
mod ending;
mod failing;
mod forgetting;
mod joining;
mod lending;
mod links;
mod multicast;
mod naming;
mod receiving;
mod returning;
mod sending;
mod sessions;
#[cfg(test)]
mod tests;
mod timing;
mod writing;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::config::Config;
use crate::event::{Cause, DropReason, Event};
use crate::message::Identity;
use crate::policy::Delivery;
use crate::proto::agenda::Agenda;
use crate::proto::backoff::Rng;
use crate::proto::delivery::Presence;
use crate::proto::departed::Departed;
use crate::proto::dial::{Dial, DialId};
use crate::proto::flood::Flood;
use crate::proto::ledger::Ledger;
use crate::proto::link::{Link, LinkId};
use crate::proto::news::News;
use crate::proto::peer::Peer;
use crate::proto::router::Router;
use crate::proto::window::Window;
use crate::report::Unsent;
use crate::stats::Stats;

use closing::Closing;
pub(crate) use closing::{CloseStep, Remains};
pub(crate) use links::{Accepted, Verdict};
use multicast::Multicast;
pub(crate) use receiving::Next;
pub(crate) use sending::{Refusal, Sent};

/// The decisions of one socket.
pub(crate) struct Hub {
    config: Config,
    me: Identity,
    rng: Rng,
    /// The last time that anyone told.
    now: Instant,
    links: Vec<Option<Link>>,
    free: Vec<u32>,
    serials: Vec<u32>,
    dials: BTreeMap<DialId, Dial>,
    dials_made: u64,
    peers: BTreeMap<Identity, Peer>,
    departed: Departed,
    /// Accepted links whose peer has not said who it is, the oldest first.
    half_open: VecDeque<LinkId>,
    router: Router,
    ledger: Ledger,
    multicast: Multicast,
    /// The latest message was published.
    publishes: bool,
    /// Something was published or has left since nothing was found that may give way.
    may_give_way: bool,
    /// Links that the keeper should write.
    dirty: VecDeque<LinkId>,
    /// When a write last ended, or a message of a burst was queued.
    busy_until: Instant,
    flood: Flood,
    news: News,
    drops: BTreeMap<(Option<Identity>, DropReason), u64>,
    /// When they are told, one event for many.
    drops_due: Option<Instant>,
    stats: Stats,
    /// Bytes in all outboxes, and of memory in all that waits.
    queued_bytes: usize,
    /// Messages that have left outboxes since those were called who wait for room, and their bytes.
    freed: (usize, usize),
    /// A peer may have more messages again, and those who wait for that are not called yet.
    owes_room: bool,
    /// Bytes of memory of what came back at the end of sessions and was not taken yet.
    uncollected: usize,
    /// What sessions had not written that have ended while the socket closes.
    left_over: Vec<Unsent>,
    /// Bytes of frames that have begun to arrive, in all links.
    held_bytes: usize,
    /// Bytes of memory of all windows, and at how many they are looked at next.
    window_bytes: usize,
    windows_due: usize,
    /// Bytes that the buffers may have which links are read into.
    buffer_bytes: usize,
    agenda: Agenda,
    /// Nothing of an absent peer is to be forgotten before that.
    forget_at: Option<Instant>,
    next_timeout: Option<Instant>,
    closing: Option<Closing>,
    /// The inbox is told of peers, too.
    tells_inbox: bool,
    effects: Effects,
}

/// What the threads around the hub have to do after a call.
#[derive(Default, Debug)]
pub(crate) struct Effects {
    /// Links whose stream ends now, in one direction or both.
    pub(crate) shutdowns: Vec<(LinkId, Shut)>,
    /// Links that are gone for good.
    pub(crate) gone: Vec<LinkId>,
    /// Peers that came or went, for the inbox to tell in its place.
    pub(crate) presences: Vec<Presence>,
    /// Errors that nobody is told of any more.
    pub(crate) lost: Vec<Cause>,
    pub(crate) wake: Wake,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shut {
    /// Everything is written; the peer may see the end, we go on reading.
    Write,
    /// Nothing more is written or read.
    Both,
}

/// Who may have something new to see.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Wake {
    /// The keeper: a link to write, or an earlier deadline.
    pub(crate) keeper: bool,
    /// Senders that wait for room.
    pub(crate) room: bool,
    /// Dialling threads.
    pub(crate) dials: bool,
    /// Reading threads that wait for an older link to end.
    pub(crate) readers: bool,
    /// Those who wait for events.
    pub(crate) events: bool,
    /// The thread that tells the program's hook of events.
    pub(crate) hook: bool,
    /// Those who wait for a number of peers, or for the end.
    pub(crate) peers: bool,
}

impl Hub {
    /// Peers see the nonce, and must not learn the seed from it: they could choose message ids
    /// that collide.
    pub(crate) fn new(now: Instant, config: Config, me: Identity, seed: u64, nonce: u64) -> Hub {
        let slack = (config.memory_budget / 16).min(1024 * 1024);
        let ledger = Ledger::new(nonce, slack, config.resend, config.ack_within);
        let mut news = News::default();
        if config.on_event.is_some() {
            news.hook();
        }
        Hub {
            config,
            me,
            rng: Rng::new(seed),
            now,
            links: Vec::new(),
            free: Vec::new(),
            serials: Vec::new(),
            dials: BTreeMap::new(),
            dials_made: 0,
            peers: BTreeMap::new(),
            departed: Departed::default(),
            half_open: VecDeque::new(),
            router: Router::default(),
            ledger,
            multicast: Multicast::default(),
            publishes: false,
            may_give_way: false,
            dirty: VecDeque::new(),
            busy_until: now,
            freed: (0, 0),
            owes_room: false,
            flood: Flood::new(now),
            news,
            drops: BTreeMap::new(),
            drops_due: None,
            stats: Stats::default(),
            queued_bytes: 0,
            uncollected: 0,
            left_over: Vec::new(),
            held_bytes: 0,
            window_bytes: 0,
            windows_due: 0,
            buffer_bytes: 0,
            agenda: Agenda::default(),
            forget_at: None,
            next_timeout: None,
            closing: None,
            tells_inbox: false,
            effects: Effects::default(),
        }
    }

    /// Whether `take_effects` would give anything to do.
    #[inline]
    pub(crate) fn has_effects(&self) -> bool {
        let effects = &self.effects;
        effects.wake != Wake::default()
            || !effects.shutdowns.is_empty()
            || !effects.gone.is_empty()
            || !effects.presences.is_empty()
            || !effects.lost.is_empty()
    }

    /// Those who wait for room are about to be woken.
    pub(crate) fn calls_for_room(&self) -> bool {
        self.effects.wake.room
    }

    /// What is to be done since the last call of this.
    pub(crate) fn take_effects(&mut self) -> Option<Effects> {
        self.has_effects()
            .then(|| std::mem::take(&mut self.effects))
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let event = self.news.pop()?;
        // What was handed back is the application's memory now.
        self.effects.wake.room |= event.bytes() > 0;
        Some(event)
    }

    /// The next event for the program's hook.
    pub(crate) fn poll_hooked(&mut self) -> Option<Event> {
        self.news.pop_for_hook()
    }

    /// The peers that are up, in the order in which they came.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        let roster = self.router.roster().iter();
        roster.filter_map(|id| Some((*id, self.link(*id)?)))
    }

    /// Messages that are on their way to `link` and not written yet.
    pub(crate) fn queued_for(&self, link: LinkId) -> usize {
        self.link(link).map_or(0, |link| link.outbox.messages())
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.router.roster().len()
    }

    pub(crate) fn has_links(&self) -> bool {
        self.links.len() > self.free.len()
    }

    /// The counters, with what the socket holds at this moment.
    pub(crate) fn stats(&self) -> Stats {
        // The ledger has all that has an id, wherever else it is.
        let absent = self.peers.values().map(|peer| peer.waiting.untracked());
        let links = self.links.iter().flatten();
        let outboxes = links.map(|link| link.outbox.untracked());
        let queued = self.router.waiting.untracked() + absent.sum::<usize>();
        let waiting = self.ledger.len() + queued + outboxes.sum::<usize>();
        let waiting = waiting + self.left_over.len();
        Stats {
            waiting: waiting as u64,
            ..self.stats
        }
    }

    /// What is sent is kept until it is acknowledged; what is published is not.
    fn is_tracked(&self) -> bool {
        self.config.delivery == Delivery::AtLeastOnce
    }

    fn link(&self, id: LinkId) -> Option<&Link> {
        let is_current = self.serials.get(id.slot()) == Some(&id.serial());
        self.links.get(id.slot())?.as_ref().filter(|_| is_current)
    }

    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        let is_current = self.serials.get(id.slot()) == Some(&id.serial());
        self.links
            .get_mut(id.slot())?
            .as_mut()
            .filter(|_| is_current)
    }

    fn link_ids(&self) -> impl Iterator<Item = LinkId> {
        let slots = self.links.iter().zip(&self.serials).enumerate();
        slots.filter_map(|(slot, (link, serial))| {
            link.as_ref().map(|_| LinkId::new(slot as u32, *serial))
        })
    }

    fn add_link(&mut self, link: Link) -> LinkId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.links.push(None);
            self.serials.push(0);
            self.links.len() as u32 - 1
        });
        self.buffer_bytes += link.buffer;
        self.links[slot as usize] = Some(link);
        let serial = &mut self.serials[slot as usize];
        *serial = serial.checked_add(1).unwrap_or(1);
        LinkId::new(slot, *serial)
    }

    fn remove_link(&mut self, id: LinkId) -> Option<Link> {
        self.link(id)?;
        self.free.push(id.slot() as u32);
        self.effects.gone.push(id);
        let link = self.links[id.slot()].take()?;
        self.buffer_bytes -= link.buffer;
        Some(link)
    }

    /// What is remembered of `identity`, from now on if nothing was.
    fn peer_mut(&mut self, identity: Identity) -> &mut Peer {
        let (capacity, rng) = (self.config.duplicate_window, &mut self.rng);
        let entry = self.peers.entry(identity);
        entry.or_insert_with(|| Peer::new(Box::new(Window::new(capacity, rng.next()))))
    }

    fn tell(&mut self, event: Event) {
        let lost = [self.news.push_for_hook(&event), self.news.push(event)];
        for lost in lost.into_iter().flatten() {
            self.stats.events_lost += 1;
            self.effects.lost.extend(lost.into_cause());
        }
        self.effects.wake.hook = self.config.on_event.is_some();
        self.effects.wake.events = true;
    }

    /// Counts dropped messages; the event follows at the next timeout, one for many.
    fn drop_messages(&mut self, peer: Option<Identity>, reason: DropReason, count: u64) {
        self.stats.count_drop(reason, count);
        self.note_drops(peer, reason, count);
    }

    fn note_drops(&mut self, peer: Option<Identity>, reason: DropReason, count: u64) {
        *self.drops.entry((peer, reason)).or_insert(0) += count;
        if self.drops_due.is_none() {
            // A send does not know the time, so the first drop may be told at once.
            self.drops_due = Some(self.now + timing::DROPS_TOLD_AFTER);
            self.effects.wake.keeper = true;
        }
    }

    /// Makes sure that `handle_timeout` is called by then, or now: a plan for a time that has passed
    /// would look as if this process had been suspended since.
    fn wake_by(&mut self, at: Instant) {
        let at = at.max(self.now);
        if self.next_timeout.is_none_or(|next| at < next) {
            self.next_timeout = Some(at);
            self.effects.wake.keeper = true;
        }
    }
}
