//! Entry: a message that is on no sheet, and who had it.

use crate::message::{Body, Identity};
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
    /// Links that ended after it was written to them.
    lost: u32,
    /// Whose they were.
    earlier: Vec<Identity>,
}

/// What a message counts beside its payload: its entry, its past and resend times, and what the
/// allocator adds. On a sheet it takes much less.
pub(super) const OVERHEAD: usize =
    2 * size_of::<Entry>() + size_of::<Past>() + 2 * size_of::<Run>() + 32;

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

    /// Links that ended after it was written to them.
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

    /// Its link ended.
    pub(super) fn lose(&mut self, peer: Identity) {
        let past = self.past.get_or_insert_default();
        past.lost += 1;
        past.earlier.retain(|earlier| *earlier != peer);
        past.earlier.push(peer);
    }
}
