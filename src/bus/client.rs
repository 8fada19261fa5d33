//! Client: one bus's own side, whatever is on the other: what it wants, serves and waits for.

mod asking;
mod hearing;
mod opening;
mod turns;

pub(crate) use turns::listen;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::bus::counters::BusStats;
use crate::bus::counters::Counters;
use crate::bus::maker::Maker;
use crate::bus::options::Options;
use crate::bus::service::Desk;
use crate::bus::station::{Patience, Station};
use crate::bus::subscription::{Ended, Queue};
use crate::bus::table::clients::Key;
use crate::bus::waiter::{Via, Waiter};
use crate::bus::wakes::Wakes;
use crate::bus::words::{Error, Id, Pattern, Trie, Word};
use crate::{Arrivals, Error as SocketError, Identity, Socket};

/// The longest message; what is put around it on its way is not more than [`MARGIN`].
pub(crate) const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Beyond `MAX_MESSAGE`, for sockets that carry the bus.
pub(crate) const MARGIN: usize = 64 * 1024;

/// The last of a bus's handles closes it.
pub(crate) struct Handle {
    pub(crate) client: Arc<Client>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.client.close();
    }
}

pub(crate) struct Client {
    pub(crate) maker: Maker,
    pub(crate) options: Options,
    way: Way,
    /// The id of our introduction, the same each time.
    hello: Id,
    state: Mutex<State>,
    /// The answer to our introduction came, or the bus was closed.
    introduced: Condvar,
    counters: Counters,
}

/// Where our words go.
pub(crate) enum Way {
    /// To a broker, and what comes from it.
    Broker(Socket, Arc<Arrivals>),
    /// To a table in this process, and what concerns them to the peers of its socket.
    Own(Arc<Station>, Key),
}

struct State {
    is_closed: bool,
    introduction: Introduction,
    /// Who is on the other side of the socket now.
    peers: Vec<Identity>,
    /// A broker went, and everything is to be said again: now, or when one comes.
    is_restore_due: bool,
    owes_restore: bool,
    wants: Trie<Id>,
    subscriptions: HashMap<Id, (Pattern, Arc<Queue>)>,
    services: HashMap<Id, (String, Arc<Desk>)>,
    waiting: HashMap<Id, Arc<Waiter>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl State {
    /// The bus's own thread is to say everything again.
    fn make_restore_due(&mut self) {
        self.is_restore_due = true;
        let reader = self.reader.as_ref();
        reader.inspect(|reader| reader.thread().unpark());
    }
}

/// What became of our hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Introduction {
    Unanswered,
    Accepted,
    NameTaken,
}

impl Client {
    pub(crate) fn new(way: Way, options: Options) -> Arc<Client> {
        let maker = Maker::new();
        Arc::new(Client {
            hello: maker.next(),
            maker,
            options,
            way,
            state: Mutex::new(State {
                is_closed: false,
                introduction: Introduction::Unanswered,
                peers: Vec::new(),
                is_restore_due: false,
                owes_restore: false,
                wants: Trie::new(),
                subscriptions: HashMap::new(),
                services: HashMap::new(),
                waiting: HashMap::new(),
                reader: None,
            }),
            introduced: Condvar::new(),
            counters: Counters::default(),
        })
    }

    /// Sends where what we ask goes.
    fn say(&self, message: &[u8], deadline: Instant) -> Result<(), Error> {
        if message.len() > MAX_MESSAGE {
            let (len, max) = (message.len(), MAX_MESSAGE);
            return Err(Error::Socket(SocketError::TooLarge { len, max }));
        }
        match &self.way {
            Way::Broker(socket, _) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let sent = socket.send_timeout(message, left);
                sent.map(drop).map_err(|refused| refused.reason.into())
            }
            Way::Own(station, key) => {
                station.handle_message(*key, message, Patience::Some);
                Ok(())
            }
        }
    }

    /// Sends to a peer, and waits until there is room.
    fn say_to(&self, peer: Identity, message: &[u8], deadline: Instant) -> Result<(), Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(socket) = self.socket() else {
            return Err(Error::NoPeer);
        };
        let sent = socket.send_to_timeout(peer, message, left);
        sent.map(drop).map_err(|refused| refused.reason.into())
    }

    /// Answers whoever asked something of us.
    pub(crate) fn respond(&self, via: Via, word: &Word<'_>) -> Result<(), Error> {
        let message = word.to_bytes();
        if message.len() > MAX_MESSAGE {
            let (len, max) = (message.len(), MAX_MESSAGE);
            return Err(Error::Socket(SocketError::TooLarge { len, max }));
        }
        match via {
            Some(peer) => self.say_to(peer, &message, self.usual_deadline()),
            None => self.say(&message, self.usual_deadline()),
        }
    }

    /// As `respond`, by a thread that must not wait; says nothing where there is no room.
    fn respond_now(&self, via: Via, word: &Word<'_>) {
        let message = &word.to_bytes();
        match (via, &self.way) {
            (Some(peer), _) => {
                let socket = self.socket();
                // Whoever has no room for it asked for more than it takes.
                socket.map(|socket| socket.try_send_to(peer, message).ok());
            }
            (None, Way::Own(station, key)) => {
                station.handle_message(*key, message, Patience::None);
            }
            (None, Way::Broker(..)) => {}
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.way {
            Way::Broker(socket, _) => Some(socket),
            Way::Own(station, _) => station.socket.as_ref(),
        }
    }

    pub(crate) fn usual_deadline(&self) -> Instant {
        Instant::now() + self.options.timeout
    }

    pub(crate) fn count(&self, counter: impl FnOnce(&Counters) -> &AtomicU64) {
        counter(&self.counters).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> BusStats {
        let state = self.lock();
        BusStats {
            subscriptions: state.subscriptions.len(),
            services: state.services.len(),
            waiting: state.waiting.len(),
            ..self.counters.read()
        }
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        match self.lock().is_closed {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    /// Ends everything that waits, and with it the threads, but for handlers that still run.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_closed, true) {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        let subscriptions = std::mem::take(&mut state.subscriptions);
        let services = std::mem::take(&mut state.services);
        state.wants = Trie::new();
        let reader = state.reader.take();
        drop(state);
        self.introduced.notify_all();
        let mut wakes = Wakes::default();
        for waiter in waiting.values() {
            waiter.handle_end(Error::Closed, &mut wakes);
        }
        drop(wakes);
        services.values().for_each(|(_, desk)| desk.close());
        if let Way::Own(station, key) = &self.way {
            station.handle_down(*key);
        }
        if let Some(socket) = self.socket().filter(|_| self.owns_socket()) {
            socket.close();
        }
        let end = |(_, queue): &(Pattern, Arc<Queue>)| queue.end(Ended::Closed);
        subscriptions.values().for_each(end);
        let is_reader =
            |reader: &thread::JoinHandle<()>| reader.thread().id() == thread::current().id();
        if let Some(reader) = reader.filter(|reader| !is_reader(reader)) {
            // It ends with its socket; a panic of it was told when it happened.
            reader.join().ok();
        }
    }

    /// The socket is ours alone; a broker's is the broker's.
    fn owns_socket(&self) -> bool {
        match &self.way {
            Way::Broker(..) => true,
            Way::Own(..) => self.options.owns_station,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That long from now; a time that far away if it overflows the clock.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FAR)
}
