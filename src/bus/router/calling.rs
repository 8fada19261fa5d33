//! Calling: which provider runs a call, and how its answer finds the caller.

use std::time::{Duration, Instant};

use crate::bus::calls::InHand;
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::router::Router;
use crate::bus::topic::Topic;
use crate::bus::wire::{self, Frame, Malformed};

/// No call waits longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The service that every broker serves itself: its counters.
const STATS: &str = "$sys/stats";

/// The service of a client under its own name.
const SELF: &str = "@";

impl Router {
    pub(super) fn serve(&mut self, from: u32, id: Id, frame: &Frame<'_>) -> Result<(), Malformed> {
        let name = frame.text(2)?;
        let is_free = |topic: Topic| match topic.is_reserved() || topic.as_str().starts_with('@') {
            true => Err(Error::BadTopic {
                topic: topic.to_string(),
                reason: "such names are not for services".to_owned(),
            }),
            false => Ok(topic.to_string()),
        };
        let name = match &*name {
            SELF => Ok(own_service(from)),
            name => Topic::parse(name).and_then(is_free),
        };
        let name = match name {
            Ok(name) => name,
            Err(error) => {
                self.answer_with(from, id, &error);
                return Ok(());
            }
        };
        let client = self.table.get_mut(from).ok_or(Malformed)?;
        let (count, bytes) = (client.services.len(), client.bytes + name.len());
        if !client.services.contains_key(&id) {
            if count >= self.limits.services || bytes > self.limits.pattern_bytes {
                let what = "services of a client".to_owned();
                self.answer_with(from, id, &Error::Limit { what });
                return Ok(());
            }
            client.bytes = bytes;
            let number = self.providers.add(from, id, name);
            client.services.insert(id, number);
        }
        self.tell(from, wire::plain(&["ok", frame.word(1)], b""));
        Ok(())
    }

    /// The service ends; the calls that it has in hand do not.
    pub(super) fn withdraw(&mut self, from: u32, id: Id) -> Result<(), Malformed> {
        let client = self.table.get_mut(from).ok_or(Malformed)?;
        let number = client.services.remove(&id);
        if let Some(provider) = number.and_then(|number| self.providers.remove(number)) {
            client.bytes -= provider.name.len();
        }
        Ok(())
    }

    pub(super) fn call(
        &mut self,
        now: Instant,
        from: u32,
        id: Id,
        frame: &Frame<'_>,
    ) -> Result<(), Malformed> {
        let timeout = Duration::from_millis(frame.number(3)?).min(LONGEST);
        let name = frame.text(2)?;
        let is_for_all = frame.says(4, "all");
        if &*name == STATS {
            let body = self.stats().lines();
            let answer = wire::plain(&["answer", frame.word(1)], body.as_bytes());
            self.tell_count(from, id, 1, is_for_all);
            self.tell(from, answer);
            return Ok(());
        }
        let chosen = self.choose(from, &name, is_for_all);
        let chosen = chosen.and_then(|chosen| match timeout.is_zero() {
            true => Err(Error::Timeout),
            false => Ok(chosen),
        });
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(error) => {
                self.answer_with(from, id, &error);
                return Ok(());
            }
        };
        self.tell_count(from, id, chosen.len(), is_for_all);
        for provider in chosen {
            self.give(now + timeout, from, id, provider, frame);
        }
        Ok(())
    }

    fn tell_count(&mut self, to: u32, id: Id, count: usize, is_for_all: bool) {
        if is_for_all {
            let words = ["many", &id.to_string(), &count.to_string()];
            self.tell(to, wire::plain(&words, b""));
        }
    }

    /// Who runs a call: one provider, or everyone of that name.
    fn choose(&self, from: u32, name: &str, is_for_all: bool) -> Result<Vec<u64>, Error> {
        let name = match name.strip_prefix(SELF) {
            Some(client) => own_service(self.table.named(client).ok_or(Error::NoPeer)?),
            None => Topic::parse(name)?.to_string(),
        };
        let chosen = match is_for_all {
            true => self.providers.all(&name),
            false => self.providers.next(&name).into_iter().collect(),
        };
        let in_hand = self.table.get(from).map_or(0, |client| client.calls);
        match chosen.len() {
            0 => Err(Error::NoService),
            more if in_hand + more > self.limits.calls => Err(Error::Busy),
            _ => Ok(chosen),
        }
    }

    fn give(&mut self, deadline: Instant, from: u32, id: Id, provider: u64, frame: &Frame<'_>) {
        let Some(chosen) = self.providers.get(provider) else {
            return;
        };
        let (runner, service) = (chosen.client, chosen.id.to_string());
        let number = self.calls.add(InHand {
            caller: from,
            id,
            runner,
            provider: Some(provider),
            deadline,
        });
        self.providers.handle_called(provider);
        self.count_call(from);
        let run = Id::counted(self.seed, number).to_string();
        let words = ["run", &run, &service, frame.word(3), frame.word(2)];
        self.tell(runner, wire::forward(&words, frame.tail));
    }

    pub(super) fn ping(
        &mut self,
        now: Instant,
        from: u32,
        id: Id,
        frame: &Frame<'_>,
    ) -> Result<(), Malformed> {
        let timeout = Duration::from_millis(frame.number(2)?).min(LONGEST);
        let name = frame.text(3)?;
        if name.is_empty() {
            self.tell(from, wire::plain(&["answer", frame.word(1)], b""));
            return Ok(());
        }
        let Some(runner) = self.table.named(&name) else {
            self.answer_with(from, id, &Error::NoPeer);
            return Ok(());
        };
        let number = self.calls.add(InHand {
            caller: from,
            id,
            runner,
            provider: None,
            deadline: now + timeout,
        });
        self.count_call(from);
        let run = Id::counted(self.seed, number).to_string();
        self.tell(runner, wire::plain(&["probe", &run], b""));
        Ok(())
    }

    fn count_call(&mut self, caller: u32) {
        self.stats.called += 1;
        if let Some(client) = self.table.get_mut(caller) {
            client.calls += 1;
        }
    }

    /// The caller waits no longer.
    pub(super) fn cancel(&mut self, from: u32, id: Id) -> Result<(), Malformed> {
        for number in self.calls.of_id(from, id) {
            self.settle(number);
        }
        Ok(())
    }

    pub(super) fn done(&mut self, from: u32, id: Id, frame: &Frame<'_>) -> Result<(), Malformed> {
        if let Some(call) = self.settle_for(from, id) {
            let words = ["answer", &call.id.to_string()];
            self.tell(call.caller, wire::forward(&words, frame.tail));
        }
        Ok(())
    }

    pub(super) fn fail(&mut self, from: u32, id: Id, frame: &Frame<'_>) -> Result<(), Malformed> {
        let detail = frame.text(3)?;
        let body = String::from_utf8_lossy(frame.body);
        let error = Error::from_words(frame.word(2), &detail, &body);
        if let Some(call) = self.settle_for(from, id) {
            let message = wire::failure("error", &call.id.to_string(), &error);
            self.tell(call.caller, message);
        }
        Ok(())
    }

    /// A provider is done with a call: whose it was, unless nobody waits for it any more.
    fn settle_for(&mut self, runner: u32, id: Id) -> Option<InHand> {
        let number = id.number(self.seed);
        let is_its = |number: &u64| {
            self.calls
                .get(*number)
                .is_some_and(|call| call.runner == runner)
        };
        let call = number.filter(is_its).and_then(|number| self.settle(number));
        self.stats.late += u64::from(call.is_none());
        call
    }

    pub(super) fn settle(&mut self, number: u64) -> Option<InHand> {
        let call = self.calls.remove(number)?;
        self.release(&call);
        Some(call)
    }

    /// A call is out of the books of its caller and its provider.
    pub(super) fn release(&mut self, call: &InHand) {
        call.provider
            .into_iter()
            .for_each(|provider| self.providers.handle_settled(provider));
        if let Some(client) = self.table.get_mut(call.caller) {
            client.calls -= 1;
        }
    }
}

/// No topic looks like this: the service of the `number`th client under its own name.
fn own_service(number: u32) -> String {
    format!("@{number}/")
}
