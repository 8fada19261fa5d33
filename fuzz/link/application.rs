//! Application: what it sent, got, took and was handed back, and what must be true of that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::far::Got;
use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;
use crate::settings::Settings;
use crate::stats::Stats;

/// A body shorter than this has no number in it.
const NUMBER: usize = 4;

pub(crate) struct Application {
    settings: Settings,
    /// Whom each accepted message is for.
    sent: Vec<Option<Identity>>,
    /// Those of them that were sent in a session, and on which link.
    sent_in: BTreeMap<u32, LinkId>,
    /// Bodies without a number that were accepted, copies counted.
    pub(crate) anonymous: u64,
    /// How often each message arrived at each peer.
    arrived: BTreeMap<(u32, Identity), u64>,
    pub(crate) arrivals: u64,
    /// The last message that came to a peer, of those for it alone and of the others.
    latest: BTreeMap<(Identity, bool), u32>,
    ids: BTreeMap<u32, MessageId>,
    /// All ids that a far end has seen, in that order.
    pub(crate) seen: Vec<MessageId>,
    handed_back: BTreeSet<u32>,
    /// Received messages that want an ACK and were not taken yet.
    pub(crate) in_hand: VecDeque<(Identity, MessageId)>,
    taken: BTreeSet<(Identity, MessageId)>,
    given_back: BTreeSet<(Identity, MessageId)>,
    done: BTreeMap<Identity, VecDeque<MessageId>>,
}

impl Application {
    pub(crate) fn new(settings: Settings) -> Application {
        Application {
            settings,
            sent: Vec::new(),
            sent_in: BTreeMap::new(),
            anonymous: 0,
            arrived: BTreeMap::new(),
            arrivals: 0,
            latest: BTreeMap::new(),
            ids: BTreeMap::new(),
            seen: Vec::new(),
            handed_back: BTreeSet::new(),
            in_hand: VecDeque::new(),
            taken: BTreeSet::new(),
            given_back: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    /// The body of the next message.
    pub(crate) fn body(&self, len: usize) -> Vec<u8> {
        let mut body = (self.sent.len() as u32).to_be_bytes().to_vec();
        body.resize(len, 0);
        body
    }

    /// As `body`, but long enough to have a number.
    pub(crate) fn numbered_body(&self, len: usize) -> Vec<u8> {
        self.body(len.max(NUMBER))
    }

    /// It is accepted for one connection of a peer.
    pub(crate) fn handle_accepted_in(&mut self, peer: Identity, link: LinkId, body: &[u8]) {
        self.sent_in.insert(self.sent.len() as u32, link);
        self.handle_accepted(Some(peer), body);
    }

    /// It comes back with the end of that connection.
    pub(crate) fn handle_unsent(&mut self, link: LinkId, body: &[u8]) {
        let number = number_of(body).expect("it was numbered");
        assert_eq!(self.sent_in.get(&number), Some(&link), "{number} came back");
        self.handle_handed_back(body);
    }

    /// The message that `body` made is accepted.
    pub(crate) fn handle_accepted(&mut self, to: Option<Identity>, body: &[u8]) {
        match number_of(body) {
            Some(_) => self.sent.push(to),
            None => self.anonymous += 1,
        }
    }

    /// A message arrived at `peer`: one that was sent, to one that it was sent to, and not again.
    pub(crate) fn handle_arrived(
        &mut self,
        peer: Identity,
        on: LinkId,
        got: &Got,
        none_ended: bool,
    ) {
        let number = number_of(&got.body);
        let sent_in = number.and_then(|number| self.sent_in.get(&number));
        assert!(sent_in.is_none_or(|link| *link == on), "on another link");
        let is_tracked = self.settings.is_tracked() && sent_in.is_none();
        assert_eq!(got.id.is_some(), is_tracked);
        self.arrivals += 1;
        let Some(number) = number else {
            return;
        };
        let to = self.sent[number as usize];
        assert!(to.is_none_or(|to| to == peer), "{number} is for another");
        let count = self.arrived.entry((number, peer)).or_default();
        *count += 1;
        match got.id {
            Some(id) => {
                let known = *self.ids.entry(number).or_insert(id);
                assert_eq!(known, id, "one id for {number}");
                self.seen.push(id);
            }
            None => {
                assert_eq!(*count, 1, "{number} arrived twice");
                self.check_order(peer, number, to.is_some(), none_ended);
            }
        }
    }

    /// What is sent once keeps its order; in turn, only while no link ends.
    fn check_order(&mut self, peer: Identity, number: u32, is_direct: bool, none_ended: bool) {
        let is_published = self.settings.publishes;
        let latest = self.latest.insert((peer, is_direct), number);
        if is_direct || is_published || none_ended {
            assert!(latest.is_none_or(|latest| latest < number), "{number} late");
        }
        if !is_published {
            let everywhere = self.arrived.range((number, FIRST)..=(number, LAST));
            assert_eq!(everywhere.count(), 1, "{number} arrived at two");
        }
    }

    /// An ACK arrived at `peer`: for a message of its own that was taken.
    pub(crate) fn handle_ack_arrived(&self, peer: Identity, id: MessageId) {
        assert!(self.taken.contains(&(peer, id)), "{id:?} was not taken");
    }

    /// A NACK arrived at `peer`: for a message of its own that was given back.
    pub(crate) fn handle_nack_arrived(&self, peer: Identity, id: MessageId) {
        let one = (peer, id);
        assert!(self.given_back.contains(&one), "{id:?} was not given back");
    }

    /// A message is the application's again: once, and if it was sent once it did not arrive.
    /// Of what was published each copy stands for itself.
    pub(crate) fn handle_handed_back(&mut self, body: &[u8]) {
        let Some(number) = number_of(body) else {
            return;
        };
        let is_first = self.handed_back.insert(number);
        let is_tracked = self.settings.is_tracked() && !self.sent_in.contains_key(&number);
        let to = self.sent[number as usize];
        if to.is_none() && self.settings.publishes {
            return;
        }
        assert!(is_first, "{number} is back twice");
        let mut arrived = self.arrived.range((number, FIRST)..=(number, LAST));
        let is_arrived = arrived.next().is_some();
        assert!(is_tracked || !is_arrived, "{number} arrived");
    }

    /// A message of `peer` is delivered: no copy of one that is known.
    pub(crate) fn handle_delivered(&mut self, peer: Identity, id: MessageId, remembers: bool) {
        let one = (peer, id);
        let is_copy = self.in_hand.contains(&one);
        let is_done = self.done.get(&peer).is_some_and(|done| done.contains(&id));
        // Memory is short: what is done may be forgotten, what is in hand is not.
        let is_done = is_done && self.settings.memory_budget == 1 << 30;
        assert!(!remembers || !(is_copy || is_done), "a copy of {id:?}");
        self.in_hand.push_back(one);
    }

    pub(crate) fn give_back(&mut self, at: usize) -> Option<(Identity, MessageId)> {
        let one = self.in_hand.remove(at)?;
        self.given_back.insert(one);
        Some(one)
    }

    pub(crate) fn take(&mut self, at: usize) -> Option<(Identity, MessageId)> {
        let (peer, id) = self.in_hand.remove(at)?;
        self.taken.insert((peer, id));
        let done = self.done.entry(peer).or_default();
        done.push_back(id);
        if done.len() > self.settings.duplicate_window.max(1) {
            done.pop_front();
        }
        Some((peer, id))
    }

    /// The account at the very end, when nothing is left on its way.
    pub(crate) fn check_end(&self, stats: &Stats) {
        assert_eq!(stats.waiting, 0);
        if !self.settings.is_tracked() {
            assert_eq!(self.arrivals, stats.written + stats.in_doubt);
        }
        if self.settings.is_deaf {
            return;
        }
        let handed_back = self.handed_back.len() as u64;
        assert!(handed_back <= stats.handed_back);
        let arrived: BTreeSet<u32> = self.arrived.keys().map(|(number, _)| *number).collect();
        let numbers = (0..self.sent.len() as u32).filter(|number| !arrived.contains(number));
        let lost = numbers.filter(|number| !self.handed_back.contains(number));
        assert!(
            lost.count() as u64 <= stats.dropped() + stats.events_lost,
            "lost: {stats:?}"
        );
    }
}

const FIRST: Identity = Identity::new([0; 16]);
const LAST: Identity = Identity::new([255; 16]);

fn number_of(body: &[u8]) -> Option<u32> {
    let number = body.first_chunk::<NUMBER>()?;
    Some(u32::from_be_bytes(*number))
}
