//! Chunk: encoded frames that are written together, and what becomes of them when the link ends.

use std::ops::Deref;

use crate::message::{Body, Frames};
use crate::proto::frame::{self, DATA_HEADER, DATA_REQ_HEADER, LENGTH, MessageId, kind, sixteen};

/// Payloads from this size on are shared instead of copied into a chunk.
pub(crate) const LARGE: usize = 16 * 1024;

/// A chunk this long takes no further frame.
pub(crate) const FULL: usize = 64 * 1024;

/// Whole frames, the last of which may have its payload in an allocation of its own.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Bytes,
    body: Option<Body>,
    /// Where the first frame that still belongs to this chunk starts.
    start: usize,
    /// Bytes that were given to the kernel, `start` included.
    taken: usize,
    messages: usize,
    /// Where messages sent by identity begin, and where others follow them, in turn (counted from
    /// the first that was ever in this chunk).
    turns: Vec<u32>,
    removed: u32,
}

/// Encoded frames, of one chunk alone or of the chunks of several links.
enum Bytes {
    Own(Vec<u8>),
    Shared(Frames),
}

/// A message that comes back out of a chunk.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Unsent {
    /// Its id, if the ledger has it.
    pub(crate) id: Option<MessageId>,
    /// It was sent to one identity, not to whoever is next.
    pub(crate) direct: bool,
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

    /// So many messages, encoded, which other links get as well.
    pub(crate) fn shared(bytes: Frames, messages: usize, direct: bool) -> Chunk {
        let mut chunk = Chunk {
            bytes: Bytes::Shared(bytes),
            ..Chunk::default()
        };
        chunk.count(messages, direct);
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
        is_own && !self.is_control() && self.body.is_none() && self.bytes.len() < FULL
    }

    /// A message of that length may follow, and another one behind it.
    #[inline]
    pub(crate) fn has_room_behind(&self, len: usize) -> bool {
        self.has_room() && self.bytes.len() + DATA_REQ_HEADER + len < FULL
    }

    /// It carries no message.
    pub(crate) fn is_control(&self) -> bool {
        self.messages == 0 && !self.bytes.is_empty()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, id: Option<MessageId>, direct: bool, payload: &[u8]) {
        self.begin(id, direct, payload.len());
        self.bytes.own().extend_from_slice(payload);
    }

    /// So many messages without an id, as they are encoded already.
    pub(crate) fn push_encoded(&mut self, bytes: &[u8], messages: usize, direct: bool) {
        self.count(messages, direct);
        self.bytes.own().extend_from_slice(bytes);
    }

    pub(crate) fn push_shared(&mut self, id: Option<MessageId>, direct: bool, body: Body) {
        self.begin(id, direct, body.len());
        self.body = Some(body);
    }

    #[inline(always)]
    fn begin(&mut self, id: Option<MessageId>, direct: bool, len: usize) {
        self.count(1, direct);
        frame::put_data_head(self.bytes.own(), id, len);
    }

    #[inline(always)]
    fn count(&mut self, messages: usize, direct: bool) {
        let was_direct = self.turns.len() % 2 == 1;
        if direct != was_direct {
            let index = self.removed as usize + self.messages;
            self.turns
                .push(u32::try_from(index).expect("a chunk is short"));
        }
        self.messages += messages;
    }

    fn is_direct(&self, index: u32) -> bool {
        self.turns.iter().filter(|turn| **turn <= index).count() % 2 == 1
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes of this chunk that count against a queue's bound.
    pub(crate) fn len(&self) -> usize {
        self.end() - self.start
    }

    /// What is still to be written: the rest of the encoded bytes, then of the shared payload.
    pub(crate) fn rest(&self) -> (&[u8], &[u8]) {
        let head = &self.bytes[self.taken.min(self.bytes.len())..];
        let body = self.body.as_deref().unwrap_or_default();
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

    /// Takes the oldest message out again, unless its bytes are on their way.
    pub(crate) fn remove_oldest(&mut self) -> Option<Unsent> {
        if self.messages == 0 || self.is_begun() {
            return None;
        }
        let (end, mut unsent) = self.parse(self.start);
        unsent.direct = self.is_direct(self.removed);
        self.messages -= 1;
        self.removed += 1;
        self.start = end.min(self.bytes.len());
        self.taken = self.start;
        if end > self.bytes.len() {
            self.body = None;
        }
        Some(unsent)
    }

    /// Every message of this chunk, in order, and whether it is written.
    pub(crate) fn into_unsent(self) -> Vec<Unsent> {
        let mut out = Vec::with_capacity(self.messages);
        let mut turns = self.turns.iter().peekable();
        let (mut at, mut direct) = (self.start, false);
        for index in self.removed..self.removed + self.messages as u32 {
            let (end, mut unsent) = self.parse(at);
            while turns.next_if(|turn| **turn <= index).is_some() {
                direct = !direct;
            }
            unsent.direct = direct;
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
        match &self.bytes {
            Bytes::Own(bytes) => bytes.capacity(),
            Bytes::Shared(bytes) => bytes.capacity(),
        }
    }

    /// The spent allocation, to be used again.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.bytes {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(bytes) => Frames::into_inner(bytes).unwrap_or_default(),
        }
    }

    fn id_at(&self, at: usize) -> Option<MessageId> {
        let is_tracked = self.bytes[at + LENGTH] == kind::DATA_REQ;
        is_tracked.then(|| MessageId(sixteen(&self.bytes[at + DATA_HEADER..])))
    }

    fn parse(&self, at: usize) -> (usize, Unsent) {
        let id = self.id_at(at);
        let end = at + LENGTH + frame::envelope_len(&self.bytes[at..]) as usize;
        let payload = at
            + if id.is_some() {
                DATA_REQ_HEADER
            } else {
                DATA_HEADER
            };
        let body = match &self.body {
            Some(body) if end > self.bytes.len() => body.clone(),
            _ => self.bytes[payload..end].into(),
        };
        let written = end <= self.taken;
        (
            end,
            Unsent {
                id,
                direct: false,
                written,
                body,
            },
        )
    }

    fn end(&self) -> usize {
        self.bytes.len() + self.body.as_ref().map_or(0, |body| body.len())
    }
}

impl Bytes {
    /// The bytes of a chunk that takes further frames.
    fn own(&mut self) -> &mut Vec<u8> {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(_) => unreachable!("a shared chunk has no room"),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(bytes) => bytes,
        }
    }
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes::Own(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Chunk {
        let mut chunk = Chunk::default();
        chunk.push(None, false, b"one");
        chunk.push(Some(MessageId([7; 16])), true, b"two");
        chunk.push_shared(None, false, b"three".as_slice().into());
        chunk
    }

    fn bodies(unsent: &[Unsent]) -> Vec<&[u8]> {
        unsent.iter().map(|one| &*one.body).collect()
    }

    #[test]
    fn messages_come_back_as_they_went_in() {
        let unsent = three().into_unsent();
        assert_eq!(bodies(&unsent), [&b"one"[..], b"two", b"three"]);
        assert_eq!(unsent[1].id, Some(MessageId([7; 16])));
        assert_eq!(
            [false, true, false],
            [unsent[0].direct, unsent[1].direct, unsent[2].direct]
        );
    }

    #[test]
    fn a_message_is_written_only_with_its_last_byte() {
        let total = three().len();
        for taken in 0..=total {
            let mut chunk = three();
            chunk.handle_taken(taken);
            let written: Vec<bool> = chunk.into_unsent().iter().map(|one| one.written).collect();
            assert_eq!(
                written,
                [taken >= 8, taken >= 8 + 24, taken >= total],
                "{taken} taken"
            );
        }
    }

    #[test]
    fn the_rest_begins_where_the_kernel_stopped() {
        let mut chunk = three();
        let whole = [chunk.rest().0, chunk.rest().1].concat();
        for taken in 0..whole.len() {
            let (head, body) = chunk.rest();
            assert_eq!([head, body].concat(), whole[taken..]);
            chunk.handle_taken(1);
        }
        assert!(chunk.is_done());
    }

    #[test]
    fn the_oldest_is_removed_until_bytes_are_on_their_way() {
        let mut chunk = three();
        assert_eq!(&*chunk.remove_oldest().unwrap().body, b"one");
        assert!(chunk.remove_oldest().unwrap().direct);
        assert_eq!(chunk.messages(), 1);
        chunk.handle_taken(1);
        assert_eq!(chunk.remove_oldest(), None);
        assert_eq!(bodies(&chunk.into_unsent()), [&b"three"[..]]);
    }

    #[test]
    fn removing_all_leaves_nothing_to_write() {
        let mut chunk = three();
        while chunk.remove_oldest().is_some() {}
        assert!(chunk.is_done());
        assert_eq!((chunk.len(), chunk.messages()), (0, 0));
    }

    #[test]
    fn ids_are_found_without_the_payloads() {
        assert_eq!(three().ids().collect::<Vec<_>>(), [MessageId([7; 16])]);
    }
}
