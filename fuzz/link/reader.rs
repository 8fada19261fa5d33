//! Reader: the thread of a connection, from HELLO to the end of its stream, as the engine has it.

use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::decoder::{Decoder, Reading};
use crate::proto::hub::{Next, Verdict};
use crate::proto::link::LinkId;
use crate::step::{Hook, Write};
use crate::world::World;

/// What a batch of messages takes.
const BATCH: usize = 10_000;

/// What the thread is at.
pub(crate) enum Reader {
    /// Before HELLO.
    Shaking,
    /// Its HELLO came, and an older link of the same identity has not ended.
    Waiting(Reading),
    Reading,
    /// The inbox has no room.
    Parked(Next),
    /// Too many ACKs wait for its peer.
    Paused,
    Gone,
}

impl World {
    /// Reads what has arrived on `link`, in pieces of `piece` bytes, until the thread waits.
    pub(crate) fn read(&mut self, link: LinkId, piece: usize, hook: Hook) {
        loop {
            if !self.may_read(link) {
                return;
            }
            let Some(end) = self.ends.get_mut(&link) else {
                return;
            };
            if end.inbound.is_empty() || (end.is_shut && self.settings.is_prompt) {
                let closed = end.is_shut.then_some(DownReason::Closed);
                if let Some(reason) = end.hung_up.or(closed) {
                    self.go(link, reason);
                }
                return;
            }
            let space = end.decoder.space();
            let count = space.len().min(end.inbound.len()).min(piece.max(1));
            for (byte, arrived) in space.iter_mut().zip(end.inbound.drain(..count)) {
                *byte = arrived;
            }
            let reading = end.decoder.handle_read(count);
            match end.reader {
                Reader::Shaking => self.shake_hands(link, reading, hook),
                _ => self.handle(link, reading, hook),
            }
            self.settle();
        }
    }

    /// The thread is done.
    pub(crate) fn go(&mut self, link: LinkId, reason: DownReason) {
        if let Some(end) = self.ends.get_mut(&link) {
            end.reader = Reader::Gone;
        }
        // Every other stream has a last word.
        match link.token() % 2 {
            0 => self.hub.handle_gone(self.now, link, reason),
            _ => self.hub.handle_parted(self.now, link, reason),
        }
        self.settle();
    }

    fn shake_hands(&mut self, link: LinkId, reading: Reading, hook: Hook) {
        let Some(identity) = reading.hello else {
            if let Some(violation) = reading.violation {
                self.go(link, violation.into());
            }
            return;
        };
        let candidate = self.hub.candidate(link, identity);
        if self.settings.has_hook && (hook.refuses || candidate.is_none()) {
            return self.go(link, DownReason::Refused);
        }
        self.hub.handle_authorized(link);
        self.write_next(link, Write::Take(usize::MAX));
        self.say_hello(link, identity, reading, hook);
    }

    fn say_hello(&mut self, link: LinkId, identity: Identity, reading: Reading, hook: Hook) {
        let verdict = self.hub.handle_hello(self.now, link, identity);
        let now = self.now;
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        end.peer = Some(identity);
        match verdict {
            Verdict::Rejected => self.go(link, DownReason::Closed),
            Verdict::Wait => end.reader = Reader::Waiting(reading),
            Verdict::Accepted => {
                end.admitted = Some(now);
                end.reader = Reader::Reading;
                self.handle(link, reading, hook);
            }
        }
        self.settle();
    }

    /// A thread that waited may go on.
    pub(crate) fn wake_reader(&mut self, link: LinkId) {
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        match &end.reader {
            Reader::Waiting(_) if !self.hub.is_succeeding(link) => {
                let waited = std::mem::replace(&mut end.reader, Reader::Reading);
                end.admitted.get_or_insert(self.now);
                if let Reader::Waiting(reading) = waited {
                    self.handle(link, reading, Hook::SILENT);
                }
            }
            Reader::Paused if !self.hub.is_crowded_by_acks(link) => {
                end.reader = Reader::Reading;
                self.hub.handle_parked(self.now, link, false);
            }
            _ => {}
        }
    }

    pub(crate) fn unpark(&mut self, link: LinkId) {
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        if let Reader::Parked(next) = end.reader {
            end.reader = Reader::Reading;
            self.hub.handle_parked(self.now, link, false);
            self.hold(link, 0);
            self.go_on(link, next);
        }
    }

    fn handle(&mut self, link: LinkId, mut reading: Reading, hook: Hook) {
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        end.has_shown |= reading.frames > u32::from(reading.hello.is_some());
        let held = end.decoder.held();
        let next = self.hub.handle_reading(self.now, link, &mut reading, held);
        if let Some(chunk) = self.hub.claim_answer(self.now, link, &reading) {
            self.carry(link, chunk, &[], Write::Take(usize::MAX));
        }
        let is_delivered = self.deliver(link, &reading);
        match is_delivered && hook.parks {
            true => {
                self.hold(link, if hook.holds { BATCH } else { 0 });
                self.park(link, Reader::Parked(next));
            }
            false => self.go_on(link, next),
        }
    }

    fn go_on(&mut self, link: LinkId, next: Next) {
        match next {
            Next::Stop => self.go(link, DownReason::Closed),
            Next::Pause => {
                self.park(link, Reader::Paused);
                self.wake_reader(link);
            }
            Next::ReadOn => {}
        }
    }

    /// The thread has so many bytes of messages beside its unfinished frame.
    fn hold(&mut self, link: LinkId, bytes: usize) {
        let end = self.ends.get(&link);
        let held = end.map_or(0, |end| end.decoder.held());
        self.hub.handle_held(link, held + bytes);
    }

    pub(crate) fn prompt(&mut self, link: LinkId) {
        if self.may_read(link) {
            self.hub.handle_prompt(link);
        }
    }

    pub(crate) fn farewell(&mut self, link: LinkId, breaks: bool) {
        let reason = match breaks {
            true => DownReason::NotAPeer,
            false => DownReason::Closed,
        };
        if self.may_read(link) {
            self.hub.handle_farewell(self.now, link, reason);
        }
    }

    fn may_read(&self, link: LinkId) -> bool {
        let end = self.ends.get(&link);
        end.is_some_and(|end| matches!(end.reader, Reader::Shaking | Reader::Reading))
    }

    fn park(&mut self, link: LinkId, reader: Reader) {
        self.hub.handle_parked(self.now, link, true);
        if let Some(end) = self.ends.get_mut(&link) {
            end.reader = reader;
        }
    }

    fn deliver(&mut self, link: LinkId, reading: &Reading) -> bool {
        let batch = &reading.batch;
        let Some(peer) = self.hub.peer_of(link) else {
            return false;
        };
        let remembers = self.settings.absent_peers > 6 && self.elapsed() < self.settings.absent_for;
        for id in batch.spans.iter().filter_map(|span| batch.id(*span)) {
            self.application.handle_delivered(peer, id, remembers);
        }
        !batch.spans.is_empty()
    }
}
