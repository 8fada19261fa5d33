//! Receiver: a thread of the application that waits for what arrives.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::contents::Contents;
use crate::engine::core::Core;
use crate::engine::inbox::{Acks, Awaited, Served, Taken};
use crate::engine::signals::Signal;
use crate::engine::writer::PATIENCE;
use crate::error::Error;
use crate::message::Message;
use crate::proto::delivery::Arrived;

/// When the keeper acknowledges what was taken, if the application does not come for more.
const SOON: Duration = Duration::from_millis(1);

impl Core {
    /// A small message in its turn. Kept apart from all that may be slow, so that it comes to a
    /// few instructions.
    #[inline(always)]
    pub(crate) fn take_plain(self: &Arc<Core>) -> Option<Message> {
        let tripwire = self.tripwire();
        let served = self.inbox.take_plain();
        tripwire.disarm();
        let Served {
            from,
            body,
            id,
            acks,
        } = served?;
        self.see_to(acks);
        Some(Message::new(from, id.map(|it| it.0), Contents::Own(body)))
    }

    /// The same if it is not copied.
    pub(crate) fn take_part(self: &Arc<Core>) -> Option<Message> {
        let Served {
            from,
            body,
            id,
            acks,
        } = self.watched(|| self.inbox.take_part())?;
        self.see_to(acks);
        Some(Message::new(from, id.map(|it| it.0), Contents::Part(body)))
    }

    /// Does what is due for the ACKs of messages that were taken.
    #[inline(always)]
    pub(crate) fn see_to(self: &Arc<Core>, acks: Acks) {
        if acks != Acks::Nothing {
            self.acknowledge(acks);
        }
    }

    #[cold]
    fn acknowledge(self: &Arc<Core>, acks: Acks) {
        let mut shared = self.lock();
        match acks {
            Acks::Now => {
                let taken = self.inbox.drain_taken();
                if let Some((link, chunk)) = shared.hub.claim_acks(&taken) {
                    self.carry(shared, link, chunk, &[], PATIENCE);
                }
            }
            _ if shared.acks_due.is_some() => {}
            _ => {
                shared.acks_due = Some(Instant::now() + SOON);
                self.wake(&mut shared, Signal::Keeper);
            }
        }
    }

    /// Waits for a message until the deadline, if there is one.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> Result<(Arrived, Acks), Error> {
        self.wait_for(deadline, || self.next_message())
    }

    pub(crate) fn try_take(&self) -> Result<(Arrived, Acks), Error> {
        let taken = self.watched(|| {
            self.stumble("receiver");
            self.next_message()
        });
        taken.inspect_err(|_| self.inbox.recall())
    }

    pub(crate) fn try_take_next(&self) -> Result<Taken, Error> {
        self.poll_next().inspect_err(|_| self.inbox.recall())
    }

    /// As `try_take_next`, by one that is about to wait if there is nothing.
    pub(crate) fn poll_next(&self) -> Result<Taken, Error> {
        self.watched(|| self.next())
    }

    /// As `take`, and tells who comes and goes as well.
    pub(crate) fn take_next(&self, deadline: Option<Instant>) -> Result<Taken, Error> {
        self.wait_for(deadline, || self.next())
    }

    /// A message; who comes and goes is passed over.
    fn next_message(&self) -> Result<(Arrived, Acks), Error> {
        loop {
            if let Taken::Message(arrived, acks) = self.next()? {
                return Ok((arrived, acks));
            }
        }
    }

    fn next(&self) -> Result<Taken, Error> {
        let taken = self.inbox.try_take_next()?;
        if let Taken::Presence(presence) = &taken {
            let bytes = presence.memory();
            if bytes > 0 {
                self.lock().hub.handle_collected(bytes);
            }
        }
        Ok(taken)
    }

    fn wait_for<T>(
        &self,
        deadline: Option<Instant>,
        try_take: impl Fn() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let try_take = || self.watched(&try_take);
        let mut taken = try_take();
        if let Err(Error::Empty) = taken {
            self.hurry_keeper();
        }
        while let Err(Error::Empty) = taken {
            self.await_arrival(deadline)?;
            taken = try_take();
        }
        taken
    }

    /// Whoever waits now may wait for the answer to something that is still here.
    fn hurry_keeper(&self) {
        self.is_hurried.store(true, Ordering::SeqCst);
        if self.rests.load(Ordering::SeqCst) {
            self.wake(&mut self.lock(), Signal::Rest);
        }
    }

    /// Something may have arrived when this returns: somebody brought it, or we read it here.
    fn await_arrival(&self, deadline: Option<Instant>) -> Result<(), Error> {
        match self.watched(|| self.inbox.await_arrival(deadline))? {
            Awaited::Arrival => {}
            Awaited::Reader(reader) => reader.read_on_loan(self),
        }
        Ok(())
    }
}
