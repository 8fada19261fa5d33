//! Station: a router under its lock, who is connected to it, and the carrying out of what it says.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::limits::Limits;
use crate::bus::maker;
use crate::bus::router::{Effect, Outcome, Router};
use crate::bus::routes::Audience;
use crate::bus::stats::BrokerStats;
use crate::bus::table::Key;
use crate::bus::wakes::Wakes;
use crate::bus::wire;
use crate::{Error as SocketError, Socket};

/// News take so much of a client's outbox, in per cent: the rest is for answers and runs, without
/// which it would be disconnected.
const FOR_NEWS: u8 = 75;

/// Past so many effects that wait, whoever makes more waits for them.
const MAX_WAITING: usize = 256;

/// The lock is let go of while effects are carried out, and only one thread at a time does that:
/// so they go out in the order in which the router said them.
pub(crate) struct Station {
    /// What leads to clients elsewhere, if any can be.
    pub(crate) socket: Option<Socket>,
    shared: Mutex<Shared>,
    /// Effects were carried out.
    carried: Condvar,
}

struct Shared {
    router: Router,
    locals: HashMap<u64, Weak<Client>>,
    made: u64,
    is_carrying: bool,
    is_closed: bool,
    /// Threads that wait for effects to be carried out: a wake-up costs a system call even when
    /// nobody sleeps.
    sleepers: usize,
}

/// Whether a caller may be kept waiting while others are served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    /// A user's thread, or the thread that reads what clients send.
    Some,
    /// A thread that may itself be carrying out effects.
    None,
}

impl Station {
    pub(crate) fn new(socket: Option<Socket>, limits: Limits) -> Arc<Station> {
        Arc::new(Station {
            socket,
            shared: Mutex::new(Shared {
                router: Router::new(limits, maker::random()),
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
        shared.router.handle_up(key);
        Ok(())
    }

    pub(crate) fn handle_up(&self, key: Key) {
        self.tell(Patience::Some, |router| router.handle_up(key));
    }

    pub(crate) fn handle_down(&self, key: Key) {
        if let Key::Local(number) = key {
            self.lock().locals.remove(&number);
        }
        self.tell(Patience::None, |router| router.handle_down(key));
    }

    pub(crate) fn handle_message(&self, from: Key, message: &[u8], patience: Patience) {
        let now = Instant::now();
        self.tell(patience, |router| {
            router.handle_time(now);
            router.handle_message(now, from, message);
        });
    }

    pub(crate) fn handle_time(&self) {
        let now = Instant::now();
        self.tell(Patience::None, |router| router.handle_time(now));
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lock().router.next_deadline()
    }

    pub(crate) fn stats(&self) -> BrokerStats {
        self.lock().router.stats()
    }

    /// Ends the service for the clients in this process, and hands them back.
    pub(crate) fn close(&self) -> Vec<Arc<Client>> {
        let mut shared = self.lock();
        shared.is_closed = true;
        self.carried.notify_all();
        let locals = std::mem::take(&mut shared.locals);
        locals.values().filter_map(Weak::upgrade).collect()
    }

    /// Tells the router something, and carries out what it says, unless another thread does.
    fn tell(&self, patience: Patience, tell: impl FnOnce(&mut Router)) {
        let mut shared = self.lock();
        while patience == Patience::Some
            && shared.is_carrying
            && !shared.is_closed
            && shared.router.waiting() > MAX_WAITING
        {
            shared = self.wait(shared);
        }
        tell(&mut shared.router);
        if shared.is_carrying {
            return;
        }
        shared.is_carrying = true;
        while let Some(effect) = shared.router.poll_effect() {
            drop(shared);
            let outcome = self.carry_out(effect);
            shared = self.lock();
            shared.router.handle_outcome(&outcome);
            if shared.router.waiting() == MAX_WAITING {
                self.wake(&shared);
            }
        }
        shared.is_carrying = false;
        self.wake(&shared);
    }

    fn carry_out(&self, effect: Effect) -> Outcome {
        match effect {
            Effect::Tell { to, message } => Outcome {
                has_expelled: self.tell_client(to, message),
                ..Outcome::default()
            },
            Effect::News {
                to,
                message,
                receipt,
            } => {
                let outcome = self.spread(&to, &message);
                Outcome { receipt, ..outcome }
            }
            Effect::Replay {
                to,
                subscription,
                value,
            } => {
                let topic = wire::escape(value.topic.as_str());
                let subscription: Id = subscription;
                let words = [
                    "event",
                    &value.id,
                    &topic,
                    "retained",
                    &subscription.to_string(),
                ];
                let message = wire::forward(&words, &value.tail);
                self.spread(&Audience::of([to]), &message)
            }
            Effect::Lost { to, count } => {
                let message = wire::plain(&["lost", &count.to_string()], b"");
                let is_missed = !self.offer(&Audience::of([to]), &message).is_empty();
                Outcome {
                    untold: is_missed.then_some((to, count)),
                    ..Outcome::default()
                }
            }
        }
    }

    /// What must arrive: a client that has no room for it is sent away. Says whether it was.
    fn tell_client(&self, to: Key, message: Vec<u8>) -> bool {
        let peer = match to {
            Key::Peer(peer) => peer,
            Key::Local(number) => {
                self.hand_over(number, message);
                return false;
            }
        };
        let Some(socket) = &self.socket else {
            return false;
        };
        let has_room = match socket.try_send_to(peer, &message) {
            Ok(receipt) => receipt.dropped == 0,
            // One that is gone is told of by the socket.
            Err(refused) => !matches!(refused.reason, SocketError::Full),
        };
        !has_room && socket.expel(peer)
    }

    fn spread(&self, to: &Audience, message: &[u8]) -> Outcome {
        let missed = self.offer(to, message);
        Outcome {
            reached: to.len() - missed.len(),
            missed,
            ..Outcome::default()
        }
    }

    /// Gives a copy to each that has room; says who had none.
    fn offer(&self, to: &Audience, message: &[u8]) -> Vec<Key> {
        for number in &to.locals {
            self.hand_over(*number, message.to_vec());
        }
        let Some(socket) = self.socket.as_ref().filter(|_| !to.peers.is_empty()) else {
            return Vec::new();
        };
        let missed = socket.send_to_each(&to.peers, FOR_NEWS, message);
        let missed = missed.unwrap_or_else(|_| to.peers.clone());
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
