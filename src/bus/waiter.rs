//! Waiter: one thread that waits for what was asked, until its deadline.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bus::error::Error;
use crate::bus::request::Answer;
use crate::bus::wakes::{Wakes, Woken};
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
    /// Its thread sleeps: a wake-up costs a system call even when it does not.
    is_asleep: bool,
}

impl Waiter {
    pub(crate) fn new(kind: Kind, asked: Vec<Via>) -> Waiter {
        Waiter {
            progress: Mutex::new(Progress {
                asked,
                expected: (kind == Kind::One).then_some(1),
                answers: Vec::new(),
                failed: None,
                is_asleep: false,
            }),
            changed: Condvar::new(),
            kind,
        }
    }

    pub(crate) fn handle_ok(self: &Arc<Waiter>, via: Via, wakes: &mut Wakes) {
        self.change(wakes, |progress| {
            progress.asked.retain(|other| *other != via);
        });
    }

    pub(crate) fn handle_count(self: &Arc<Waiter>, count: usize, wakes: &mut Wakes) {
        self.change(wakes, |progress| progress.expected = Some(count));
    }

    pub(crate) fn handle_answer(self: &Arc<Waiter>, answer: Answer, wakes: &mut Wakes) {
        self.change(wakes, |progress| progress.answers.push(Ok(answer)));
    }

    pub(crate) fn handle_error(self: &Arc<Waiter>, error: Error, wakes: &mut Wakes) {
        let kind = self.kind;
        self.change(wakes, |progress| match (kind, progress.expected) {
            (Kind::Many, Some(_)) => progress.answers.push(Err(error)),
            _ => progress.failed = Some(error),
        });
    }

    /// One that was told is gone, and knows nothing of it any more.
    pub(crate) fn handle_left(self: &Arc<Waiter>, via: Via, wakes: &mut Wakes) {
        match self.kind {
            Kind::Ack => self.handle_ok(via, wakes),
            _ => self.handle_end(Error::NoPeer, wakes),
        }
    }

    /// One of several tables is gone; the others still answer.
    pub(crate) fn handle_gone(self: &Arc<Waiter>, via: Via, wakes: &mut Wakes) {
        if self.kind == Kind::Ack {
            self.handle_ok(via, wakes);
        }
    }

    /// Nothing more will come.
    pub(crate) fn handle_end(self: &Arc<Waiter>, error: Error, wakes: &mut Wakes) {
        self.change(wakes, |progress| {
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
            progress.is_asleep = true;
            let woken = self.changed.wait_timeout(progress, left);
            progress = woken.unwrap_or_else(PoisonError::into_inner).0;
            progress.is_asleep = false;
        }
        let answers = std::mem::take(&mut progress.answers);
        (answers, progress.failed.take())
    }

    /// Whether everything is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.lock().is_complete(self.kind)
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// How many answers there would have been, if that is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        self.lock().expected
    }

    fn change(self: &Arc<Waiter>, wakes: &mut Wakes, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.lock();
        let was_complete = progress.is_complete(self.kind);
        change(&mut progress);
        if progress.is_asleep && progress.is_complete(self.kind) && !was_complete {
            wakes.owe(Woken::Caller(self.clone()));
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
