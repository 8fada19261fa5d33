//! Calling: which provider runs a call, and how its answer finds the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::table::Table;
use crate::bus::table::access::Act;
use crate::bus::table::calls::{Asker, Caller, InHand};
use crate::bus::table::providers::Provider;
use crate::bus::table::send::{Message, Send, To, Unfit};
use crate::bus::words::{Call, Error, Id, Run, Serve, Tail, Text, Topic, Word};

/// No call waits longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The services that every broker serves itself: its counters, and those of each client.
const STATS: &str = "$sys/stats";
const CLIENTS: &str = "$sys/clients";

/// The service of a client under its own name.
pub(super) const SELF: &str = "@";

impl Table {
    pub(super) fn serve(&mut self, from: u32, serve: &Serve<'_>) {
        match self.try_serve(from, serve) {
            Ok(()) => self.accept(from, serve.id),
            Err(error) => self.refuse(from, serve.id, &error),
        }
    }

    fn try_serve(&mut self, from: u32, serve: &Serve<'_>) -> Result<(), Error> {
        let name = service_name(from, &serve.name.read()?)?;
        if !name.starts_with(SELF) {
            self.may(from, Act::Serve, &name)?;
        }
        let client = self.clients.get_mut(from).ok_or(Error::NoPeer)?;
        if let Some(number) = client.services.get(&serve.id) {
            let provider = self.providers.get(*number);
            return match provider.is_some_and(|provider| provider.name == name) {
                // Said again after a reconnect that the first one survived.
                true => Ok(()),
                false => Err(taken("another service of yours")),
            };
        }
        let (len, most) = (name.len(), self.limits.pattern_bytes);
        if client.services.len() >= self.limits.services || client.bytes + len > most {
            let what = "services of a client".to_owned();
            return Err(Error::Limit { what });
        }
        if service_memory(len) > self.free_memory(from) {
            let what = "memory of the broker".to_owned();
            return Err(Error::Limit { what });
        }
        let most = self.limits.credit;
        let credit = serve.credit.and_then(|credit| usize::try_from(credit).ok());
        let credit = credit.unwrap_or(most).min(most);
        let provider = Provider::new(from, serve.id, name, serve.only, credit);
        let number = self.providers.add(provider)?;
        if let Some(client) = self.clients.get_mut(from) {
            client.bytes += len;
            client.services.insert(serve.id, number);
        }
        self.take_memory(from, service_memory(len));
        Ok(())
    }

    /// The service ends; the calls that it has in hand do not.
    pub(super) fn withdraw(&mut self, from: u32, id: Id) {
        let Some(client) = self.clients.get_mut(from) else {
            return;
        };
        let number = client.services.remove(&id);
        if let Some(provider) = number.and_then(|number| self.providers.remove(number)) {
            let len = provider.name.len();
            client.bytes -= len;
            self.give_memory(from, service_memory(len));
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
        let caller = Caller {
            client: from,
            id: call.id,
            deadline: now + timeout,
            is_for_all: call.all,
        };
        let Some(all) = call.all.then(|| Message::shared(&call.tail)) else {
            return self.give(timeout, caller, chosen[0], call, None);
        };
        self.tell_count(from, call, chosen.len());
        for provider in chosen {
            let runner = self.providers.get(provider).map(|it| it.client);
            let given = self.give(timeout, caller, provider, call, Some(&all));
            if let Err(error) = given {
                self.stats.refused += 1;
                self.fail_call(&caller, runner, &error);
            }
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
            true => self.providers.all(&name).collect(),
            false => vec![self.providers.next(&name)?],
        };
        let in_hand = self.clients.get(from).map_or(0, |client| client.calls);
        match chosen.len() {
            0 => Err(Error::NoService),
            more if in_hand + more > self.limits.calls => Err(Error::Busy),
            _ => Ok(chosen),
        }
    }

    /// Gives a call to a provider, with a tail of its own or one that others have as well.
    fn give(
        &mut self,
        left: Duration,
        caller: Caller,
        provider: u64,
        call: &Call<'_>,
        shared: Option<&Arc<[u8]>>,
    ) -> Result<(), Error> {
        let chosen = self.providers.get(provider).ok_or(Error::NoService)?;
        let (runner, service) = (chosen.client, chosen.id);
        if !chosen.has_credit() || CALL > self.free_memory(runner) {
            return Err(Error::Busy);
        }
        let asker = self.ask(caller);
        let number = self.hand_over(InHand {
            runner,
            provider: Some(provider),
            asker,
        });
        self.providers.handle_called(provider);
        let called = self.clients.called(caller.client);
        let word = Word::Run(Run {
            run: Id::sealed(number, &self.keys),
            service,
            milliseconds: left.as_millis() as u64,
            name: call.name,
            from: Text::of(called.as_deref()),
            tail: call.tail,
        });
        let Some(client) = self.clients.get(runner) else {
            return Ok(());
        };
        self.push(Send {
            to: To::One(client.key),
            message: match shared {
                Some(tail) => Message::sharing(word, tail),
                None => word.to_bytes().into(),
            },
            unfit: Unfit::Busy(number),
            receipt: None,
        });
        Ok(())
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
        let asker = self.ask(Caller {
            client: from,
            id,
            deadline: now + Duration::from_millis(milliseconds).min(LONGEST),
            is_for_all: false,
        });
        let number = self.hand_over(InHand {
            runner,
            provider: None,
            asker,
        });
        let run = Id::sealed(number, &self.keys);
        let subscription = None;
        self.tell(runner, &Word::Probe { run, subscription });
    }

    /// Whom to ask whether it is there, if one more may be asked.
    fn find_peer(&self, from: u32, id: Id, name: Text<'_>) -> Result<u32, Error> {
        self.check_free(from, id)?;
        let name = name.read()?;
        self.may(from, Act::Call, &format!("{SELF}{name}"))?;
        let runner = self.clients.named(&name).ok_or(Error::NoPeer)?;
        let in_hand = self.clients.get(from).map_or(0, |client| client.calls);
        match in_hand >= self.limits.calls || CALL > self.free_memory(runner) {
            true => Err(Error::Busy),
            false => Ok(runner),
        }
    }

    /// A client has something more to answer; it is in the books of both from here on.
    pub(super) fn hand_over(&mut self, call: InHand) -> u64 {
        if let Some(client) = self.clients.get_mut(call.runner) {
            client.held += CALL;
            self.held += CALL;
        }
        self.calls.add(call)
    }

    /// A client waits for an answer.
    fn ask(&mut self, caller: Caller) -> Asker {
        self.stats.called += 1;
        if let Some(client) = self.clients.get_mut(caller.client) {
            client.calls += 1;
        }
        Asker::Client(caller)
    }

    pub(super) fn free_caller(&mut self, asker: Asker) {
        let Asker::Client(caller) = asker else {
            return;
        };
        if let Some(client) = self.clients.get_mut(caller.client) {
            client.calls -= 1;
        }
    }
}

/// An id stands for something else already.
pub(super) fn taken(what: &str) -> Error {
    let what = format!("its id is that of {what}");
    Error::Malformed { what }
}

/// What a call takes of the memory, for its runner.
pub(super) const CALL: usize = 256;

/// What a service takes whose name has so many bytes.
pub(super) fn service_memory(len: usize) -> usize {
    256 + 2 * len
}

/// The name of a service in its one form.
fn service_name(client: u32, name: &str) -> Result<String, Error> {
    if name == SELF {
        return Ok(own_service(client));
    }
    let topic = Topic::parse(name)?;
    match topic.is_reserved() || topic.as_str().starts_with('@') {
        true => Err(Error::BadTopic {
            topic: topic.to_string(),
            reason: "such names are not for services".to_owned(),
        }),
        false => Ok(topic.to_string()),
    }
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
