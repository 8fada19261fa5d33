//! The end that is the peers of a socket, with a table of our own for what we ask ourselves.

use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Socket;
use crate::bus::end::{Ear, End, Link};
use crate::bus::ends::broker::{join, say};
use crate::bus::ends::inside::Inside;
use crate::bus::reader;
use crate::bus::station::Station;
use crate::bus::words::{Error, Limits, Word};

pub(crate) struct Peers {
    inside: Inside,
    station: Arc<Station>,
    socket: Socket,
    ear: OnceLock<Ear>,
    begun: Once,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Peers {
    pub(crate) fn new(socket: Socket) -> Peers {
        let station = Station::new(Some(socket.clone()), None, Limits::default());
        Peers {
            inside: Inside::new(&station),
            station,
            socket,
            ear: OnceLock::new(),
            begun: Once::new(),
            reader: Mutex::default(),
        }
    }

    /// Hears the peers. Those who are there now are told of before it returns.
    fn begin(&self) {
        let Some(ear) = self.ear.get() else { return };
        let arrivals = self.socket.arrivals();
        match reader::start(self.station.clone(), Some(ear.clone()), arrivals) {
            Ok(reader) => {
                let mut own = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
                *own = Some(reader);
            }
            // Nobody would ever be heard.
            Err(_) => ear.close(),
        }
    }
}

impl End for Peers {
    fn open(&self, ear: Ear) -> Result<(), Error> {
        self.ear.get_or_init(|| ear.clone());
        self.inside.open(ear)
    }

    fn say(&self, link: Link, word: &Word<'_>, patience: Duration) -> Result<(), Error> {
        match link {
            Link::INSIDE => {
                let said = self.inside.say(link, word, patience);
                // Our own table is to know us before it knows others, who may have our name.
                self.begun.call_once(|| self.begin());
                said
            }
            peer => say(&self.socket, peer, word, patience),
        }
    }

    fn hang_up(&self, link: Link) {
        if let Link::Session(session) = link {
            self.socket.expel(session.peer());
        }
    }

    fn close(&self, linger: Option<Duration>) -> Vec<Vec<u8>> {
        self.inside.close(linger);
        match linger {
            None => self.socket.close(),
            Some(linger) => self.socket.close_within(linger),
        };
        join(&self.reader);
        // What is published goes through our own table, which has no outbox.
        Vec::new()
    }
}
