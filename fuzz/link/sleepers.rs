//! Sleepers: the threads that wait for a wake-up, and the proof that each gets it.

use std::time::Instant;

use crate::message::Identity;
use crate::proto::hub::{CloseStep, Hub, Wake};

/// A send that found no room.
pub(crate) struct Blocked {
    pub(crate) to: Option<Identity>,
    pub(crate) body: Vec<u8>,
    pub(crate) is_woken: bool,
}

#[derive(Default)]
pub(crate) struct Sleepers {
    /// Since it found nothing to do, the keeper sleeps, at most until then.
    keeper: Option<Option<Instant>>,
    pub(crate) blocked: Option<Blocked>,
    peers: usize,
    /// The closing thread sleeps, at most until then.
    pub(crate) closer: Option<Instant>,
}

impl Sleepers {
    pub(crate) fn handle_idle(&mut self, until: Option<Instant>) {
        self.keeper = Some(until);
    }

    pub(crate) fn handle_keeper_awake(&mut self) {
        self.keeper = None;
    }

    pub(crate) fn handle_wake(&mut self, wake: Wake, hub: &Hub) {
        if wake.keeper {
            self.keeper = None;
        }
        if let Some(blocked) = self.blocked.as_mut().filter(|_| wake.room) {
            blocked.is_woken = true;
        }
        if wake.peers {
            self.peers = hub.peer_count();
            self.closer = None;
        }
    }

    /// Whoever sleeps has nothing to do.
    pub(crate) fn check(&mut self, hub: &mut Hub, now: Instant) {
        if let Some(until) = self.keeper {
            let due = hub.poll_timeout();
            let is_earlier = due.is_some_and(|due| until.is_none_or(|until| due < until));
            assert!(!is_earlier, "the keeper sleeps past {due:?}");
            assert_eq!(hub.poll_dirty(), None, "the keeper sleeps beside a link");
        }
        assert!(hub.peer_count() <= self.peers, "nobody told of a peer");
        self.peers = hub.peer_count();
        if let Some(until) = self.closer.filter(|until| now < *until) {
            assert_eq!(hub.poll_close(now), CloseStep::Wait { until });
        }
    }
}
