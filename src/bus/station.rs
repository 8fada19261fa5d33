//! Station: a table under its lock, who is connected to it, and the carrying out of what it says.

use std::collections::HashMap;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bus::doors::Doors;
use crate::bus::end::{Ear, Link};
use crate::bus::table::Table;
use crate::bus::table::calling::is_for_table;
use crate::bus::table::census::ClientStats;
use crate::bus::table::clients::Key;
use crate::bus::table::send::{Send, To};
use crate::bus::table::stats::BrokerStats;
use crate::bus::words::{Error, Limits, Malformed, Word};
use crate::{Error as SocketError, Identity, Session, Socket};

/// Past so many that wait to be sent, or bytes of them, whoever makes more waits for them.
const MAX_WAITING: usize = 256;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// So many bytes of values may be looked at or sent before others are heard.
const TURN: usize = 64 * 1024;

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
    locals: HashMap<u64, Ear>,
    made: u64,
    is_carrying: bool,
    is_closed: bool,
    /// Threads that wait for sends to be carried out: a wake-up costs a system call even when nobody
    /// sleeps.
    sleepers: usize,
}

impl Shared {
    fn has_many_waiting(&self) -> bool {
        let (count, bytes) = self.table.waiting();
        count > MAX_WAITING || bytes > MAX_BYTES
    }
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
        // Who listens relays between those who come.
        let relays = doors.is_some();
        Arc::new(Station {
            socket,
            doors,
            shared: Mutex::new(Shared {
                table: Table::new(limits, RandomState::new()).relaying(relays),
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

    pub(crate) fn attach(&self, key: Key, ear: Ear) -> Result<(), Error> {
        let mut shared = self.lock();
        if shared.is_closed {
            return Err(Error::Closed);
        }
        if let Key::Local(number) = key {
            shared.locals.insert(number, ear);
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
        self.handle_word(from, Word::parse(message), patience);
    }

    pub(crate) fn handle_word(
        &self,
        from: Key,
        said: Result<Word<'_>, Malformed>,
        patience: Patience,
    ) {
        if matches!(&said, Ok(Word::Call(call)) if is_for_table(call)) {
            self.ask_socket();
        }
        let now = Instant::now();
        self.tell(patience, |table| {
            table.handle_time(now);
            table.handle_word(now, from, said);
        });
        if let Key::Local(_) = from {
            self.work();
        }
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

    /// Ends the service for the clients in this process, and closes them.
    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.is_closed = true;
        self.carried.notify_all();
        let locals = std::mem::take(&mut shared.locals);
        drop(shared);
        locals.values().for_each(Ear::close);
    }

    /// Tells the table something, and carries out what it says, unless another thread does.
    fn tell(&self, patience: Patience, tell: impl FnOnce(&mut Table)) {
        let mut shared = self.lock();
        while patience == Patience::Some
            && shared.is_carrying
            && !shared.is_closed
            && shared.has_many_waiting()
        {
            shared = self.wait(shared);
        }
        tell(&mut shared.table);
        self.take_turn(shared);
    }

    /// Carries out what the table says, for one turn: what is left then waits behind what clients
    /// have said meanwhile. Whoever waits for that goes on where this thread has done its own.
    fn take_turn<'a>(&'a self, mut shared: MutexGuard<'a, Shared>) {
        if shared.is_carrying {
            return;
        }
        shared.is_carrying = true;
        let (mut turn, mut own) = (TURN, shared.table.waiting().0);
        while let Some(send) = shared.table.poll_send(&mut turn) {
            let had_many = shared.has_many_waiting();
            drop(shared);
            let missed = catch_unwind(AssertUnwindSafe(|| self.carry_out(&send)));
            shared = self.lock();
            let missed = missed.unwrap_or_else(|panic| {
                shared.is_carrying = false;
                self.wake(&shared);
                resume_unwind(panic)
            });
            shared.table.handle_sent(Instant::now(), send, &missed);
            own = own.saturating_sub(1);
            if own == 0 && shared.sleepers > 0 {
                break;
            }
            if had_many && !shared.has_many_waiting() {
                self.wake(&shared);
            }
        }
        shared.is_carrying = false;
        self.wake(&shared);
        let expelled: Vec<Key> = std::iter::from_fn(|| shared.table.poll_expelled()).collect();
        drop(shared);
        expelled.into_iter().for_each(|key| self.expel(key));
    }

    /// Something is left for another turn, and nobody is at it.
    pub(crate) fn has_work(&self) -> bool {
        let shared = self.lock();
        !shared.is_carrying && shared.table.is_busy()
    }

    /// Takes turns for as long as nobody else does, or waits to.
    pub(crate) fn work(&self) {
        loop {
            let shared = self.lock();
            if shared.is_carrying || shared.sleepers > 0 || !shared.table.is_busy() {
                return;
            }
            self.take_turn(shared);
        }
    }

    /// Says who had no room for it.
    fn carry_out(&self, send: &Send) -> Vec<Key> {
        let (locals, peers) = match &send.to {
            To::One(Key::Local(number)) => (std::slice::from_ref(number), &[][..]),
            To::One(Key::Peer(peer)) => (&[][..], std::slice::from_ref(peer)),
            To::Each(audience) => (&audience.locals[..], &audience.peers[..]),
        };
        let bytes = send.message.bytes();
        for number in locals {
            self.hand_over(*number, bytes.to_vec());
        }
        match (peers, send.unfit.percent()) {
            ([], _) => Vec::new(),
            ([peer], 100) => self.insist(*peer, &bytes),
            (peers, percent) => self.offer(peers, percent, &bytes),
        }
    }

    /// What must arrive; one that is gone is told of by the socket.
    fn insist(&self, peer: Identity, message: &[u8]) -> Vec<Key> {
        let sent = self.socket.as_ref().map(|it| it.try_send_to(peer, message));
        match sent {
            Some(Err(refused)) if matches!(refused.reason, SocketError::Full) => {
                vec![Key::Peer(peer)]
            }
            _ => Vec::new(),
        }
    }

    /// Gives a copy to each that has room; says who had none.
    fn offer(&self, peers: &[Identity], percent: u8, message: &[u8]) -> Vec<Key> {
        let Some(socket) = self.socket.as_ref() else {
            return Vec::new();
        };
        let missed = socket.send_to_each(peers, percent, message);
        let missed = missed.unwrap_or_else(|_| peers.to_vec());
        missed.into_iter().map(Key::Peer).collect()
    }

    fn expel(&self, key: Key) {
        if let (Key::Peer(peer), Some(socket)) = (key, &self.socket) {
            socket.expel(peer);
        }
    }

    fn hand_over(&self, number: u64, message: Vec<u8>) {
        let ear = self.lock().locals.get(&number).cloned();
        if let Some(ear) = ear {
            ear.hear(Link::INSIDE, &mut vec![message]);
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

#[cfg(test)]
mod tests;
