//! Calls: what clients were asked for and have not answered, who waits for it, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::bus::words::Id;

/// What one client was asked for. It stays in the books until that client answers or is gone,
/// whoever still waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InHand {
    pub(crate) runner: u32,
    /// Its provider that runs it, if it is a call of a service and no probe.
    pub(crate) provider: Option<u64>,
    pub(crate) asker: Asker,
}

/// Who waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    Client(Caller),
    /// The subscription of the runner that gets its next values then. It is asked again at the
    /// deadline, since its answer may have found no room.
    Replay(Id, Instant),
    /// The answers for the runner that wait for room; they are tried again at the deadline as well.
    Room(Instant),
    /// Nobody any more.
    Nobody,
}

/// A client that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    pub(crate) client: u32,
    /// Its own id for the call.
    pub(crate) id: Id,
    pub(crate) deadline: Instant,
    /// It is one of several with that id, and their answers say from whom they are.
    pub(crate) is_for_all: bool,
}

impl Asker {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Asker::Client(caller) => Some(caller.deadline),
            Asker::Room(deadline) | Asker::Replay(_, deadline) => Some(*deadline),
            Asker::Nobody => None,
        }
    }
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
        let asker = Asker::Nobody;
        self.by_runner.insert((call.runner, number));
        self.all.insert(number, InHand { asker, ..call });
        self.set_asker(number, call.asker);
        number
    }

    /// It was answered, or its runner is gone.
    pub(crate) fn remove(&mut self, number: u64) -> Option<InHand> {
        let asker = self.set_asker(number, Asker::Nobody)?;
        let mut call = self.all.remove(&number)?;
        self.by_runner.remove(&(call.runner, number));
        call.asker = asker;
        Some(call)
    }

    /// Somebody else waits for it from here on; says who did.
    pub(crate) fn set_asker(&mut self, number: u64, asker: Asker) -> Option<Asker> {
        let call = self.all.get_mut(&number)?;
        let old = std::mem::replace(&mut call.asker, asker);
        if let Asker::Client(caller) = old {
            self.by_caller.remove(&(caller.client, caller.id, number));
        }
        if let Some(deadline) = old.deadline() {
            self.by_deadline.remove(&(deadline, number));
        }
        if let Asker::Client(caller) = asker {
            self.by_caller.insert((caller.client, caller.id, number));
        }
        if let Some(deadline) = asker.deadline() {
            self.by_deadline.insert((deadline, number));
        }
        Some(old)
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

    /// One whose deadline has passed.
    pub(crate) fn poll_due(&self, now: Instant) -> Option<u64> {
        let (deadline, number) = *self.by_deadline.first()?;
        (deadline <= now).then_some(number)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them, after a look at the indices.
    #[cfg(test)]
    pub(crate) fn audit(&self) -> BTreeMap<u64, InHand> {
        let mut again = Calls::default();
        for (number, call) in &self.all {
            again.made = number - 1;
            again.add(*call);
        }
        assert_eq!(self.by_caller, again.by_caller, "calls by caller");
        assert_eq!(self.by_runner, again.by_runner, "calls by runner");
        assert_eq!(self.by_deadline, again.by_deadline, "calls by deadline");
        again.all
    }
}
