//! Sheets: tracked messages that one link got one after the other, until all are acknowledged.
//!
//! Nearly every message is on one. It takes two bytes there; its payload is where it was encoded to,
//! in the chunk that it left with, which the sheet keeps a part in.

use crate::message::Identity;
use crate::page::Page;
use crate::proto::chunk::KEEP;
use crate::proto::frame::DATA_REQ_HEADER;
use crate::proto::link::LinkId;

/// The ages of one sheet differ in so many last bits only. A chunk has fewer messages than that.
const BITS: u32 = 12;

/// The slots of a table that holds anything at all.
const FEWEST_SLOTS: usize = 16;

/// Stands for the length of a message that is not on the sheet any more.
const GONE: u16 = u16::MAX;

/// Spent allocations that are held for the next chunks.
const MAX_SPARE: usize = 16;

/// Names a sheet: the ages of its messages without their last bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SheetId(u64);

pub(super) struct Sheet {
    id: SheetId,
    /// The link that has its messages.
    pub(super) holder: LinkId,
    /// The one identity that they are for; others are for whoever is next.
    pub(super) target: Option<Identity>,
    /// The length of each payload.
    lens: Vec<u16>,
    left: usize,
    /// Bytes of the frames that are left.
    live: usize,
    /// Given to the kernel, so that nobody else needs its page.
    is_written: bool,
    /// The number of the run that says when they are due, or zero if none does.
    pub(super) run: u64,
    /// What its messages were encoded to, since they began to leave.
    pub(super) page: Option<Page>,
}

#[derive(Default)]
pub(super) struct Sheets {
    /// A power of two of slots, at most three quarters taken; the last bits of its name say which
    /// one is a sheet's.
    slots: Vec<Option<Sheet>>,
    count: usize,
    /// What the pages of all sheets take beside what is left.
    waste: usize,
    spares: Vec<Vec<u8>>,
}

impl SheetId {
    pub(super) fn of(age: u64) -> SheetId {
        SheetId(age >> BITS)
    }

    pub(super) fn first(self) -> u64 {
        self.0 << BITS
    }

    /// The last age that may be on it.
    pub(super) fn last(self) -> u64 {
        self.first() | ((1 << BITS) - 1)
    }
}

impl Sheet {
    /// The length of the message of that age, if it is on this sheet.
    fn len_of(&self, age: u64) -> Option<usize> {
        let index = usize::try_from(age.checked_sub(self.first())?).ok()?;
        let len = self.lens.get(index).filter(|len| **len != GONE)?;
        Some(usize::from(*len))
    }

    pub(super) fn is_written(&self) -> bool {
        self.is_written
    }

    pub(super) fn has(&self, age: u64) -> bool {
        SheetId::of(age) == self.id && self.len_of(age).is_some()
    }

    pub(super) fn id(&self) -> SheetId {
        self.id
    }

    /// The age of its first message.
    pub(super) fn first(&self) -> u64 {
        self.id.first()
    }

    /// Messages that it had.
    pub(super) fn count(&self) -> u64 {
        self.lens.len() as u64
    }

    /// Bytes that its page takes beside what is left.
    fn waste(&self) -> usize {
        let page = self.page.as_ref().filter(|_| self.is_written);
        page.map_or(0, |page| page.capacity().saturating_sub(self.live))
    }

    /// More of its page is of no use than is.
    pub(super) fn is_sparse(&self) -> bool {
        self.is_written && self.waste() > self.live
    }
}

impl Sheets {
    /// A sheet whose ages are all above `age`.
    pub(super) fn open(&mut self, age: u64, holder: LinkId, target: Option<Identity>) -> SheetId {
        if self.count * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let mut id = SheetId::of(age);
        loop {
            id.0 += 1;
            let slot = slot_of(&self.slots, id);
            let slot = &mut self.slots[slot];
            if slot.is_some() {
                continue;
            }
            *slot = Some(Sheet {
                id,
                holder,
                target,
                lens: Vec::new(),
                left: 0,
                live: 0,
                is_written: false,
                run: 0,
                page: None,
            });
            self.count += 1;
            return id;
        }
    }

    /// Adds a message of that length; gives its age.
    #[inline(always)]
    pub(super) fn add(&mut self, id: SheetId, len: usize) -> Option<u64> {
        let sheet = self.sheet_mut(id)?;
        let age = id.first() + sheet.count();
        debug_assert!(age <= id.last() && len < usize::from(GONE));
        sheet.lens.push(len as u16);
        sheet.left += 1;
        sheet.live += DATA_REQ_HEADER + len;
        Some(age)
    }

    pub(super) fn sheet(&self, id: SheetId) -> Option<&Sheet> {
        let sheet = self.slots.get(slot_of(&self.slots, id))?.as_ref();
        sheet.filter(|sheet| sheet.id == id)
    }

    pub(super) fn sheet_mut(&mut self, id: SheetId) -> Option<&mut Sheet> {
        let slot = slot_of(&self.slots, id);
        let sheet = self.slots.get_mut(slot)?.as_mut();
        sheet.filter(|sheet| sheet.id == id)
    }

    /// The sheet that the message of that age is on.
    pub(super) fn find(&self, age: u64) -> Option<&Sheet> {
        let sheet = self.sheet(SheetId::of(age));
        sheet.filter(|sheet| sheet.len_of(age).is_some())
    }

    /// It was given to the kernel, and its messages are due with that run.
    pub(super) fn handle_written(&mut self, id: SheetId, run: u64) {
        if let Some(sheet) = self.sheet_mut(id) {
            sheet.is_written = true;
            sheet.run = run;
            let waste = sheet.waste();
            self.waste += waste;
        }
    }

    /// Takes messages off a sheet, as many of these as are on the same one. Gives their number, and
    /// the lengths of their payloads together.
    pub(super) fn take(&mut self, mut ages: impl Iterator<Item = u64>) -> (usize, usize) {
        let first = ages.next();
        let id = first.map(SheetId::of);
        let sheet = id.and_then(|id| self.sheet_mut(id));
        let (Some(first), Some(sheet)) = (first, sheet) else {
            return (0, 0);
        };
        let (mut count, mut bytes) = (0, 0);
        let before = sheet.waste();
        for age in std::iter::once(first).chain(ages) {
            let Some(len) = sheet.len_of(age) else { break };
            sheet.lens[(age - sheet.id.first()) as usize] = GONE;
            count += 1;
            bytes += len;
        }
        sheet.left -= count;
        sheet.live -= bytes + count * DATA_REQ_HEADER;
        let (id, is_done, waste) = (sheet.id, sheet.left == 0, sheet.waste());
        self.waste += waste - before;
        if is_done {
            self.remove(id);
        }
        (count, bytes)
    }

    /// Takes a sheet out, with what is on it.
    pub(super) fn remove(&mut self, id: SheetId) -> Option<Sheet> {
        let slot = slot_of(&self.slots, id);
        let slot = self.slots.get_mut(slot)?;
        let mut sheet = slot.take_if(|sheet| sheet.id == id)?;
        self.count -= 1;
        self.waste -= sheet.waste();
        if sheet.left == 0 && self.spares.len() < MAX_SPARE {
            let spent = sheet.page.take().and_then(Page::into_bytes);
            self.spares.extend(spent.filter(|it| it.capacity() <= KEEP));
        }
        Some(sheet)
    }

    /// The sheets that `holds` is true of.
    pub(super) fn all(&self, holds: impl Fn(&Sheet) -> bool) -> Vec<SheetId> {
        let sheets = self.slots.iter().flatten();
        sheets.filter(|it| holds(it)).map(|it| it.id).collect()
    }

    /// Bytes of memory that pages take beside what is left of them.
    pub(super) fn waste(&self) -> usize {
        self.waste
    }

    /// An allocation to be used again.
    pub(super) fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.spares.pop()
    }

    /// No sheet is left, and nothing was needed for a while.
    pub(super) fn shrink(&mut self) {
        self.spares = Vec::new();
        self.slots = Vec::new();
    }

    /// The ages on all sheets, each with the run that it is due with.
    #[cfg(any(test, fuzzing))]
    pub(super) fn due(&self) -> impl Iterator<Item = (u64, u64)> {
        let sheets = self.slots.iter().flatten();
        sheets.flat_map(|sheet| {
            let ages = sheet.first()..sheet.first() + sheet.count();
            ages.filter(|age| sheet.has(*age))
                .map(|age| (age, sheet.run))
        })
    }

    fn grow(&mut self) {
        let count = FEWEST_SLOTS.max(2 * self.slots.len());
        let mut larger = Vec::new();
        larger.resize_with(count, || None);
        let former = std::mem::replace(&mut self.slots, larger);
        for sheet in former.into_iter().flatten() {
            let slot = slot_of(&self.slots, sheet.id);
            self.slots[slot] = Some(sheet);
        }
    }
}

/// The slot of a sheet. There may be none at all.
fn slot_of(slots: &[Option<Sheet>], id: SheetId) -> usize {
    id.0 as usize & slots.len().wrapping_sub(1)
}
