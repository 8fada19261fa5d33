//! Runs: the calls in hand, so that whoever runs one can be told that nobody waits any more.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::bus::end::Link;
use crate::bus::job::Run;
use crate::bus::words::Id;

/// Each from its coming to its answer.
#[derive(Default)]
pub(super) struct Runs {
    in_hand: HashMap<(Link, Id), Weak<Run>>,
}

impl Runs {
    pub(super) fn put(&mut self, run: &Arc<Run>) {
        let key = (run.link, run.id);
        self.in_hand.insert(key, Arc::downgrade(run));
    }

    pub(super) fn remove(&mut self, link: Link, id: Id) -> Option<Arc<Run>> {
        self.in_hand.remove(&(link, id))?.upgrade()
    }

    /// A session has ended, and with it who waited.
    pub(super) fn cancel_all(&mut self, link: Link) {
        self.in_hand.retain(|(of, _), run| {
            let ended = run.upgrade().filter(|_| *of == link);
            ended.inspect(|run| run.cancel());
            *of != link
        });
    }
}
