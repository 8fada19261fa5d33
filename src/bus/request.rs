//! Call and Answer: a request as it is made, and what comes back.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::bus::words::Letter;

/// A request, for [`Bus::ask`](crate::bus::Bus::ask) and
/// [`Bus::ask_all`](crate::bus::Bus::ask_all).
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Option<Duration>,
}

impl Call {
    /// A call of a service, or of `@` and a client's name.
    pub fn new(name: impl Into<String>, body: impl AsRef<[u8]>) -> Call {
        Call {
            name: name.into(),
            body: body.as_ref().to_vec(),
            headers: Vec::new(),
            timeout: None,
        }
    }

    /// How long to wait for the answer, on the way there included; default: the bus's, 5 s.
    pub fn timeout(self, timeout: Duration) -> Call {
        Call {
            timeout: Some(timeout),
            ..self
        }
    }

    /// Adds a header: a name of visible ASCII without a colon, a value without line ends.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Call {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// The answer to a call.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Answer {
    letter: Letter,
}

impl Answer {
    pub(crate) fn new(letter: Letter) -> Answer {
        Answer { letter }
    }

    /// Its payload.
    pub fn body(&self) -> &[u8] {
        self.letter.body()
    }

    /// Its payload as text; what is no UTF-8 is replaced by `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        self.letter.text()
    }

    /// Its payload, taken out.
    pub fn into_body(self) -> Vec<u8> {
        self.letter.into_body()
    }

    /// The value of the first header of that name; capitals do not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.letter.header(name)
    }
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.body()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} bytes)", self.body().len())
    }
}

/// A client of the bus, as [`Bus::peers`](crate::bus::Bus::peers) lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What tells it from others while it is connected: the identity of its socket, or `local-`
    /// and a number.
    pub identity: String,
}
