//! Answering: how an answer finds its caller, and what becomes of a call that nobody waits for, or
//! that nobody runs any more.

use std::sync::Arc;

use crate::bus::table::Table;
use crate::bus::table::calling::{CALL, SELF};
use crate::bus::table::calls::{Asker, Caller, InHand};
use crate::bus::words::{Error, Id, Tail, Text, Why, Word};

impl Table {
    /// The caller waits no longer.
    pub(super) fn cancel(&mut self, from: u32, id: Id) {
        let calls = self.calls.of_id(from, id);
        calls.into_iter().for_each(|call| self.stop(call));
    }

    /// A call is not waited for any more, and its runner hears that.
    pub(super) fn stop(&mut self, number: u64) {
        let is_probe = |call: &InHand| call.provider.is_none();
        let is_probe = self.calls.get(number).is_none_or(is_probe);
        let runner = self.let_go(number).filter(|_| !is_probe);
        if let Some(runner) = runner {
            let run = Id::sealed(number, &self.keys);
            self.tell(runner, &Word::Stop { run });
        }
    }

    /// A call is out of the books of its caller. Its runner, which this says, may be at it, so it has
    /// it in hand until it answers. At a probe nobody is.
    pub(super) fn let_go(&mut self, number: u64) -> Option<u32> {
        let call = *self.calls.get(number)?;
        match call.provider {
            Some(_) => {
                self.calls.set_asker(number, Asker::Nobody);
                self.free_caller(call.asker);
            }
            None => drop(self.settle(number)),
        }
        Some(call.runner)
    }

    pub(super) fn done(&mut self, from: u32, run: Id, tail: Tail<'_>) {
        if let Some(caller) = self.settle_for(from, run) {
            let runner = self.runner_for(&caller, Some(from));
            let (id, from) = (caller.id, Text::of(runner.as_deref()));
            self.tell(caller.client, &Word::Answer { id, from, tail });
        }
    }

    pub(super) fn fail(&mut self, from: u32, run: Id, why: &Why<'_>) {
        if let Some(caller) = self.settle_for(from, run) {
            let error = Error::of(why).unwrap_or_else(|error| error);
            self.fail_call(&caller, Some(from), &error);
        }
    }

    /// The caller hears why there is no answer.
    pub(super) fn fail_call(&mut self, caller: &Caller, runner: Option<u32>, error: &Error) {
        let body = error.body();
        self.fail_with(caller, runner, error.why(&body));
    }

    fn fail_with(&mut self, caller: &Caller, runner: Option<u32>, why: Why<'_>) {
        let runner = self.runner_for(caller, runner);
        let (id, from) = (caller.id, Text::of(runner.as_deref()));
        self.tell(caller.client, &Word::Error { id, why, from });
    }

    /// Who runs it, if its caller does not know without being told.
    fn runner_for(&self, caller: &Caller, runner: Option<u32>) -> Option<Arc<str>> {
        let runner = runner.filter(|_| caller.is_for_all)?;
        self.clients.called(runner)
    }

    /// A client answers what it was asked: who waits for that, if a client does.
    fn settle_for(&mut self, runner: u32, id: Id) -> Option<Caller> {
        let number = id.number(&self.keys);
        let asked = number.and_then(|number| {
            let call = self.calls.get(number)?;
            (call.runner == runner).then_some((number, call.asker))
        });
        let Some((number, asker)) = asked else {
            self.stats.late += 1;
            return None;
        };
        match asker {
            Asker::Room(_) => self.handle_room(number),
            _ => drop(self.settle(number)),
        }
        match asker {
            Asker::Client(caller) => return Some(caller),
            Asker::Replay(id, _) => self.replays.handle_read(runner, id),
            Asker::Nobody => self.stats.late += 1,
            Asker::Room(_) => {}
        }
        None
    }

    /// A call is out of all books.
    pub(super) fn settle(&mut self, number: u64) -> Option<InHand> {
        let call = self.calls.remove(number)?;
        if let Some(provider) = call.provider {
            self.providers.handle_settled(provider);
        }
        self.free_caller(call.asker);
        self.give_memory(call.runner, CALL);
        Some(call)
    }

    /// There was no room for a call on its way to its runner.
    pub(super) fn give_back(&mut self, number: u64) {
        let Some(call) = self.settle(number) else {
            return;
        };
        if let Asker::Client(caller) = call.asker {
            self.stats.refused += 1;
            self.fail_call(&caller, Some(call.runner), &Error::Busy);
        }
    }

    /// A call's runner is gone. It may have run, so its caller hears what was called.
    pub(super) fn lose(&mut self, number: u64) {
        let Some(call) = self.settle(number) else {
            return;
        };
        let Asker::Client(caller) = call.asker else {
            return;
        };
        self.stats.refused += 1;
        let Some(name) = self.name_of(&call) else {
            return self.fail_call(&caller, Some(call.runner), &Error::NoPeer);
        };
        let body = format!("whoever ran {name:?} went away with the call, which may have run");
        let why = Why {
            kind: "NoPeer",
            detail: Text::plain(&name),
            tail: Tail::of(body.as_bytes()),
        };
        self.fail_with(&caller, Some(call.runner), why);
    }

    /// What was called, if that is a service.
    fn name_of(&self, call: &InHand) -> Option<String> {
        let provider = self.providers.get(call.provider?)?;
        let client = self.clients.get(call.runner)?;
        Some(match &client.name {
            Some(name) if provider.name.starts_with(SELF) => format!("{SELF}{name}"),
            _ => provider.name.clone(),
        })
    }
}
