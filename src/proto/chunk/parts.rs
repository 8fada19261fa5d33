//! Parts: what the frames of a chunk are in.

use std::mem;
use std::ops::Deref;

use crate::contents::Body;
use crate::page::Page;

/// Encoded frames, of one chunk alone or shared with others, up to a place in their page.
pub(super) enum Bytes {
    Own(Vec<u8>),
    Shared(Page, usize),
}

/// The payload of a last frame that is not among the encoded bytes.
#[derive(Default)]
pub(super) enum Tail {
    #[default]
    Nothing,
    Shared(Body),
    /// So many bytes, which whoever has the chunk in hand has as well.
    Lent(usize),
}

impl Bytes {
    /// The bytes of a chunk that takes further frames.
    pub(super) fn own(&mut self) -> &mut Vec<u8> {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(..) => unreachable!("a shared chunk has no room"),
        }
    }

    /// The same bytes, for somebody else as well.
    pub(super) fn share(&mut self) -> Page {
        let end = self.len();
        let page = match mem::take(self) {
            Bytes::Own(bytes) => Page::sealed(bytes),
            Bytes::Shared(page, _) => page,
        };
        *self = Bytes::Shared(page.clone(), end);
        page
    }

    /// The allocation, if nobody else has part in it.
    pub(super) fn into_inner(self) -> Option<Vec<u8>> {
        match self {
            Bytes::Own(bytes) => Some(bytes),
            Bytes::Shared(page, _) => page.into_bytes(),
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        match self {
            Bytes::Own(bytes) => bytes.capacity(),
            Bytes::Shared(page, _) => page.capacity(),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            Bytes::Shared(page, end) => &page.bytes()[..*end],
        }
    }
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes::Own(Vec::new())
    }
}

impl Tail {
    pub(super) fn len(&self) -> usize {
        match self {
            Tail::Nothing => 0,
            Tail::Shared(body) => body.len(),
            Tail::Lent(len) => *len,
        }
    }

    pub(super) fn bytes<'a>(&'a self, lent: &'a [u8]) -> &'a [u8] {
        match self {
            Tail::Nothing => &[],
            Tail::Shared(body) => body,
            Tail::Lent(len) => {
                debug_assert_eq!(lent.len(), *len, "only its sender has it in hand");
                lent
            }
        }
    }
}
