//! Turns: how the threads of a bus wait, and hear for each other what comes from a broker.
//!
//! A caller that hears its own answer saves a wake-up, and so does a worker that hears its own
//! calls. Subscribers do not hear: a burst of news is better queued by one thread while another
//! deals with it.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

use crate::bus::client::{Client, Way};
use crate::bus::wakes::Wakes;
use crate::{Arrivals, Error as SocketError};

impl Client {
    /// For callers and workers: waits until `is_there` gives something, and hears in the meantime
    /// if nobody else does.
    pub(crate) fn wait_hearing<T>(
        self: &Arc<Client>,
        deadline: Option<Instant>,
        is_there: impl FnMut() -> Option<T>,
    ) -> Result<T, SocketError> {
        match &self.way {
            Way::Broker(_, arrivals) => arrivals.recv_until(deadline, is_there, |arrival| {
                self.handle_arrival(arrival, &mut Wakes::default());
            }),
            Way::Own(..) => park_until(deadline, is_there),
        }
    }

    /// For subscribers: waits until `is_there` gives something, while others hear.
    pub(crate) fn wait_for_news<T>(
        &self,
        deadline: Option<Instant>,
        is_there: impl FnMut() -> Option<T>,
    ) -> Result<T, SocketError> {
        match &self.way {
            Way::Broker(_, arrivals) => arrivals.wait_until(deadline, is_there),
            Way::Own(..) => park_until(deadline, is_there),
        }
    }
}

fn park_until<T>(
    deadline: Option<Instant>,
    mut is_there: impl FnMut() -> Option<T>,
) -> Result<T, SocketError> {
    loop {
        if let Some(it) = is_there() {
            return Ok(it);
        }
        match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => return Err(SocketError::Timeout),
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// The thread of a bus that is connected to a broker: it hears everything that nobody else hears,
/// and is the one that may wait for room when everything has to be said again.
pub(crate) fn listen(client: &Weak<Client>, arrivals: &Arrivals) {
    let wakes = RefCell::new(Wakes::default());
    let owes_restore = || {
        wakes.borrow_mut().wake();
        client.upgrade().filter(|client| client.takes_restore())
    };
    let handle = |arrival| {
        if let Some(client) = client.upgrade() {
            client.handle_arrival(arrival, &mut wakes.borrow_mut());
        }
    };
    while let Ok(client) = arrivals.serve_until(owes_restore, handle) {
        client.restore(None);
    }
}
