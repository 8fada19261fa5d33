//! News: who gets what is published, and what a new subscriber gets of before.

use std::sync::Arc;

use crate::bus::table::Table;
use crate::bus::table::access::Act;
use crate::bus::table::calling::taken;
use crate::bus::table::clients::Key;
use crate::bus::table::retained::Value;
use crate::bus::table::routes::{Audience, Route};
use crate::bus::table::send::{Send, To, Unfit};
use crate::bus::words::{Error, Event, Id, Letter, Pattern, Publish, Text, Topic, Word};

/// What a subscription takes whose pattern has so many bytes.
pub(super) fn pattern_memory(len: usize) -> usize {
    256 + 2 * len
}

impl Table {
    pub(super) fn publish(&mut self, from: u32, publish: &Publish<'_>) {
        match self.try_publish(from, publish) {
            Ok(()) => self.stats.published += 1,
            // Whoever may not is told so, whether it asked or not: it would go on.
            Err(error) if publish.receipt || matches!(error, Error::Denied { .. }) => {
                self.refuse(from, publish.id, &error)
            }
            Err(_) => self.stats.refused += 1,
        }
    }

    fn try_publish(&mut self, from: u32, publish: &Publish<'_>) -> Result<(), Error> {
        let word = publish.topic.word();
        let route = match self.routes.get(&word) {
            Some(route) => route,
            None => self.find_route(publish.topic)?,
        };
        self.may(from, Act::Publish, route.topic.as_str())?;
        if publish.retain {
            self.retain(from, &route.topic, publish)?;
        }
        let client = self.clients.get(from);
        let called = client.and_then(|client| client.called.as_deref());
        let event = Event {
            id: publish.id,
            topic: Text::written(&route.word),
            retained: None,
            from: Text::of(called),
            tail: publish.tail,
        };
        let message = Word::Event(event).to_bytes();
        let client = client.filter(|_| publish.receipt);
        let receipt = client.map(|client| (client.key, publish.id));
        let audience = match publish.no_echo {
            true => Arc::new(self.audience(route.topic.as_str(), Some(from))),
            false => route.audience.clone(),
        };
        self.spread(route.topic.as_str(), audience, message, receipt);
        Ok(())
    }

    fn find_route(&mut self, word: Text<'_>) -> Result<Arc<Route>, Error> {
        let topic = Topic::parse(&word.read()?)?;
        if topic.is_reserved() {
            return Err(Error::BadTopic {
                topic: topic.to_string(),
                reason: "it is kept for what the broker tells".to_owned(),
            });
        }
        let audience = self.audience(topic.as_str(), None);
        let route = Arc::new(Route::new(topic, audience));
        self.routes.keep(&word.word(), route.clone());
        Ok(route)
    }

    fn retain(&mut self, from: u32, topic: &Topic, publish: &Publish<'_>) -> Result<(), Error> {
        if publish.tail.body.is_empty() {
            self.retained.clear(topic);
            return Ok(());
        }
        let client = self.clients.get(from).ok_or(Error::NoPeer)?;
        let value = Value {
            topic: topic.clone(),
            id: publish.id,
            from: client.called.clone(),
            letter: Letter::of(&publish.tail),
            owner: client.serial,
        };
        let what = "retained values".to_owned();
        let memory = self.free_memory(from);
        match self.retained.keep(value, &self.limits, memory) {
            true => Ok(()),
            false => Err(Error::Limit { what }),
        }
    }

    /// Who wants a topic, each once, however many of its patterns match.
    pub(super) fn audience(&self, topic: &str, except: Option<u32>) -> Audience {
        let numbers = self.wants.matches(topic).into_iter();
        let clients = numbers
            .filter(|number| Some(*number) != except)
            .filter_map(|number| self.clients.get(number));
        Audience::of(clients.map(|client| client.key))
    }

    /// Who gets the next message and has missed some is told so first.
    fn tell_losses(&mut self, topic: &str) {
        if self.owed.is_empty() {
            return;
        }
        for number in self.wants.matches(topic) {
            let client = self.clients.get_mut(number);
            let Some(client) = client.filter(|_| self.owed.remove(&number)) else {
                continue;
            };
            let count = std::mem::take(&mut client.lost);
            let send = Send::one(client.key, &Word::Lost { count }, Unfit::Untold(count));
            self.push(send);
        }
    }

    pub(super) fn spread(
        &mut self,
        topic: &str,
        to: Arc<Audience>,
        message: Vec<u8>,
        receipt: Option<(Key, Id)>,
    ) {
        self.tell_losses(topic);
        if to.len() > 0 || receipt.is_some() {
            self.push(Send {
                to: To::Each(to),
                message: message.into(),
                unfit: Unfit::Missed,
                receipt,
            });
        }
    }

    pub(super) fn subscribe(&mut self, from: u32, id: Id, pattern: Text<'_>) {
        match self.try_subscribe(from, id, pattern) {
            Ok(()) => {}
            Err(error) => self.refuse(from, id, &error),
        }
    }

    fn try_subscribe(&mut self, from: u32, id: Id, pattern: Text<'_>) -> Result<(), Error> {
        let pattern = Pattern::parse(&pattern.read()?)?;
        self.may_subscribe(from, &pattern)?;
        let client = self.clients.get_mut(from).ok_or(Error::NoPeer)?;
        if let Some(same) = client.patterns.get(&id) {
            if *same != pattern {
                return Err(taken("another subscription of yours"));
            }
            // Said again after a reconnect that the first one survived.
            self.accept(from, id);
            return Ok(());
        }
        let (length, open) = (pattern.as_str().len(), pattern.open_tokens());
        if client.patterns.len() >= self.limits.subscriptions
            || client.bytes + length > self.limits.pattern_bytes
            || client.open_tokens + open > self.limits.open_tokens
        {
            let what = "subscriptions of a client".to_owned();
            return Err(Error::Limit { what });
        }
        if !self.take_memory(from, pattern_memory(length)) {
            let what = "memory of the broker".to_owned();
            return Err(Error::Limit { what });
        }
        let client = self.clients.get_mut(from).ok_or(Error::NoPeer)?;
        client.bytes += length;
        client.open_tokens += open;
        client.patterns.insert(id, pattern.clone());
        self.wants.insert(&pattern, from);
        self.routes.forget();
        self.accept(from, id);
        if self.retained.used().values > 0 {
            self.replays.add(from, id, &pattern);
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, from: u32, id: Id) {
        let Some(client) = self.clients.get_mut(from) else {
            return;
        };
        // What is not there was refused before.
        if let Some(pattern) = client.patterns.remove(&id) {
            client.bytes -= pattern.as_str().len();
            client.open_tokens -= pattern.open_tokens();
            self.wants.remove(&pattern, from);
            self.routes.forget();
            self.give_memory(from, pattern_memory(pattern.as_str().len()));
            if let Some(probe) = self.replays.remove(from, id) {
                self.settle(probe);
            }
        }
    }
}
