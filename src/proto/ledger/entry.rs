//! Entry: a message that is on no sheet, and who had it.

use std::mem;

use crate::contents::Body;
use crate::message::Identity;
use crate::proto::link::LinkId;
use crate::proto::resends::Run;

/// A message that was accepted and not yet acknowledged, and is on no sheet.
pub(crate) struct Entry {
    pub(crate) body: Body,
    /// The link that has it now.
    pub(crate) holder: Option<LinkId>,
    /// The number of the run that says when it is due, or zero if none does.
    pub(super) run: u64,
    pub(super) past: Option<Box<Past>>,
    /// Resends to a link that lives.
    pub(crate) repeats: u32,
    /// Given to the kernel on the holder's link.
    pub(super) is_written: bool,
}

/// What few messages have.
#[derive(Default)]
pub(super) struct Past {
    /// The one identity that it is for; others are for whoever is next.
    target: Option<Identity>,
    /// Links that ended after it was written to them, and times that it was given back. So many are
    /// in the lists below at most, and each peer that is late.
    lost: u32,
    /// Who had it, the latest last.
    earlier: Vec<Identity>,
    /// Those of them that are not to have it again before a pause has passed.
    refused: Vec<Identity>,
    /// Those that were late with it, are still connected, and have not given it back.
    late: Vec<Identity>,
    /// It was given back, and neither has anybody got it since nor does it wait for a peer that is
    /// away.
    is_given_back: bool,
}

/// What a message counts beside its payload: its entry, its past and resend times, and what the
/// allocator adds. On a sheet it takes much less.
pub(super) const OVERHEAD: usize =
    2 * size_of::<Entry>() + size_of::<Past>() + 2 * size_of::<Run>() + 32;

impl Past {
    fn remember(&mut self, peer: Identity) {
        self.earlier.retain(|earlier| *earlier != peer);
        self.earlier.push(peer);
    }

    fn refuse(&mut self, peer: Identity) {
        if !self.refused.contains(&peer) {
            self.refused.push(peer);
        }
    }

    /// One delivery to `peer` came to nothing.
    fn lose(&mut self, peer: Identity) {
        self.lost += 1;
        self.late.retain(|late| *late != peer);
    }
}

impl Entry {
    pub(super) fn new(target: Option<Identity>, body: Body) -> Entry {
        let past = target.map(|_| {
            Box::new(Past {
                target,
                ..Past::default()
            })
        });
        Entry {
            body,
            holder: None,
            run: 0,
            past,
            repeats: 0,
            is_written: false,
        }
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.body.len() + OVERHEAD
    }

    /// Some copy of it was given to the kernel on the link that holds it.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written
    }

    /// The one identity that it is for, or whoever is next.
    pub(crate) fn target(&self) -> Option<Identity> {
        self.past.as_ref()?.target
    }

    /// Links that ended after it was written to them, and times that it was given back.
    pub(crate) fn lost(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.lost)
    }

    /// Who had it before its holder, last of all, or whom it is for.
    pub(crate) fn last_peer(&self) -> Option<Identity> {
        let past = self.past.as_ref()?;
        past.earlier.last().copied().or(past.target)
    }

    pub(super) fn was_at(&self, peer: Identity) -> bool {
        let past = self.past.as_ref();
        past.is_some_and(|past| past.earlier.contains(&peer))
    }

    /// Somebody had it before.
    pub(crate) fn was_sent(&self) -> bool {
        let past = self.past.as_ref();
        past.is_some_and(|past| !past.earlier.is_empty())
    }

    pub(crate) fn is_given_back(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.is_given_back)
    }

    pub(crate) fn has_refused(&self, peer: Identity) -> bool {
        let past = self.past.as_ref();
        past.is_some_and(|past| past.refused.contains(&peer))
    }

    /// The one that it is for gave it back, and is not to have it again before a pause has passed.
    pub(super) fn is_put_off(&self) -> bool {
        let target = self.target();
        target.is_some_and(|target| self.has_refused(target))
    }

    pub(super) fn is_late_at(&self, peer: Identity) -> bool {
        let past = self.past.as_ref();
        past.is_some_and(|past| past.late.contains(&peer))
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn late(&self) -> impl Iterator<Item = Identity> {
        let past = self.past.as_ref();
        past.into_iter().flat_map(|past| past.late.iter().copied())
    }

    /// A link of `peer` ended, which has it no more and may have it again.
    pub(super) fn lose(&mut self, peer: Identity) {
        let past = self.past.get_or_insert_default();
        past.lose(peer);
        past.remember(peer);
        past.refused.retain(|refused| *refused != peer);
    }

    /// Its holder gave it back, or is late with it. What is for one identity stays with that.
    pub(super) fn give_back(&mut self, peer: Identity, is_refused: bool) {
        (self.is_written, self.repeats) = (false, 0);
        let past = self.past.get_or_insert_default();
        match is_refused {
            true => past.lose(peer),
            false if past.late.contains(&peer) => {}
            false => past.late.push(peer),
        }
        past.remember(peer);
        past.refuse(peer);
        past.is_given_back = past.target.is_none();
        self.holder = self.holder.filter(|_| !past.is_given_back);
    }

    /// A peer that was late with it gave it back.
    pub(super) fn give_back_late(&mut self, peer: Identity) {
        let past = self.past.get_or_insert_default();
        past.lose(peer);
        past.refuse(peer);
    }

    /// Everybody may have it again.
    pub(super) fn forgive(&mut self) {
        if let Some(past) = &mut self.past {
            past.refused.clear();
        }
    }

    /// Says whether it was given back until now.
    pub(super) fn handle_placed(&mut self) -> bool {
        let past = self.past.as_mut();
        past.is_some_and(|past| mem::take(&mut past.is_given_back))
    }
}
