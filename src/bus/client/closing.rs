//! Closing: what still leaves, and who is told that it is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::client::state::{Life, State};
use crate::bus::client::{Client, deadline_after};
use crate::bus::words::Error;

/// How long what was published may wait for the gate where nothing else is said: as long as a
/// socket lingers.
const LINGER: Duration = Duration::from_secs(2);

impl Client {
    /// Ends everything that waits, and with it the threads, but for handlers that still run. Gives
    /// what was not said, as bytes.
    pub(crate) fn close_within(self: &Arc<Client>, linger: Option<Duration>) -> Vec<Vec<u8>> {
        let until = deadline_after(linger.unwrap_or(LINGER));
        let mut state = self.lock();
        if state.life != Life::Open {
            return Vec::new();
        }
        state.life = Life::Closing;
        self.turn(&mut state);
        while !state.gate.has_said_all() && Instant::now() < until {
            state = self.wait(state, until);
        }
        state.life = Life::Closed;
        let mut unsaid = state.gate.take_outbox();
        let is_alone = !state.gate.has_table();
        let State {
            asked,
            subscriptions,
            services,
            events,
            ..
        } = &mut *state;
        let (asked, subscriptions) = (std::mem::take(asked), std::mem::take(subscriptions));
        let (services, events) = (std::mem::take(services), std::mem::take(events));
        state.routes.clear();
        self.turn(&mut state);
        drop(state);
        asked
            .values()
            .for_each(|one| one.replies.end(Error::Closed));
        for served in services.values() {
            self.shut(&served.desk, Error::Closed);
        }
        let linger = match is_alone {
            // Nobody is there to take leave of.
            true => Some(Duration::ZERO),
            false => linger.map(|_| until.saturating_duration_since(Instant::now())),
        };
        unsaid.extend(self.end.close(linger));
        subscriptions
            .values()
            .for_each(|one| one.notes.end(Error::Closed));
        events.iter().for_each(|mailbox| mailbox.end(Error::Closed));
        unsaid
    }
}
