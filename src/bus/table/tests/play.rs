//! Play: a table and clients that say words to it and hear what it says, in virtual time.

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::clients::Key;
use crate::bus::table::send::{Send, To};
use crate::bus::words::{Limits, Word};

pub(super) struct Play {
    pub(super) table: Table,
    now: Instant,
    outboxes: BTreeMap<u64, Outbox>,
    pub(super) expelled: Vec<u64>,
    is_held: bool,
}

/// What is on its way to a client that has not read it yet.
struct Outbox {
    messages: Vec<String>,
    bytes: usize,
    room: usize,
    /// Everything that it has read.
    read: Vec<String>,
}

/// What may be looked at in a turn.
const TURN: usize = 64 * 1024;

fn number(key: Key) -> Option<u64> {
    match key {
        Key::Local(number) => Some(number),
        Key::Peer(_) => None,
    }
}

pub(super) fn id(number: u128) -> String {
    format!("{number:032x}")
}

impl Play {
    pub(super) fn new() -> Play {
        Play::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Limits)) -> Play {
        let mut limits = Limits::default();
        change(&mut limits);
        Play {
            table: Table::new(limits, RandomState::new()),
            now: Instant::now(),
            outboxes: BTreeMap::new(),
            expelled: Vec::new(),
            is_held: false,
        }
    }

    pub(super) fn join(&mut self, client: u64) {
        let outbox = Outbox {
            messages: Vec::new(),
            bytes: 0,
            room: usize::MAX,
            read: Vec::new(),
        };
        self.outboxes.insert(client, outbox);
        self.table.handle_up(Key::Local(client));
        self.table.handle_place(self.now, Key::Local(client), None);
        self.carry();
    }

    pub(super) fn leave(&mut self, client: u64) {
        self.table.handle_down(Key::Local(client));
        self.outboxes.remove(&client);
        self.carry();
    }

    /// So many bytes of what it has not read fit on their way to it.
    pub(super) fn narrow(&mut self, client: u64, room: usize) {
        self.outbox(client).room = room;
    }

    pub(super) fn say(&mut self, client: u64, message: impl AsRef<[u8]>) {
        let said = Word::parse(message.as_ref());
        self.table.handle_word(self.now, Key::Local(client), said);
        self.carry();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.table.next_deadline().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.table.handle_time(self.now);
            self.carry();
        }
        self.now = end;
    }

    /// What it has not read yet.
    pub(super) fn hears(&mut self, client: u64) -> Vec<String> {
        let outbox = self.outbox(client);
        outbox.bytes = 0;
        let messages = std::mem::take(&mut outbox.messages);
        outbox.read.extend_from_slice(&messages);
        messages
    }

    /// The runs among it.
    pub(super) fn runs(&mut self, client: u64) -> Vec<String> {
        let heard = self.hears(client).into_iter();
        let run = |it: String| it.strip_prefix("run ").map(|it| it[..32].to_owned());
        heard.filter_map(run).collect()
    }

    /// How much of what it has read had that in it.
    pub(super) fn counted(&mut self, client: u64, what: &str) -> usize {
        let read = &self.outbox(client).read;
        read.iter().filter(|it| it.contains(what)).count()
    }

    /// Everybody reads all.
    pub(super) fn forget(&mut self) {
        let clients: Vec<u64> = self.outboxes.keys().copied().collect();
        clients
            .into_iter()
            .for_each(|client| drop(self.hears(client)));
    }

    /// Nothing is carried out any more.
    pub(super) fn hold(&mut self) {
        self.is_held = true;
    }

    pub(super) fn go_on(&mut self) {
        self.is_held = false;
        self.carry();
    }

    fn carry(&mut self) {
        self.audit();
        while !self.is_held {
            self.take_turn();
            if !self.table.is_busy() {
                return;
            }
        }
    }

    /// What is large is only looked at when a test asks.
    fn audit(&self) {
        if self.table.stats().retained + self.table.stats().calls < 100 {
            self.table.audit();
        }
    }

    pub(super) fn take_turn(&mut self) {
        let mut turn = TURN;
        while let Some(send) = self.table.poll_send(&mut turn) {
            let missed = self.carry_out(&send);
            self.table.handle_sent(self.now, send, &missed);
        }
        self.audit();
        while let Some(key) = self.table.poll_expelled() {
            self.expelled.extend(number(key));
        }
    }

    fn carry_out(&mut self, send: &Send) -> Vec<Key> {
        let to = match &send.to {
            To::One(key) => vec![*key],
            To::Each(audience) => audience.locals.iter().copied().map(Key::Local).collect(),
        };
        let percent = usize::from(send.unfit.percent());
        let bytes = send.message.bytes();
        let missed = to.into_iter().filter(|key| {
            let outbox = number(*key).and_then(|client| self.outboxes.get_mut(&client));
            outbox.is_some_and(|outbox| !outbox.push(&bytes, percent))
        });
        missed.collect()
    }

    fn outbox(&mut self, client: u64) -> &mut Outbox {
        self.outboxes.get_mut(&client).expect("it has joined")
    }
}

impl Outbox {
    fn push(&mut self, message: &[u8], percent: usize) -> bool {
        let room = (self.room / 100).saturating_mul(percent);
        if !self.messages.is_empty() && self.bytes + message.len() > room {
            return false;
        }
        self.bytes += message.len();
        let text = String::from_utf8(message.to_vec());
        self.messages.push(text.expect("these tests send text"));
        true
    }
}
