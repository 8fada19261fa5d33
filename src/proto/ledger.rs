//! Ledger: at-least-once messages until they are acknowledged, and when each is sent again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::contents::Body;
use crate::message::Identity;
use crate::policy::Pauses;
use crate::proto::chunk::Chunk;
use crate::proto::frame::{self, MessageId};
use crate::proto::link::LinkId;
use crate::proto::resends::Resends;

pub(crate) use entry::Entry;
use entry::OVERHEAD;
pub(crate) use sheets::SheetId;
use sheets::{Sheet, Sheets};

mod due;
mod entry;
mod returning;
mod sheets;

/// So many sheets are taken apart in one go.
const AT_ONCE: usize = 64;

pub(crate) struct Ledger {
    nonce: u64,
    /// The age of the latest message: it counts up.
    latest: u64,
    /// Messages that are on no sheet, by age.
    entries: BTreeMap<u64, Entry>,
    sheets: Sheets,
    count: usize,
    bytes: usize,
    /// Spent messages may take so much beside what the others do.
    slack: usize,
    resends: Resends,
    /// Whether late messages for anyone go to somebody else.
    hands_on: bool,
    /// Messages that were given back, that nobody has, and that anyone may have.
    given_back: usize,
    /// Sheets that were taken apart while their chunks were on their way. It is nearly always empty.
    torn: Vec<SheetId>,
}

impl Ledger {
    /// `nonce` keeps the ids of two sockets, or of two lives of one identity, apart.
    pub(crate) fn new(
        nonce: u64,
        slack: usize,
        pauses: Pauses,
        within: Option<Duration>,
    ) -> Ledger {
        Ledger {
            nonce,
            latest: 0,
            entries: BTreeMap::new(),
            sheets: Sheets::default(),
            count: 0,
            bytes: 0,
            slack,
            hands_on: within.is_some(),
            resends: Resends::new(pauses, within),
            given_back: 0,
            torn: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes of memory that its messages take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory beside those, which were of messages that are not there any more.
    pub(crate) fn waste(&self) -> usize {
        self.sheets.waste()
    }

    /// Takes a message in.
    pub(crate) fn insert(&mut self, target: Option<Identity>, body: Body) -> MessageId {
        self.latest += 1;
        self.count += 1;
        self.bytes += body.len() + OVERHEAD;
        self.entries.insert(self.latest, Entry::new(target, body));
        self.id(self.latest)
    }

    /// The same for one that `link` gets at once. Gives the memory that it takes as well.
    pub(crate) fn assign(
        &mut self,
        link: LinkId,
        target: Option<Identity>,
        body: &[u8],
    ) -> (MessageId, usize) {
        let id = self.insert(target, body.into());
        self.handle_assigned(id, link);
        (id, body.len() + OVERHEAD)
    }

    /// Takes a message of that length in which `link` gets behind those of a sheet of its own, or
    /// that begins one. Gives the memory that it takes as well.
    #[inline(always)]
    pub(crate) fn enlist(
        &mut self,
        sheet: Option<SheetId>,
        link: LinkId,
        target: Option<Identity>,
        len: usize,
    ) -> (SheetId, MessageId, usize) {
        let added = sheet.and_then(|sheet| Some((sheet, self.sheets.add(sheet, len)?)));
        let (sheet, age) = added.unwrap_or_else(|| self.begin_sheet(link, target, len));
        let memory = len + OVERHEAD;
        self.count += 1;
        self.bytes += memory;
        (sheet, self.id(age), memory)
    }

    #[cold]
    fn begin_sheet(
        &mut self,
        link: LinkId,
        target: Option<Identity>,
        len: usize,
    ) -> (SheetId, u64) {
        let sheet = self.sheets.open(self.latest, link, target);
        self.latest = sheet.last();
        let age = self.sheets.add(sheet, len).expect("it is empty");
        (sheet, age)
    }

    /// A chunk is about to leave: the payloads of those of its messages that are on a sheet are
    /// kept with that.
    pub(crate) fn keep_page(&mut self, chunk: &mut Chunk) {
        let sheet = chunk.sheet().and_then(|id| self.sheets.sheet_mut(id));
        if let Some(sheet) = sheet {
            sheet.page.get_or_insert_with(|| chunk.share());
        }
    }

    /// An allocation to be used for a chunk.
    pub(crate) fn take_spare(&mut self) -> Option<Vec<u8>> {
        self.sheets.take_spare()
    }

    /// A message that is on no sheet.
    pub(crate) fn get(&self, id: MessageId) -> Option<&Entry> {
        self.entries.get(&self.age(id)?)
    }

    fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let age = self.age(id)?;
        self.entries.get_mut(&age)
    }

    /// Takes out a message that is on no sheet.
    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        let entry = self.entries.remove(&self.age(id)?)?;
        self.count -= 1;
        self.bytes -= entry.memory();
        self.given_back -= usize::from(entry.is_given_back());
        Some(entry)
    }

    /// The link that has a message, if it is on a sheet.
    pub(crate) fn holder_of_sheet(&self, id: MessageId) -> Option<LinkId> {
        Some(self.sheets.find(self.age(id)?)?.holder)
    }

    /// Takes out the first of these messages, which is on a sheet, and those that follow there. Says
    /// how many, and gives the memory that they took.
    pub(crate) fn settle_neighbours(&mut self, ids: &[MessageId]) -> (usize, usize) {
        let nonce = self.nonce;
        let ages = ids.iter().map_while(|id| age_of(nonce, *id));
        let (count, len) = self.sheets.take(ages);
        let memory = len + count * OVERHEAD;
        self.count -= count;
        self.bytes -= memory;
        self.limit_waste();
        (count, memory)
    }

    /// Pages that are of little use are given up before they take much more than the messages do:
    /// of the others, no more is waste than is not.
    fn limit_waste(&mut self) {
        if self.sheets.waste() > self.bytes + self.slack {
            let sparse = self.sheets.all(Sheet::is_sparse).into_iter();
            sparse.take(AT_ONCE).for_each(|id| self.take_apart(id));
        }
    }

    /// The messages of a sheet get entries of their own.
    fn take_apart(&mut self, id: SheetId) {
        let Some(page) = self.sheets.sheet(id).and_then(|it| it.page.clone()) else {
            return;
        };
        let sheet = self.sheets.remove(id).expect("it was there");
        for (id, payload) in frame::tracked(page.bytes()) {
            let Some(age) = self.age(id).filter(|age| sheet.has(*age)) else {
                continue;
            };
            let entry = Entry {
                holder: Some(sheet.holder),
                run: sheet.run,
                is_written: sheet.is_written(),
                ..Entry::new(sheet.target, payload.into())
            };
            self.entries.insert(age, entry);
        }
    }

    /// Nothing was needed for a while.
    pub(crate) fn shrink(&mut self) {
        if self.count == 0 {
            self.sheets.shrink();
            self.resends.clear();
        }
    }

    /// `id` was queued on a link.
    pub(crate) fn handle_assigned(&mut self, id: MessageId, link: LinkId) {
        self.handle_placed(id);
        if let Some(entry) = self.get_mut(id) {
            entry.holder = Some(link);
        }
    }

    /// The messages of a chunk were given to the kernel: from now on their acknowledgements are
    /// awaited.
    pub(crate) fn handle_chunk(&mut self, now: Instant, link: LinkId, chunk: &Chunk) {
        let listed = chunk.sheet().filter(|_| !self.forget_torn(chunk));
        if let Some(sheet) = listed.and_then(|id| self.sheets.sheet(id)) {
            let (id, first, count) = (sheet.id(), sheet.first(), sheet.count());
            let pause = due::pause(self.hands_on, sheet.target, 0);
            let run = self.resends.put_many(now, pause, first, count);
            self.sheets.handle_written(id, run);
            self.limit_waste();
            self.tidy();
        }
        let nonce = self.nonce;
        let is_other = |id: &MessageId| age_of(nonce, *id).map(SheetId::of) != listed;
        let count = listed.map_or(chunk.messages(), |_| chunk.unlisted());
        for id in chunk.ids().filter(is_other).take(count) {
            self.handle_written(now, link, id);
        }
    }

    /// The same for a message that is on no sheet.
    pub(crate) fn handle_written(&mut self, now: Instant, link: LinkId, id: MessageId) {
        // A copy may leave with a link that has given the message back meanwhile.
        let awaits = |it: &&mut Entry| it.holder == Some(link) && !it.is_put_off();
        if let Some(entry) = self.get_mut(id).filter(awaits) {
            entry.is_written = true;
            self.postpone(now, id);
        }
    }

    /// An ACK from `peer` of a message that is on no sheet: takes it out, unless that peer neither
    /// has it nor had it.
    pub(crate) fn handle_ack(
        &mut self,
        id: MessageId,
        peer: Identity,
        has_it: bool,
    ) -> Option<Entry> {
        let knows_it = has_it || self.get(id)?.was_at(peer);
        knows_it.then(|| self.remove(id)).flatten()
    }

    /// A link ends, and these are the chunks that never left: each of its messages gets an entry
    /// of its own.
    pub(crate) fn dissolve<'a>(
        &mut self,
        link: LinkId,
        chunks: impl Iterator<Item = &'a mut Chunk>,
    ) {
        chunks.for_each(|chunk| {
            self.forget_torn(chunk);
            self.keep_page(chunk);
        });
        let sheets = self.sheets.all(|sheet| sheet.holder == link);
        sheets.into_iter().for_each(|id| self.take_apart(id));
    }

    /// A link to `peer` ended, and was dissolved: the messages it held, oldest first, now held by
    /// nobody.
    pub(crate) fn release(&mut self, link: LinkId, peer: Identity) -> Vec<MessageId> {
        let mut held: Vec<u64> = Vec::new();
        for (age, entry) in &mut self.entries {
            if entry.holder.take_if(|holder| *holder == link).is_none() {
                continue;
            }
            held.push(*age);
            if entry.is_written {
                entry.lose(peer);
            }
            entry.forgive();
            (entry.is_written, entry.run, entry.repeats) = (false, 0, 0);
        }
        held.into_iter().map(|age| self.id(age)).collect()
    }

    /// Everything that was never acknowledged, each link's oldest first; all links were dissolved,
    /// and the ledger is empty then.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry> + use<> {
        (self.count, self.given_back) = (0, 0);
        self.resends.clear();
        self.bytes = 0;
        std::mem::take(&mut self.entries).into_values()
    }

    /// Never the same twice, and neighbours in sequence: found without a search, and remembered
    /// by a peer together.
    fn id(&self, age: u64) -> MessageId {
        let id = u128::from(self.nonce) << 64 | u128::from(age);
        MessageId(id.to_be_bytes())
    }

    /// The age of the message that has this id, if it is one of ours.
    fn age(&self, id: MessageId) -> Option<u64> {
        age_of(self.nonce, id)
    }
}

fn age_of(nonce: u64, id: MessageId) -> Option<u64> {
    let id = u128::from_be_bytes(id.0);
    ((id >> 64) as u64 == nonce).then_some(id as u64)
}

#[cfg(test)]
mod tests;
