//! Turns: which of the threads that wait for what arrives receives it for all of them.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::loan::GRACE;

/// What a thread does for the others while it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It leads, until it has what it waits for.
    Receive,
    /// It leads while nobody else wants to.
    Serve,
    /// It never leads.
    Wait,
}

/// One thread leads: it receives. The others are parked. Who leaves the lead hands it to one that
/// waits for it; if there is none the lead is free for whoever comes, and a thread that serves takes
/// it when nobody came.
#[derive(Default)]
pub(crate) struct Turns {
    turn: Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    is_led: bool,
    /// Who began to lead last.
    leader: Option<ThreadId>,
    /// The place to which the lead was handed, until its thread is awake.
    heir: Option<u64>,
    /// How often somebody began to lead: a thread that serves sees by it whether others do.
    leads: u64,
    /// The number of the place that was taken last.
    last: u64,
    /// Who is parked, by role; the one that came first is the first.
    parked: [BTreeMap<u64, Thread>; 3],
    is_closed: bool,
}

/// What ends a wait.
pub(crate) enum Waited<'a, T> {
    There(T),
    Lead(Lead<'a>),
}

impl Turns {
    /// The lead, if it is free.
    pub(crate) fn try_lead(&self) -> Option<Lead<'_>> {
        let mut turn = self.lock();
        (!turn.is_led).then(|| self.lead(&mut turn, false))
    }

    /// Waits for the lead, or for what `is_there` gives, until the deadline.
    pub(crate) fn wait<T>(
        &self,
        role: Role,
        deadline: Option<Instant>,
        is_there: &mut impl FnMut() -> Option<T>,
    ) -> Result<Waited<'_, T>, Error> {
        if let Some(it) = is_there() {
            return Ok(Waited::There(it));
        }
        let place = self.take_place(role);
        let mut seen = None;
        loop {
            if let Some(lead) = place.look(&mut seen)? {
                return Ok(Waited::Lead(lead));
            }
            let now = Instant::now();
            let until = match role {
                Role::Serve => Some(now + GRACE),
                Role::Receive | Role::Wait => deadline,
            };
            match until.map(|at| at.saturating_duration_since(now)) {
                None => thread::park(),
                Some(left) if left.is_zero() => return Err(Error::Timeout),
                Some(left) => thread::park_timeout(left),
            }
            if let Some(it) = is_there() {
                return Ok(Waited::There(it));
            }
        }
    }

    /// Whether a thread that serves is to let another one lead. Who never leads is better served.
    pub(crate) fn is_wanted(&self) -> bool {
        let turn = self.lock();
        !turn.parked(Role::Receive).is_empty() && turn.parked(Role::Wait).is_empty()
    }

    /// Nothing more arrives: whoever waits is told, once what is there has been received.
    pub(crate) fn close(&self) {
        let mut turn = self.lock();
        turn.is_closed = true;
        turn.wake_all();
    }

    fn take_place(&self, role: Role) -> Place<'_> {
        let mut turn = self.lock();
        turn.last += 1;
        let number = turn.last;
        turn.parked[role as usize].insert(number, thread::current());
        if !turn.is_led && role != Role::Receive {
            turn.pass_on();
        }
        Place {
            turns: self,
            role,
            number,
        }
    }

    fn lead(&self, turn: &mut Turn, is_handed: bool) -> Lead<'_> {
        turn.is_led = true;
        turn.leader = Some(thread::current().id());
        turn.heir = None;
        turn.leads += 1;
        Lead {
            turns: self,
            is_handed,
        }
    }

    fn leave(&self, mut turn: MutexGuard<'_, Turn>) {
        turn.is_led = false;
        turn.heir = None;
        turn.pass_on();
        if !turn.is_led && turn.is_closed {
            turn.wake_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    fn parked(&self, role: Role) -> &BTreeMap<u64, Thread> {
        &self.parked[role as usize]
    }

    /// Nobody leads. Who waits to receive is next. If there are only some who never lead, one that
    /// serves is next, so that they are not kept waiting. Else the lead is free.
    fn pass_on(&mut self) {
        if self.hand_to_first(Role::Receive).is_none() && !self.parked(Role::Wait).is_empty() {
            self.hand_to_first(Role::Serve);
        }
    }

    /// It is woken while the turn is locked: so one that sees that it is the heir was woken.
    fn hand_to_first(&mut self, role: Role) -> Option<()> {
        let (number, thread) = self.parked[role as usize].first_key_value()?;
        self.is_led = true;
        self.heir = Some(*number);
        thread.unpark();
        Some(())
    }

    fn wake_all(&self) {
        let parked = self.parked.iter().flat_map(BTreeMap::values);
        parked.for_each(Thread::unpark);
    }
}

/// Where a thread waits.
struct Place<'a> {
    turns: &'a Turns,
    role: Role,
    number: u64,
}

impl<'a> Place<'a> {
    /// The lead, if it is this thread's. One that serves takes it when nobody began to lead since
    /// it looked last.
    fn look(&self, seen: &mut Option<u64>) -> Result<Option<Lead<'a>>, Error> {
        let mut turn = self.turns.lock();
        let is_free = match self.role {
            Role::Receive => !turn.is_led,
            Role::Serve => !turn.is_led && *seen == Some(turn.leads),
            Role::Wait => false,
        };
        let is_heir = turn.heir == Some(self.number);
        if is_free || is_heir {
            return Ok(Some(self.turns.lead(&mut turn, is_heir)));
        }
        // A leader that closes the socket may wait for the thread that serves, or has come here
        // itself.
        let is_leader = turn.leader == Some(thread::current().id());
        if turn.is_closed && (!turn.is_led || is_leader || self.role == Role::Serve) {
            return Err(Error::Closed);
        }
        *seen = Some(turn.leads);
        Ok(None)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut turn = self.turns.lock();
        turn.parked[self.role as usize].remove(&self.number);
        if turn.heir == Some(self.number) {
            self.turns.leave(turn);
            // It was woken twice, and is not to find that out where it is parked next.
            thread::park_timeout(Duration::ZERO);
        }
    }
}

/// The right to receive, for as long as it is kept: a panic gives it up as well.
pub(crate) struct Lead<'a> {
    turns: &'a Turns,
    /// Who had it before had no use for it.
    pub(crate) is_handed: bool,
}

impl Lead<'_> {
    /// Hands the lead to a thread that serves, if there is one.
    pub(crate) fn try_hand_to_server(self) -> Result<(), Self> {
        match self.turns.lock().hand_to_first(Role::Serve) {
            None => Err(self),
            Some(()) => {
                mem::forget(self);
                Ok(())
            }
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.turns.leave(self.turns.lock());
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread::ScopedJoinHandle;

    use super::*;

    type Led<'s> = ScopedJoinHandle<'s, Result<bool, Error>>;

    /// Waits in a thread until `is_there` or the lead, with which it does nothing; says which it
    /// was. It is parked when this returns.
    fn park<'s>(
        scope: &'s thread::Scope<'s, '_>,
        turns: &'s Turns,
        role: Role,
        mut is_there: impl FnMut() -> Option<()> + Send + 's,
    ) -> Led<'s> {
        let before = turns.lock().parked(role).len();
        let wait = move || match turns.wait(role, None, &mut is_there)? {
            Waited::There(()) => Ok(false),
            Waited::Lead(_) => Ok(true),
        };
        let thread = scope.spawn(wait);
        while turns.lock().parked(role).len() == before {
            thread::yield_now();
        }
        thread
    }

    fn led(thread: Led<'_>) -> bool {
        thread.join().expect("no panic").expect("it is not closed")
    }

    #[test]
    fn a_free_lead_is_for_whoever_comes() {
        let turns = Turns::default();
        let lead = turns.try_lead();
        assert!(lead.is_some() && turns.try_lead().is_none());
        drop(lead);
        assert!(turns.try_lead().is_some());
    }

    #[test]
    fn each_that_leaves_hands_the_lead_on() {
        let turns = Turns::default();
        thread::scope(|scope| {
            let lead = turns.try_lead();
            let [one, two] = [(); 2].map(|()| park(scope, &turns, Role::Receive, || None));
            drop(lead);
            assert!(led(one) && led(two));
        });
        assert!(turns.try_lead().is_some());
    }

    #[test]
    fn an_heir_that_panics_hands_the_lead_on() {
        let turns = Turns::default();
        thread::scope(|scope| {
            let (lead, mut looks) = (turns.try_lead(), 0);
            let look = move || {
                looks += 1;
                assert_eq!(looks, 1, "looks twice");
                None
            };
            let panics = park(scope, &turns, Role::Receive, look);
            let next = park(scope, &turns, Role::Receive, || None);
            drop(lead);
            panics.join().expect_err("it looks when it is woken");
            assert!(led(next));
        });
    }

    #[test]
    fn a_panic_gives_up_the_lead() {
        let turns = Turns::default();
        let lead = || {
            let _lead = turns.try_lead();
            panic!("while it leads");
        };
        catch_unwind(AssertUnwindSafe(lead)).expect_err("it panics");
        assert!(turns.try_lead().is_some());
    }

    #[test]
    fn one_that_serves_leads_for_those_that_never_do() {
        let turns = Turns::default();
        thread::scope(|scope| {
            let lead = turns.try_lead();
            let serves = park(scope, &turns, Role::Serve, || None);
            let waits = park(scope, &turns, Role::Wait, || None);
            drop(lead);
            assert!(led(serves));
            turns.close();
            let waited = waits.join().expect("no panic");
            assert!(matches!(waited, Err(Error::Closed)), "{waited:?}");
        });
    }

    #[test]
    fn one_that_serves_gives_way_to_those_that_receive_alone() {
        let turns = Turns::default();
        thread::scope(|scope| {
            let lead = turns.try_lead();
            assert!(!turns.is_wanted());
            let receives = park(scope, &turns, Role::Receive, || None);
            assert!(turns.is_wanted());
            let waits = park(scope, &turns, Role::Wait, || None);
            assert!(!turns.is_wanted());
            drop(lead);
            assert!(led(receives));
            turns.close();
            waits.join().expect("no panic").expect_err("it is closed");
        });
    }
}
