//! Acceptor: one thread per `bind`; it only accepts and spawns.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::engine::connection;
use crate::engine::core::{Core, Life, Signal};
use crate::engine::threads::{LARGE_STACK, SMALL_STACK};
use crate::engine::writer::PATIENCE;
use crate::error::Error;
use crate::event::DownReason;
use crate::proto::hub::Accepted;
use crate::transport::{Listener, Stream};

/// The pause after a failed accept: descriptors or memory may be back then.
const PAUSE: Duration = Duration::from_millis(100);

impl Core {
    pub(crate) fn bind(self: &Arc<Core>, endpoint: &Endpoint) -> Result<Endpoint, Error> {
        if self.lock().life != Life::Open {
            return Err(Error::Closed);
        }
        let listener = Arc::new(Listener::bind(endpoint, &self.config)?);
        let bound = listener.endpoint();
        let mut shared = self.lock();
        if shared.life != Life::Open {
            return Err(Error::Closed);
        }
        let former = shared.listeners.insert(bound.clone(), listener.clone());
        drop(shared);
        if let Some(former) = former {
            // Its path was removed behind its back.
            former.close();
        }
        let started = self.spawn("acceptor", SMALL_STACK, move |member| {
            member.core().accept_all(&listener);
        });
        if let Err(source) = started {
            self.unbind(&bound);
            return Err(Error::Io {
                op: format!("bind {endpoint}"),
                source,
            });
        }
        Ok(bound)
    }

    /// Stops accepting at `endpoint`; says whether it was bound.
    pub(crate) fn unbind(&self, endpoint: &Endpoint) -> bool {
        let listener = self.lock().listeners.remove(endpoint);
        let Some(listener) = listener else {
            return false;
        };
        listener.close();
        self.wake(&self.lock(), Signal::Accept);
        true
    }

    fn accept_all(self: &Arc<Core>, listener: &Arc<Listener>) {
        loop {
            match listener.accept() {
                Ok(stream) => self.welcome(stream),
                Err(error) if !self.is_bound(listener) => return drop(error),
                Err(error) => self.pause_accepting(listener, error),
            }
        }
    }

    /// Not unbound; another listener may have its endpoint since.
    fn is_bound(&self, listener: &Arc<Listener>) -> bool {
        let shared = self.lock();
        shared
            .listeners
            .values()
            .any(|other| Arc::ptr_eq(other, listener))
    }

    fn pause_accepting(&self, listener: &Arc<Listener>, error: io::Error) {
        let until = Instant::now() + PAUSE;
        let mut shared = self.lock();
        shared.hub.handle_accept_failed(listener.endpoint(), error);
        drop(shared);
        while Instant::now() < until && self.is_bound(listener) {
            drop(self.lock().wait(Signal::Accept, Some(until)));
        }
    }

    fn welcome(self: &Arc<Core>, stream: Stream) {
        // A connection that is reset already refuses; its first read says so.
        stream.set_write_timeout(Some(PATIENCE)).ok();
        let stream = Arc::new(stream);
        let mut shared = self.lock();
        let (now, remote) = (Instant::now(), stream.remote());
        let accepted = shared.hub.handle_accepted(now, remote, stream.may_begin());
        let Accepted::Link(id) = accepted else {
            return;
        };
        shared.attach(id, stream.clone());
        drop(shared);
        let stack = if self.config.authorize.is_some() {
            LARGE_STACK
        } else {
            SMALL_STACK
        };
        let started = self.spawn("connection", stack, move |member| {
            connection::run(member.core(), id, &stream);
        });
        if started.is_err() {
            self.lock()
                .hub
                .handle_gone(Instant::now(), id, DownReason::NoThread);
        }
    }
}
