//! Dialer: one thread per `connect`; it dials, is the connection's thread, and dials again.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use crate::endpoint::Endpoint;
use crate::engine::connection;
use crate::engine::core::{Core, Life};
use crate::engine::signals::Signal;
use crate::engine::threads::{LARGE_STACK, Membership};
use crate::engine::writer::PATIENCE;
use crate::error::Error;
use crate::proto::dial::{DialId, DialStep};
use crate::stream::Upgrade;
use crate::transport::{self, Stream};

impl Core {
    pub(crate) fn connect(
        self: &Arc<Core>,
        endpoint: Endpoint,
        upgrade: Option<Upgrade>,
    ) -> Result<(), Error> {
        endpoint.check_connectable()?;
        if upgrade.is_some() {
            endpoint.check_upgradable()?;
        }
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
            dial_for_ever(member, dial, &target, upgrade.as_ref());
        });
        started.map_err(|source| {
            self.lock().hub.handle_disconnect(Instant::now(), &endpoint);
            self.not_started(format!("connect {endpoint}"), source)
        })
    }

    pub(crate) fn disconnect(&self, endpoint: &Endpoint) -> bool {
        let mut shared = self.lock();
        shared.acknowledge_taken();
        shared.hub.handle_disconnect(Instant::now(), endpoint)
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

fn dial_for_ever(
    mut member: Membership,
    dial: DialId,
    endpoint: &Endpoint,
    upgrade: Option<&Upgrade>,
) {
    while let Some(attempt) = member.core().wait_for_turn(dial) {
        member.core().stumble("dialer");
        let Some((again, dialled)) = dial_once(member, endpoint, attempt, upgrade) else {
            return;
        };
        member = again;
        match dialled {
            Ok(stream) => connect_through(member.core(), dial, stream),
            Err(error) => {
                let mut shared = member.core().lock();
                shared.hub.handle_dial_failed(Instant::now(), dial, error);
            }
        }
    }
}

/// A stream whose own handshake is through, if it has one; `None` if the socket is gone meanwhile.
fn dial_once(
    member: Membership,
    endpoint: &Endpoint,
    attempt: u32,
    upgrade: Option<&Upgrade>,
) -> Option<(Membership, io::Result<Stream>)> {
    let timeout = member.core().config.handshake_timeout;
    let began = Instant::now();
    let (member, dialled) = away(member, || transport::connect(endpoint, timeout, attempt))?;
    let stream = match dialled {
        Ok(stream) => stream,
        Err(error) => return Some((member, Err(error))),
    };
    member.core().show(&stream);
    let Some(upgrade) = upgrade else {
        return Some((member, Ok(stream)));
    };
    // One deadline for connect and handshake, but a slow look-up leaves the latter a part.
    let deadline = (began + timeout).max(Instant::now() + timeout / 5);
    away(member, || stream.dial_with(upgrade, deadline))
}

/// Makes a call that nobody can interrupt; the socket may be gone behind it.
fn away<T>(member: Membership, call: impl FnOnce() -> T) -> Option<(Membership, T)> {
    let core = member.step_out();
    let result = call();
    Some((core.upgrade()?.join()?, result))
}

fn connect_through(core: &Arc<Core>, dial: DialId, stream: Stream) {
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
    let former = shared.attach(id, stream.clone());
    drop(shared);
    drop(former);
    connection::run(core, id, &stream);
}
