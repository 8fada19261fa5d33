//! Room: what clients wait for, because there is no room for it on its way to them, or in memory.

use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::calls::{Asker, InHand};
use crate::bus::table::clients::Key;
use crate::bus::table::retained::Step;
use crate::bus::table::send::{Send, To, Unfit};
use crate::bus::words::limits::share_left;
use crate::bus::words::{Error, Id, Word};

/// A client that does not answer when it is asked whether it reads is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A client that does not say that it has read its values is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What an answer takes besides its bytes while it waits.
pub(super) const OVERHEAD: usize = 64;

impl Table {
    /// Whether the client is still to be heard. One that says something may have read something.
    pub(super) fn is_listening(&mut self, number: u32) -> bool {
        let Some(client) = self.clients.get(number) else {
            return false;
        };
        if !client.unread.is_empty() {
            self.hopeful.insert(number);
        }
        !client.is_expelled
    }

    /// An answer for a client with answers that wait is behind them.
    pub(super) fn queue_behind(&mut self, send: Send) -> Option<Send> {
        let (To::One(key), Unfit::Waits) = (&send.to, send.unfit) else {
            return Some(send);
        };
        let number = self.clients.find(*key)?;
        let client = self.clients.get(number)?;
        if client.unread.is_empty() && !client.is_expelled {
            return Some(send);
        }
        let message = send.message.into_bytes();
        let message = self.take_unread(number, message)?;
        self.clients.get_mut(number)?.unread.push_back(message);
        None
    }

    /// An answer found no room. The client is asked to say when it has read what is before it.
    pub(super) fn wait_for_room(&mut self, now: Instant, key: Key, message: Vec<u8>) {
        let Some(number) = self.clients.find(key) else {
            return;
        };
        self.hopeful.remove(&number);
        let Some(message) = self.take_unread(number, message) else {
            return;
        };
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        client.unread.push_front(message);
        if client.probe.is_some() {
            return;
        }
        let probe = self.hand_over(InHand {
            runner: number,
            provider: None,
            asker: Asker::Room(now + TRY_AGAIN),
        });
        if let Some(client) = self.clients.get_mut(number) {
            client.probe = Some(probe);
        }
        let run = Id::sealed(probe, &self.keys);
        let subscription = None;
        let word = Word::Probe { run, subscription };
        self.push(Send::one(key, &word, Unfit::Dropped));
    }

    /// Makes room for an answer in the books of its client: for what it says in short, if it is too
    /// long, and for nothing if it is one too many. Then the client asks and does not read.
    fn take_unread(&mut self, number: u32, message: Vec<u8>) -> Option<Vec<u8>> {
        let client = self
            .clients
            .get(number)
            .filter(|client| !client.is_expelled)?;
        if client.unread.len() >= self.limits.calls {
            self.expel(number);
            return None;
        }
        let is_first = client.unread.is_empty();
        let fits = client.unread_bytes + message.len() <= self.limits.unread_bytes;
        let has_room = fits && message.len() + OVERHEAD <= self.free_memory(number);
        let message = match is_first || has_room {
            true => message,
            false => shortened(message),
        };
        let client = self.clients.get_mut(number)?;
        client.unread_bytes += message.len();
        client.held += message.len() + OVERHEAD;
        self.held += message.len() + OVERHEAD;
        Some(message)
    }

    fn expel(&mut self, number: u32) {
        let Some(client) = self.clients.get_mut(number) else {
            return;
        };
        client.is_expelled = true;
        let left = client.unread_bytes + client.unread.len() * OVERHEAD;
        client.unread.clear();
        client.unread_bytes = 0;
        self.expelled.push_back(client.key);
        self.stats.expelled += 1;
        self.hopeful.remove(&number);
        self.give_memory(number, left);
    }

    /// The first of the answers of a client that may have room.
    pub(super) fn poll_unread(&mut self) -> Option<Send> {
        let number = *self.hopeful.first()?;
        let client = self.clients.get_mut(number);
        let client = client.expect("who has answers is there");
        let message = client.unread.pop_front();
        let message = message.expect("who has hope has answers");
        client.unread_bytes -= message.len();
        let send = Send {
            to: To::One(client.key),
            unfit: Unfit::Waits,
            receipt: None,
            message: message.into(),
        };
        if client.unread.is_empty() {
            self.hopeful.remove(&number);
        }
        self.give_memory(number, send.message.own_len() + OVERHEAD);
        Some(send)
    }

    /// Whoever was asked whether it reads has answered, or takes long.
    pub(super) fn handle_room(&mut self, probe: u64) {
        let Some(call) = self.settle(probe) else {
            return;
        };
        let Some(client) = self.clients.get_mut(call.runner) else {
            return;
        };
        client.probe = None;
        if !client.unread.is_empty() {
            self.hopeful.insert(call.runner);
        }
    }

    /// The next of the values of before, for whoever's turn it is.
    pub(super) fn poll_replay(&mut self, turn: &mut usize) -> Option<Send> {
        while *turn > 0 {
            let (number, id, replay) = self.replays.next()?;
            let value = match self.retained.step(&mut replay.walk, turn) {
                Step::Value(value) => value,
                Step::Later => {
                    self.replays.queue(number, id);
                    continue;
                }
                Step::Over => {
                    self.replays.remove(number, id);
                    continue;
                }
            };
            let client = self.clients.get(number);
            let client = client.expect("who has a subscription is there");
            let send = Send::one(client.key, &value.event_for(id), Unfit::Later(id));
            *turn = turn.saturating_sub(send.message.own_len());
            return Some(send);
        }
        None
    }

    /// A value is on its way, of that length, or found no room.
    pub(super) fn handle_replayed(&mut self, now: Instant, to: Key, id: Id, sent: Option<usize>) {
        let Some(number) = self.clients.find(to) else {
            return;
        };
        self.stats.delivered += u64::from(sent.is_some());
        let goes_on = sent.is_some_and(|len| self.replays.handle_sent(number, id, len));
        if goes_on {
            self.replays.queue(number, id);
        } else if self.replays.has(number, id) {
            let probe = self.hand_over(InHand {
                runner: number,
                provider: None,
                asker: Asker::Replay(id, now + ASK_AGAIN),
            });
            self.replays.handle_asked(number, id, probe);
            self.ask_for_next(number, id, probe);
        }
    }

    /// The answer may have found no room.
    pub(super) fn ask_again(&mut self, now: Instant, probe: u64, id: Id) {
        self.calls
            .set_asker(probe, Asker::Replay(id, now + ASK_AGAIN));
        if let Some(runner) = self.calls.get(probe).map(|call| call.runner) {
            self.ask_for_next(runner, id, probe);
        }
    }

    fn ask_for_next(&mut self, number: u32, subscription: Id, probe: u64) {
        let run = Id::sealed(probe, &self.keys);
        let subscription = Some(subscription);
        self.tell(number, &Word::Probe { run, subscription });
    }

    /// How many bytes more a client may have the table remember.
    pub(super) fn free_memory(&self, number: u32) -> usize {
        let client = self.clients.get(number);
        let own = client.map_or(0, |it| it.held + self.retained.room_of(it.serial).bytes);
        let used = self.held + self.retained.used().bytes;
        share_left(own, used, self.limits.memory)
    }

    /// Takes them, if there are.
    pub(super) fn take_memory(&mut self, number: u32, bytes: usize) -> bool {
        if bytes > self.free_memory(number) {
            return false;
        }
        if let Some(client) = self.clients.get_mut(number) {
            client.held += bytes;
            self.held += bytes;
        }
        true
    }

    pub(super) fn give_memory(&mut self, number: u32, bytes: usize) {
        if let Some(client) = self.clients.get_mut(number) {
            client.held -= bytes;
            self.held -= bytes;
        }
    }
}

/// What takes the place of a long answer that nobody read in time.
fn shortened(message: Vec<u8>) -> Vec<u8> {
    let Ok(Word::Answer { id, from, .. } | Word::Error { id, from, .. }) = Word::parse(&message)
    else {
        return message;
    };
    let error = Error::Limit {
        what: "answers that you have not read".to_owned(),
    };
    let body = error.body();
    let why = error.why(&body);
    let short = Word::Error { id, why, from }.to_bytes();
    if short.len() < message.len() {
        short
    } else {
        message
    }
}
