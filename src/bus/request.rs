//! Call and Answer: a request as it is made, and what comes back.

use std::fmt;
use std::time::Duration;

use crate::bus::content::{self, Content};
use crate::bus::reading::reads_letter;
use crate::bus::words::{Error, Letter, Tail, write_headers};

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

    /// Says what the body is, in a header.
    pub fn content(self, content: Content) -> Call {
        self.header(content::HEADER, content.to_string())
    }
}

/// The answer to a call: as it came, or as a handler makes it.
///
/// ```
/// use jackfield::bus::{Answer, Bus};
///
/// let bus = Bus::local()?;
/// let _serving = bus.serve("room/temp", |_| Answer::new("21.5").with_header("unit", "C"))?;
/// let answer = bus.call("room/temp", "")?;
/// assert_eq!((answer.text().as_ref(), answer.header("unit")), ("21.5", Some("C")));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Answer {
    letter: Letter,
    /// A header that cannot be sent, and why nothing is.
    refused: Option<(String, String)>,
}

impl Answer {
    /// An answer of this body.
    pub fn new(body: impl AsRef<[u8]>) -> Answer {
        Answer::heard(Letter::of(&Tail::of(body.as_ref())))
    }

    /// Adds a header: a name of visible ASCII without a colon, a value without line ends. With any
    /// other the caller gets an error in place of the answer.
    pub fn with_header(self, name: impl Into<String>, value: impl Into<String>) -> Answer {
        let header = [(name.into(), value.into())];
        match write_headers(&header) {
            Ok(line) => Answer {
                letter: self.letter.with_headers(&line),
                ..self
            },
            Err(_) => {
                let [header] = header;
                Answer {
                    refused: Some(header),
                    ..self
                }
            }
        }
    }

    /// Says what the body is, in a header.
    pub fn with_content(self, content: Content) -> Answer {
        self.with_header(content::HEADER, content.to_string())
    }

    pub(crate) fn heard(letter: Letter) -> Answer {
        let refused = None;
        Answer { letter, refused }
    }

    /// As it is sent.
    pub(crate) fn tail(&self) -> Result<Tail<'_>, Error> {
        write_headers(self.refused.as_slice())?;
        Ok(self.letter.tail())
    }
}

reads_letter!(Answer, |answer| answer.letter, answer.letter.into_body());

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
