//! Sending: in which order what the table wants is sent, and what became of it.

use std::time::Instant;

use crate::bus::table::Table;
use crate::bus::table::clients::Key;
use crate::bus::table::send::{Send, To, Unfit};
use crate::bus::words::{Tail, Word};

impl Table {
    /// What is to be sent next. What clients wait for costs the turn, and what is left of it when
    /// that is used up waits for the next one.
    pub(crate) fn poll_send(&mut self, turn: &mut usize) -> Option<Send> {
        while let Some(send) = self.due.pop_front() {
            self.due_bytes -= send.message.own_len();
            match self.queue_behind(send) {
                Some(send) => return Some(send),
                None => continue,
            }
        }
        self.poll_unread().or_else(|| self.poll_replay(turn))
    }

    /// Something is left for another turn.
    pub(crate) fn is_busy(&self) -> bool {
        !self.due.is_empty() || !self.hopeful.is_empty() || self.replays.is_busy()
    }

    /// What is to be sent and was not polled yet: how many, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.due.len(), self.due_bytes)
    }

    /// A client that is to be sent away.
    pub(crate) fn poll_expelled(&mut self) -> Option<Key> {
        self.expelled.pop_front()
    }

    /// What became of it: who had no room.
    pub(crate) fn handle_sent(&mut self, now: Instant, send: Send, missed: &[Key]) {
        let reached = send.to.len() - missed.len();
        match send.unfit {
            Unfit::Missed => {
                self.stats.delivered += reached as u64;
                self.stats.lost += missed.len() as u64;
                missed.iter().for_each(|key| self.miss(*key));
            }
            Unfit::Untold(count) => missed.iter().for_each(|key| self.owe(*key, count)),
            Unfit::Waits => {
                let mut missed = missed.iter().copied();
                if let Some(key) = missed.next() {
                    self.wait_for_room(now, key, send.message.into_bytes());
                }
            }
            Unfit::Busy(call) if reached == 0 => self.give_back(call),
            Unfit::Later(subscription) => {
                if let To::One(key) = send.to {
                    let len = send.message.own_len();
                    let sent = (reached > 0).then_some(len);
                    self.handle_replayed(now, key, subscription, sent);
                }
            }
            Unfit::Busy(_) | Unfit::Dropped => {}
        }
        // Whoever has its receipt finds it counted.
        if let Some((to, id)) = send.receipt {
            let word = Word::Ok {
                id,
                receivers: Some(reached as u64),
                tail: Tail::NONE,
            };
            let receipt = Send::one(to, &word, Unfit::Waits);
            self.due_bytes += receipt.message.own_len();
            self.due.push_front(receipt);
        }
    }

    fn miss(&mut self, key: Key) {
        let number = self.clients.find(key);
        if let Some(client) = number.and_then(|number| self.clients.get_mut(number)) {
            client.missed += 1;
        }
        self.owe(key, 1);
    }

    /// A client has missed messages that it was not told of.
    fn owe(&mut self, key: Key, count: u64) {
        let number = self.clients.find(key);
        let Some(number) = number else { return };
        if let Some(client) = self.clients.get_mut(number) {
            client.lost += count;
            self.owed.insert(number);
        }
    }

    pub(super) fn push(&mut self, send: Send) {
        self.due_bytes += send.message.own_len();
        self.due.push_back(send);
    }
}
