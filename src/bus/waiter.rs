//! Waiter: one thread that waits for what was asked, until its deadline.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use crate::Identity;
use crate::bus::request::Answer;
use crate::bus::wakes::Wakes;
use crate::bus::words::Error;

/// Where a word came from: a peer, or our own table.
pub(crate) type Via = Option<Identity>;

/// What came of a request: its answers, and why they are not all.
pub(crate) type Outcome = (Vec<Result<Answer, Error>>, Option<Error>);

pub(crate) struct Waiter {
    progress: Mutex<Progress>,
    /// Who waits: the thread that made it.
    thread: Thread,
    kind: Kind,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// That everyone who was told has heard it. Whoever leaves need not.
    Ack,
    One,
    /// As many answers as there are providers.
    Many,
}

struct Progress {
    /// Who has not acknowledged yet.
    asked: Vec<Via>,
    /// How many answers there will be, once that is known.
    expected: Option<usize>,
    answers: Vec<Result<Answer, Error>>,
    /// No more will come, for this reason.
    failed: Option<Error>,
}

impl Waiter {
    pub(crate) fn new(kind: Kind, asked: Vec<Via>) -> Waiter {
        Waiter {
            progress: Mutex::new(Progress {
                asked,
                expected: (kind == Kind::One).then_some(1),
                answers: Vec::new(),
                failed: None,
            }),
            thread: thread::current(),
            kind,
        }
    }

    pub(crate) fn handle_ok(&self, via: Via, wakes: &mut Wakes) {
        self.change(wakes, |progress| {
            progress.asked.retain(|other| *other != via);
        });
    }

    pub(crate) fn handle_count(&self, count: usize, wakes: &mut Wakes) {
        self.change(wakes, |progress| progress.expected = Some(count));
    }

    pub(crate) fn handle_answer(&self, answer: Answer, wakes: &mut Wakes) {
        self.change(wakes, |progress| progress.answers.push(Ok(answer)));
    }

    pub(crate) fn handle_error(&self, error: Error, wakes: &mut Wakes) {
        let kind = self.kind;
        self.change(wakes, |progress| match (kind, progress.expected) {
            (Kind::Many, Some(_)) => progress.answers.push(Err(error)),
            _ => progress.failed = Some(error),
        });
    }

    /// One that was told is gone, and knows nothing of it any more.
    pub(crate) fn handle_left(&self, via: Via, wakes: &mut Wakes) {
        match self.kind {
            Kind::Ack => self.handle_ok(via, wakes),
            _ => self.handle_end(Error::NoPeer, wakes),
        }
    }

    /// One of several tables is gone; the others still answer.
    pub(crate) fn handle_gone(&self, via: Via, wakes: &mut Wakes) {
        if self.kind == Kind::Ack {
            self.handle_ok(via, wakes);
        }
    }

    /// Nothing more will come.
    pub(crate) fn handle_end(&self, error: Error, wakes: &mut Wakes) {
        self.change(wakes, |progress| {
            progress.failed.get_or_insert(error);
        });
    }

    /// What came, once everything is there.
    pub(crate) fn take(&self) -> Option<Outcome> {
        let mut progress = self.lock();
        progress.is_complete(self.kind).then(|| progress.take())
    }

    /// What came, and why it is not all.
    pub(crate) fn give_up(&self, error: Error) -> Outcome {
        let mut progress = self.lock();
        progress.failed.get_or_insert(error);
        progress.take()
    }

    /// How many answers there would have been, if that is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        self.lock().expected
    }

    fn change(&self, wakes: &mut Wakes, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.lock();
        let was_complete = progress.is_complete(self.kind);
        change(&mut progress);
        if progress.is_complete(self.kind) && !was_complete {
            wakes.owe(&self.thread);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn take(&mut self) -> Outcome {
        (std::mem::take(&mut self.answers), self.failed.take())
    }

    fn is_complete(&self, kind: Kind) -> bool {
        let has_all = match kind {
            Kind::Ack => self.asked.is_empty(),
            _ => self
                .expected
                .is_some_and(|count| self.answers.len() >= count),
        };
        has_all || self.failed.is_some()
    }
}
