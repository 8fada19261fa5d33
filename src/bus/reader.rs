//! Reader: the thread that hears everybody behind the socket of a table.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::bus::end::{Ear, Link, Role};
use crate::bus::station::{Patience, Station};
use crate::bus::table::clients::Key;
use crate::bus::words::{Error, is_for_client};
use crate::{Arrival, Arrivals, Error as SocketError, Identity, Session};

/// With an ear, who is there now is heard before it returns.
pub(crate) fn start(
    station: Arc<Station>,
    ear: Option<Ear>,
    arrivals: Arrivals,
) -> Result<thread::JoinHandle<()>, Error> {
    let mut reader = Reader {
        station,
        ear,
        sessions: HashMap::new(),
    };
    while let (Some(_), Ok(arrival)) = (&reader.ear, arrivals.try_recv()) {
        reader.handle(arrival);
    }
    let builder = thread::Builder::new().name("jackfield broker".to_owned());
    let work = move || reader.read_all(&arrivals);
    builder.spawn(work).map_err(Error::no_thread)
}

struct Reader {
    station: Arc<Station>,
    /// A bus that hears what is said to it.
    ear: Option<Ear>,
    /// Which session of a peer is the present one.
    sessions: HashMap<Identity, Session>,
}

impl Reader {
    /// Until the socket is closed. It sleeps until something comes, or the deadline of a call.
    fn read_all(&mut self, arrivals: &Arrivals) {
        loop {
            let arrival = match arrivals.try_recv() {
                Err(SocketError::Empty) if self.station.has_work() => Err(SocketError::Timeout),
                Err(SocketError::Empty) => self.wait(arrivals),
                arrival => arrival,
            };
            match arrival {
                Ok(arrival) => self.handle(arrival),
                Err(SocketError::Timeout) => self.station.handle_time(),
                Err(_) => return,
            }
        }
    }

    fn wait(&self, arrivals: &Arrivals) -> Result<Arrival, SocketError> {
        match self.station.next_deadline() {
            None => arrivals.recv(),
            Some(at) => arrivals.recv_timeout(at.saturating_duration_since(Instant::now())),
        }
    }

    /// What is said to our own client is for it; the rest is for the table.
    fn handle(&mut self, arrival: Arrival) {
        if let Arrival::Up(session) = arrival {
            self.station.handle_up(session);
            if let Some(ear) = &self.ear {
                self.sessions.insert(session.peer(), session);
                ear.up(Link::Session(session), Role::Peer);
            }
        } else if let Arrival::Down { session, unsent } = arrival {
            self.station.handle_down(Key::Peer(session.peer()));
            if let Some(ear) = &self.ear {
                self.sessions.remove(&session.peer());
                ear.down(Link::Session(session), unsent);
            }
        } else if let Arrival::Message(message) = arrival {
            let from = message.sender();
            let session = self.sessions.get(&from);
            let ours = session.filter(|_| is_for_client(message.body()));
            match (&self.ear, ours) {
                (Some(ear), Some(session)) => {
                    ear.hear(Link::Session(*session), &mut vec![message.into_body()]);
                }
                _ => self
                    .station
                    .handle_message(Key::Peer(from), message.body(), Patience::Some),
            }
        }
    }
}
