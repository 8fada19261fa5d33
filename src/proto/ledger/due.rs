//! Due: when messages of the ledger are late, and what is asked then.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::message::Identity;
use crate::proto::frame::MessageId;
use crate::proto::ledger::sheets::{SheetId, Sheets};
use crate::proto::ledger::{Entry, Ledger};
use crate::proto::resends::{Pause, Run};

impl Ledger {
    /// A message whose acknowledgement is late; it is the caller's to send again or to postpone.
    pub(crate) fn poll_due(&mut self, now: Instant) -> Option<MessageId> {
        let (sheets, entries) = (&self.sheets, &self.entries);
        let age = self
            .resends
            .poll(now, |run| next_in(sheets, entries, run))?;
        self.take_apart(SheetId::of(age));
        self.entries.get_mut(&age)?.run = 0;
        Some(self.id(age))
    }

    /// A resend goes out to the link that has the message.
    pub(crate) fn handle_repeated(&mut self, id: MessageId) {
        if let Some(entry) = self.get_mut(id) {
            entry.repeats += 1;
            entry.forgive();
        }
    }

    /// A resend was due but the link takes nothing now: ask again after the same pause.
    pub(crate) fn postpone(&mut self, now: Instant, id: MessageId) {
        let Some(age) = self.age(id) else { return };
        let Some(entry) = self.entries.get_mut(&age) else {
            return;
        };
        let pause = match entry.holder {
            Some(_) => pause(self.hands_on, entry.target(), entry.repeats),
            None => Pause::Resend(0),
        };
        entry.run = self.resends.put(now, pause, age);
        self.tidy();
    }

    /// The number of runs stays proportional to what lives, at a constant cost per message.
    pub(super) fn tidy(&mut self) {
        if self.resends.runs() > 2 * self.count + 1_024 {
            let (sheets, entries) = (&self.sheets, &self.entries);
            self.resends.tidy(|run| next_in(sheets, entries, run));
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.resends.next()
    }

    /// As `next_due`, slowly, and without those that are late no more.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn audit_due(&self) -> Option<Instant> {
        let entries = self.entries.iter().map(|(age, entry)| (*age, entry.run));
        let sheets = self.sheets.due();
        let due = entries.chain(sheets).filter(|(_, run)| *run != 0);
        let times = due.map(|(age, run)| {
            let time = self.resends.time_of(age, run);
            time.expect("its run has it")
        });
        times.min()
    }
}

/// How long to wait for the ACK of what was sent again so often. With `hands_on`, what anyone may
/// have goes to somebody else then.
pub(super) fn pause(hands_on: bool, target: Option<Identity>, repeats: u32) -> Pause {
    match hands_on && target.is_none() {
        true => Pause::Within,
        false => Pause::Resend(repeats),
    }
}

/// The first age of a run whose message is due with it. A run is of one sheet, or of none.
fn next_in(sheets: &Sheets, entries: &BTreeMap<u64, Entry>, run: &Run) -> Option<u64> {
    let ages = run.ages();
    let sheet = sheets.sheet(SheetId::of(ages.start));
    if let Some(sheet) = sheet.filter(|sheet| sheet.run == run.number()) {
        return ages.into_iter().find(|age| sheet.has(*age));
    }
    let mut entries = entries.range(ages);
    let (age, _) = entries.find(|(_, entry)| entry.run == run.number())?;
    Some(*age)
}
