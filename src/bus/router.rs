//! Router: what each client's words mean for the others. It is told and answers; it does nothing.

mod calling;
mod news;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::bus::calls::Calls;
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::limits::Limits;
use crate::bus::providers::Providers;
use crate::bus::retained::{Retained, Value};
use crate::bus::routes::{Audience, Routes};
use crate::bus::stats::BrokerStats;
use crate::bus::table::{Key, Table, bad_name, is_name};
use crate::bus::trie::Trie;
use crate::bus::wire::{self, Frame, Malformed};

/// What is to be sent, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// To one client; one that cannot take it is disconnected.
    Tell { to: Key, message: Vec<u8> },
    /// To each of them that has room; `receipt` is told how many had.
    News {
        to: Arc<Audience>,
        message: Vec<u8>,
        receipt: Option<(Key, Id)>,
    },
    /// A retained value for one subscription, if its client has room.
    Replay {
        to: Key,
        subscription: Id,
        value: Arc<Value>,
    },
    /// To a client that has missed so many messages, if it has room now.
    Lost { to: Key, count: u64 },
}

/// What became of an effect that was carried out.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Clients that an event is on its way to.
    pub(crate) reached: usize,
    /// Clients that had no room for it.
    pub(crate) missed: Vec<Key>,
    /// A client that had no room to hear of so many losses either.
    pub(crate) untold: Option<(Key, u64)>,
    /// A client was sent away.
    pub(crate) has_expelled: bool,
    /// Who is to be told how many were reached, and under which number.
    pub(crate) receipt: Option<(Key, Id)>,
}

/// The table that a broker, a bus without one, and a bus of its own have in common.
pub(crate) struct Router {
    limits: Limits,
    /// What tells our ids of calls from those of others.
    seed: u64,
    table: Table,
    wants: Trie<u32>,
    routes: Routes,
    /// Clients that missed messages and were not told of them.
    owed: BTreeSet<u32>,
    providers: Providers,
    calls: Calls,
    retained: Retained,
    stats: BrokerStats,
    effects: VecDeque<Effect>,
}

impl Router {
    pub(crate) fn new(limits: Limits, seed: u64) -> Router {
        Router {
            limits,
            seed,
            table: Table::default(),
            wants: Trie::new(),
            routes: Routes::default(),
            owed: BTreeSet::new(),
            providers: Providers::default(),
            calls: Calls::default(),
            retained: Retained::default(),
            stats: BrokerStats::default(),
            effects: VecDeque::new(),
        }
    }

    /// A client is there; what it says follows.
    pub(crate) fn handle_up(&mut self, key: Key) {
        self.table.add(key);
    }

    /// A client is gone, and all that was its own.
    pub(crate) fn handle_down(&mut self, key: Key) {
        let Some(number) = self.table.find(key) else {
            return;
        };
        for call in self.calls.of_caller(number) {
            self.settle(call);
        }
        for call in self.calls.of_runner(number) {
            if let Some(call) = self.settle(call) {
                self.answer_with(call.caller, call.id, &Error::NoPeer);
            }
        }
        let Some(client) = self.table.remove(number) else {
            return;
        };
        for pattern in client.patterns.values() {
            self.wants.remove(pattern, number);
            self.routes.forget();
        }
        self.owed.remove(&number);
        for provider in client.services.values() {
            self.providers.remove(*provider);
        }
        if client.has_joined {
            self.tell_presence("$sys/left", client.key, client.name);
        }
    }

    /// A client said something; what makes no sense is counted, and nobody else is bothered.
    pub(crate) fn handle_message(&mut self, now: Instant, from: Key, message: &[u8]) {
        let Some(number) = self.table.find(from) else {
            return;
        };
        let understood = Frame::parse(message).and_then(|frame| self.obey(now, number, &frame));
        if understood.is_err() {
            self.stats.malformed += 1;
        }
    }

    fn obey(&mut self, now: Instant, from: u32, frame: &Frame<'_>) -> Result<(), Malformed> {
        let id: Id = frame.word(1).parse().map_err(|_| Malformed)?;
        match frame.verb() {
            "pub" => self.publish(from, id, frame),
            "sub" => self.subscribe(from, id, frame),
            "unsub" => self.unsubscribe(from, id),
            "serve" => self.serve(from, id, frame),
            "unserve" => self.withdraw(from, id),
            "call" => self.call(now, from, id, frame),
            "ping" => self.ping(now, from, id, frame),
            "cancel" => self.cancel(from, id),
            "done" => self.done(from, id, frame),
            "fail" => self.fail(from, id, frame),
            "hello" => self.hello(from, id, frame),
            "peers" => self.list_peers(from, id),
            // A word of a version to come, or not for a broker.
            _ => Err(Malformed),
        }
    }

    fn hello(&mut self, from: u32, id: Id, frame: &Frame<'_>) -> Result<(), Malformed> {
        let name = Some(frame.text(2)?.into_owned()).filter(|name| !name.is_empty());
        if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
            self.answer_with(from, id, &bad_name(name));
            return Ok(());
        }
        let has_name = self.table.rename(from, name);
        match has_name {
            true => self.tell(from, wire::plain(&["ok", &id.to_string()], b"")),
            false => self.answer_with(from, id, &Error::NameTaken),
        }
        let client = self.table.get_mut(from);
        if let Some(client) = client.filter(|client| has_name && !client.has_joined) {
            client.has_joined = true;
            let (key, name) = (client.key, client.name.clone());
            self.tell_presence("$sys/joined", key, name);
        }
        Ok(())
    }

    fn list_peers(&mut self, from: u32, id: Id) -> Result<(), Malformed> {
        let mut body = String::new();
        for client in self.table.iter() {
            body.push_str(&client.key.to_string());
            if let Some(name) = &client.name {
                body.push(' ');
                body.push_str(&wire::escape(name));
            }
            body.push('\n');
        }
        let words = ["answer", &id.to_string()];
        self.tell(from, wire::plain(&words, body.as_bytes()));
        Ok(())
    }

    /// Who came or went is told like any other news.
    fn tell_presence(&mut self, topic: &str, key: Key, name: Option<String>) {
        let key = key.to_string();
        let escaped = name.as_deref().map(wire::escape);
        let mut headers = vec![("identity".to_owned(), key.clone())];
        headers.extend(escaped.map(|name| ("name".to_owned(), name.into_owned())));
        let id = Id::counted(self.seed, 0).to_string();
        let body = name.as_deref().unwrap_or(&key).as_bytes();
        let message = wire::message(&["event", &id, topic], &headers, body);
        let message = message.expect("an identity and an escaped name are good headers");
        let audience = self.audience(topic, None);
        self.spread(topic, Arc::new(audience), message, None);
    }

    /// Calls whose deadline has passed are answered with that.
    pub(crate) fn handle_time(&mut self, now: Instant) {
        while let Some(call) = self.calls.poll_due(now) {
            self.stats.timed_out += 1;
            self.release(&call);
            self.answer_with(call.caller, call.id, &Error::Timeout);
        }
    }

    /// When `handle_time` is to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.calls.next_deadline()
    }

    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Effects that nobody has carried out yet.
    pub(crate) fn waiting(&self) -> usize {
        self.effects.len()
    }

    /// What became of an effect.
    pub(crate) fn handle_outcome(&mut self, outcome: &Outcome) {
        self.stats.delivered += outcome.reached as u64;
        self.stats.lost += outcome.missed.len() as u64;
        self.stats.expelled += u64::from(outcome.has_expelled);
        let missed = outcome.missed.iter().map(|key| (*key, 1));
        missed
            .chain(outcome.untold)
            .for_each(|(key, count)| self.owe(key, count));
        // Whoever has its receipt finds it counted.
        if let Some((to, id)) = outcome.receipt {
            let words = ["ok", &id.to_string(), &outcome.reached.to_string()];
            let message = wire::plain(&words, b"");
            self.effects.push_front(Effect::Tell { to, message });
        }
    }

    /// A client has missed messages that it was not told of.
    fn owe(&mut self, key: Key, count: u64) {
        let number = self.table.find(key);
        let Some(number) = number else { return };
        if let Some(client) = self.table.get_mut(number) {
            client.lost += count;
            self.owed.insert(number);
        }
    }

    pub(crate) fn stats(&self) -> BrokerStats {
        let clients = || self.table.iter();
        BrokerStats {
            clients: clients().count(),
            subscriptions: clients().map(|client| client.patterns.len()).sum(),
            services: self.providers.len(),
            calls: self.calls.len(),
            retained: self.retained.len(),
            retained_bytes: self.retained.bytes(),
            ..self.stats
        }
    }

    fn tell(&mut self, to: u32, message: Vec<u8>) {
        if let Some(client) = self.table.get(to) {
            let to = client.key;
            self.effects.push_back(Effect::Tell { to, message });
        }
    }

    fn answer_with(&mut self, to: u32, id: Id, error: &Error) {
        self.stats.refused += 1;
        self.tell(to, wire::failure("error", &id.to_string(), error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_counted_before_its_sender_hears_of_it() {
        let mut router = Router::new(Limits::default(), 1);
        let (sender, id) = (Key::Local(7), Id::counted(1, 5));
        let receipt = Some((sender, id));
        router.handle_outcome(&Outcome {
            reached: 3,
            receipt,
            ..Outcome::default()
        });
        assert_eq!(router.stats().delivered, 3);
        let Some(Effect::Tell { to, message }) = router.poll_effect() else {
            panic!("a receipt");
        };
        let words = ["ok", &id.to_string(), "3"];
        assert_eq!((to, message), (sender, wire::plain(&words, b"")));
    }
}
