//! Outbox: what is queued for one link, in order, bounded, one chunk of it at a time on its way.

use std::collections::VecDeque;

use crate::message::Identity;
use crate::payload::Payload;
use crate::policy::Limit;
use crate::proto::chunk::{Chunk, KEEP, LARGE, Leftover};
use crate::proto::frame::{self, MessageId};
use crate::proto::ledger::SheetId;
use crate::proto::whose::Whose;

use following::Follow;

mod following;

/// Unsent ACKs and NACKs over which a link is not read until some have left.
const MAX_ACKS: usize = 65_536;

#[derive(Default)]
pub(crate) struct Outbox {
    /// Frames that carry no message; they go first.
    control: Vec<u8>,
    acks: usize,
    /// Those of them that are on their way.
    acks_leaving: usize,
    chunks: VecDeque<Chunk>,
    /// Behind those, what is added to a page that others get as well.
    follows: Option<Follow>,
    /// Messages in the chunks.
    messages: usize,
    /// Those of them that have no id.
    untracked: usize,
    bytes: usize,
    is_writing: bool,
    spare: Vec<u8>,
}

/// What has left an outbox with one chunk.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Left {
    pub(crate) messages: usize,
    /// Those of them that have no id.
    pub(crate) untracked: usize,
    pub(crate) bytes: usize,
}

impl Outbox {
    pub(crate) fn has_room(&self, limit: Limit, len: usize) -> bool {
        let messages = self.messages();
        messages == 0 || (messages < limit.messages && self.bytes() + len <= limit.bytes)
    }

    #[inline]
    pub(crate) fn messages(&self) -> usize {
        self.messages + self.shared().messages
    }

    /// Messages without an id.
    pub(crate) fn untracked(&self) -> usize {
        self.untracked + self.shared().messages
    }

    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.shared().bytes
    }

    fn has_messages(&self) -> bool {
        !self.chunks.is_empty() || self.shared().messages > 0
    }

    /// Nothing is queued and nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.control.is_empty() && !self.has_messages() && !self.is_writing
    }

    /// No heartbeat or ACK is about to go out.
    pub(crate) fn has_no_control(&self) -> bool {
        self.control.is_empty()
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.is_writing
    }

    /// Bytes of frames that carry no message, those that the kernel does not take included.
    pub(crate) fn control_bytes(&self) -> usize {
        self.control.capacity() + self.acks_leaving * frame::ACK_FRAME
    }

    pub(crate) fn is_crowded_by_acks(&self) -> bool {
        self.acks > MAX_ACKS
    }

    /// Bytes of messages that nobody has begun to write.
    pub(crate) fn queued_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Chunk::len).sum();
        chunks + self.shared().bytes
    }

    /// The newest chunk is long enough to be written without waiting for more.
    pub(crate) fn is_ripe(&self) -> bool {
        self.chunks.len() > 1 || self.chunks.front().is_some_and(|chunk| !chunk.has_room())
    }

    /// Queues a message behind all others, and returns the bytes it takes.
    pub(crate) fn push(
        &mut self,
        id: Option<MessageId>,
        whose: Whose,
        payload: &Payload<'_>,
    ) -> usize {
        debug_assert!(self.follows.is_none(), "it has parted with its page");
        self.open_chunk();
        self.untracked += usize::from(id.is_none());
        let chunk = self.newest();
        match payload.is_shared() && payload.len() >= LARGE {
            true => chunk.push_shared(id, whose, payload.to_body()),
            false => chunk.push(id, whose, payload.as_bytes()),
        }
        self.count(frame::data_len(id, payload.len()))
    }

    /// The newest chunk; there is one.
    #[inline(always)]
    fn newest(&mut self) -> &mut Chunk {
        self.chunks.back_mut().expect("there is one with room")
    }

    /// A message of so many bytes was added to the newest chunk; gives these.
    #[inline(always)]
    fn count(&mut self, bytes: usize) -> usize {
        self.messages += 1;
        self.bytes += bytes;
        bytes
    }

    /// Queues a large message that its sender keeps until it has written it; returns the bytes it
    /// takes.
    pub(crate) fn push_lent(&mut self, whose: Whose, len: usize) -> usize {
        debug_assert!(self.is_empty(), "it is given out at once");
        self.untracked += 1;
        let spare = self.take_spare();
        self.chunks.push_back(Chunk::reusing(spare));
        self.newest().push_lent(whose, len);
        self.count(frame::data_len(None, len))
    }

    /// A message may follow in the newest chunk.
    fn is_open(&self) -> bool {
        self.chunks.back().is_some_and(Chunk::has_room)
    }

    /// Makes room in the newest chunk for a message of that length, which it may fill; false if none
    /// may follow there.
    pub(crate) fn make_place(&mut self, len: usize) -> bool {
        let is_last = self.follows.is_none();
        let newest = self.chunks.back_mut().filter(|it| is_last && it.has_room());
        newest.map(|chunk| chunk.reserve(len)).is_some()
    }

    /// A message of that length fits into the newest chunk, and leaves it room for more.
    #[inline]
    pub(crate) fn has_room_in_chunk(&self, len: usize) -> bool {
        let newest = self.chunks.back().filter(|_| self.follows.is_none());
        newest.is_some_and(|chunk| chunk.has_room_behind(len))
    }

    /// Queues a message in the newest chunk and returns the bytes it takes.
    #[inline(always)]
    pub(crate) fn append(&mut self, id: Option<MessageId>, whose: Whose, body: &[u8]) -> usize {
        self.untracked += usize::from(id.is_none());
        self.newest().push(id, whose, body);
        self.count(frame::data_len(id, body.len()))
    }

    /// Whether the next message may be on a sheet of the newest chunk, and which.
    #[inline(always)]
    pub(crate) fn may_list(&self, whose: Whose) -> Option<Option<SheetId>> {
        self.chunks.back()?.may_list(whose)
    }

    /// As `append`, for a message that is on a sheet.
    #[inline(always)]
    pub(crate) fn append_listed(
        &mut self,
        sheet: SheetId,
        id: MessageId,
        whose: Whose,
        body: &[u8],
    ) -> usize {
        self.newest().push_listed(sheet, id, whose, body);
        self.count(frame::data_len(Some(id), body.len()))
    }

    /// The ids of messages whose last byte was given to the kernel, but not that of their chunk.
    pub(crate) fn written_ids(&self) -> impl Iterator<Item = MessageId> {
        self.chunks.iter().flat_map(Chunk::written_ids)
    }

    /// Its chunks, for whoever has part in them.
    pub(crate) fn chunks_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.chunks.iter_mut()
    }

    /// Bytes of memory that the chunks take, those that others share included.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.chunks.iter().map(Chunk::capacity).sum()
    }

    /// An allocation for the next chunk, if there is none.
    pub(crate) fn put_spare(&mut self, spare: impl FnOnce() -> Option<Vec<u8>>) {
        if self.spare.capacity() == 0 {
            self.spare = spare().unwrap_or_default();
        }
    }

    /// A spent allocation, if there is one.
    pub(crate) fn take_spare(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// The newest chunk, which has room.
    fn open_chunk(&mut self) -> &mut Chunk {
        if !self.is_open() {
            let spare = self.take_spare();
            self.chunks.push_back(Chunk::reusing(spare));
        }
        self.chunks.back_mut().expect("pushed above")
    }

    pub(crate) fn push_hello(&mut self, me: Identity) {
        frame::put_hello(&mut self.control, me);
    }

    pub(crate) fn push_heartbeat(&mut self) {
        frame::put_heartbeat(&mut self.control);
    }

    pub(crate) fn push_ack(&mut self, id: MessageId) {
        frame::put_ack(&mut self.control, id);
        self.acks += 1;
    }

    /// It counts as an ACK.
    pub(crate) fn push_nack(&mut self, id: MessageId) {
        frame::put_nack(&mut self.control, id);
        self.acks += 1;
    }

    /// The next chunk to write: the rest of one that was begun, control frames, or messages if
    /// the link is open for them. It must come back through `handle_back`.
    pub(crate) fn poll_chunk(&mut self, open: bool) -> Option<Chunk> {
        if self.is_writing {
            return None;
        }
        let chunk = self.next_chunk(open)?;
        self.is_writing = true;
        Some(chunk)
    }

    fn next_chunk(&mut self, open: bool) -> Option<Chunk> {
        let must_follow = self.must_follow();
        if !must_follow && !self.control.is_empty() {
            self.acks_leaving = self.acks;
            return Some(Chunk::control(std::mem::take(&mut self.control)));
        }
        if !open && !must_follow {
            return None;
        }
        if self.chunks.is_empty() && self.shared().messages > 0 {
            let follow = self.follows.take().expect("it shares something");
            self.enclose(follow);
        }
        self.chunks.pop_front()
    }

    /// The front chunk was begun, or is made of control frames that the kernel did not take.
    fn must_follow(&self) -> bool {
        let front = self.chunks.front();
        front.is_some_and(|chunk| chunk.is_begun() || chunk.is_control())
    }

    /// Whether `poll_chunk` would give something.
    pub(crate) fn is_writable(&self, open: bool) -> bool {
        let has_control = self.must_follow() || !self.control.is_empty();
        !self.is_writing && (has_control || (open && self.has_messages()))
    }

    /// A chunk is back from the kernel. Returns what of it has left.
    pub(crate) fn handle_back(&mut self, chunk: Chunk) -> Left {
        self.is_writing = false;
        if !chunk.is_done() {
            self.chunks.push_front(chunk);
            return Left::default();
        }
        let left = Left {
            messages: chunk.messages(),
            untracked: chunk.untracked(),
            bytes: chunk.len(),
        };
        if left.messages == 0 {
            self.acks -= std::mem::take(&mut self.acks_leaving);
            return Left::default();
        }
        self.messages -= left.messages;
        self.untracked -= left.untracked;
        self.bytes -= left.bytes;
        let spent = chunk.into_bytes();
        let is_better = spent.capacity() <= KEEP && spent.capacity() > self.spare.capacity();
        if self.chunks.is_empty() && is_better {
            self.spare = spent;
        }
        left
    }

    /// Gives up what an idle link need not hold.
    pub(crate) fn shrink(&mut self) {
        self.spare = Vec::new();
        if self.control.is_empty() {
            self.control = Vec::new();
        }
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    /// Takes the oldest message out that is not on its way, if it may give way to newer ones. The page
    /// that it follows is sealed.
    pub(crate) fn remove_oldest(&mut self) -> Option<Leftover> {
        self.part(&[]);
        let index = self
            .chunks
            .iter()
            .position(|chunk| !chunk.is_begun() && chunk.messages() > 0)?;
        let chunk = &mut self.chunks[index];
        let before = chunk.len();
        let unsent = chunk.remove_oldest()?;
        self.messages -= 1;
        self.untracked -= usize::from(unsent.id.is_none());
        self.bytes -= before - chunk.len();
        if chunk.messages() == 0 {
            self.chunks.remove(index);
        }
        Some(unsent)
    }

    /// As `take_back`, while a chunk is with a writer that does not come back.
    pub(crate) fn take_queued(&mut self) -> Vec<Leftover> {
        self.part(&[]);
        let chunks = std::mem::take(&mut self.chunks);
        self.messages -= chunks.iter().map(Chunk::messages).sum::<usize>();
        self.untracked -= chunks.iter().map(Chunk::untracked).sum::<usize>();
        self.bytes -= chunks.iter().map(Chunk::len).sum::<usize>();
        chunks.into_iter().flat_map(Chunk::into_unsent).collect()
    }

    /// The link ended: every message that is still here, in order.
    pub(crate) fn take_back(&mut self) -> Vec<Leftover> {
        debug_assert!(!self.is_writing, "the writer has brought its chunk back");
        self.part(&[]);
        let chunks = std::mem::take(self).chunks;
        chunks.into_iter().flat_map(Chunk::into_unsent).collect()
    }
}

#[cfg(test)]
mod tests;
