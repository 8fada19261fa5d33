//! Word: what is said on the bus, each verb with what belongs to it; see `docs/BUS.md`.

use crate::bus::words::id::Id;
use crate::bus::words::tail::Tail;
use crate::bus::words::text::Text;

/// A message of the bus. It borrows: from the bytes that it was parsed from, or from whoever is
/// going to say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word<'a> {
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
pub(crate) struct Publish<'a> {
    pub(crate) id: Id,
    pub(crate) topic: Text<'a>,
    pub(crate) retain: bool,
    pub(crate) no_echo: bool,
    pub(crate) receipt: bool,
    pub(crate) tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Serve<'a> {
    pub(crate) id: Id,
    pub(crate) name: Text<'a>,
    /// Nobody else may serve that name.
    pub(crate) only: bool,
    /// Calls that it takes before it has answered one; as many as the table allows if it does not
    /// say.
    pub(crate) credit: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) id: Id,
    pub(crate) name: Text<'a>,
    pub(crate) milliseconds: u64,
    pub(crate) all: bool,
    pub(crate) tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event<'a> {
    pub(crate) id: Id,
    pub(crate) topic: Text<'a>,
    /// The last value of before, for this subscription alone.
    pub(crate) retained: Option<Id>,
    /// Who published it, if that is known.
    pub(crate) from: Text<'a>,
    pub(crate) tail: Tail<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) run: Id,
    pub(crate) service: Id,
    pub(crate) milliseconds: u64,
    /// What was called.
    pub(crate) name: Text<'a>,
    /// Who calls, if that is known.
    pub(crate) from: Text<'a>,
    pub(crate) tail: Tail<'a>,
}

/// Why something was not done: a kind to match on, what it is about, and in the body what a person
/// reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Why<'a> {
    pub(crate) kind: &'a str,
    pub(crate) detail: Text<'a>,
    pub(crate) tail: Tail<'a>,
}

/// It is no message of the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed {
    /// Under which whoever said it waits for an answer, if it can be found.
    pub(crate) id: Option<Id>,
    pub(crate) fault: Fault,
}

/// What is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A verb of a version to come.
    Verb,
    Line(&'static str),
    Headers(&'static str),
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
