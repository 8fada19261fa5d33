//! Chunk: encoded frames that are written together, and what becomes of them when the link ends.

use crate::contents::Body;
use crate::page::{Extent, Page};
use crate::proto::chunk::parts::{Bytes, Tail};
use crate::proto::frame::{self, DATA_HEADER, DATA_REQ_HEADER, LENGTH, MessageId, kind, sixteen};
use crate::proto::ledger::SheetId;
use crate::proto::whose::Whose;

mod parts;

/// Payloads from this size on are shared instead of copied into a chunk.
pub(crate) use crate::payload::LARGE;

/// A chunk this long takes no further frame.
pub(crate) const FULL: usize = 64 * 1024;

/// Spent allocations above this are not kept.
pub(crate) const KEEP: usize = 128 * 1024;

/// Chunks that are full grow in such steps.
const PAGE: usize = 4 * 1024;

/// With fewer messages before it in a chunk, a message is not worth a sheet: each sheet takes ages,
/// and places where peers remember them, for thousands. Nor is one where few will follow.
const WORTH_A_SHEET: usize = 8;

/// Whole frames, the last of which may have its payload in an allocation of its own.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Bytes,
    tail: Tail,
    /// Where the first frame that still belongs to this chunk starts.
    start: usize,
    /// Bytes that were given to the kernel, `start` included.
    taken: usize,
    messages: usize,
    /// Messages without an id.
    untracked: usize,
    /// Whose the latest message is.
    latest: Whose,
    /// Where that changes, and to what; `Anyone` comes before the first change. Messages are counted
    /// from the first that was ever in this chunk.
    changes: Vec<(u32, Whose)>,
    removed: u32,
    listed: Listed,
}

/// The messages of a chunk that are on a sheet of the ledger, one after the other.
#[derive(Default)]
struct Listed {
    sheet: Option<SheetId>,
    count: usize,
    /// Where they end (counted as changes are).
    end: usize,
}

/// A message that comes back out of a chunk.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Leftover {
    /// Its id, if the ledger has it.
    pub(crate) id: Option<MessageId>,
    pub(crate) whose: Whose,
    /// Its last byte was given to the kernel.
    pub(crate) written: bool,
    pub(crate) body: Body,
}

impl Chunk {
    /// A chunk that reuses the allocation of `bytes`.
    pub(crate) fn reusing(mut bytes: Vec<u8>) -> Chunk {
        bytes.clear();
        Chunk {
            bytes: Bytes::Own(bytes),
            ..Chunk::default()
        }
    }

    /// What lies between two places in a page that others have part in, too.
    pub(crate) fn shared(page: Page, from: Extent, to: Extent, whose: Whose) -> Chunk {
        let mut chunk = Chunk {
            bytes: Bytes::Shared(page, to.bytes),
            start: from.bytes,
            taken: from.bytes,
            ..Chunk::default()
        };
        let messages = to.since(from).messages;
        chunk.count(messages, whose);
        chunk.untracked = messages;
        chunk
    }

    /// A chunk of frames that carry no message: hello, heartbeats, acknowledgements.
    pub(crate) fn control(bytes: Vec<u8>) -> Chunk {
        Chunk {
            bytes: Bytes::Own(bytes),
            ..Chunk::default()
        }
    }

    /// Another message may follow in it.
    pub(crate) fn has_room(&self) -> bool {
        let is_own = matches!(self.bytes, Bytes::Own(_));
        is_own
            && !self.is_control()
            && matches!(self.tail, Tail::Nothing)
            && self.bytes.len() < FULL
    }

    /// A message of that length may follow, and another one behind it.
    #[inline]
    pub(crate) fn has_room_behind(&self, len: usize) -> bool {
        self.has_room() && self.bytes.len() + DATA_REQ_HEADER + len < FULL
    }

    /// Others have part in what its frames are in.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.bytes, Bytes::Shared(..))
    }

    /// It carries no message.
    pub(crate) fn is_control(&self) -> bool {
        self.messages == 0 && !self.bytes.is_empty()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, id: Option<MessageId>, whose: Whose, payload: &[u8]) {
        self.begin(id, whose, payload.len());
        self.bytes.own().extend_from_slice(payload);
    }

    /// As `push`, for a message that is on a sheet.
    #[inline(always)]
    pub(crate) fn push_listed(
        &mut self,
        sheet: SheetId,
        id: MessageId,
        whose: Whose,
        payload: &[u8],
    ) {
        self.push(Some(id), whose, payload);
        if self.listed.sheet != Some(sheet) {
            // One before this has nothing left on it.
            self.listed.count = 0;
            self.listed.sheet = Some(sheet);
        }
        self.listed.count += 1;
        self.listed.end = self.index();
    }

    /// Whether the next message may be on a sheet, and which: none if it begins one. On a sheet
    /// are neighbours, so that in the order of their ages they stay as they were sent.
    #[inline(always)]
    pub(crate) fn may_list(&self, whose: Whose) -> Option<Option<SheetId>> {
        let may = match self.listed.sheet {
            None => self.messages >= WORTH_A_SHEET && self.bytes.len() <= FULL / 4,
            Some(_) => self.latest == whose && self.listed.end == self.index(),
        };
        may.then_some(self.listed.sheet)
    }

    /// The sheet that has some of its messages.
    pub(crate) fn sheet(&self) -> Option<SheetId> {
        self.listed.sheet
    }

    /// Messages of it that are on no sheet, or more.
    pub(crate) fn unlisted(&self) -> usize {
        self.index() - self.listed.count
    }

    /// Messages that were ever in it.
    #[inline(always)]
    fn index(&self) -> usize {
        self.removed as usize + self.messages
    }

    /// Its bytes, for whoever keeps them; nothing is added from now on.
    pub(crate) fn share(&mut self) -> Page {
        self.bytes.share()
    }

    /// So many messages without an id, as they are encoded already.
    pub(crate) fn push_encoded(&mut self, bytes: &[u8], messages: usize, whose: Whose) {
        self.count(messages, whose);
        self.untracked += messages;
        self.bytes.own().extend_from_slice(bytes);
    }

    pub(crate) fn push_shared(&mut self, id: Option<MessageId>, whose: Whose, body: Body) {
        self.begin(id, whose, body.len());
        self.tail = Tail::Shared(body);
    }

    /// Makes room for a last message of that length, and for little more: chunks are kept for long.
    pub(crate) fn reserve(&mut self, len: usize) {
        let bytes = self.bytes.own();
        let end = bytes.len() + DATA_REQ_HEADER + len;
        if end > bytes.capacity() {
            bytes.reserve_exact(end.next_multiple_of(PAGE) - bytes.len());
        }
    }

    /// A message whose payload of that length is the caller's, who is given the chunk at once.
    pub(crate) fn push_lent(&mut self, whose: Whose, len: usize) {
        self.begin(None, whose, len);
        self.tail = Tail::Lent(len);
    }

    /// The chunk comes back from whoever had `lent`: what is to be written later is kept.
    pub(crate) fn keep(&mut self, lent: &[u8]) {
        if matches!(self.tail, Tail::Lent(_)) && !self.is_done() {
            debug_assert_eq!(lent.len(), self.tail.len());
            self.tail = Tail::Shared(lent.into());
        }
    }

    #[inline(always)]
    fn begin(&mut self, id: Option<MessageId>, whose: Whose, len: usize) {
        self.count(1, whose);
        self.untracked += usize::from(id.is_none());
        frame::put_data_head(self.bytes.own(), id, len);
    }

    #[inline(always)]
    fn count(&mut self, messages: usize, whose: Whose) {
        if whose != self.latest {
            let index = u32::try_from(self.index()).expect("a chunk is short");
            self.changes.push((index, whose));
            self.latest = whose;
        }
        self.messages += messages;
    }

    /// Whose the message is that came so far behind the first.
    fn whose(&self, index: u32) -> Whose {
        let behind = self.changes.partition_point(|(from, _)| *from <= index);
        let change = behind.checked_sub(1).map(|last| self.changes[last]);
        change.map_or(Whose::default(), |(_, whose)| whose)
    }

    /// The oldest message is a published copy that nobody has begun to write.
    pub(crate) fn may_give_way(&self) -> bool {
        let is_waiting = self.messages > 0 && !self.is_begun();
        is_waiting && self.whose(self.removed) == Whose::Published
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Messages without an id.
    pub(crate) fn untracked(&self) -> usize {
        self.untracked
    }

    /// The ids of messages whose last byte was given to the kernel.
    pub(crate) fn written_ids(&self) -> impl Iterator<Item = MessageId> + '_ {
        let mut at = self.start;
        let ids = (0..self.messages).map_while(move |_| {
            let head = at;
            at += LENGTH + frame::envelope_len(&self.bytes[at..]) as usize;
            (at <= self.taken).then(|| self.id_at(head))
        });
        ids.flatten()
    }

    /// Bytes of this chunk that count against a queue's bound.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end() - self.start
    }

    /// What is still to be written: the rest of the encoded bytes, then of a shared payload.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn rest(&self) -> (&[u8], &[u8]) {
        self.rest_with(&[])
    }

    /// What is still to be written: the rest of the encoded bytes, then of a payload that is shared,
    /// or that is `lent`.
    pub(crate) fn rest_with<'a>(&'a self, lent: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let head = &self.bytes[self.taken.min(self.bytes.len())..];
        let body = self.tail.bytes(lent);
        (head, &body[self.taken.saturating_sub(self.bytes.len())..])
    }

    pub(crate) fn handle_taken(&mut self, count: usize) {
        self.taken += count;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.taken >= self.end()
    }

    /// Some bytes went out, so that the rest must follow on the same link or not at all.
    pub(crate) fn is_begun(&self) -> bool {
        self.taken > self.start
    }

    /// Takes the oldest message out again, if it may give way.
    pub(crate) fn remove_oldest(&mut self) -> Option<Leftover> {
        if !self.may_give_way() {
            return None;
        }
        let (end, unsent) = self.parse(self.removed, self.start);
        self.messages -= 1;
        self.untracked -= usize::from(unsent.id.is_none());
        self.removed += 1;
        self.start = end.min(self.bytes.len());
        self.taken = self.start;
        if end > self.bytes.len() {
            self.tail = Tail::Nothing;
        }
        Some(unsent)
    }

    /// Every message of this chunk, in order, and whether it is written.
    pub(crate) fn into_unsent(self) -> Vec<Leftover> {
        let mut out = Vec::with_capacity(self.messages);
        let mut at = self.start;
        for index in self.removed..self.removed + self.messages as u32 {
            let (end, unsent) = self.parse(index, at);
            at = end;
            out.push(unsent);
        }
        out
    }

    /// The message ids of this chunk, without touching its payloads.
    pub(crate) fn ids(&self) -> impl Iterator<Item = MessageId> + '_ {
        let mut at = self.start;
        (0..self.messages).filter_map(move |_| {
            let head = at;
            at += LENGTH + frame::envelope_len(&self.bytes[at..]) as usize;
            self.id_at(head)
        })
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// The spent allocation, to be used again.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_default()
    }

    fn id_at(&self, at: usize) -> Option<MessageId> {
        let is_tracked = self.bytes[at + LENGTH] == kind::DATA_REQ;
        is_tracked.then(|| MessageId(sixteen(&self.bytes[at + DATA_HEADER..])))
    }

    /// The message that came so far behind the first, whose frame starts at `at`, and where it ends.
    fn parse(&self, index: u32, at: usize) -> (usize, Leftover) {
        let id = self.id_at(at);
        let end = at + LENGTH + frame::envelope_len(&self.bytes[at..]) as usize;
        let payload = at
            + if id.is_some() {
                DATA_REQ_HEADER
            } else {
                DATA_HEADER
            };
        let body = match &self.tail {
            Tail::Shared(body) if end > self.bytes.len() => body.clone(),
            _ => self.bytes[payload..end].into(),
        };
        let written = end <= self.taken;
        (
            end,
            Leftover {
                id,
                whose: self.whose(index),
                written,
                body,
            },
        )
    }

    fn end(&self) -> usize {
        self.bytes.len() + self.tail.len()
    }
}

#[cfg(test)]
mod tests;
