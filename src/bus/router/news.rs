//! News: who gets what is published, and what a new subscriber gets of before.

use std::sync::Arc;

use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::retained::Value;
use crate::bus::router::{Effect, Router};
use crate::bus::routes::{Audience, Route};
use crate::bus::table::Key;
use crate::bus::topic::{Pattern, Topic};
use crate::bus::wire::{self, Frame, Malformed};

impl Router {
    pub(super) fn publish(
        &mut self,
        from: u32,
        id: Id,
        frame: &Frame<'_>,
    ) -> Result<(), Malformed> {
        let wants_receipt = frame.says(3, "receipt");
        match self.try_publish(from, id, frame, wants_receipt)? {
            Ok(()) => self.stats.published += 1,
            Err(error) if wants_receipt => self.answer_with(from, id, &error),
            Err(_) => self.stats.refused += 1,
        }
        Ok(())
    }

    fn try_publish(
        &mut self,
        from: u32,
        id: Id,
        frame: &Frame<'_>,
        wants_receipt: bool,
    ) -> Result<Result<(), Error>, Malformed> {
        let route = match self.routes.get(frame.word(2)) {
            Some(route) => route,
            None => match self.find_route(frame)? {
                Ok(route) => route,
                Err(error) => return Ok(Err(error)),
            },
        };
        if frame.says(3, "retain") && !self.retain(&route.topic, frame) {
            return Ok(Err(Error::Limit {
                what: "retained values".to_owned(),
            }));
        }
        let message = wire::forward(&["event", frame.word(1), &route.word], frame.tail);
        let client = self.table.get(from).filter(|_| wants_receipt);
        let receipt = client.map(|client| (client.key, id));
        let audience = match frame.says(3, "no-echo") {
            true => Arc::new(self.audience(route.topic.as_str(), Some(from))),
            false => route.audience.clone(),
        };
        self.spread(route.topic.as_str(), audience, message, receipt);
        Ok(Ok(()))
    }

    fn find_route(&mut self, frame: &Frame<'_>) -> Result<Result<Arc<Route>, Error>, Malformed> {
        let topic = match Topic::parse(&frame.text(2)?) {
            Ok(topic) if topic.is_reserved() => {
                return Ok(Err(Error::BadTopic {
                    topic: topic.to_string(),
                    reason: "it is kept for what the broker tells".to_owned(),
                }));
            }
            Ok(topic) => topic,
            Err(error) => return Ok(Err(error)),
        };
        let audience = self.audience(topic.as_str(), None);
        let route = Arc::new(Route::new(topic, audience));
        self.routes.keep(frame.word(2), route.clone());
        Ok(Ok(route))
    }

    fn retain(&mut self, topic: &Topic, frame: &Frame<'_>) -> bool {
        if frame.body.is_empty() {
            self.retained.clear(topic);
            return true;
        }
        let value = Value {
            topic: topic.clone(),
            id: frame.word(1).to_owned(),
            tail: frame.tail.to_vec(),
        };
        self.retained.keep(value, &self.limits)
    }

    /// Who wants a topic, each once, however many of its patterns match.
    pub(super) fn audience(&self, topic: &str, except: Option<u32>) -> Audience {
        let numbers = self.wants.matches(topic).into_iter();
        let clients = numbers
            .filter(|number| Some(*number) != except)
            .filter_map(|number| self.table.get(number));
        Audience::of(clients.map(|client| client.key))
    }

    /// Who gets the next message and has missed some is told so first.
    fn tell_losses(&mut self, topic: &str) {
        if self.owed.is_empty() {
            return;
        }
        for number in self.wants.matches(topic) {
            let client = self.table.get_mut(number);
            let Some(client) = client.filter(|_| self.owed.remove(&number)) else {
                continue;
            };
            self.effects.push_back(Effect::Lost {
                to: client.key,
                count: std::mem::take(&mut client.lost),
            });
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
            self.effects.push_back(Effect::News {
                to,
                message,
                receipt,
            });
        }
    }

    pub(super) fn subscribe(
        &mut self,
        from: u32,
        id: Id,
        frame: &Frame<'_>,
    ) -> Result<(), Malformed> {
        let pattern = match Pattern::parse(&frame.text(2)?) {
            Ok(pattern) => pattern,
            Err(error) => {
                self.answer_with(from, id, &error);
                return Ok(());
            }
        };
        let client = self.table.get_mut(from).ok_or(Malformed)?;
        let key = client.key;
        let ok = wire::plain(&["ok", frame.word(1)], b"");
        if client.patterns.contains_key(&id) {
            // Said again after a reconnect that the first one survived.
            self.tell(from, ok);
            return Ok(());
        }
        let (length, open) = (pattern.as_str().len(), pattern.open_tokens());
        if client.patterns.len() >= self.limits.subscriptions
            || client.bytes + length > self.limits.pattern_bytes
            || client.open_tokens + open > self.limits.open_tokens
        {
            let what = "subscriptions of a client".to_owned();
            self.answer_with(from, id, &Error::Limit { what });
            return Ok(());
        }
        client.bytes += length;
        client.open_tokens += open;
        client.patterns.insert(id, pattern.clone());
        self.wants.insert(&pattern, from);
        self.routes.forget();
        self.tell(from, ok);
        for value in self.retained.matches(&pattern) {
            self.effects.push_back(Effect::Replay {
                to: key,
                subscription: id,
                value,
            });
        }
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, from: u32, id: Id) -> Result<(), Malformed> {
        let client = self.table.get_mut(from).ok_or(Malformed)?;
        // What is not there was refused before.
        if let Some(pattern) = client.patterns.remove(&id) {
            client.bytes -= pattern.as_str().len();
            client.open_tokens -= pattern.open_tokens();
            self.wants.remove(&pattern, from);
            self.routes.forget();
        }
        Ok(())
    }
}
