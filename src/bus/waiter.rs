//! Waiter: one thread that waits for what was asked, until its deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bus::error::Error;
use crate::bus::request::Answer;
use crate::message::Identity;

/// Where a word came from: a peer, or our own table.
pub(crate) type Via = Option<Identity>;

pub(crate) struct Waiter {
    progress: Mutex<Progress>,
    changed: Condvar,
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
            changed: Condvar::new(),
            kind,
        }
    }

    pub(crate) fn handle_ok(&self, via: Via) {
        self.change(|progress| progress.asked.retain(|other| *other != via));
    }

    pub(crate) fn handle_count(&self, count: usize) {
        self.change(|progress| progress.expected = Some(count));
    }

    pub(crate) fn handle_answer(&self, answer: Answer) {
        self.change(|progress| progress.answers.push(Ok(answer)));
    }

    pub(crate) fn handle_error(&self, error: Error) {
        let kind = self.kind;
        self.change(|progress| match (kind, progress.expected) {
            (Kind::Many, Some(_)) => progress.answers.push(Err(error)),
            _ => progress.failed = Some(error),
        });
    }

    /// One that was told is gone, and knows nothing of it any more.
    pub(crate) fn handle_left(&self, via: Via) {
        match self.kind {
            Kind::Ack => self.handle_ok(via),
            _ => self.handle_end(Error::NoPeer),
        }
    }

    /// One of several tables is gone; the others still answer.
    pub(crate) fn handle_gone(&self, via: Via) {
        if self.kind == Kind::Ack {
            self.handle_ok(via);
        }
    }

    /// Nothing more will come.
    pub(crate) fn handle_end(&self, error: Error) {
        self.change(|progress| {
            progress.failed.get_or_insert(error);
        });
    }

    /// Waits until everything is there; what came until then, and why it is not all.
    pub(crate) fn wait(&self, deadline: Instant) -> (Vec<Result<Answer, Error>>, Option<Error>) {
        let mut progress = self.lock();
        while !progress.is_complete(self.kind) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                progress.failed = Some(Error::Timeout);
                break;
            }
            let woken = self.changed.wait_timeout(progress, left);
            progress = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        let answers = std::mem::take(&mut progress.answers);
        (answers, progress.failed.take())
    }

    /// How many answers there would have been, if that is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        self.lock().expected
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.lock();
        change(&mut progress);
        let is_complete = progress.is_complete(self.kind);
        drop(progress);
        if is_complete {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
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
