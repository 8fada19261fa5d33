//! Connection: the thread of one connection, from HELLO to the end of its stream.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::engine::core::{Core, Signal};
use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::hub::{Next, Verdict};
use crate::proto::link::LinkId;
use crate::transport::{Notice, Stream};

/// Serves the connection until it ends.
pub(crate) fn run(core: &Arc<Core>, id: LinkId, stream: &Stream) {
    let mut reader = Reader {
        core,
        id,
        stream,
        decoder: Decoder::new(core.config.max_message as u32),
    };
    core.write_next(id);
    let reason = match reader.shake_hands() {
        Ok((reading, peer)) => {
            let reason = reader.read_all(reading);
            core.inbox.end_lane(peer);
            reason
        }
        Err(reason) => reason,
    };
    core.lock().hub.handle_gone(Instant::now(), id, reason);
}

impl Core {
    /// The hook for new streams looks at one.
    pub(crate) fn show(&self, stream: &Stream) {
        if let Some((hook, system)) = self.config.on_stream.as_ref().zip(stream.system()) {
            // A hook that panics has set what it has set.
            let _ = catch_unwind(AssertUnwindSafe(|| hook(system)));
        }
    }
}

struct Reader<'a> {
    core: &'a Arc<Core>,
    id: LinkId,
    stream: &'a Stream,
    decoder: Decoder,
}

impl Reader<'_> {
    /// Reads up to the HELLO and asks whether its sender may come in. The reading may hold
    /// messages behind it.
    fn shake_hands(&mut self) -> Result<(Reading, Identity), DownReason> {
        let (reading, identity) = loop {
            let reading = self.read()?;
            if let Some(identity) = reading.hello {
                break (reading, identity);
            }
            if let Some(violation) = reading.violation {
                self.core
                    .lock()
                    .hub
                    .handle_violation(Instant::now(), self.id, violation);
                return Err(DownReason::NotAPeer);
            }
        };
        if !self.is_authorized(identity) {
            self.core.lock().hub.handle_refused(Instant::now(), self.id);
            return Err(DownReason::Refused);
        }
        self.core.lock().hub.handle_authorized(self.id);
        self.core.write_next(self.id);
        let mut shared = self.core.lock();
        let verdict = shared.hub.handle_hello(Instant::now(), self.id, identity);
        if verdict == Verdict::Rejected {
            return Err(DownReason::Closed);
        }
        while shared.hub.is_succeeding(self.id) {
            shared = shared.wait(Signal::Readers, None);
        }
        if shared.hub.is_alive(self.id) {
            self.core.inbox.open_lane(identity);
        }
        Ok((reading, identity))
    }

    fn is_authorized(&self, identity: Identity) -> bool {
        let Some(hook) = &self.core.config.authorize else {
            return true;
        };
        let candidate = self.core.lock().hub.candidate(self.id, identity);
        // A hook that panics says no; the panic is its own and ends there.
        candidate.is_some_and(|mut candidate| {
            candidate.credentials = self.stream.credentials();
            catch_unwind(AssertUnwindSafe(|| hook(&candidate))).unwrap_or(false)
        })
    }

    fn read_all(&mut self, mut reading: Reading) -> DownReason {
        loop {
            let held = self.decoder.held();
            let mut shared = self.core.lock();
            let next = shared
                .hub
                .handle_reading(Instant::now(), self.id, &mut reading, held);
            let peer = shared.hub.peer_of(self.id);
            drop(shared);
            if let Some(peer) = peer {
                self.deliver(peer, &mut reading);
            }
            match next {
                Next::ReadOn => {}
                Next::Pause => self.wait_for_acks_to_leave(),
                Next::Stop => return DownReason::Closed,
            }
            if let Some(peer) = peer {
                self.wait_for_space(peer);
            }
            reading = match self.read() {
                Ok(reading) => reading,
                Err(reason) => return reason,
            };
        }
    }

    fn read(&mut self) -> Result<Reading, DownReason> {
        loop {
            let spent = self
                .decoder
                .wants()
                .and_then(|size| self.core.shelf.take(size));
            spent
                .into_iter()
                .for_each(|spent| self.decoder.adopt(spent));
            match self.stream.read(self.decoder.space()) {
                Ok(0) => return Err(DownReason::Closed),
                Ok(count) => return Ok(self.decoder.handle_read(count)),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.handle_notice(),
                    io::ErrorKind::InvalidData => return Err(DownReason::NotAPeer),
                    _ => return Err(DownReason::Reset),
                },
            }
        }
    }

    fn handle_notice(&self) {
        let notice = self.stream.notice();
        let mut shared = self.core.lock();
        match notice {
            Some(Notice::Prompt) => shared.hub.handle_prompt(self.id),
            Some(Notice::Leave(reason)) => {
                shared.hub.handle_farewell(Instant::now(), self.id, reason);
            }
            None => {}
        }
    }

    /// Hands the messages of a reading over, and stays here while the inbox has no room.
    fn deliver(&mut self, peer: Identity, reading: &mut Reading) {
        let batch = std::mem::take(&mut reading.batch);
        if batch.spans.is_empty() {
            return self.decoder.recycle(batch.bytes);
        }
        let inbox = &self.core.inbox;
        if let Some(spent) = inbox.spare() {
            self.decoder.recycle(spent);
        }
        let pushed = inbox.push(peer, batch);
        let may_read_on = pushed.unwrap_or_else(|batch| self.deliver_late(peer, batch));
        if !may_read_on {
            self.park(true);
            inbox.wait_for_room(peer);
            self.park(false);
        }
    }

    /// The inbox has no room at all: until it has, the batch is memory that this link holds.
    fn deliver_late(&self, peer: Identity, batch: Batch) -> bool {
        self.hold(batch.memory() + self.decoder.held());
        self.park(true);
        let pushed = self.core.inbox.push_in_turn(peer, batch);
        self.park(false);
        self.hold(self.decoder.held());
        pushed.unwrap_or_else(|batch| {
            let ids = batch.spans.iter().filter_map(|span| batch.id(*span));
            let mut shared = self.core.lock();
            ids.for_each(|id| shared.hub.handle_returned(peer, id));
            true
        })
    }

    fn hold(&self, held: usize) {
        self.core.lock().hub.handle_held(self.id, held);
    }

    /// What is read of a message cannot be given back: while nothing more fits into the inbox, a
    /// large one grows no further.
    fn wait_for_space(&self, peer: Identity) {
        if self.decoder.is_in_large_message() && self.core.inbox.is_full() {
            self.park(true);
            self.core.inbox.wait_for_space(peer);
            self.park(false);
        }
    }

    fn park(&self, is_parked: bool) {
        self.core
            .lock()
            .hub
            .handle_parked(Instant::now(), self.id, is_parked);
    }

    /// Acknowledgements are not bounded like messages; this is what bounds them.
    fn wait_for_acks_to_leave(&self) {
        let mut shared = self.core.lock();
        shared.hub.handle_parked(Instant::now(), self.id, true);
        while shared.hub.is_crowded_by_acks(self.id) {
            shared = shared.wait(Signal::Readers, None);
        }
        shared.hub.handle_parked(Instant::now(), self.id, false);
    }
}
