//! Page: encoded frames that several queues share, and that grow until somebody writes them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Who shares a short page does not hold on to more than twice this.
const SHORT: usize = 4 * 1024;

/// Frames that several have part in. While it is open its bytes are with the one that adds to them,
/// and everybody who has part in it sees how far it goes.
#[derive(Clone)]
pub(crate) struct Page(Arc<Frames>);

/// Both counters are changed under the lock of whoever adds, and read under that or once sealed.
#[derive(Default)]
struct Frames {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    sealed: OnceLock<Vec<u8>>,
}

/// A place in a page, or a distance: so many whole frames, and their bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// A page that grows.
pub(crate) struct OpenPage {
    page: Page,
    bytes: Vec<u8>,
}

impl Page {
    /// A page that does not grow.
    pub(crate) fn sealed(bytes: Vec<u8>) -> Page {
        let frames = Frames::default();
        frames.sealed.get_or_init(|| without_excess(bytes));
        Page(Arc::new(frames))
    }

    /// How far it goes.
    #[inline]
    pub(crate) fn end(&self) -> Extent {
        Extent {
            messages: self.0.messages.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.0.sealed.get().is_some()
    }

    /// The frames of a page that is sealed.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.sealed.get().expect("it was sealed to be read")
    }

    /// Bytes of memory that it takes, once it is sealed.
    pub(crate) fn capacity(&self) -> usize {
        self.0.sealed.get().map_or(0, Vec::capacity)
    }

    /// The allocation, if nobody else has part in it.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        Arc::into_inner(self.0)?.sealed.into_inner()
    }
}

impl OpenPage {
    /// A page that reuses the allocation of `bytes`.
    pub(crate) fn reusing(mut bytes: Vec<u8>) -> OpenPage {
        bytes.clear();
        OpenPage {
            page: Page(Arc::default()),
            bytes,
        }
    }

    pub(crate) fn page(&self) -> &Page {
        &self.page
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a message, which `encode` puts behind the others.
    #[inline(always)]
    pub(crate) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        let frames = &self.page.0;
        let messages = frames.messages.load(Ordering::Relaxed) + 1;
        frames.messages.store(messages, Ordering::Relaxed);
        frames.bytes.store(self.bytes.len(), Ordering::Relaxed);
    }

    /// Nothing is added any more, and who has part in it may read it.
    pub(crate) fn seal(self) -> Page {
        let bytes = without_excess(self.bytes);
        self.page.0.sealed.get_or_init(|| bytes);
        self.page
    }
}

impl Extent {
    /// What lies between an earlier place and this one.
    #[inline]
    pub(crate) fn since(self, earlier: Extent) -> Extent {
        Extent {
            messages: self.messages - earlier.messages,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

/// Queues count what is in it, and it may be theirs for long.
fn without_excess(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.capacity() > 2 * bytes.len().max(SHORT) {
        bytes.shrink_to_fit();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(open: &mut OpenPage, text: &[u8]) {
        open.push(|bytes| bytes.extend_from_slice(text));
    }

    #[test]
    fn who_has_part_in_a_page_sees_how_far_it_goes() {
        let mut open = OpenPage::reusing(Vec::new());
        let part = open.page().clone();
        push(&mut open, b"one");
        let between = part.end();
        push(&mut open, b"three");
        let Extent { messages, bytes } = part.end().since(between);
        assert_eq!((messages, bytes), (1, 5));
    }

    #[test]
    fn a_sealed_page_is_read_by_all_and_its_allocation_is_the_last_ones() {
        let mut open = OpenPage::reusing(Vec::new());
        push(&mut open, b"one");
        let [first, second] = [open.page().clone(), open.page().clone()];
        assert!(!first.is_sealed());
        drop(open.seal());
        assert_eq!(first.bytes(), b"one");
        assert_eq!(first.into_bytes(), None, "the other has part in it");
        assert_eq!(second.into_bytes().as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn a_sealed_page_is_not_much_larger_than_what_is_in_it() {
        let mut open = OpenPage::reusing(Vec::with_capacity(1024 * 1024));
        push(&mut open, b"little");
        assert!(open.seal().capacity() <= 2 * SHORT);
    }
}
