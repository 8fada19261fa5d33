//! Last word: what a stream says before it ends, once, by whoever is first to end it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Default)]
pub(super) struct LastWord {
    state: Mutex<State>,
    said: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum State {
    /// Nobody is about to.
    #[default]
    Unsaid,
    /// Somebody will, and nothing else is written any more.
    Owed,
    BeingSaid,
    Said,
}

impl LastWord {
    /// It is to be said, by whoever comes first.
    pub(super) fn owe(&self) {
        let mut state = self.lock();
        *state = State::Owed.max(*state);
    }

    /// Says it if it is owed. Where another thread is at it, that one is waited for until then at
    /// the latest: code of the program's own may hang.
    pub(super) fn settle(&self, until: Instant, word: impl FnOnce()) {
        let mut state = self.lock();
        if *state == State::Owed {
            *state = State::BeingSaid;
            drop(state);
            word();
            *self.lock() = State::Said;
            self.said.notify_all();
            return;
        }
        let patience = until.saturating_duration_since(Instant::now());
        let is_being_said = |state: &mut State| *state == State::BeingSaid;
        drop(self.said.wait_timeout_while(state, patience, is_being_said));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it is said by who ends the stream twice.
    fn said(last: &LastWord) -> usize {
        let mut count = 0;
        last.settle(Instant::now(), || count += 1);
        last.settle(Instant::now(), || count += 1);
        count
    }

    #[test]
    fn it_is_said_once_by_whoever_comes_first() {
        let last = LastWord::default();
        last.owe();
        assert_eq!(said(&last), 1);
        last.owe();
        assert_eq!(said(&last), 0);
    }

    #[test]
    fn what_is_not_owed_is_not_said() {
        assert_eq!(said(&LastWord::default()), 0);
    }
}
