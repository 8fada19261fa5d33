//! Table: what each client's words mean for the others. It is told and answers; it does nothing.

pub(crate) mod access;
mod answering;
#[cfg(test)]
mod audit;
pub(crate) mod calling;
mod calls;
pub(crate) mod census;
pub(crate) mod clients;
mod news;
mod providers;
mod replays;
mod retained;
mod rights;
mod room;
pub(crate) mod routes;
pub(crate) mod send;
mod sending;
pub(crate) mod stats;

use std::collections::{BTreeSet, VecDeque};
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Instant;

use crate::bus::table::access::Act;
use crate::bus::table::calls::{Asker, Calls};
use crate::bus::table::clients::{Clients, Key};
use crate::bus::table::providers::Providers;
use crate::bus::table::replays::Replays;
use crate::bus::table::retained::Retained;
use crate::bus::table::routes::Routes;
use crate::bus::table::send::{Send, Unfit};
use crate::bus::table::stats::BrokerStats;
use crate::bus::words::{
    Error, Event, Id, Limits, Malformed, Tail, Text, Trie, Word, bad_name, is_name, write_headers,
};

/// Of the words, as `hello` is answered, and what goes beyond the first version.
const VERSION: u32 = 2;
const FEATURES: &str = "credit from only stop unknown welcome";

/// The table that a broker, a bus without one, and a bus of its own have in common.
pub(crate) struct Table {
    limits: Limits,
    /// Nobody else can make our ids of calls.
    keys: RandomState,
    clients: Clients,
    /// It is that of a broker, which relays between those who come to it.
    relays: bool,
    /// How many clients have come.
    sessions: u64,
    wants: Trie<u32>,
    routes: Routes,
    /// Clients that missed messages and were not told of them.
    owed: BTreeSet<u32>,
    providers: Providers,
    calls: Calls,
    retained: Retained,
    stats: BrokerStats,
    /// What is to be sent, in order, and the bytes of it.
    due: VecDeque<Send>,
    due_bytes: usize,
    /// Clients whose answers wait and may find room now.
    hopeful: BTreeSet<u32>,
    replays: Replays,
    /// Clients that are to be sent away.
    expelled: VecDeque<Key>,
    /// Bytes that clients have the table remember, but for retained values.
    held: usize,
}

impl Table {
    pub(crate) fn new(limits: Limits, keys: RandomState) -> Table {
        Table {
            relays: false,
            limits,
            keys,
            clients: Clients::default(),
            sessions: 0,
            wants: Trie::new(),
            routes: Routes::default(),
            owed: BTreeSet::new(),
            providers: Providers::default(),
            calls: Calls::default(),
            retained: Retained::default(),
            stats: BrokerStats::default(),
            due: VecDeque::new(),
            due_bytes: 0,
            hopeful: BTreeSet::new(),
            replays: Replays::default(),
            expelled: VecDeque::new(),
            held: 0,
        }
    }

    /// That of a broker, perhaps.
    pub(crate) fn relaying(self, relays: bool) -> Table {
        Table { relays, ..self }
    }

    /// A client is there; what it says follows. One that comes back by itself, without a word, finds
    /// out from the greeting that nothing of it is known any more.
    pub(crate) fn handle_up(&mut self, key: Key) {
        self.sessions += 1;
        let number = self.clients.add(key, self.sessions);
        if let Key::Peer(_) = key {
            let (broker, session) = (self.id(), self.sessions);
            self.tell(number, &Word::Welcome { broker, session });
        }
    }

    /// What tells this table from others.
    fn id(&self) -> Id {
        Id::sealed(0, &self.keys)
    }

    /// A client is gone, and all that was its own.
    pub(crate) fn handle_down(&mut self, key: Key) {
        let Some(number) = self.clients.find(key) else {
            return;
        };
        for call in self.calls.of_caller(number) {
            self.stop(call);
        }
        for call in self.calls.of_runner(number) {
            self.lose(call);
        }
        let Some(client) = self.clients.remove(number) else {
            return;
        };
        for (id, pattern) in &client.patterns {
            self.wants.remove(pattern, number);
            self.routes.forget();
            self.replays.remove(number, *id);
        }
        self.owed.remove(&number);
        self.hopeful.remove(&number);
        for provider in client.services.values() {
            self.providers.remove(*provider);
        }
        self.retained.handle_gone(client.serial);
        self.held -= client.held;
        if client.called.is_some() {
            self.tell_presence("$sys/left", client.key, client.name);
        }
    }

    /// A client said something; what makes no sense is counted, and answered if it has an id.
    pub(crate) fn handle_word(
        &mut self,
        now: Instant,
        from: Key,
        said: Result<Word<'_>, Malformed>,
    ) {
        let Some(number) = self.clients.find(from) else {
            return;
        };
        if !self.is_listening(number) {
            return;
        }
        match said {
            Ok(word) => self.obey(now, number, word),
            Err(malformed) => {
                self.stats.malformed += 1;
                let (why, from) = (malformed.why(), Text::NONE);
                let answer = malformed.id.map(|id| Word::Error { id, why, from });
                answer.inspect(|answer| self.tell(number, answer));
            }
        }
    }

    fn obey(&mut self, now: Instant, from: u32, word: Word<'_>) {
        match word {
            Word::Pub(publish) => self.publish(from, &publish),
            Word::Sub { id, pattern } => self.subscribe(from, id, pattern),
            Word::Unsub { id } => self.unsubscribe(from, id),
            Word::Serve(serve) => self.serve(from, &serve),
            Word::Unserve { id } => self.withdraw(from, id),
            Word::Call(call) => self.call(now, from, &call),
            Word::Ping {
                id,
                milliseconds,
                name,
            } => self.ping(now, from, id, milliseconds, name),
            Word::Cancel { id } => self.cancel(from, id),
            Word::Done { run, tail } => self.done(from, run, tail),
            Word::Fail { run, why } => self.fail(from, run, &why),
            Word::Hello { id, name } => self.hello(from, id, name),
            Word::Peers { id } => self.list_peers(from, id),
            // Those are for clients.
            Word::Ok { .. }
            | Word::Answer { .. }
            | Word::Error { .. }
            | Word::Many { .. }
            | Word::Event(_)
            | Word::Lost { .. }
            | Word::Run(_)
            | Word::Probe { .. }
            | Word::Stop { .. }
            | Word::Welcome { .. } => self.stats.malformed += 1,
        }
    }

    fn hello(&mut self, from: u32, id: Id, name: Text<'_>) {
        let is_new = self.clients.called(from).is_none();
        if let Err(error) = self.introduce(from, name) {
            return self.refuse(from, id, &error);
        }
        let headers = format!(
            "version: {VERSION}\nfeatures: {FEATURES}{}\nbroker: {}\n",
            if self.relays { " relay" } else { "" },
            self.id()
        );
        let tail = Tail {
            headers: &headers,
            body: b"",
        };
        let receivers = None;
        let word = Word::Ok {
            id,
            receivers,
            tail,
        };
        self.tell(from, &word);
        if let Some(client) = self.clients.get(from).filter(|_| is_new) {
            let (key, name) = (client.key, client.name.clone());
            self.tell_presence("$sys/joined", key, name);
        }
    }

    fn introduce(&mut self, from: u32, name: Text<'_>) -> Result<(), Error> {
        let name = name.read()?.into_owned();
        let name = Some(name).filter(|name| !name.is_empty());
        if let Some(name) = name.as_ref().filter(|name| !is_name(name)) {
            return Err(bad_name(name));
        }
        if let Some(name) = &name {
            self.may(from, Act::Serve, &format!("@{name}"))?;
        }
        match self.clients.rename(from, name) {
            true => Ok(()),
            false => Err(Error::NameTaken),
        }
    }

    fn list_peers(&mut self, from: u32, id: Id) {
        if let Err(error) = self.may(from, Act::Call, "$sys/peers") {
            return self.refuse(from, id, &error);
        }
        let mut body = String::new();
        for client in self.clients.iter() {
            body.push_str(&client.key.to_string());
            if let Some(name) = &client.name {
                body.push(' ');
                body.push_str(&Text::plain(name).word());
            }
            body.push('\n');
        }
        self.answer(from, id, Tail::of(body.as_bytes()));
    }

    /// Who came or went is told like any other news.
    fn tell_presence(&mut self, topic: &str, key: Key, name: Option<String>) {
        let key = key.to_string();
        let escaped = name.as_deref().map(|name| Text::plain(name).word());
        let mut headers = vec![("identity".to_owned(), key.clone())];
        headers.extend(escaped.map(|name| ("name".to_owned(), name.into_owned())));
        let headers = write_headers(&headers);
        let headers = headers.expect("an identity and an escaped name are good headers");
        let event = Event {
            id: self.id(),
            topic: Text::plain(topic),
            retained: None,
            from: Text::NONE,
            tail: Tail {
                headers: &headers,
                body: name.as_deref().unwrap_or(&key).as_bytes(),
            },
        };
        let audience = self.audience(topic, None);
        let message = Word::Event(event).to_bytes();
        self.spread(topic, Arc::new(audience), message, None);
    }

    /// Calls whose deadline has passed are answered with that. They stay with their runners, who
    /// know the deadline.
    pub(crate) fn handle_time(&mut self, now: Instant) {
        while let Some(number) = self.calls.poll_due(now) {
            match self.calls.get(number).map(|call| call.asker) {
                Some(Asker::Client(caller)) => {
                    self.stats.timed_out += 1;
                    self.stats.refused += 1;
                    let runner = self.let_go(number);
                    self.fail_call(&caller, runner, &Error::Timeout);
                }
                Some(Asker::Replay(id, _)) => self.ask_again(now, number, id),
                _ => self.handle_room(number),
            }
        }
    }

    /// When `handle_time` is to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.calls.next_deadline()
    }

    pub(crate) fn stats(&self) -> BrokerStats {
        let clients = || self.clients.iter();
        BrokerStats {
            clients: clients().count(),
            subscriptions: clients().map(|client| client.patterns.len()).sum(),
            services: self.providers.len(),
            calls: self.calls.len(),
            retained: self.retained.used().values,
            retained_bytes: self.retained.used().bytes,
            ..self.stats
        }
    }

    fn tell(&mut self, to: u32, word: &Word<'_>) {
        if let Some(client) = self.clients.get(to) {
            let send = Send::one(client.key, word, Unfit::Waits);
            self.push(send);
        }
    }

    fn accept(&mut self, to: u32, id: Id) {
        let (receivers, tail) = (None, Tail::NONE);
        let word = Word::Ok {
            id,
            receivers,
            tail,
        };
        self.tell(to, &word);
    }

    fn answer(&mut self, to: u32, id: Id, tail: Tail<'_>) {
        let from = Text::NONE;
        self.tell(to, &Word::Answer { id, from, tail });
    }

    fn refuse(&mut self, to: u32, id: Id, error: &Error) {
        self.stats.refused += 1;
        self.stats.denied += u64::from(matches!(error, Error::Denied { .. }));
        let (body, from) = (error.body(), Text::NONE);
        let why = error.why(&body);
        self.tell(to, &Word::Error { id, why, from });
    }
}

#[cfg(test)]
mod tests;
