//! Play: a table and clients that say words to it and hear what it says, in virtual time.

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::clients::Key;
use crate::bus::table::send::To;
use crate::bus::words::{Limits, Word};

pub(super) struct Play {
    pub(super) table: Table,
    now: Instant,
    /// What each client has not read yet.
    outboxes: BTreeMap<u64, Vec<String>>,
}

pub(super) fn id(number: u128) -> String {
    format!("{number:032x}")
}

impl Play {
    pub(super) fn new() -> Play {
        Play {
            table: Table::new(Limits::default(), RandomState::new()),
            now: Instant::now(),
            outboxes: BTreeMap::new(),
        }
    }

    pub(super) fn join(&mut self, client: u64) {
        self.outboxes.insert(client, Vec::new());
        self.table.handle_up(Key::Local(client));
        self.table.handle_place(self.now, Key::Local(client), None);
        self.carry();
    }

    pub(super) fn leave(&mut self, client: u64) {
        self.table.handle_down(Key::Local(client));
        self.outboxes.remove(&client);
        self.carry();
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
        let outbox = self.outboxes.get_mut(&client).expect("it has joined");
        std::mem::take(outbox)
    }

    fn carry(&mut self) {
        while let Some(send) = self.table.poll_send() {
            let to = match &send.to {
                To::One(key) => vec![*key],
                To::Each(audience) => audience.locals.iter().copied().map(Key::Local).collect(),
            };
            for key in to {
                let Key::Local(client) = key else { continue };
                let text = String::from_utf8(send.message.clone());
                let outbox = self.outboxes.get_mut(&client).expect("it has joined");
                outbox.push(text.expect("these tests send text"));
            }
            self.table.handle_sent(&send, &[]);
        }
    }
}
