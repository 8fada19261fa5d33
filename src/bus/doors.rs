//! Doors: where a broker listens, and what those may do who come there.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::bus::table::access::{Access, Rights};
use crate::bus::words::Error;
use crate::{Endpoint, Error as SocketError, Session};

#[derive(Default)]
pub(crate) struct Doors {
    known: Mutex<Known>,
    /// One more is known, or will not be.
    settled: Condvar,
}

#[derive(Default)]
struct Known {
    doors: Vec<(Endpoint, Option<Arc<Rights>>)>,
    /// So many are being opened: somebody may come there before we know where that is.
    opening: usize,
}

impl Doors {
    /// Opens one; without an access, who comes there may do everything.
    pub(crate) fn open(
        &self,
        access: Option<&Access>,
        bind: impl FnOnce() -> Result<Endpoint, SocketError>,
    ) -> Result<Endpoint, Error> {
        let rights = access.map(Access::rights).transpose()?;
        let opening = Opening::new(self);
        let endpoint = bind().map_err(Error::Socket)?;
        let door = (endpoint.clone(), rights.map(Arc::new));
        self.lock().doors.push(door);
        drop(opening);
        Ok(endpoint)
    }

    /// Where they are, in the order in which they were opened.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let known = self.lock();
        known.doors.iter().map(|(here, _)| here.clone()).collect()
    }

    /// What a client may do that came by one of them; `None` is everything. Who came by no door of
    /// ours may do nothing.
    pub(crate) fn rights_of(&self, session: Session) -> Option<Arc<Rights>> {
        let mut known = self.lock();
        loop {
            if let Some((_, rights)) = known.doors.iter().find(|(at, _)| session.came_to(at)) {
                return rights.clone();
            }
            if known.opening == 0 {
                return Some(Arc::default());
            }
            let woken = self.settled.wait(known);
            known = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One door that is being opened, until it is or fails.
struct Opening<'a>(&'a Doors);

impl Opening<'_> {
    fn new(doors: &Doors) -> Opening<'_> {
        doors.lock().opening += 1;
        Opening(doors)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.lock().opening -= 1;
        self.0.settled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::{Arrival, Config, Socket};

    /// A client that came to a socket of ours, which may listen by `bind`.
    fn come(host: &Socket, here: &Endpoint) -> Session {
        let arrivals = host.arrivals();
        let guest = Socket::new(Config::default()).expect("a socket");
        guest.connect(here).expect("an endpoint");
        match arrivals.recv().expect("it comes") {
            Arrival::Up(session) => session,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_comes_before_a_door_is_known_waits_for_its_rights() {
        let doors = Arc::new(Doors::default());
        let access = Access::read_only(["room"]);
        let host = Socket::new(Config::default()).expect("a socket");
        let (found, rights) = mpsc::channel();
        let bind = || {
            let here = host.bind("mem://early-door")?;
            let session = come(&host, &here);
            let doors = doors.clone();
            thread::spawn(move || found.send(doors.rights_of(session)));
            Ok(here)
        };
        doors.open(Some(&access), bind).expect("it opens");
        let rights = rights.recv().expect("they are known");
        let expected = access.rights().expect("patterns");
        assert_eq!(*rights.expect("not everything is allowed"), expected);
    }

    #[test]
    fn who_comes_by_no_door_may_do_nothing() {
        let doors = Doors::default();
        let host = Socket::new(Config::default()).expect("a socket");
        let here = host.bind("mem://no-door").expect("it is free");
        let session = come(&host, &here);
        let refused = doors.open(None, || Err(SocketError::Closed));
        assert!(matches!(refused, Err(Error::Socket(SocketError::Closed))));
        assert_eq!(doors.rights_of(session), Some(Arc::default()));
        doors.open(None, || Ok(here)).expect("it opens");
        assert_eq!(doors.rights_of(session), None);
    }
}
