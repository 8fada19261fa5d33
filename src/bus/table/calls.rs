//! Calls: those in hand, who made them, who runs them, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::bus::words::Id;

/// A call that one provider runs for one caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InHand {
    pub(crate) caller: u32,
    /// The caller's id for it.
    pub(crate) id: Id,
    /// Who runs it: a client, and its provider if that is a service.
    pub(crate) runner: u32,
    pub(crate) provider: Option<u64>,
    pub(crate) deadline: Instant,
    /// It is one of several with that id, and their answers say from whom they are.
    pub(crate) is_for_all: bool,
}

#[derive(Default)]
pub(crate) struct Calls {
    all: BTreeMap<u64, InHand>,
    by_caller: BTreeSet<(u32, Id, u64)>,
    by_runner: BTreeSet<(u32, u64)>,
    by_deadline: BTreeSet<(Instant, u64)>,
    made: u64,
}

impl Calls {
    pub(crate) fn add(&mut self, call: InHand) -> u64 {
        self.made += 1;
        let number = self.made;
        self.by_caller.insert((call.caller, call.id, number));
        self.by_runner.insert((call.runner, number));
        self.by_deadline.insert((call.deadline, number));
        self.all.insert(number, call);
        number
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<InHand> {
        let call = self.all.remove(&number)?;
        self.by_caller.remove(&(call.caller, call.id, number));
        self.by_runner.remove(&(call.runner, number));
        self.by_deadline.remove(&(call.deadline, number));
        Some(call)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&InHand> {
        self.all.get(&number)
    }

    /// What one caller knows under one id.
    pub(crate) fn of_id(&self, caller: u32, id: Id) -> Vec<u64> {
        let range = (caller, id, 0)..=(caller, id, u64::MAX);
        self.by_caller.range(range).map(|entry| entry.2).collect()
    }

    pub(crate) fn has_id(&self, caller: u32, id: Id) -> bool {
        let mut of_caller = self.by_caller.range((caller, id, 0)..);
        let next = of_caller.next();
        next.is_some_and(|entry| (entry.0, entry.1) == (caller, id))
    }

    pub(crate) fn of_caller(&self, caller: u32) -> Vec<u64> {
        let from = (caller, Id::default(), 0);
        let range = self.by_caller.range(from..);
        let own = range.take_while(|entry| entry.0 == caller);
        own.map(|entry| entry.2).collect()
    }

    pub(crate) fn of_runner(&self, runner: u32) -> Vec<u64> {
        let range = (runner, 0)..=(runner, u64::MAX);
        self.by_runner.range(range).map(|entry| entry.1).collect()
    }

    /// A call whose deadline has passed.
    pub(crate) fn poll_due(&mut self, now: Instant) -> Option<InHand> {
        let (deadline, number) = *self.by_deadline.first()?;
        (deadline <= now).then(|| self.remove(number)).flatten()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}
