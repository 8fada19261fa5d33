//! Departed: who is away, since when, and what is still kept for them.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::message::Identity;

/// What is kept for a peer that is away, beside the ids of messages that are in hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keeps {
    Nothing,
    Ids,
    Messages,
    Both,
}

/// Where a peer is filed: what is kept for it, and since when it is away.
pub(crate) type Filed = (Keeps, Instant);

/// In order of time, so that a departure costs no look at all who left before.
#[derive(Default)]
pub(crate) struct Departed {
    sets: [BTreeSet<(Instant, Identity)>; 4],
}

impl Departed {
    pub(crate) fn file(&mut self, identity: Identity, was: Option<Filed>, is: Option<Filed>) {
        if let Some((keeps, since)) = was {
            self.sets[keeps as usize].remove(&(since, identity));
        }
        if let Some((keeps, since)) = is {
            self.sets[keeps as usize].insert((since, identity));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.sets.iter().map(BTreeSet::len).sum()
    }

    /// Who is forgotten first: of those for whom no message waits the one that is away longest,
    /// and then of the others.
    pub(crate) fn first_to_forget(&self) -> Option<Identity> {
        let stranger = self.oldest(&[Keeps::Nothing, Keeps::Ids]);
        stranger.or_else(|| self.oldest(&[Keeps::Messages, Keeps::Both]))
    }

    /// Whose ids of messages that are done are forgotten first.
    pub(crate) fn oldest_ids(&self) -> Option<Identity> {
        self.oldest(&[Keeps::Ids, Keeps::Both])
    }

    fn oldest(&self, kinds: &[Keeps]) -> Option<Identity> {
        let firsts = kinds
            .iter()
            .filter_map(|it| self.sets[*it as usize].first());
        firsts.min().map(|(_, identity)| *identity)
    }
}
