//! State of a proxy: its knobs, its connections, and how its threads hear of changes.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::{Cut, Way};

#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub struct State {
    /// By `Way`.
    pub knobs: [Knobs; 2],
    pub door: Door,
    pub is_listening: bool,
    pub is_over: bool,
    /// Accepted and not yet connected to the target, in the order in which they came.
    pub held: Vec<Stream>,
    pub connections: BTreeMap<u64, Connection>,
    pub accepted: u64,
    /// Bytes forwarded, by `Way`.
    pub carried: [u64; 2],
    /// Writes that forwarded something, by `Way`.
    pub pieces: [u64; 2],
    pub threads: Vec<JoinHandle<()>>,
}

/// What one direction does to its bytes.
#[derive(Clone, Default)]
pub struct Knobs {
    pub delay: Duration,
    /// Bytes a second.
    pub rate: Option<u64>,
    /// The largest piece that is written at once.
    pub piece: Option<usize>,
    pub is_stalled: bool,
    pub is_hole: bool,
    pub cut_after: Option<(u64, Cut)>,
}

/// What happens to new connections.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    #[default]
    Open,
    Refuse,
    Hold,
}

pub struct Connection {
    /// The dialler's stream and the target's. The pump that reads a stream owns it.
    pub ends: [Weak<Stream>; 2],
    pub fate: Option<Cut>,
    /// The pumps that have ended, by `Way`.
    pub is_done: [bool; 2],
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and tells everybody.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits for a change, or until then.
    pub fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State> {
        let Some(until) = until else {
            let woken = self.changed.wait(state);
            return woken.unwrap_or_else(PoisonError::into_inner);
        };
        let left = until.saturating_duration_since(Instant::now());
        let woken = self.changed.wait_timeout(state, left);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Enters a connection that has not reached its target yet; its number.
    pub fn enter(&mut self, dialler: &Arc<Stream>) -> u64 {
        let number = self.accepted;
        self.accepted += 1;
        let connection = Connection {
            ends: [Arc::downgrade(dialler), Weak::new()],
            fate: None,
            is_done: [false; 2],
        };
        self.connections.insert(number, connection);
        number
    }

    pub fn leave(&mut self, number: u64, way: Way) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        connection.is_done[way as usize] = true;
        if connection.is_done == [true; 2] {
            self.connections.remove(&number);
        }
    }

    pub fn connections_up(&self) -> usize {
        let all = self.connections.values();
        all.filter(|connection| connection.fate.is_none()).count()
    }
}

impl Connection {
    /// Ends it. What the pumps have in hand is lost, as on a wire that is cut.
    pub fn cut(&mut self, cut: Cut) {
        if self.fate.is_some() {
            return;
        }
        self.fate = Some(cut);
        self.finish();
    }

    pub fn reach(&mut self, target: &Arc<Stream>) {
        self.ends[1] = Arc::downgrade(target);
        self.finish();
    }

    fn finish(&self) {
        if self.fate == Some(Cut::Fin) {
            let ends = self.ends.iter().filter_map(Weak::upgrade);
            ends.for_each(|end| end.shutdown(Shutdown::Write));
        }
    }
}
