//! Replays: which subscriptions still wait for values of before, and whose turn it is.

use std::collections::BTreeMap;

use crate::bus::table::retained::Walk;
use crate::bus::words::{Id, Pattern};

/// A client gets so many values, or bytes of them, before it says that it has read them: what it
/// does not read is not on its way to it.
const WINDOW_VALUES: usize = 512;
const WINDOW_BYTES: usize = 256 * 1024;

/// The values of before for one subscription.
pub(crate) struct Replay {
    pub(crate) walk: Walk,
    /// How much of its window has left.
    values: usize,
    bytes: usize,
    /// What its client was asked behind the window.
    probe: Option<u64>,
    /// Its place in the queue, if it may go on.
    place: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Replays {
    all: BTreeMap<(u32, Id), Replay>,
    queue: BTreeMap<u64, (u32, Id)>,
    places: u64,
}

impl Replays {
    pub(crate) fn add(&mut self, client: u32, id: Id, pattern: &Pattern) {
        let replay = Replay {
            walk: Walk::new(pattern),
            values: 0,
            bytes: 0,
            probe: None,
            place: None,
        };
        self.all.insert((client, id), replay);
        self.queue(client, id);
    }

    /// It is over; says what its client was asked.
    pub(crate) fn remove(&mut self, client: u32, id: Id) -> Option<u64> {
        let replay = self.all.remove(&(client, id))?;
        replay.place.map(|place| self.queue.remove(&place));
        replay.probe
    }

    /// It may go on when it is its turn.
    pub(crate) fn queue(&mut self, client: u32, id: Id) {
        let Some(replay) = self.all.get_mut(&(client, id)) else {
            return;
        };
        self.places += 1;
        let old = replay.place.replace(self.places);
        old.map(|old| self.queue.remove(&old));
        self.queue.insert(self.places, (client, id));
    }

    /// Whose turn it is. It is not in the queue any more.
    pub(crate) fn next(&mut self) -> Option<(u32, Id, &mut Replay)> {
        let (_, (client, id)) = self.queue.pop_first()?;
        let replay = self.all.get_mut(&(client, id));
        let replay = replay.expect("what is in the queue is there");
        replay.place = None;
        Some((client, id, replay))
    }

    /// A value is on its way. Says whether more may follow now.
    pub(crate) fn handle_sent(&mut self, client: u32, id: Id, len: usize) -> bool {
        let Some(replay) = self.all.get_mut(&(client, id)) else {
            return false;
        };
        replay.walk.pass();
        replay.values += 1;
        replay.bytes += len;
        replay.values < WINDOW_VALUES && replay.bytes < WINDOW_BYTES
    }

    /// Its client was asked to say when it has read what is on its way.
    pub(crate) fn handle_asked(&mut self, client: u32, id: Id, probe: u64) {
        if let Some(replay) = self.all.get_mut(&(client, id)) {
            replay.probe = Some(probe);
        }
    }

    /// It has: another window.
    pub(crate) fn handle_read(&mut self, client: u32, id: Id) {
        if let Some(replay) = self.all.get_mut(&(client, id)) {
            (replay.values, replay.bytes, replay.probe) = (0, 0, None);
            self.queue(client, id);
        }
    }

    pub(crate) fn has(&self, client: u32, id: Id) -> bool {
        self.all.contains_key(&(client, id))
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whose they are, and what their clients were asked.
    #[cfg(test)]
    pub(crate) fn audit(&self) -> Vec<(u32, Id, Option<u64>)> {
        let places = self
            .all
            .iter()
            .filter_map(|(key, it)| Some((it.place?, *key)));
        let places: BTreeMap<u64, (u32, Id)> = places.collect();
        assert_eq!(self.queue, places, "the queue of replays");
        let all = self.all.iter();
        all.map(|((client, id), it)| (*client, *id, it.probe))
            .collect()
    }
}
