//! Acceptor: one thread per `bind`; it only accepts and spawns.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::engine::connection;
use crate::engine::core::{Core, Life};
use crate::engine::signals::Signal;
use crate::engine::threads::stack_for;
use crate::engine::writer::PATIENCE;
use crate::error::Error;
use crate::event::DownReason;
use crate::proto::hub::Accepted;
use crate::stream::Upgrade;
use crate::transport::{Listener, Stream};

/// The pause after a failed accept: descriptors or memory may be back then.
const PAUSE: Duration = Duration::from_millis(100);

impl Core {
    pub(crate) fn bind(
        self: &Arc<Core>,
        endpoint: &Endpoint,
        upgrade: Option<Upgrade>,
    ) -> Result<Endpoint, Error> {
        if self.lock().life != Life::Open {
            return Err(Error::Closed);
        }
        if upgrade.is_some() {
            endpoint.check_upgradable()?;
        }
        self.listen(Listener::bind(endpoint, &self.config)?, upgrade)
    }

    pub(crate) fn adopt(
        self: &Arc<Core>,
        listener: TcpListener,
        upgrade: Option<Upgrade>,
    ) -> Result<Endpoint, Error> {
        self.listen(Listener::adopt(listener)?, upgrade)
    }

    fn listen(
        self: &Arc<Core>,
        listener: Listener,
        upgrade: Option<Upgrade>,
    ) -> Result<Endpoint, Error> {
        let listener = Arc::new(listener);
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
        let stack = stack_for(self.config.on_stream.is_some());
        let here = bound.clone();
        let started = self.spawn("acceptor", stack, move |member| {
            member.core().accept_all(&listener, &here, upgrade.as_ref());
        });
        if let Err(source) = started {
            self.unbind(&bound);
            return Err(self.not_started(format!("bind {bound}"), source));
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
        self.wake(&mut self.lock(), Signal::Accept);
        true
    }

    fn accept_all(
        self: &Arc<Core>,
        listener: &Arc<Listener>,
        here: &Endpoint,
        upgrade: Option<&Upgrade>,
    ) {
        loop {
            match listener.accept() {
                Ok(stream) => self.welcome(stream, here, upgrade),
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

    fn welcome(self: &Arc<Core>, stream: Stream, here: &Endpoint, upgrade: Option<&Upgrade>) {
        self.stumble("acceptor");
        self.show(&stream);
        let deadline = Instant::now() + self.config.handshake_timeout;
        let stream = match upgrade {
            Some(upgrade) => stream.accept_with(upgrade, deadline),
            None => stream,
        };
        // A connection that is reset already refuses; its first read says so.
        stream.set_write_timeout(Some(PATIENCE)).ok();
        let stream = Arc::new(stream);
        let mut shared = self.lock();
        if shared.life >= Life::Stopped {
            return;
        }
        let (now, remote) = (Instant::now(), stream.remote());
        let (here, may_begin) = (here.clone(), stream.may_begin());
        let accepted = shared.hub.handle_accepted(now, remote, here, may_begin);
        let Accepted::Link(id) = accepted else {
            return;
        };
        let former = shared.attach(id, stream.clone());
        drop(shared);
        drop(former);
        let stack = stack_for(self.config.authorize.is_some() || stream.is_brought());
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
