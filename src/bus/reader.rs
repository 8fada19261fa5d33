//! Reader: the thread that hears everybody behind the socket of a table.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::station::{Patience, Station};
use crate::bus::table::clients::Key;
use crate::bus::wakes::Wakes;
use crate::bus::words::{Error, is_for_client};
use crate::{Arrival, Arrivals, Error as SocketError};

pub(crate) fn start(
    station: Arc<Station>,
    client: Option<Weak<Client>>,
    arrivals: Arrivals,
) -> Result<thread::JoinHandle<()>, Error> {
    let builder = thread::Builder::new().name("jackfield broker".to_owned());
    let work = move || read_all(&station, client.as_ref(), &arrivals);
    builder.spawn(work).map_err(Error::no_thread)
}

/// Until the socket is closed. It sleeps until something comes, or the deadline of a call.
fn read_all(station: &Arc<Station>, client: Option<&Weak<Client>>, arrivals: &Arrivals) {
    loop {
        let arrival = match arrivals.try_recv() {
            Err(SocketError::Empty) if station.has_work() => Err(SocketError::Timeout),
            Err(SocketError::Empty) => wait(station, arrivals),
            arrival => arrival,
        };
        match arrival {
            Ok(arrival) => {
                let client = client.and_then(Weak::upgrade);
                step(station, client.as_ref(), arrival);
            }
            Err(SocketError::Timeout) => station.handle_time(),
            Err(_) => return,
        }
    }
}

fn wait(station: &Station, arrivals: &Arrivals) -> Result<Arrival, SocketError> {
    match station.next_deadline() {
        None => arrivals.recv(),
        Some(at) => arrivals.recv_timeout(at.saturating_duration_since(Instant::now())),
    }
}

/// What is said to our own client is for it; the rest is for the table.
pub(crate) fn step(station: &Arc<Station>, client: Option<&Arc<Client>>, arrival: Arrival) {
    if let Arrival::Up(session) = arrival {
        let peer = session.peer();
        station.handle_up(session);
        client.inspect(|client| client.handle_up(peer));
    } else if let Arrival::Down { session, .. } = arrival {
        let peer = session.peer();
        station.handle_down(Key::Peer(peer));
        client.inspect(|client| client.handle_down(peer));
    } else if let Arrival::Message(message) = arrival {
        let from = message.sender();
        match client.filter(|_| is_for_client(message.body())) {
            Some(client) => {
                let wakes = &mut Wakes::default();
                client.handle_message(Some(from), message.into_body(), wakes);
            }
            None => {
                let key = Key::Peer(from);
                station.handle_message(key, message.body(), Patience::Some);
            }
        }
    }
}
