//! Keeper: the one thread of a socket that writes what bursts left and keeps the time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::core::{Core, Life, Locked};
use crate::engine::signals::Signal;
use crate::engine::spent;
use crate::engine::threads::SMALL_STACK;
use crate::error::Error;

/// How often the keeper offers the processor to senders before it writes a small chunk: they
/// are often in the middle of a burst, and the batch becomes several times larger.
const OFFERS: usize = 2;

/// How often it naps before it writes to many peers what is published fast.
const NAPS: usize = 4;

impl Core {
    pub(crate) fn start_keeper(self: &Arc<Core>) -> Result<(), Error> {
        let started = self.spawn("keeper", SMALL_STACK, |member| member.core().keep());
        started.map_err(|source| Error::Io {
            op: "start a thread".into(),
            source,
        })
    }

    fn keep(self: &Arc<Core>) {
        let _look_after = spent::enter();
        let mut shared = self.lock();
        let mut looked = Instant::now();
        while shared.life < Life::Stopped {
            self.stumble("keeper");
            let now = Instant::now();
            if now.saturating_duration_since(looked) >= spent::IDLE {
                looked = now;
                drop(shared);
                spent::age(now);
                shared = self.lock();
            }
            if shared.acks_due.is_some_and(|due| due <= now) {
                shared.acks_due = None;
                shared.acknowledge_taken();
            }
            if shared.hub.poll_timeout().is_some_and(|due| due <= now) {
                shared.hub.handle_timeout(now);
            }
            shared = self.let_grow(shared);
            shared = match shared.hub.claim_next() {
                Some(first) => self.write_round(shared, first),
                // More is about to come that nobody will tell of.
                None if shared.hub.moment_before_writing(now).is_some() => shared,
                None => {
                    self.rests.store(false, Ordering::SeqCst);
                    let due = shared.hub.poll_timeout().into_iter();
                    let due = due.chain(shared.acks_due).chain([spent::next_look(now)]);
                    let due = due.min();
                    shared.wait(Signal::Keeper, due)
                }
            };
        }
    }

    /// Gives senders that are in the middle of a burst a chance to add to a small chunk, and stays
    /// out of the way of those that write their chunks themselves.
    fn let_grow<'a>(&'a self, mut shared: Locked<'a>) -> Locked<'a> {
        for turn in 0..NAPS {
            let now = Instant::now();
            let moment = shared.hub.moment_before_writing(now);
            let Some(moment) = moment.filter(|it| it.is_patient || turn < OFFERS) else {
                break;
            };
            shared = match moment.nap {
                Duration::ZERO => {
                    drop(shared);
                    thread::yield_now();
                    self.lock()
                }
                nap => {
                    // In this order, and the other way round where somebody is in a hurry: one of
                    // the two sees the other.
                    self.rests.store(true, Ordering::SeqCst);
                    if self.is_hurried.swap(false, Ordering::SeqCst) {
                        shared.hub.end_flood();
                        break;
                    }
                    shared.wait(Signal::Rest, Some(now + nap))
                }
            };
            if !moment.is_patient && shared.hub.moment_before_writing(now) == Some(moment) {
                break;
            }
        }
        shared
    }
}
