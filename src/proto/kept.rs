//! Kept: the payload of a message that may have to be sent again.

use std::ops::Deref;

use crate::message::Body;

/// Spent allocations that are held for the next messages. One thread allocates them and another
/// would free them, which allocators are slow at.
const MAX_SPARE: usize = 8 * 1024;

/// Larger ones are not held.
const WORTH_HOLDING: usize = 256;

/// A payload, alone or shared with the queues that it is in.
pub(crate) enum Kept {
    Own(Vec<u8>),
    Shared(Body),
}

impl Kept {
    /// The payload, for a queue as well.
    pub(crate) fn share(&self) -> Body {
        match self {
            Kept::Own(bytes) => bytes.as_slice().into(),
            Kept::Shared(body) => body.clone(),
        }
    }
}

impl Deref for Kept {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Kept::Own(bytes) => bytes,
            Kept::Shared(body) => body,
        }
    }
}

impl From<Body> for Kept {
    fn from(body: Body) -> Kept {
        Kept::Shared(body)
    }
}

/// Allocations to be used again.
#[derive(Default)]
pub(crate) struct Spares(Vec<Vec<u8>>);

impl Spares {
    /// A copy of `payload`.
    pub(crate) fn keep(&mut self, payload: &[u8]) -> Kept {
        let mut bytes = self.0.pop().unwrap_or_default();
        bytes.extend_from_slice(payload);
        Kept::Own(bytes)
    }

    /// It is not needed any more.
    pub(crate) fn take_back(&mut self, kept: Kept) {
        match kept {
            Kept::Own(mut bytes) if bytes.capacity() <= WORTH_HOLDING && !self.is_full() => {
                bytes.clear();
                self.0.push(bytes);
            }
            _ => {}
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() == MAX_SPARE
    }

    /// Nothing was needed for a while.
    pub(crate) fn shrink(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_used_again_for_another_payload() {
        let mut spares = Spares::default();
        let first = spares.keep(b"first");
        let at = first.as_ptr();
        spares.take_back(first);
        let second = spares.keep(b"2nd");
        assert_eq!((second.as_ptr(), &*second), (at, &b"2nd"[..]));
    }

    #[test]
    fn neither_many_nor_large_ones_are_held() {
        let mut spares = Spares::default();
        let large = spares.keep(&[7; WORTH_HOLDING + 1]);
        spares.take_back(large);
        assert!(spares.0.is_empty());
        let many: Vec<Kept> = (0..=MAX_SPARE).map(|_| spares.keep(b"x")).collect();
        many.into_iter().for_each(|one| spares.take_back(one));
        assert_eq!(spares.0.len(), MAX_SPARE);
        spares.shrink();
        assert_eq!(spares.0.capacity(), 0);
    }
}
