//! Connection: the thread of one connection, from HELLO to the end of its stream.

mod borrowed;

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::core::Core;
use crate::engine::inbox::Pushed;
use crate::engine::signals::Signal;
use crate::engine::spent;
use crate::engine::writer::PATIENCE;
use crate::event::DownReason;
use crate::held;
use crate::message::Identity;
use crate::proto::batch::Batch;
use crate::proto::chunk::Chunk;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::hub::{Next, Verdict};
use crate::proto::link::LinkId;
use crate::proto::pace::Pace;
use crate::transport::{Notice, Stream};

/// How long a reader naps in the middle of a long message whose sender does not wait for an answer.
/// Linux makes some 50 microseconds of it. Else it is woken again and again, and holds the sender up.
const NAP: Duration = Duration::from_micros(1);

/// Serves the connection until it ends.
pub(crate) fn run(core: &Arc<Core>, id: LinkId, stream: &Arc<Stream>) {
    let mut reader = Box::new(Reader {
        id,
        stream: stream.clone(),
        patience: None,
        decoder: Decoder::new(core.config.max_message as u32),
        due: Due::Read,
        pace: Pace::default(),
        may_lend: false,
    });
    core.write_next(id);
    let reason = match reader.shake_hands(core) {
        Ok((reading, peer)) => {
            let reason = reader.read_all(core, reading);
            core.inbox.end_lane(peer);
            reason
        }
        Err(reason) => reason,
    };
    let mut shared = core.lock();
    shared.acknowledge_taken();
    match stream.is_brought() {
        true => shared.hub.handle_parted(Instant::now(), id, reason),
        false => shared.hub.handle_gone(Instant::now(), id, reason),
    }
}

impl Core {
    /// The hook for new streams looks at one.
    pub(crate) fn show(&self, stream: &Stream) {
        if let Some((hook, system)) = self.config.on_stream.as_ref().zip(stream.system()) {
            // A hook that panics has set what it has set.
            held::run_outside("a hook", || hook(system));
        }
    }
}

/// What reads one connection: its own thread, or one of the application that it was lent to.
pub(crate) struct Reader {
    id: LinkId,
    stream: Arc<Stream>,
    /// How long a read of the stream waits at most.
    patience: Option<Duration>,
    decoder: Decoder,
    due: Due,
    pace: Pace,
    /// The hub has no other link, so whoever waits for messages waits for this one's.
    may_lend: bool,
}

/// What a reader does next. All but reading may take long, and is for its own thread.
enum Due {
    Read,
    /// To be lent: somebody waits for what it reads.
    Lend,
    /// The inbox had no room for these.
    Deliver(Identity, Batch),
    /// The peer is past its share of the inbox.
    WaitForRoom(Identity),
    /// This is to be written to the peer, in answer to a heartbeat. In a box, because what is held
    /// here counts on the stack of every idle peer's thread.
    Answer(Box<Chunk>),
    /// Too many acknowledgements wait to be written.
    WaitForAcks,
    End(DownReason),
}

impl Reader {
    /// Reads up to the HELLO and asks whether its sender may come in. The reading may hold
    /// messages behind it.
    fn shake_hands(&mut self, core: &Arc<Core>) -> Result<(Reading, Identity), DownReason> {
        let (reading, identity) = loop {
            let Some(reading) = self.read(core)? else {
                continue;
            };
            if let Some(identity) = reading.hello {
                break (reading, identity);
            }
            if let Some(violation) = reading.violation {
                return Err(violation.into());
            }
        };
        if !self.is_authorized(core, identity) {
            return Err(DownReason::Refused);
        }
        core.lock().hub.handle_authorized(self.id);
        core.write_next(self.id);
        let mut shared = core.lock();
        let verdict = shared.hub.handle_hello(Instant::now(), self.id, identity);
        if verdict == Verdict::Rejected {
            return Err(DownReason::Closed);
        }
        while shared.hub.is_succeeding(self.id) {
            shared = shared.wait(Signal::Readers, None);
        }
        if shared.hub.is_alive(self.id) {
            core.inbox.open_lane(identity);
        }
        Ok((reading, identity))
    }

    fn is_authorized(&self, core: &Core, identity: Identity) -> bool {
        let Some(hook) = &core.config.authorize else {
            return true;
        };
        let candidate = core.lock().hub.candidate(self.id, identity);
        candidate.is_some_and(|mut candidate| {
            candidate.credentials = self.stream.credentials();
            // A hook that panics says no.
            held::run_outside("a hook", move || hook(&candidate)).unwrap_or(false)
        })
    }

    fn read_all(mut self: Box<Self>, core: &Arc<Core>, reading: Reading) -> DownReason {
        self.due = self.handle(core, reading);
        loop {
            self.due = match mem::replace(&mut self.due, Due::Read) {
                Due::Read => self.wait_and_read(core),
                Due::Lend => {
                    self.note_offer(true);
                    let Some(reader) = core.lend(self) else {
                        // The socket has failed.
                        return DownReason::Closed;
                    };
                    self = reader;
                    self.pace.handle_return(true, Instant::now);
                    self.wait_at_most(None).ok();
                    continue;
                }
                Due::Deliver(peer, batch) => self.deliver_late(core, peer, batch),
                Due::WaitForRoom(peer) => {
                    self.parked(core, |core| core.inbox.wait_for_room(peer));
                    self.due_now(core)
                }
                Due::Answer(chunk) => {
                    core.carry(core.lock(), self.id, *chunk, &[], PATIENCE);
                    Due::Read
                }
                Due::WaitForAcks => {
                    self.wait_for_acks_to_leave(core);
                    Due::Read
                }
                Due::End(reason) => return reason,
            };
        }
    }

    fn wait_at_most(&mut self, patience: Option<Duration>) -> io::Result<()> {
        if self.patience != patience {
            self.stream.set_read_timeout(patience)?;
            self.patience = patience;
        }
        Ok(())
    }

    fn wait_and_read(&mut self, core: &Core) -> Due {
        if !self.has_space(core) {
            self.wait_for_space(core);
        }
        let read = self.read(core);
        core.stumble("connection");
        self.due_after(core, read)
    }

    fn due_after(&mut self, core: &Core, read: Result<Option<Reading>, DownReason>) -> Due {
        match read {
            Ok(Some(reading)) => self.handle(core, reading),
            Ok(None) => Due::Read,
            Err(reason) => Due::End(reason),
        }
    }

    /// Nothing, if what came was a notice, or nothing in time.
    fn read(&mut self, core: &Core) -> Result<Option<Reading>, DownReason> {
        let lacking = self.decoder.lacks_large();
        if let Some(spent) = lacking.and_then(|size| core.shelf.take(size)) {
            self.decoder.adopt_large(spent);
        }
        if self.decoder.is_far_from_whole() && self.stream.gathers() {
            thread::sleep(NAP); // the sleep is the subject: bytes gather in the kernel meanwhile
        }
        match self.stream.read(self.decoder.space()) {
            Ok(0) => Err(DownReason::Closed),
            Ok(count) => Ok(Some(self.decode(count))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.handle_notice(core);
                    Ok(None)
                }
                // A signal must not make a read with a timeout begin anew, again and again.
                io::ErrorKind::Interrupted => Ok(None),
                io::ErrorKind::InvalidData => Err(DownReason::NotAPeer),
                _ => Err(DownReason::Reset),
            },
        }
    }

    fn decode(&mut self, count: usize) -> Reading {
        if let Some(spent) = self.decoder.lacks(count).and_then(spent::take) {
            self.decoder.adopt(spent);
        }
        let reading = self.decoder.handle_read(count);
        if let Some(surplus) = self.decoder.surplus() {
            spent::put(surplus);
        }
        reading
    }

    fn handle_notice(&self, core: &Core) {
        let Some(notice) = self.stream.notice() else {
            return;
        };
        let mut shared = core.lock();
        shared.acknowledge_taken();
        match notice {
            Notice::Prompt => shared.hub.handle_prompt(self.id),
            Notice::Leave(reason) => {
                shared.hub.handle_farewell(Instant::now(), self.id, reason);
            }
        }
    }

    fn handle(&mut self, core: &Core, mut reading: Reading) -> Due {
        let held = self.decoder.held();
        let mut shared = core.lock();
        let now = Instant::now();
        let next = shared.hub.handle_reading(now, self.id, &mut reading, held);
        let answer = shared.hub.claim_answer(now, self.id, &reading);
        let peer = shared.hub.peer_of(self.id);
        self.decoder.limit_buffer(shared.hub.grant_buffer(self.id));
        self.pace.handle_message(reading.batch.bytes.len());
        self.may_lend = shared.hub.is_only_link(self.id)
            && !shared.needs_acks()
            && self.stream.takes_read_timeout()
            && self.pace.allows(self.decoder.expects());
        // Who waits for room comes for a reader when it is woken.
        let may_want = self.may_lend && reading.has_answers() && shared.hub.calls_for_room();
        let is_wanted = may_want && mem::take(&mut shared.wants_reader);
        drop(shared);
        if let Some(chunk) = answer {
            return Due::Answer(Box::new(chunk));
        }
        let due = match peer {
            Some(peer) => self.deliver(core, peer, reading.batch, next),
            None => self.due_next(next),
        };
        match due {
            Due::Read if is_wanted && core.inbox.is_unattended() => Due::Lend,
            due => due,
        }
    }

    fn due_next(&self, next: Next) -> Due {
        match next {
            Next::ReadOn => Due::Read,
            Next::Pause => Due::WaitForAcks,
            Next::Stop => Due::End(DownReason::Closed),
        }
    }

    /// Hands the messages of a reading over.
    fn deliver(&mut self, core: &Core, peer: Identity, batch: Batch, next: Next) -> Due {
        if batch.spans.is_empty() {
            spent::put(batch);
            return self.due_next(next);
        }
        match core.inbox.push(peer, batch) {
            Ok(Pushed::Awaited) if self.may_lend && next == Next::ReadOn => Due::Lend,
            Ok(Pushed::ReadOn | Pushed::Awaited) => self.due_next(next),
            Ok(Pushed::Wait) => Due::WaitForRoom(peer),
            Err(batch) => Due::Deliver(peer, batch),
        }
    }

    /// The inbox has no room at all: until it has, the batch is memory that this link holds.
    fn deliver_late(&self, core: &Core, peer: Identity, batch: Batch) -> Due {
        self.hold(core, batch.memory() + self.decoder.held());
        let pushed = self.parked(core, |core| core.inbox.push_in_turn(peer, batch));
        self.hold(core, self.decoder.held());
        match pushed {
            Ok(Pushed::Wait) => Due::WaitForRoom(peer),
            Ok(Pushed::ReadOn | Pushed::Awaited) => self.due_now(core),
            Err(batch) => {
                let ids = batch.spans.iter().filter_map(|span| batch.id(*span));
                let mut shared = core.lock();
                ids.for_each(|id| shared.hub.handle_returned(peer, id));
                drop(shared);
                self.due_now(core)
            }
        }
    }

    /// Behind a wait, in which the link may have changed.
    fn due_now(&self, core: &Core) -> Due {
        self.due_next(core.lock().hub.next_for(self.id))
    }

    fn hold(&self, core: &Core, held: usize) {
        core.lock().hub.handle_held(self.id, held);
    }

    /// What is read of a message cannot be given back: while nothing more fits into the inbox, a
    /// large one grows no further.
    fn has_space(&self, core: &Core) -> bool {
        !self.decoder.is_in_large_message() || !core.inbox.is_full()
    }

    fn wait_for_space(&self, core: &Core) {
        let peer = core.lock().hub.peer_of(self.id);
        if let Some(peer) = peer {
            self.parked(core, |core| core.inbox.wait_for_space(peer));
        }
    }

    /// A wait in which silence is ours and not the peer's.
    fn parked<T>(&self, core: &Core, wait: impl FnOnce(&Core) -> T) -> T {
        self.park(core, true);
        let result = wait(core);
        self.park(core, false);
        result
    }

    fn park(&self, core: &Core, is_parked: bool) {
        core.lock()
            .hub
            .handle_parked(Instant::now(), self.id, is_parked);
    }

    /// Acknowledgements are not bounded like messages; this is what bounds them.
    fn wait_for_acks_to_leave(&self, core: &Core) {
        self.parked(core, |core| {
            let mut shared = core.lock();
            while shared.hub.is_crowded_by_acks(self.id) {
                shared = shared.wait(Signal::Readers, None);
            }
        });
    }
}
