//! World: one hub with its threads, its links and their far ends, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use crate::application::Application;
use crate::dialler::{self, Dialler, endpoint};
use crate::endpoint::Remote;
use crate::event::{DownReason, Event};
use crate::far::Far;
use crate::finish::Close;
use crate::message::Identity;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::Decoder;
use crate::proto::hub::{Accepted, Hub, Refusal, Shut};
use crate::proto::link::LinkId;
use crate::reader::Reader;
use crate::settings::Settings;
use crate::sleepers::{Blocked, Sleepers};
use crate::step::{Hook, Step, Write};
use crate::word::{self, Word};

/// The number of our own identity.
pub(crate) const ME: u8 = 5;

/// More connections at once find nothing that fewer do not.
const MOST_LINKS: usize = 12;

/// Bytes that come with this are read as far as they go.
pub(crate) const ALL: usize = usize::MAX;

/// One connection: our threads, and the far end.
pub(crate) struct End {
    pub(crate) reader: Reader,
    pub(crate) decoder: Decoder,
    /// Bytes that have arrived and are not read.
    pub(crate) inbound: VecDeque<u8>,
    /// How the stream ends behind them.
    pub(crate) hung_up: Option<DownReason>,
    /// We shut it down.
    pub(crate) is_shut: bool,
    /// We shut our half of it down.
    pub(crate) is_half_shut: bool,
    /// In a writer's hand.
    pub(crate) chunk: Option<Chunk>,
    /// A drain has it.
    pub(crate) is_drained: bool,
    pub(crate) far: Far,
    pub(crate) peer: Option<Identity>,
    pub(crate) admitted: Option<Instant>,
    /// The far end has shown a frame behind its HELLO.
    pub(crate) has_shown: bool,
}

pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) hub: Hub,
    pub(crate) now: Instant,
    start: Instant,
    pub(crate) ends: BTreeMap<LinkId, End>,
    pub(crate) diallers: Vec<Dialler>,
    pub(crate) application: Application,
    pub(crate) sleepers: Sleepers,
    pub(crate) close: Close,
    /// Links whose sessions have begun and not ended.
    pub(crate) sessions: BTreeSet<LinkId>,
    has_flooded: bool,
    is_settling: bool,
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        let now = <Instant>::now();
        let mut hub = Hub::new(now, settings.config(), word::who(ME), 7, 8);
        assert!(hub.tell_inbox().is_empty(), "nobody is there yet");
        World {
            settings,
            hub,
            now,
            start: now,
            ends: BTreeMap::new(),
            diallers: Vec::new(),
            application: Application::new(settings),
            sleepers: Sleepers::default(),
            close: Close::NotYet,
            sessions: BTreeSet::new(),
            has_flooded: false,
            is_settling: false,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    pub(crate) fn run(&mut self, step: Step<'_>) {
        match step {
            Step::Accept { remote, hello } => self.accept(remote, hello),
            Step::Connect(n) => self.connect(n),
            Step::Disconnect(n) => {
                self.hub.handle_disconnect(self.now, &dialler::endpoint(n));
            }
            Step::Dial {
                which,
                hello,
                fails,
            } => self.dial(which.into(), hello, fails),
            Step::AcceptFails => {
                let error = io::Error::from(io::ErrorKind::OutOfMemory);
                self.hub.handle_accept_failed(dialler::endpoint(0), error);
            }
            Step::Feed {
                link,
                words,
                piece,
                hook,
            } => self.feed(link, &words, piece, hook),
            Step::HangUp { link, resets } => self.hang_up(link, resets),
            Step::Unpark(link) => self.at(link, World::unpark),
            Step::Keep(write) => {
                self.keep(write);
            }
            Step::Drain { link, write } => self.at(link, |it, link| it.drain(link, write)),
            Step::Back { link, write } => self.at(link, |it, link| it.bring_back(link, write)),
            Step::Send { to, len, write } => self.send(to, len, write),
            Step::SendIn { link, len, write } => {
                let len = self.length(len);
                self.at(link, |it, link| it.send_in(link, len, write));
            }
            Step::Retry => self.retry(),
            Step::Take(n) => self.take(n.into()),
            Step::Return(n) => self.give_back(n.into()),
            Step::Prompt(link) => self.at(link, World::prompt),
            Step::Farewell { link, breaks } => self.at(link, |it, link| it.farewell(link, breaks)),
            Step::Pass(millis) => self.pass(Duration::from_millis(millis.into())),
            Step::Oversleep(millis) => self.now += Duration::from_millis(millis.into()),
            Step::BeginClose(millis) => self.begin_close(Duration::from_millis(millis.into())),
            Step::Close => self.close(),
        }
        self.settle();
    }

    /// Does something with one of the links.
    fn at(&mut self, link: u8, act: impl FnOnce(&mut World, LinkId)) {
        if let Some(at) = usize::from(link).checked_rem(self.ends.len()) {
            let link = self.ends.keys().nth(at).copied();
            act(self, link.expect("it is below the count"));
        }
    }

    pub(crate) fn accept(&mut self, remote: u8, hello: Option<u8>) {
        let may_begin = remote & 64 == 0;
        if self.ends.len() >= MOST_LINKS {
            return;
        }
        let remote = match remote % 5 {
            0 | 1 => Remote::Mem,
            2 => Remote::Unix,
            3 => Remote::Tcp(([127, 0, 0, 1], 1).into()),
            _ => Remote::Tcp(([10, 0, 0, remote / 128], 1).into()),
        };
        let accepted = self
            .hub
            .handle_accepted(self.now, remote, endpoint(0), may_begin);
        if let Accepted::Link(link) = accepted {
            self.open(link, hello);
        }
    }

    /// The thread of a new connection starts.
    pub(crate) fn open(&mut self, link: LinkId, hello: Option<u8>) {
        let end = End {
            reader: Reader::Shaking,
            decoder: Decoder::new(self.settings.max_message as u32),
            inbound: VecDeque::new(),
            hung_up: None,
            is_shut: false,
            is_half_shut: false,
            chunk: None,
            is_drained: false,
            far: Far::new(),
            peer: None,
            admitted: None,
            has_shown: false,
        };
        self.ends.insert(link, end);
        self.write_next(link, Write::Take(ALL));
        self.settle();
        if let Some(n) = hello {
            self.say(link, &[Word::Hello(n)]);
            self.read(link, ALL, Hook::SILENT);
        }
    }

    /// The far end of `link` says something.
    pub(crate) fn say(&mut self, link: LinkId, words: &[Word<'_>]) {
        let Some(end) = self.ends.get_mut(&link).filter(|end| end.hung_up.is_none()) else {
            return;
        };
        let mut bytes = Vec::new();
        for word in words {
            if matches!(word, Word::Flood(_)) {
                if !self.settings.has_floods || self.has_flooded {
                    continue;
                }
                self.has_flooded = true;
            }
            end.far.put(&mut bytes, *word, &self.application.seen);
        }
        end.inbound.extend(bytes);
    }

    fn feed(&mut self, link: u8, words: &[Word<'_>], piece: u8, hook: Hook) {
        self.at(link, |it, link| {
            it.say(link, words);
            match piece {
                0 => {}
                255 => it.read(link, ALL, hook),
                _ => it.read(link, piece.into(), hook),
            }
        });
    }

    fn hang_up(&mut self, link: u8, resets: bool) {
        let reason = if resets {
            DownReason::Reset
        } else {
            DownReason::Closed
        };
        self.at(link, |it, link| {
            if let Some(end) = it.ends.get_mut(&link) {
                end.hung_up.get_or_insert(reason);
            }
            it.read(link, ALL, Hook::SILENT);
        });
    }

    fn length(&self, len: u8) -> usize {
        let len = match len {
            0..160 => usize::from(len),
            160..240 => usize::from(len - 159) * 40,
            _ => 16 * 1024 - 245 + usize::from(len) * usize::from(len - 239),
        };
        len.min(self.settings.max_message)
    }

    fn send(&mut self, to: Option<u8>, len: u8, write: Write) {
        let body = self.application.body(self.length(len));
        self.offer(to.map(word::who), body, write);
    }

    /// As a socket does; without room, a sender waits.
    fn offer(&mut self, to: Option<Identity>, body: Vec<u8>, write: Write) -> Option<Refusal> {
        if self.close.has_begun() {
            return None;
        }
        let is_for_one = to.is_some() || !self.settings.publishes;
        let lent = is_for_one.then(|| self.hub.lend(to, &body)).flatten();
        if let Some((link, chunk)) = lent {
            self.application.handle_accepted(to, &body);
            self.carry(link, chunk, &body, write);
            return None;
        }
        let before = self.hub.stats().accepted;
        let sent = match to {
            None if self.settings.publishes => self.hub.publish(&(&body).into()),
            None => self.hub.send(&(&body).into()),
            Some(to) => self.hub.send_to(to, &(&body).into()),
        };
        let accepted = self.hub.stats().accepted - before;
        match sent {
            Ok(sent) => {
                assert_eq!(accepted as usize, (sent.queued + sent.dropped).max(1));
                self.application.handle_accepted(to, &body);
                let claimed = sent.link;
                let claimed = claimed
                    .and_then(|it| Some((it, self.hub.claim(it, to.is_none(), || self.now)?)));
                if let Some((link, chunk)) = claimed {
                    self.carry(link, chunk, &[], write);
                }
                None
            }
            Err(refusal) => {
                assert_eq!(accepted, 0);
                if refusal == Refusal::Full && self.sleepers.blocked.is_none() {
                    let is_woken = false;
                    self.settle();
                    self.sleepers.blocked = Some(Blocked { to, body, is_woken });
                }
                Some(refusal)
            }
        }
    }

    /// A blocked sender looks again; if nobody woke it, there is no room yet.
    pub(crate) fn retry(&mut self) {
        let Some(blocked) = self.sleepers.blocked.take() else {
            return;
        };
        let number = self.application.body(blocked.body.len());
        let refusal = self.offer(blocked.to, number, Write::Take(ALL));
        if !self.close.has_begun() && !blocked.is_woken {
            assert_eq!(refusal, Some(Refusal::Full), "nobody woke a sender");
        }
    }

    fn take(&mut self, n: usize) {
        let count = self.application.in_hand.len();
        let at = n.checked_rem(count).unwrap_or_default();
        if let Some((peer, id)) = self.application.take(at) {
            self.hub.handle_taken(&[(peer, id)]);
        }
    }

    fn give_back(&mut self, n: usize) {
        let count = self.application.in_hand.len();
        let at = n.checked_rem(count).unwrap_or_default();
        if let Some((peer, id)) = self.application.give_back(at) {
            self.hub.handle_given_back(peer, id);
        }
    }

    /// Time passes, and the keeper is there whenever the hub wants it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut calls = 0;
        while let Some(due) = self.hub.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.sleepers.handle_keeper_awake();
            self.hub.handle_timeout(self.now);
            let next = self.hub.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "due again at once");
            self.settle();
            calls += 1;
            assert!(calls < 5_000, "the keeper never rests");
        }
        self.now = until;
    }

    /// Does what the hub asks for, as the engine would, and checks what always holds.
    pub(crate) fn settle(&mut self) {
        // What it does asks for more of it, and is done in turn.
        if std::mem::replace(&mut self.is_settling, true) {
            return;
        }
        while let Some(effects) = self.hub.take_effects() {
            self.sleepers.handle_wake(effects.wake, &self.hub);
            for link in &effects.gone {
                let end = self.ends.remove(link).expect("gone once");
                assert!(matches!(end.reader, Reader::Gone) && end.chunk.is_none());
            }
            for presence in effects.presences {
                self.take_presence(presence);
            }
            for (link, how) in effects.shutdowns {
                self.shut(link, how);
            }
            if effects.wake.readers {
                let links: Vec<LinkId> = self.ends.keys().copied().collect();
                links.into_iter().for_each(|link| self.wake_reader(link));
            }
        }
        self.is_settling = false;
        self.hear();
        self.hub.check_counts();
        self.hub.check_bounds();
        self.hub.check_roster();
        self.hub.check_returns();
        self.hub.check_peers();
        self.hub.check_slots();
        self.hub.check_deadlines();
        self.hub.check_nothing_forgotten();
        self.sleepers.check(&mut self.hub, self.now);
        self.check_readers();
    }

    fn shut(&mut self, link: LinkId, how: Shut) {
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        end.is_half_shut = true;
        end.is_shut |= how == Shut::Both;
        if end.is_shut && self.settings.is_prompt {
            self.unpark(link);
            self.read(link, ALL, Hook::SILENT);
        }
    }

    fn hear(&mut self) {
        if self.settings.is_deaf {
            return;
        }
        while let Some(event) = self.hub.poll_event() {
            if let Event::GaveUp { message, .. } = event {
                self.application.handle_handed_back(&message);
            }
        }
    }

    /// A reader that waits has something to wait for.
    fn check_readers(&self) {
        for (link, end) in &self.ends {
            let may_wait = match &end.reader {
                Reader::Waiting(_) => self.hub.is_succeeding(*link),
                Reader::Paused => self.hub.is_crowded_by_acks(*link),
                _ => true,
            };
            assert!(may_wait, "nobody woke a reader");
        }
    }
}
