//! Router: which links take part, and whose turn it is.

use std::collections::VecDeque;

use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;
use crate::proto::peer::Waiting;

#[derive(Default)]
pub(crate) struct Router {
    roster: Vec<LinkId>,
    next: usize,
    /// Messages for whoever comes.
    pub(crate) waiting: Waiting,
    /// Messages that peers gave back, for others; those that are acknowledged are passed over.
    pub(crate) given_back: VecDeque<MessageId>,
    /// The first of them, if no link could take it when it was last looked at, and none can since.
    pub(crate) stuck: Option<MessageId>,
}

impl Router {
    pub(crate) fn roster(&self) -> &[LinkId] {
        &self.roster
    }

    /// There is something for whoever has room.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.given_back.is_empty()
    }

    pub(crate) fn add(&mut self, link: LinkId) {
        self.stuck = None;
        self.roster.push(link);
    }

    /// Takes a link out; whose turn it is among the others does not change.
    pub(crate) fn remove(&mut self, link: LinkId) {
        let Some(index) = self.roster.iter().position(|other| *other == link) else {
            return;
        };
        self.roster.remove(index);
        if index < self.next {
            self.next -= 1;
        }
    }

    /// Whose turn it is.
    #[inline]
    pub(crate) fn upcoming(&self) -> Option<LinkId> {
        self.roster.get(self.next).copied()
    }

    /// That link has had its turn.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.next += 1;
        if self.next == self.roster.len() {
            self.next = 0;
        }
    }

    /// The next link in turn that has room; the turn passes on behind it.
    pub(crate) fn pick(&mut self, mut has_room: impl FnMut(LinkId) -> bool) -> Option<LinkId> {
        let count = self.roster.len();
        for step in 0..count {
            let mut index = self.next + step;
            if index >= count {
                index -= count;
            }
            if has_room(self.roster[index]) {
                self.next = if index + 1 == count { 0 } else { index + 1 };
                return Some(self.roster[index]);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(links: u32) -> Router {
        let mut router = Router::default();
        (0..links).for_each(|slot| router.add(LinkId::new(slot, 1)));
        router
    }

    fn turns(router: &mut Router, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| router.pick(|_| true).unwrap().slot())
            .collect()
    }

    #[test]
    fn each_link_has_its_turn() {
        assert_eq!(turns(&mut router(3), 7), [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn a_link_without_room_is_passed_over() {
        let mut router = router(3);
        assert_eq!(router.pick(|link| link.slot() != 0).unwrap().slot(), 1);
        assert_eq!(router.pick(|_| true).unwrap().slot(), 2);
        assert!(router.pick(|_| false).is_none());
    }

    #[test]
    fn removing_a_link_leaves_the_turn_of_the_others() {
        let mut router = router(4);
        turns(&mut router, 2);
        router.remove(LinkId::new(0, 1));
        assert_eq!(turns(&mut router, 3), [2, 3, 1]);
        router.remove(LinkId::new(3, 1));
        assert_eq!(turns(&mut router, 2), [2, 1]);
    }
}
