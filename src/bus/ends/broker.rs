//! The end that is a broker: a socket that is connected to it.
//!
//! A caller that hears its own answer saves a wake-up, and so does a worker that hears its own
//! calls. Subscribers do not hear: a burst of news is better queued by one thread while another
//! deals with it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::bus::end::{Ear, End, Link, Role, Waits};
use crate::bus::mailbox::{Mailbox, Wakes, park_until};
use crate::bus::words::{Error, Word};
use crate::{Arrival, Arrivals, DownReason, Error as SocketError, Event, Events, Limit, Socket};

/// How it is dialled.
pub(crate) type Dial = Box<dyn FnOnce(&Socket) -> Result<(), SocketError> + Send>;

pub(crate) struct ToBroker {
    socket: Socket,
    arrivals: Arc<Arrivals>,
    events: Events,
    dial: Mutex<Option<Dial>>,
    /// How long to wait for a first session.
    patience: Duration,
    listener: OnceLock<Arc<Listener>>,
    reader: Mutex<Option<JoinHandle<()>>>,
    trouble: Mutex<Option<Error>>,
}

impl ToBroker {
    pub(crate) fn new(socket: Socket, dial: Dial, patience: Duration) -> ToBroker {
        ToBroker {
            arrivals: Arc::new(socket.arrivals()),
            events: socket.events(),
            socket,
            dial: Mutex::new(Some(dial)),
            patience,
            listener: OnceLock::new(),
            reader: Mutex::default(),
            trouble: Mutex::default(),
        }
    }

    /// Until there is a session, or a first attempt has failed.
    fn await_first(&self, listener: &Listener) {
        let deadline = Instant::now() + self.patience;
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(event) = self.events.recv_timeout(left()) {
            self.note(&event);
            match event {
                Event::PeerUp { .. } => break,
                Event::DialFailed { .. } | Event::Rejected { .. } => return,
                _ => {}
            }
        }
        // It has nothing to say but that there is one.
        let park = |is_there: &mut dyn FnMut() -> bool| park_until(Some(deadline), is_there);
        listener.first.take(park).ok();
    }

    fn note(&self, event: &Event) {
        let absent = |why| Some(Error::NoBroker { why });
        let trouble = match event {
            Event::PeerUp { .. } => None,
            Event::DialFailed { endpoint, error } => absent(format!("{endpoint}: {error}")),
            Event::PeerDown { reason, .. } => absent(reason.to_string()),
            // Whose `authorize` hook refuses us does not say who it is, nor anything else.
            Event::Rejected {
                remote,
                reason: DownReason::Closed,
            } => Some(Error::Denied {
                what: format!("{remote} ended the connection before it said who it is"),
            }),
            Event::Rejected { remote, reason } => absent(format!("{remote}: {reason}")),
            _ => return,
        };
        *held(&self.trouble) = trouble;
    }
}

impl End for ToBroker {
    fn open(&self, ear: Ear) -> Result<(), Error> {
        let listener = Arc::new(Listener::new(ear));
        let own = self.listener.get_or_init(|| listener).clone();
        let arrivals = self.arrivals.clone();
        let builder = thread::Builder::new().name("jackfield bus".to_owned());
        let reader = builder.spawn(move || listen(&own, &arrivals));
        *held(&self.reader) = Some(reader.map_err(Error::no_thread)?);
        let dial = held(&self.dial).take();
        dial.map_or(Ok(()), |dial| dial(&self.socket))
            .map_err(Error::Socket)?;
        self.listener
            .get()
            .into_iter()
            .for_each(|it| self.await_first(it));
        Ok(())
    }

    fn say(&self, link: Link, word: &Word<'_>, patience: Duration) -> Result<(), Error> {
        say(&self.socket, link, word, patience)
    }

    fn hang_up(&self, link: Link) {
        if let Link::Session(session) = link {
            self.socket.expel(session.peer());
        }
    }

    fn close(&self, linger: Option<Duration>) -> Vec<Vec<u8>> {
        let report = match linger {
            None => self.socket.close(),
            Some(linger) => self.socket.close_within(linger),
        };
        join(&self.reader);
        report
            .unsent
            .into_iter()
            .map(|unsent| unsent.body)
            .collect()
    }

    fn trouble(&self) -> Option<Error> {
        while let Ok(event) = self.events.try_recv() {
            self.note(&event);
        }
        held(&self.trouble).as_ref().map(Error::again)
    }

    fn wait(
        &self,
        waits: Waits,
        deadline: Option<Instant>,
        is_there: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        let is_there = || is_there().then_some(());
        let waited = match (waits, self.listener.get()) {
            (Waits::Hearing, Some(listener)) => {
                let hear = |arrival| {
                    listener.handle(arrival);
                    listener.flush();
                };
                self.arrivals.recv_until(deadline, is_there, hear)
            }
            _ => self.arrivals.wait_until(deadline, is_there),
        };
        waited.map_err(Error::from)
    }
}

/// Says a word in a session of a socket.
pub(crate) fn say(
    socket: &Socket,
    link: Link,
    word: &Word<'_>,
    patience: Duration,
) -> Result<(), Error> {
    let Link::Session(session) = link else {
        return Err(Error::NoPeer);
    };
    let message = word.to_bytes();
    let sent = match patience.is_zero() {
        true => socket.try_send_in(session, message),
        false => socket.send_in_timeout(session, message, patience),
    };
    sent.map(drop).map_err(|refused| refused.reason.into())
}

/// Waits for the thread that hears, unless it is the calling one.
pub(crate) fn join(reader: &Mutex<Option<JoinHandle<()>>>) {
    let reader = held(reader).take();
    let is_other = |reader: &JoinHandle<()>| reader.thread().id() != thread::current().id();
    if let Some(reader) = reader.filter(is_other) {
        // It ends with its socket; a panic of it was told when it happened.
        reader.join().ok();
    }
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread that leads has heard.
struct Listener {
    ear: Ear,
    heard: Mutex<Heard>,
    /// There was a session.
    first: Mailbox<()>,
}

#[derive(Default)]
struct Heard {
    link: Option<Link>,
    /// What came in it and was not handed over yet.
    messages: Vec<Vec<u8>>,
}

impl Listener {
    fn new(ear: Ear) -> Listener {
        let one = Limit {
            messages: 1,
            bytes: 1,
        };
        Listener {
            ear,
            heard: Mutex::default(),
            first: Mailbox::new(one),
        }
    }

    fn handle(&self, arrival: Arrival) {
        if let Arrival::Message(message) = arrival {
            let body = message.into_body();
            held(&self.heard).messages.push(body);
        } else if let Arrival::Up(session) = arrival {
            self.flush();
            let link = Link::Session(session);
            held(&self.heard).link = Some(link);
            self.ear.up(link, Role::Table);
            // A later one is no news for whoever opens the bus.
            self.first.push((), 1, &mut Wakes::default()).ok();
        } else if let Arrival::Down { session, unsent } = arrival {
            self.flush();
            self.ear.down(Link::Session(session), unsent);
        }
    }

    /// Hands over what was heard.
    fn flush(&self) {
        let mut heard = held(&self.heard);
        let mut messages = std::mem::take(&mut heard.messages);
        let Some(link) = heard.link.filter(|_| !messages.is_empty()) else {
            return;
        };
        drop(heard);
        self.ear.hear(link, &mut messages);
        // For the next ones.
        messages.clear();
        held(&self.heard).messages = messages;
    }
}

/// The thread of a bus that is connected to a broker: it hears everything that nobody else hears.
fn listen(listener: &Listener, arrivals: &Arrivals) {
    let flush = || {
        listener.flush();
        None::<()>
    };
    // Only the end of the socket ends it.
    arrivals
        .serve_until(flush, |arrival| listener.handle(arrival))
        .ok();
    listener.flush();
}
