//! Following: an outbox's part of a page that others have part in, too.

use crate::page::{Extent, Page};
use crate::proto::chunk::Chunk;
use crate::proto::outbox::Outbox;
use crate::proto::whose::Whose;

/// A shorter part of a page is copied when something else comes behind it: chunks as small as that
/// cost more than they save.
const WORTH_SHARING: usize = 4 * 1024;

/// From where on an outbox gets what is added to a page.
pub(super) struct Follow {
    page: Page,
    from: Extent,
    whose: Whose,
}

impl Follow {
    fn extent(&self) -> Extent {
        self.page.end().since(self.from)
    }

    fn is_open(&self) -> bool {
        !self.page.is_sealed()
    }

    /// Its part is not copied: it is long, and most of the page. What few have part in, and little,
    /// must not keep much.
    fn keeps_page(&self) -> bool {
        let bytes = self.extent().bytes;
        bytes >= WORTH_SHARING && 2 * bytes >= self.page.end().bytes
    }
}

impl Outbox {
    /// Gets what is added to this page from now on.
    pub(crate) fn follow(&mut self, page: &Page, whose: Whose) {
        self.part(&[]);
        let from = page.end();
        let page = page.clone();
        self.follows = Some(Follow { page, from, whose });
    }

    /// How much of the page that it follows is for it.
    #[inline]
    pub(super) fn shared(&self) -> Extent {
        let follows = self.follows.as_ref();
        follows.map_or(Extent::default(), Follow::extent)
    }

    pub(crate) fn follows_open(&self) -> bool {
        self.follows.as_ref().is_some_and(Follow::is_open)
    }

    /// The page that it follows is open, and has to be sealed before it parts with that.
    pub(crate) fn parts_with_page(&self) -> bool {
        let open = self.follows.as_ref().filter(|it| it.is_open());
        open.is_some_and(Follow::keeps_page)
    }

    /// What is written next is on a page that is open.
    pub(crate) fn needs_seal(&self) -> bool {
        self.follows_open() && self.chunks.is_empty() && self.control.is_empty()
    }

    /// What is written next is of a page, or has one behind it: nothing is added to it.
    pub(crate) fn is_fixed(&self) -> bool {
        match (self.chunks.front(), &self.follows) {
            (None, Some(follow)) => !follow.is_open(),
            (Some(chunk), None) => chunk.is_shared(),
            (front, _) => front.is_some(),
        }
    }

    /// Gets nothing more of the page that it follows, whose bytes these are if it is open: something
    /// else may come behind.
    pub(crate) fn part(&mut self, open: &[u8]) {
        let follow = self.follows.take();
        let Some(follow) = follow.filter(|it| it.extent().messages > 0) else {
            return;
        };
        if follow.keeps_page() {
            return self.enclose(follow);
        }
        let frames = match follow.is_open() {
            true => open,
            false => follow.page.bytes(),
        };
        let Extent { messages, bytes } = follow.extent();
        let start = follow.from.bytes;
        let frames = &frames[start..start + bytes];
        let chunk = self.open_chunk();
        chunk.reserve(bytes);
        chunk.push_encoded(frames, messages, follow.whose);
        self.count_shared(messages, bytes);
    }

    /// What it has followed becomes a chunk.
    pub(super) fn enclose(&mut self, follow: Follow) {
        let Extent { messages, bytes } = follow.extent();
        let Follow { page, from, whose } = follow;
        let to = page.end();
        self.chunks.push_back(Chunk::shared(page, from, to, whose));
        self.count_shared(messages, bytes);
    }

    fn count_shared(&mut self, messages: usize, bytes: usize) {
        self.messages += messages;
        self.untracked += messages;
        self.bytes += bytes;
    }
}
