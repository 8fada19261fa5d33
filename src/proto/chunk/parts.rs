//! Parts: what the frames of a chunk are in.

use std::mem;
use std::ops::Deref;

use crate::contents::Body;
use crate::message::Frames;

/// Who shares a short chunk does not hold on to more than twice this.
const SHORT: usize = 4 * 1024;

/// Encoded frames, of one chunk alone or shared with others.
pub(super) enum Bytes {
    Own(Vec<u8>),
    Shared(Frames),
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
            Bytes::Shared(_) => unreachable!("a shared chunk has no room"),
        }
    }

    /// The same bytes, for somebody else as well.
    pub(super) fn share(&mut self) -> Frames {
        let bytes = match mem::take(self) {
            Bytes::Own(mut bytes) => {
                if bytes.capacity() > 2 * bytes.len().max(SHORT) {
                    bytes.shrink_to_fit();
                }
                Frames::new(bytes)
            }
            Bytes::Shared(bytes) => bytes,
        };
        *self = Bytes::Shared(bytes.clone());
        bytes
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
