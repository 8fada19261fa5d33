//! End: what is on the other side of a bus, and who hears what it says.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::Session;
use crate::bus::mailbox::park_until;
use crate::bus::words::{Error, Word};

/// What a bus talks to: a broker, a table in this process, the peers of a socket, or an engine of
/// your own, for [`Bus::through`](crate::bus::Bus::through). The words that go both ways are those
/// of `docs/BUS.md`.
///
/// An end has links. Each is one session with somebody: it comes [up](Ear::up) once and goes
/// [down](Ear::down) once, and what is said in it reaches that session or nobody.
pub trait End: Send + Sync + 'static {
    /// Begins. It is called once, before all else. It may wait a moment for a first link, but one
    /// that cannot be had now is not an error.
    fn open(&self, ear: Ear) -> Result<(), Error>;

    /// Says a word in one session, from any thread. Where there is no room it waits, for `patience`
    /// at most, then [`Error::Timeout`]; without patience it waits for nothing.
    /// [`Error::NoPeer`] once the session has ended: then it was not said.
    fn say(&self, link: Link, word: &Word<'_>, patience: Duration) -> Result<(), Error>;

    /// Ends a session in which nobody answers; it may be followed by another one.
    fn hang_up(&self, link: Link);

    /// Ends for good. What was said leaves, for `linger` at most, or as long as is usual here; what
    /// did not is given back, as bytes.
    fn close(&self, linger: Option<Duration>) -> Vec<Vec<u8>>;

    /// What stands in the way of a link, as far as it is known: [`Error::NoBroker`], or
    /// [`Error::Denied`] where somebody is there who does not let us in.
    fn trouble(&self) -> Option<Error> {
        None
    }

    /// Waits until `is_there` says so; [`Error::Timeout`] at the deadline. Whoever makes it so
    /// [unparks](std::thread::Thread::unpark) the thread. An end whose ear may be called from any
    /// thread can have this one [hear](Waits::Hearing) meanwhile, which saves a wake-up.
    fn wait(
        &self,
        waits: Waits,
        deadline: Option<Instant>,
        is_there: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        let _ = waits;
        park_until(deadline, is_there)
    }
}

/// One session of an end, by a name that never comes again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Link {
    /// Of an end that counts its sessions.
    Number(u64),
    /// Of a socket.
    Session(Session),
}

impl Link {
    /// A table in this process has one session.
    pub(crate) const INSIDE: Link = Link::Number(0);
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Number(number) => write!(f, "link {number}"),
            Link::Session(session) => session.peer().fmt(f),
        }
    }
}

/// Who is at the other side of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It has the table: what is published and called goes there.
    Table,
    /// It asks us as we ask it: it is told what we want and serve.
    Peer,
}

/// What a thread that waits may do meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    /// It may hear for everybody.
    Hearing,
    /// It only waits.
    Only,
}

/// Who hears what an end has to say: one bus. It does not keep that open.
///
/// It never waits, and what it is told in one session it must be told in order. It may be called
/// from several threads, in different sessions or one after the other.
#[derive(Clone)]
pub struct Ear {
    hears: Weak<dyn Hears>,
}

impl Ear {
    pub(crate) fn new(hears: Weak<dyn Hears>) -> Ear {
        Ear { hears }
    }

    /// A session has begun.
    pub fn up(&self, link: Link, role: Role) {
        if let Some(hears) = self.hears.upgrade() {
            hears.handle_up(link, role);
        }
    }

    /// These came in a session, in this order: words as bytes. They are taken out.
    pub fn hear(&self, link: Link, messages: &mut Vec<Vec<u8>>) {
        match self.hears.upgrade() {
            Some(hears) => hears.handle_messages(link, messages),
            None => messages.clear(),
        }
    }

    /// A session has ended, and so much of what was said in it, as bytes and in order, never left.
    pub fn down(&self, link: Link, unsaid: Vec<Vec<u8>>) {
        if let Some(hears) = self.hears.upgrade() {
            hears.handle_down(link, unsaid);
        }
    }

    /// There will be no session any more: the bus closes.
    pub fn close(&self) {
        if let Some(hears) = self.hears.upgrade() {
            hears.handle_close();
        }
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

/// The bus behind an ear.
pub(crate) trait Hears: Send + Sync {
    fn handle_up(self: Arc<Self>, link: Link, role: Role);
    fn handle_messages(self: Arc<Self>, link: Link, messages: &mut Vec<Vec<u8>>);
    fn handle_down(self: Arc<Self>, link: Link, unsaid: Vec<Vec<u8>>);
    fn handle_close(self: Arc<Self>);
}
