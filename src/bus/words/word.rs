//! Word: what is said on the bus, each verb with what belongs to it; see `docs/BUS.md`.

// What each of them is, and each of its parts, is in docs/BUS.md.
#![allow(missing_docs)]

use crate::bus::words::fault::Fault;
use crate::bus::words::id::Id;
use crate::bus::words::tail::Tail;
use crate::bus::words::text::Text;

/// A message of the bus. It borrows: from the bytes that it was parsed from, or from whoever is
/// going to say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word<'a> {
    // Said to a table.
    Hello {
        id: Id,
        name: Text<'a>,
    },
    Pub(Publish<'a>),
    Sub {
        id: Id,
        pattern: Text<'a>,
    },
    Unsub {
        id: Id,
    },
    Serve(Serve<'a>),
    Unserve {
        id: Id,
    },
    Call(Call<'a>),
    Cancel {
        id: Id,
    },
    Done {
        run: Id,
        tail: Tail<'a>,
    },
    Fail {
        run: Id,
        why: Why<'a>,
    },
    Ping {
        id: Id,
        milliseconds: u64,
        name: Text<'a>,
    },
    Peers {
        id: Id,
    },
    // Said to a client.
    /// The first word in a connection: the broker, and which of its connections that is.
    Welcome {
        broker: Id,
        session: u64,
    },
    Ok {
        id: Id,
        receivers: Option<u64>,
        tail: Tail<'a>,
    },
    Answer {
        id: Id,
        from: Text<'a>,
        tail: Tail<'a>,
    },
    Error {
        id: Id,
        why: Why<'a>,
        from: Text<'a>,
    },
    Many {
        id: Id,
        count: u64,
    },
    Event(Event<'a>),
    Lost {
        count: u64,
    },
    Run(Run<'a>),
    Probe {
        run: Id,
        /// For whose next values it asks.
        subscription: Option<Id>,
    },
    Stop {
        run: Id,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish<'a> {
    pub id: Id,
    pub topic: Text<'a>,
    pub retain: bool,
    pub no_echo: bool,
    pub receipt: bool,
    pub tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Serve<'a> {
    pub id: Id,
    pub name: Text<'a>,
    /// Nobody else may serve that name.
    pub only: bool,
    /// Calls that it takes before it has answered one; as many as the table allows if it does not
    /// say.
    pub credit: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call<'a> {
    pub id: Id,
    pub name: Text<'a>,
    pub milliseconds: u64,
    pub all: bool,
    pub tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    pub id: Id,
    pub topic: Text<'a>,
    /// The last value of before, for this subscription alone.
    pub retained: Option<Id>,
    /// Who published it, if that is known.
    pub from: Text<'a>,
    pub tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run<'a> {
    pub run: Id,
    pub service: Id,
    pub milliseconds: u64,
    /// What was called.
    pub name: Text<'a>,
    /// Who calls, if that is known.
    pub from: Text<'a>,
    pub tail: Tail<'a>,
}

/// Why something was not done: a kind to match on, what it is about, and in the body what a person
/// reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Why<'a> {
    pub kind: &'a str,
    pub detail: Text<'a>,
    pub tail: Tail<'a>,
}

/// It is no message of the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Under which whoever said it waits for an answer, if it can be found.
    pub id: Option<Id>,
    pub fault: Fault,
}

impl Malformed {
    /// For whoever said it.
    pub(crate) fn why(&self) -> Why<'static> {
        let (kind, what) = match self.fault {
            Fault::Verb => ("Unknown", "that word is not known here"),
            Fault::Line(what) => ("Malformed", what),
            Fault::Headers(what) => ("BadHeader", what),
        };
        let (detail, tail) = (Text::NONE, Tail::of(what.as_bytes()));
        Why { kind, detail, tail }
    }
}

/// Whether a message is said to a client; everything else is said to a table.
pub(crate) fn is_for_client(message: &[u8]) -> bool {
    let end = message.iter().position(|byte| matches!(byte, b' ' | b'\n'));
    matches!(
        &message[..end.unwrap_or(message.len())],
        b"event"
            | b"answer"
            | b"run"
            | b"ok"
            | b"error"
            | b"many"
            | b"probe"
            | b"lost"
            | b"welcome"
            | b"stop"
    )
}
