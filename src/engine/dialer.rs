//! Dialer: one thread per `connect`; it dials, is the connection's thread, and dials again.

use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::engine::connection;
use crate::engine::core::{Core, Life, Signal};
use crate::engine::threads::{LARGE_STACK, Membership};
use crate::engine::writer::PATIENCE;
use crate::error::Error;
use crate::proto::dial::{DialId, DialStep};
use crate::transport;

impl Core {
    pub(crate) fn connect(self: &Arc<Core>, endpoint: Endpoint) -> Result<(), Error> {
        endpoint.check_connectable()?;
        let mut shared = self.lock();
        if shared.life != Life::Open {
            return Err(Error::Closed);
        }
        let Some(dial) = shared.hub.handle_connect(Instant::now(), endpoint.clone()) else {
            return Ok(());
        };
        drop(shared);
        let target = endpoint.clone();
        let started = self.spawn("dialer", LARGE_STACK, move |member| {
            dial_for_ever(member, dial, &target);
        });
        started.map_err(|source| {
            self.lock().hub.handle_disconnect(Instant::now(), &endpoint);
            Error::Io {
                op: format!("connect {endpoint}"),
                source,
            }
        })
    }

    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> bool {
        self.lock().hub.handle_disconnect(Instant::now(), endpoint)
    }

    /// Waits until it is time to dial: the number of the attempt, or `None` to stop.
    fn wait_for_turn(&self, dial: DialId) -> Option<u32> {
        let mut shared = self.lock();
        loop {
            if shared.life >= Life::Stopped {
                return None;
            }
            shared = match shared.hub.poll_dial(Instant::now(), dial) {
                DialStep::Connect { attempt } => return Some(attempt),
                DialStep::Wait { until } => shared.wait(Signal::Dials, Some(until)),
                DialStep::Hold => shared.wait(Signal::Dials, None),
                DialStep::Stop => return None,
            };
        }
    }
}

fn dial_for_ever(mut member: Membership, dial: DialId, endpoint: &Endpoint) {
    while let Some(attempt) = member.core().wait_for_turn(dial) {
        let timeout = member.core().config.handshake_timeout;
        let core = member.step_out();
        let result = transport::connect(endpoint, timeout, attempt);
        let Some(again) = step_in(&core) else {
            return;
        };
        member = again;
        match result {
            Ok(stream) => connect_through(member.core(), dial, stream),
            Err(error) => {
                let mut shared = member.core().lock();
                shared.hub.handle_dial_failed(Instant::now(), dial, error);
            }
        }
    }
}

/// Back from a call that nobody can interrupt: the socket may be gone.
fn step_in(core: &Weak<Core>) -> Option<Membership> {
    core.upgrade()?.join()
}

fn connect_through(core: &Arc<Core>, dial: DialId, stream: transport::Stream) {
    // A connection that is reset already refuses; its first read says so.
    stream.set_write_timeout(Some(PATIENCE)).ok();
    let stream = Arc::new(stream);
    let mut shared = core.lock();
    let Some(id) = shared
        .hub
        .handle_dialled(Instant::now(), dial, stream.remote())
    else {
        return;
    };
    shared.attach(id, stream.clone());
    drop(shared);
    connection::run(core, id, &stream);
}
