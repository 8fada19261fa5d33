//! Note and Post: a published message as it comes, and as it is made.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bus::content::{self, Content};
use crate::bus::reading::reads_letter;
use crate::bus::words::{Id, Letter};

/// A message to publish, for [`Bus::send`](crate::bus::Bus::send).
///
/// ```
/// use jackfield::bus::{Bus, Post};
///
/// let bus = Bus::local()?;
/// let post = Post::new("room/1/temp", "21.5").retain().header("unit", "C");
/// assert_eq!(bus.send(post)?.receivers, 0);
/// assert_eq!(bus.subscribe("room/**")?.recv()?.header("unit"), Some("C"));
/// # Ok::<(), jackfield::bus::Error>(())
/// ```
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    pub(crate) topic: String,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) is_retained: bool,
    pub(crate) has_no_echo: bool,
}

impl Post {
    /// This body, for whoever wants this topic.
    pub fn new(topic: impl Into<String>, body: impl AsRef<[u8]>) -> Post {
        Post {
            topic: topic.into(),
            body: body.as_ref().to_vec(),
            headers: Vec::new(),
            is_retained: false,
            has_no_echo: false,
        }
    }

    /// It is kept as the topic's last value, which each new subscriber gets first. An empty body
    /// clears the value.
    pub fn retain(self) -> Post {
        Post {
            is_retained: true,
            ..self
        }
    }

    /// Our own subscriptions do not get it.
    pub fn no_echo(self) -> Post {
        Post {
            has_no_echo: true,
            ..self
        }
    }

    /// What it is published to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its payload.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Adds a header: a name of visible ASCII without a colon, a value without line ends.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Post {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says what the body is, in a header.
    pub fn content(self, content: Content) -> Post {
        self.header(content::HEADER, content.to_string())
    }
}

/// What became of a [`Post`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Receipt {
    /// Clients that it is on its way to; a client counts once, however many of its subscriptions
    /// match.
    pub receivers: usize,
}

/// A published message that came to a subscription; a clone shares its bytes.
#[derive(Clone)]
pub struct Note {
    content: Arc<Contents>,
}

struct Contents {
    topic: Arc<str>,
    id: Id,
    is_retained: bool,
    letter: Letter,
}

impl Note {
    pub(crate) fn new(topic: Arc<str>, id: Id, is_retained: bool, letter: Letter) -> Note {
        let content = Contents {
            topic,
            id,
            is_retained,
            letter,
        };
        Note {
            content: Arc::new(content),
        }
    }

    /// What it was published to.
    pub fn topic(&self) -> &str {
        &self.content.topic
    }

    /// Its id, which its publisher made.
    pub fn id(&self) -> Id {
        self.content.id
    }

    /// When its publisher made it, by its own clock; `None` if its id is one that does not say so.
    pub fn time(&self) -> Option<SystemTime> {
        let since = Duration::from_millis(self.content.id.milliseconds()?);
        UNIX_EPOCH.checked_add(since)
    }

    /// It is the topic's last value from before we subscribed.
    pub fn is_retained(&self) -> bool {
        self.content.is_retained
    }

    pub(crate) fn memory(&self) -> usize {
        self.content.topic.len() + self.content.letter.memory()
    }
}

reads_letter!(
    Note,
    |note| note.content.letter,
    match Arc::try_unwrap(note.content) {
        Ok(content) => content.letter.into_body(),
        Err(shared) => shared.letter.body().to_vec(),
    }
);

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.topic(), self.text())
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Note({:?}, {} bytes)", self.topic(), self.body().len())
    }
}
