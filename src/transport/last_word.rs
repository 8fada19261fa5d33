//! Last word: what a stream says before it ends. Whoever ends the stream hears it out.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a last word is heard out. It is short, and so is the time that the system is given for
/// it, but the code that says it may be the program's own.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Default)]
pub(super) struct LastWord {
    state: Mutex<State>,
    said: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Unsaid,
    BeingSaid,
    Said,
}

impl LastWord {
    /// Says it, unless that was done before. Where another thread does it, as `hear_out`.
    pub(super) fn say(&self, word: impl FnOnce()) {
        let mut state = self.lock();
        if *state != State::Unsaid {
            drop(state);
            return self.hear_out();
        }
        *state = State::BeingSaid;
        drop(state);
        word();
        *self.lock() = State::Said;
        self.said.notify_all();
    }

    /// Waits for another thread that says it.
    pub(super) fn hear_out(&self) {
        let is_being_said = |state: &mut State| *state == State::BeingSaid;
        let state = self.lock();
        drop(self.said.wait_timeout_while(state, PATIENCE, is_being_said));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
