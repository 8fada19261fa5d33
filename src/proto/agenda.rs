//! Agenda: when links have to be looked at next, so that those which are not due cost nothing.

use std::time::Instant;

use crate::proto::link::LinkId;

/// By slot, and nothing else beside it: of thousands of idle links there is little to go through.
#[derive(Default)]
pub(crate) struct Agenda {
    times: Vec<Option<(Instant, LinkId)>>,
}

impl Agenda {
    /// `id` is looked at then, whatever was said of it before.
    pub(crate) fn put(&mut self, id: LinkId, at: Instant) {
        if self.times.len() <= id.slot() {
            self.times.resize(id.slot() + 1, None);
        }
        self.times[id.slot()] = Some((at, id));
    }

    /// `id` is looked at then at the latest.
    pub(crate) fn hasten(&mut self, id: LinkId, at: Instant) {
        if self.time_of(id).is_none_or(|planned| at < planned) {
            self.put(id, at);
        }
    }

    pub(crate) fn time_of(&self, id: LinkId) -> Option<Instant> {
        let (at, owner) = self.times.get(id.slot()).copied().flatten()?;
        (owner == id).then_some(at)
    }

    /// Those that are due by then; they have no time any more.
    pub(crate) fn take_due(&mut self, by: Instant) -> Vec<LinkId> {
        let due = |time: &mut Option<(Instant, LinkId)>| time.take_if(|(at, _)| *at <= by);
        let taken = self.times.iter_mut().filter_map(due);
        taken.map(|(_, id)| id).collect()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.times.iter().flatten().map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_due_once_at_its_earliest_time() {
        let start = <Instant>::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (one, other) = (LinkId::new(0, 1), LinkId::new(3, 1));
        let mut agenda = Agenda::default();
        agenda.put(other, at(5));
        agenda.hasten(other, at(7));
        agenda.hasten(one, at(9));
        agenda.hasten(one, at(8));
        assert_eq!(agenda.next(), Some(at(5)));
        assert_eq!(agenda.take_due(at(4)), []);
        assert_eq!(agenda.take_due(at(5)), [other]);
        agenda.put(other, at(20));
        assert_eq!(agenda.next(), Some(at(8)));
        assert_eq!(agenda.take_due(at(20)), [one, other]);
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn who_gets_a_slot_owes_nothing_to_who_had_it() {
        let now = <Instant>::now();
        let later = now + Duration::from_secs(1);
        let (old, new) = (LinkId::new(0, 1), LinkId::new(0, 2));
        let mut agenda = Agenda::default();
        agenda.put(old, now);
        agenda.hasten(new, later);
        assert_eq!(
            (agenda.time_of(old), agenda.time_of(new)),
            (None, Some(later))
        );
        assert_eq!(agenda.take_due(now), []);
    }
}
