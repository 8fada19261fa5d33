//! Reader: the thread that hears everybody behind the socket of a table.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::bus::end::{Ear, Link, Role};
use crate::bus::station::{MAX_WAITING, Station, TURN};
use crate::bus::table::clients::Key;
use crate::bus::words::{Error, is_for_client};
use crate::{Arrival, Arrivals, Error as SocketError, Identity, Message, Session};

/// With an ear, who is there now is heard before it returns.
pub(crate) fn start(
    station: Arc<Station>,
    ear: Option<Ear>,
    arrivals: Arrivals,
) -> Result<thread::JoinHandle<()>, Error> {
    let mut reader = Reader {
        station,
        heard: Vec::new(),
        bytes: 0,
        ear,
        sessions: HashMap::new(),
    };
    while let (Some(_), Ok(arrival)) = (&reader.ear, arrivals.try_recv()) {
        reader.handle(arrival);
    }
    reader.flush();
    let builder = thread::Builder::new().name("jackfield broker".to_owned());
    let work = move || reader.read_all(&arrivals);
    builder.spawn(work).map_err(Error::no_thread)
}

struct Reader {
    station: Arc<Station>,
    /// What the table is to hear next, together.
    heard: Vec<Message>,
    bytes: usize,
    /// A bus that hears what is said to it.
    ear: Option<Ear>,
    /// Which session of a peer is the present one.
    sessions: HashMap<Identity, Session>,
}

impl Reader {
    /// Until the socket is closed. It sleeps until something comes, or the deadline of a call.
    fn read_all(&mut self, arrivals: &Arrivals) {
        loop {
            let mut arrival = arrivals.try_recv();
            if matches!(arrival, Err(SocketError::Empty)) {
                self.flush();
                arrival = match self.station.has_work() {
                    true => Err(SocketError::Timeout),
                    false => self.wait(arrivals),
                };
            }
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
        let Arrival::Message(message) = arrival else {
            self.flush();
            return self.handle_presence(arrival);
        };
        let session = self.sessions.get(&message.sender());
        let ours = session.filter(|_| is_for_client(message.body()));
        match (&self.ear, ours) {
            (Some(ear), Some(session)) => {
                ear.hear(Link::Session(*session), &mut vec![message.into_body()]);
            }
            _ => {
                self.bytes += message.body().len();
                self.heard.push(message);
                if self.heard.len() >= MAX_WAITING || self.bytes >= TURN {
                    self.flush();
                }
            }
        }
    }

    /// Tells the table what was heard.
    fn flush(&mut self) {
        if !self.heard.is_empty() {
            self.station.handle_messages(&self.heard);
            self.heard.clear();
            self.bytes = 0;
        }
    }

    fn handle_presence(&mut self, arrival: Arrival) {
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
        }
    }
}
