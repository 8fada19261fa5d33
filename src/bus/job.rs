//! Job: a call that came, and the one answer that it gets.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::bus::end::Link;
use crate::bus::words::{Error, Id, Letter, Tail, Word};

/// A call in the hands of a service. It is answered once, by [`reply`](Job::reply) or
/// [`fail`](Job::fail), in the handler or in any other thread that it is given to. Dropped without
/// that, its caller gets a `Remote` error of the kind `NoReply`.
pub struct Job {
    pub(crate) run: Arc<Run>,
    pub(crate) name: String,
    pub(crate) letter: Letter,
    pub(crate) deadline: Instant,
    /// The thread that tells of a panic, if the handler has one.
    pub(crate) worker: Option<ThreadId>,
}

impl Job {
    /// What was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its payload.
    pub fn body(&self) -> &[u8] {
        self.letter.body()
    }

    /// Its payload as text; what is no UTF-8 is replaced by `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        self.letter.text()
    }

    /// The value of the first header of that name; capitals do not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.letter.header(name)
    }

    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.letter.headers()
    }

    /// How long its caller still waits.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Answers.
    pub fn reply(self, body: impl AsRef<[u8]>) {
        self.run.reply(body.as_ref());
    }

    /// Answers with an error: the caller gets `Remote { kind, message }`. The kind is a word to
    /// match on.
    pub fn fail(self, kind: impl Into<String>, message: impl fmt::Display) {
        self.run.fail(&Error::Remote {
            kind: kind.into(),
            message: message.to_string(),
        });
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let is_told = thread::panicking() && self.worker == Some(thread::current().id());
        if !is_told && !self.run.is_answered() {
            self.run.fail(&Error::Remote {
                kind: "NoReply".to_owned(),
                message: "the service did not answer".to_owned(),
            });
        }
    }
}

impl AsRef<[u8]> for Job {
    fn as_ref(&self) -> &[u8] {
        self.body()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({:?}, {} bytes)", self.name, self.body().len())
    }
}

/// Who says the answer.
pub(crate) trait Answers: Send + Sync {
    fn answer(&self, link: Link, word: &Word<'_>) -> Result<(), Error>;
}

/// The right to answer one call, once.
pub(crate) struct Run {
    pub(crate) answers: Arc<dyn Answers>,
    /// Where it came from, and where its answer goes.
    pub(crate) link: Link,
    /// Its id, by whoever gave it to us.
    pub(crate) id: Id,
    pub(crate) was_answered: AtomicBool,
}

impl Run {
    pub(crate) fn reply(&self, body: &[u8]) {
        if self.take_turn() {
            let (run, tail) = (self.id, Tail::of(body));
            let done = Word::Done { run, tail };
            if let Err(error @ Error::Socket(_)) = self.answers.answer(self.link, &done) {
                self.refuse(&error);
            }
        }
    }

    pub(crate) fn fail(&self, error: &Error) {
        if self.take_turn() {
            self.refuse(error);
        }
    }

    fn refuse(&self, error: &Error) {
        let (run, body) = (self.id, error.body());
        let why = error.why(&body);
        // Whoever gave us the call is gone, and with it who waits for the answer.
        self.answers
            .answer(self.link, &Word::Fail { run, why })
            .ok();
    }

    fn is_answered(&self) -> bool {
        self.was_answered.load(Ordering::SeqCst)
    }

    /// Whoever gets it is the one who answers.
    pub(crate) fn take_turn(&self) -> bool {
        !self.was_answered.swap(true, Ordering::SeqCst)
    }
}
