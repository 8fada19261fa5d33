//! Station: a table under its lock, who is connected to it, and the carrying out of what it says.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::doors::Doors;
use crate::bus::table::Table;
use crate::bus::table::calling::is_for_table;
use crate::bus::table::census::ClientStats;
use crate::bus::table::clients::Key;
use crate::bus::table::send::{Send, To};
use crate::bus::table::stats::BrokerStats;
use crate::bus::wakes::Wakes;
use crate::bus::words::{Error, Limits, Word};
use crate::{Error as SocketError, Identity, Session, Socket};

/// News take so much of a client's outbox, in per cent: the rest is for answers and runs, without
/// which it would be disconnected.
const FOR_NEWS: u8 = 75;

/// Past so many that wait to be sent, whoever makes more waits for them.
const MAX_WAITING: usize = 256;

/// The lock is let go of while sends are carried out, and only one thread at a time does that: so
/// they go out in the order in which the table wanted them.
pub(crate) struct Station {
    /// What leads to clients elsewhere, if any can be.
    pub(crate) socket: Option<Socket>,
    /// By which of them clients come there, if not all of them may do everything.
    doors: Option<Arc<Doors>>,
    shared: Mutex<Shared>,
    /// Sends were carried out.
    carried: Condvar,
}

struct Shared {
    table: Table,
    locals: HashMap<u64, Weak<Client>>,
    made: u64,
    is_carrying: bool,
    is_closed: bool,
    /// Threads that wait for sends to be carried out: a wake-up costs a system call even when nobody
    /// sleeps.
    sleepers: usize,
}

/// Whether a caller may be kept waiting while others are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// A user's thread, or the thread that reads what clients send.
    Some,
    /// A thread that may itself be carrying out sends.
    None,
}

impl Station {
    pub(crate) fn new(
        socket: Option<Socket>,
        doors: Option<Arc<Doors>>,
        limits: Limits,
    ) -> Arc<Station> {
        Arc::new(Station {
            socket,
            doors,
            shared: Mutex::new(Shared {
                table: Table::new(limits, RandomState::new()),
                locals: HashMap::new(),
                made: 0,
                is_carrying: false,
                is_closed: false,
                sleepers: 0,
            }),
            carried: Condvar::new(),
        })
    }

    /// A place for a client in this process.
    pub(crate) fn reserve(&self) -> Key {
        let mut shared = self.lock();
        shared.made += 1;
        Key::Local(shared.made)
    }

    pub(crate) fn attach(&self, key: Key, client: Weak<Client>) -> Result<(), Error> {
        let mut shared = self.lock();
        if shared.is_closed {
            return Err(Error::Closed);
        }
        if let Key::Local(number) = key {
            shared.locals.insert(number, client);
        }
        shared.table.handle_up(key);
        shared.table.handle_place(Instant::now(), key, None);
        Ok(())
    }

    /// A client elsewhere is there.
    pub(crate) fn handle_up(&self, session: Session) {
        let key = Key::Peer(session.peer());
        let peer = self.socket.as_ref().and_then(|socket| socket.peer(session));
        let remote = peer.map(|peer| peer.remote);
        let doors = self.doors.as_ref();
        let rights = doors.and_then(|doors| doors.rights_of(session));
        let now = Instant::now();
        self.tell(Patience::Some, |table| {
            table.handle_up(key);
            table.handle_place(now, key, remote);
            if let Some(rights) = rights {
                table.restrict(key, rights);
            }
        });
    }

    pub(crate) fn handle_down(&self, key: Key) {
        if let Key::Local(number) = key {
            self.lock().locals.remove(&number);
        }
        self.tell(Patience::None, |table| table.handle_down(key));
    }

    pub(crate) fn handle_message(&self, from: Key, message: &[u8], patience: Patience) {
        let said = Word::parse(message);
        if matches!(&said, Ok(Word::Call(call)) if is_for_table(call)) {
            self.ask_socket();
        }
        let now = Instant::now();
        self.tell(patience, |table| {
            table.handle_time(now);
            table.handle_word(now, from, said);
        });
    }

    pub(crate) fn handle_time(&self) {
        let now = Instant::now();
        self.tell(Patience::None, |table| table.handle_time(now));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lock().table.next_deadline()
    }

    pub(crate) fn stats(&self) -> BrokerStats {
        self.ask_socket();
        self.lock().table.stats()
    }

    pub(crate) fn clients(&self) -> Vec<ClientStats> {
        self.ask_socket();
        self.lock().table.census(Instant::now())
    }

    /// What the table is asked for, and only the socket knows.
    fn ask_socket(&self) {
        let Some(socket) = &self.socket else { return };
        let peers = socket.peers().into_iter();
        let queued: Vec<_> = peers.map(|peer| (peer.identity, peer.queued)).collect();
        let stats = socket.stats();
        self.lock().table.handle_socket(stats, &queued);
    }

    /// Ends the service for the clients in this process, and hands them back.
    pub(crate) fn close(&self) -> Vec<Arc<Client>> {
        let mut shared = self.lock();
        shared.is_closed = true;
        self.carried.notify_all();
        let locals = std::mem::take(&mut shared.locals);
        locals.values().filter_map(Weak::upgrade).collect()
    }

    /// Tells the table something, and carries out what it says, unless another thread does.
    fn tell(&self, patience: Patience, tell: impl FnOnce(&mut Table)) {
        let mut shared = self.lock();
        while patience == Patience::Some
            && shared.is_carrying
            && !shared.is_closed
            && shared.table.waiting() > MAX_WAITING
        {
            shared = self.wait(shared);
        }
        tell(&mut shared.table);
        if shared.is_carrying {
            return;
        }
        shared.is_carrying = true;
        while let Some(mut send) = shared.table.poll_send() {
            drop(shared);
            let missed = self.carry_out(&mut send);
            shared = self.lock();
            shared.table.handle_sent(&send, &missed);
            if shared.table.waiting() == MAX_WAITING {
                self.wake(&shared);
            }
        }
        shared.is_carrying = false;
        self.wake(&shared);
    }

    /// Says who had no room for it; one that must take it is sent away.
    fn carry_out(&self, send: &mut Send) -> Vec<Key> {
        match (&send.to, send.must) {
            (To::One(Key::Local(number)), _) => {
                self.hand_over(*number, std::mem::take(&mut send.message));
                Vec::new()
            }
            (To::One(Key::Peer(peer)), true) => self.insist(*peer, &send.message),
            (To::One(Key::Peer(peer)), false) => self.offer(&[*peer], &send.message),
            (To::Each(audience), _) => {
                for number in &audience.locals {
                    self.hand_over(*number, send.message.clone());
                }
                self.offer(&audience.peers, &send.message)
            }
        }
    }

    /// What must arrive: a client that has no room for it is sent away.
    fn insist(&self, peer: Identity, message: &[u8]) -> Vec<Key> {
        let Some(socket) = &self.socket else {
            return Vec::new();
        };
        let has_room = match socket.try_send_to(peer, message) {
            Ok(receipt) => receipt.dropped == 0,
            // One that is gone is told of by the socket.
            Err(refused) => !matches!(refused.reason, SocketError::Full),
        };
        match !has_room && socket.expel(peer) {
            true => vec![Key::Peer(peer)],
            false => Vec::new(),
        }
    }

    /// Gives a copy to each that has room; says who had none.
    fn offer(&self, peers: &[Identity], message: &[u8]) -> Vec<Key> {
        let Some(socket) = self.socket.as_ref().filter(|_| !peers.is_empty()) else {
            return Vec::new();
        };
        let missed = socket.send_to_each(peers, FOR_NEWS, message);
        let missed = missed.unwrap_or_else(|_| peers.to_vec());
        missed.into_iter().map(Key::Peer).collect()
    }

    fn hand_over(&self, number: u64, message: Vec<u8>) {
        let client = self.lock().locals.get(&number).and_then(Weak::upgrade);
        if let Some(client) = client {
            client.handle_message(None, message, &mut Wakes::default());
        }
    }

    fn wait<'a>(&self, mut shared: MutexGuard<'a, Shared>) -> MutexGuard<'a, Shared> {
        shared.sleepers += 1;
        let woken = self.carried.wait(shared);
        let mut shared = woken.unwrap_or_else(PoisonError::into_inner);
        shared.sleepers -= 1;
        shared
    }

    fn wake(&self, shared: &Shared) {
        if shared.sleepers > 0 {
            self.carried.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
