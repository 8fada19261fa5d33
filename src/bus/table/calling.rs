//! Calling: which provider runs a call, and how its answer finds the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::access::Act;
use crate::bus::table::calls::InHand;
use crate::bus::words::{Call, Error, Id, Run, Tail, Text, Topic, Why, Word};

/// No call waits longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The services that every broker serves itself: its counters, and those of each client.
const STATS: &str = "$sys/stats";
const CLIENTS: &str = "$sys/clients";

/// The service of a client under its own name.
const SELF: &str = "@";

impl Table {
    pub(super) fn serve(&mut self, from: u32, id: Id, name: Text<'_>) {
        match self.try_serve(from, id, name) {
            Ok(()) => self.accept(from, id),
            Err(error) => self.refuse(from, id, &error),
        }
    }

    fn try_serve(&mut self, from: u32, id: Id, name: Text<'_>) -> Result<(), Error> {
        let name = match &*name.read()? {
            SELF => own_service(from),
            name => {
                let topic = Topic::parse(name)?;
                if topic.is_reserved() || topic.as_str().starts_with('@') {
                    return Err(Error::BadTopic {
                        topic: topic.to_string(),
                        reason: "such names are not for services".to_owned(),
                    });
                }
                self.may(from, Act::Serve, topic.as_str())?;
                topic.to_string()
            }
        };
        let client = self.clients.get_mut(from).ok_or(Error::NoPeer)?;
        let (count, bytes) = (client.services.len(), client.bytes + name.len());
        if let Some(number) = client.services.get(&id) {
            let provider = self.providers.get(*number);
            return match provider.is_some_and(|provider| provider.name == name) {
                // Said again after a reconnect that the first one survived.
                true => Ok(()),
                false => Err(taken("another service of yours")),
            };
        }
        if count >= self.limits.services || bytes > self.limits.pattern_bytes {
            let what = "services of a client".to_owned();
            return Err(Error::Limit { what });
        }
        client.bytes = bytes;
        let number = self.providers.add(from, id, name);
        client.services.insert(id, number);
        Ok(())
    }

    /// The service ends; the calls that it has in hand do not.
    pub(super) fn withdraw(&mut self, from: u32, id: Id) {
        let Some(client) = self.clients.get_mut(from) else {
            return;
        };
        let number = client.services.remove(&id);
        if let Some(provider) = number.and_then(|number| self.providers.remove(number)) {
            client.bytes -= provider.name.len();
        }
    }

    pub(super) fn call(&mut self, now: Instant, from: u32, call: &Call<'_>) {
        match self.try_call(now, from, call) {
            Ok(()) => {}
            Err(error) => self.refuse(from, call.id, &error),
        }
    }

    fn try_call(&mut self, now: Instant, from: u32, call: &Call<'_>) -> Result<(), Error> {
        let timeout = Duration::from_millis(call.milliseconds).min(LONGEST);
        let name = call.name.read()?;
        self.check_free(from, call.id)?;
        let name = match name.starts_with(SELF) {
            true => name.into_owned(),
            false => Topic::parse(&name)?.to_string(),
        };
        self.may(from, Act::Call, &name)?;
        if let Some(body) = self.told(now, &name) {
            self.tell_count(from, call, 1);
            self.answer(from, call.id, Tail::of(body.as_bytes()));
            return Ok(());
        }
        let chosen = self.choose(from, &name, call.all)?;
        if timeout.is_zero() {
            return Err(Error::Timeout);
        }
        self.tell_count(from, call, chosen.len());
        for provider in chosen {
            self.give(now, timeout, from, provider, call);
        }
        Ok(())
    }

    /// An id in hand stands for one call.
    fn check_free(&self, caller: u32, id: Id) -> Result<(), Error> {
        match self.calls.has_id(caller, id) {
            true => Err(taken("a call of yours that is not answered")),
            false => Ok(()),
        }
    }

    /// What the broker answers itself.
    fn told(&self, now: Instant, name: &str) -> Option<String> {
        match name {
            STATS => Some(self.stats().lines()),
            CLIENTS => Some(self.census_lines(now)),
            _ => None,
        }
    }

    fn tell_count(&mut self, to: u32, call: &Call<'_>, count: usize) {
        if call.all {
            let (id, count) = (call.id, count as u64);
            self.tell(to, &Word::Many { id, count });
        }
    }

    /// Who runs a call: one provider, or everyone of that name.
    fn choose(&self, from: u32, name: &str, is_for_all: bool) -> Result<Vec<u64>, Error> {
        let name = match name.strip_prefix(SELF) {
            Some(client) => own_service(self.clients.named(client).ok_or(Error::NoPeer)?),
            None => name.to_owned(),
        };
        let chosen = match is_for_all {
            true => self.providers.all(&name),
            false => self.providers.next(&name).into_iter().collect(),
        };
        let in_hand = self.clients.get(from).map_or(0, |client| client.calls);
        match chosen.len() {
            0 => Err(Error::NoService),
            more if in_hand + more > self.limits.calls => Err(Error::Busy),
            _ => Ok(chosen),
        }
    }

    fn give(&mut self, now: Instant, left: Duration, from: u32, provider: u64, call: &Call<'_>) {
        let Some(chosen) = self.providers.get(provider) else {
            return;
        };
        let (runner, service) = (chosen.client, chosen.id);
        let number = self.calls.add(InHand {
            caller: from,
            id: call.id,
            runner,
            provider: Some(provider),
            deadline: now + left,
            is_for_all: call.all,
        });
        self.providers.handle_called(provider);
        self.count_call(from);
        let caller = self.clients.called(from);
        let run = Run {
            run: Id::sealed(number, &self.keys),
            service,
            milliseconds: left.as_millis() as u64,
            name: call.name,
            from: Text::of(caller.as_deref()),
            tail: call.tail,
        };
        self.tell(runner, &Word::Run(run));
    }

    pub(super) fn ping(
        &mut self,
        now: Instant,
        from: u32,
        id: Id,
        milliseconds: u64,
        name: Text<'_>,
    ) {
        if name.is_empty() {
            return self.answer(from, id, Tail::NONE);
        }
        let runner = match self.find_peer(from, id, name) {
            Ok(runner) => runner,
            Err(error) => return self.refuse(from, id, &error),
        };
        let number = self.calls.add(InHand {
            caller: from,
            id,
            runner,
            provider: None,
            deadline: now + Duration::from_millis(milliseconds).min(LONGEST),
            is_for_all: false,
        });
        self.count_call(from);
        let run = Id::sealed(number, &self.keys);
        self.tell(runner, &Word::Probe { run });
    }

    fn find_peer(&self, from: u32, id: Id, name: Text<'_>) -> Result<u32, Error> {
        self.check_free(from, id)?;
        let name = name.read()?;
        self.may(from, Act::Call, &format!("{SELF}{name}"))?;
        self.clients.named(&name).ok_or(Error::NoPeer)
    }

    fn count_call(&mut self, caller: u32) {
        self.stats.called += 1;
        if let Some(client) = self.clients.get_mut(caller) {
            client.calls += 1;
        }
    }

    /// The caller waits no longer.
    pub(super) fn cancel(&mut self, from: u32, id: Id) {
        for number in self.calls.of_id(from, id) {
            self.settle(number);
        }
    }

    pub(super) fn done(&mut self, from: u32, run: Id, tail: Tail<'_>) {
        if let Some(call) = self.settle_for(from, run) {
            let runner = self.runner_of(&call);
            let (id, from) = (call.id, Text::of(runner.as_deref()));
            self.tell(call.caller, &Word::Answer { id, from, tail });
        }
    }

    pub(super) fn fail(&mut self, from: u32, run: Id, why: &Why<'_>) {
        if let Some(call) = self.settle_for(from, run) {
            let error = Error::of(why).unwrap_or_else(|error| error);
            self.fail_call(&call, &error);
        }
    }

    /// The caller hears why there is no answer.
    pub(super) fn fail_call(&mut self, call: &InHand, error: &Error) {
        let (runner, body) = (self.runner_of(call), error.body());
        let (id, why, from) = (call.id, error.why(&body), Text::of(runner.as_deref()));
        self.tell(call.caller, &Word::Error { id, why, from });
    }

    /// Who runs it, if its caller does not know without being told.
    fn runner_of(&self, call: &InHand) -> Option<Arc<str>> {
        self.clients.called(call.runner).filter(|_| call.is_for_all)
    }

    /// A provider is done with a call: whose it was, unless nobody waits for it any more.
    fn settle_for(&mut self, runner: u32, id: Id) -> Option<InHand> {
        let number = id.number(&self.keys);
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
        if let Some(client) = self.clients.get_mut(call.caller) {
            client.calls -= 1;
        }
    }
}

/// An id stands for something else already.
pub(super) fn taken(what: &str) -> Error {
    let what = format!("its id is that of {what}");
    Error::Malformed { what }
}

/// Whether it asks a table for what it tells of itself.
pub(crate) fn is_for_table(call: &Call<'_>) -> bool {
    let name = call.name.read();
    name.is_ok_and(|name| [STATS, CLIENTS].contains(&&*name))
}

/// No topic looks like this: the service of the `number`th client under its own name.
fn own_service(number: u32) -> String {
    format!("@{number}/")
}
