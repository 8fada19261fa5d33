//! Job: a call that came, and the one answer that it gets.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bus::end::Link;
use crate::bus::reading::reads_letter;
use crate::bus::reply::Reply;
use crate::bus::request::Answer;
use crate::bus::words::{Error, Id, Letter, Tail, Word};

/// A call in the hands of a service. It is answered once: by what its handler returns, or by
/// [`reply`](Job::reply) or [`fail`](Job::fail), there or in any other thread that it is given to.
/// Dropped without that, its caller gets a `Remote` error of the kind `NoReply`.
pub struct Job {
    pub(crate) run: Arc<Run>,
    pub(crate) name: String,
    pub(crate) letter: Letter,
    pub(crate) deadline: Instant,
}

impl Job {
    /// What was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long its caller still waits.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Nobody waits for the answer any more: the caller gave up or is gone, or its time has passed.
    /// Ask now and then where an answer takes long.
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled.load(Ordering::SeqCst) || self.time_left().is_zero()
    }

    /// Answers.
    pub fn reply(self, body: impl AsRef<[u8]>) {
        self.run.done(Tail::of(body.as_ref()));
    }

    /// Answers with what has headers as well.
    pub fn reply_with(self, answer: Answer) {
        self.run.answer(&Ok(answer));
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
        self.run.was_dropped.store(true, Ordering::SeqCst);
        self.run.look_after();
    }
}

reads_letter!(Job, |job| job.letter, {
    let mut job = job;
    std::mem::take(&mut job.letter).into_body()
});

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
    was_answered: AtomicBool,
    has_begun: AtomicBool,
    /// A handler has it, and may yet return its answer.
    is_handled: AtomicBool,
    /// Its job is no more.
    was_dropped: AtomicBool,
    /// Nobody waits for it.
    is_cancelled: AtomicBool,
}

impl Run {
    pub(crate) fn new(answers: Arc<dyn Answers>, link: Link, id: Id) -> Run {
        Run {
            answers,
            link,
            id,
            was_answered: AtomicBool::new(false),
            has_begun: AtomicBool::new(false),
            is_handled: AtomicBool::new(false),
            was_dropped: AtomicBool::new(false),
            is_cancelled: AtomicBool::new(false),
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
    }

    /// It was answered, or nobody wants to hear the answer: there is nothing to run.
    pub(crate) fn is_over(&self) -> bool {
        [&self.was_answered, &self.is_cancelled].map(|is| is.load(Ordering::SeqCst)) != [false; 2]
    }

    /// Has it handled: what that returns is the answer, where the job did not answer itself. A job
    /// that is dropped meanwhile leaves that to us; in a panic, to whoever catches it.
    pub(crate) fn handle<R: Reply>(&self, handler: impl FnOnce() -> R) {
        self.is_handled.store(true, Ordering::SeqCst);
        self.has_begun.store(true, Ordering::SeqCst);
        if let Some(answer) = handler().into_answer() {
            self.answer(&answer);
        }
        self.is_handled.store(false, Ordering::SeqCst);
        self.look_after();
    }

    /// Nobody is left who could answer: that is the answer.
    fn look_after(&self) {
        let is_kept = !self.was_dropped.load(Ordering::SeqCst);
        if !is_kept && !self.is_handled.load(Ordering::SeqCst) {
            self.fail(&Error::Remote {
                kind: "NoReply".to_owned(),
                message: "the service did not answer".to_owned(),
            });
        }
    }

    fn answer(&self, answer: &Result<Answer, Error>) {
        match answer.as_ref().map(Answer::tail) {
            Ok(Ok(tail)) => self.done(tail),
            Ok(Err(error)) => self.fail(&error),
            Err(error) => self.fail(error),
        }
    }

    fn done(&self, tail: Tail<'_>) {
        if self.take_turn() {
            let run = self.id;
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

    /// Whoever gets it is the one who answers.
    pub(crate) fn take_turn(&self) -> bool {
        !self.was_answered.swap(true, Ordering::SeqCst)
    }
}
