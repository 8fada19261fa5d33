//! Desk: the calls of one service in front of its workers.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Limit;
use crate::bus::job::Job;
use crate::bus::mailbox::{Mailbox, Wakes};
use crate::bus::service::{Handler, Service};
use crate::bus::words::Error;

pub(crate) struct Desk {
    pub(crate) jobs: Mailbox<Job>,
    /// Calls that wait or run.
    in_hand: AtomicUsize,
    /// How many of them there may be.
    room: usize,
    pub(crate) handler: Handler,
}

impl Desk {
    pub(crate) fn new(service: &Service, handler: Handler) -> Desk {
        Desk {
            jobs: Mailbox::new(Limit {
                messages: usize::MAX,
                bytes: usize::MAX,
            }),
            in_hand: AtomicUsize::new(0),
            room: service.backlog.saturating_add(service.workers),
            handler,
        }
    }

    /// Takes a call, unless there is no room or the service has ended: then it comes back, for the
    /// caller to answer.
    pub(crate) fn push(&self, job: Job, wakes: &mut Wakes) -> Option<(Job, Error)> {
        let one_more = |count: usize| (count < self.room).then_some(count + 1);
        let counted = self
            .in_hand
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        if counted.is_err() {
            return Some((job, Error::Busy));
        }
        let job = self.jobs.push(job, 0, wakes).err()?;
        self.handle_done();
        Some((job, Error::NoService))
    }

    /// A call has been run.
    pub(crate) fn handle_done(&self) {
        self.in_hand.fetch_sub(1, Ordering::SeqCst);
    }
}
