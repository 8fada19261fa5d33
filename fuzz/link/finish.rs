//! Finish: a time in which everyone is well, then a close, then the account.

use std::time::{Duration, Instant};

use crate::event::DownReason;
use crate::proto::hub::CloseStep;
use crate::proto::link::LinkId;
use crate::reader::Reader;
use crate::step::{Hook, Write};
use crate::word::{self, Word};
use crate::world::{ALL, End, ME, World};

/// Seconds after which nothing waits any more: longer than messages for the absent live.
const PATIENCE: u32 = 100;

/// How long a close may take beyond its linger, without its last threads.
const GRACE: Duration = Duration::from_millis(600);

/// How far a close is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Close {
    NotYet,
    /// It is over by then.
    Begun {
        by: Instant,
    },
    Over,
}

impl Close {
    pub(crate) fn has_begun(self) -> bool {
        self != Close::NotYet
    }
}

impl World {
    pub(crate) fn finish(mut self) {
        if !self.settings.is_sudden && !self.close.has_begun() {
            self.calm_down();
        }
        self.begin_close(Duration::from_secs(2));
        self.settle();
        while self.close != Close::Over {
            let until = self.sleepers.closer.unwrap_or(self.now);
            self.pass(until.saturating_duration_since(self.now));
            self.close();
            self.settle();
        }
        self.let_go();
        assert!(!self.hub.has_links(), "every link is gone");
        let remains = self.hub.drain();
        for one in remains.unacknowledged.iter().chain(&remains.unsent) {
            self.application.handle_handed_back(&one.body);
        }
        self.settle();
        assert!(self.hub.is_flushed());
        self.application.check_end(&self.hub.stats());
    }

    pub(crate) fn begin_close(&mut self, linger: Duration) {
        if !self.close.has_begun() {
            let until = self.now + linger;
            self.hub.begin_close(until);
            self.close = Close::Begun { by: until + GRACE };
            self.close();
        }
    }

    /// The closing thread goes on until it waits.
    pub(crate) fn close(&mut self) {
        let Close::Begun { by } = self.close else {
            return;
        };
        self.sleepers.closer = None;
        loop {
            match self.hub.poll_close(self.now) {
                CloseStep::StopListening => {}
                CloseStep::Wait { until } => {
                    assert!(until <= by.max(self.now + GRACE), "too long a close");
                    self.sleepers.closer = Some(until);
                    return;
                }
                CloseStep::Over => {
                    self.close = Close::Over;
                    return;
                }
            }
        }
    }

    fn links(&self) -> Vec<LinkId> {
        self.ends.keys().copied().collect()
    }

    /// Every thread sees that its stream was shut down.
    fn let_go(&mut self) {
        for link in self.links() {
            self.bring_back(link, Write::Break(0));
            self.settle();
            let reader = self.ends.get(&link).map(|end| &end.reader);
            if reader.is_some_and(|reader| !matches!(reader, Reader::Gone)) {
                self.go(link, DownReason::Closed);
            }
        }
    }

    /// Everyone comes, stays, and acknowledges, until nothing waits; only those write who were
    /// told to.
    fn calm_down(&mut self) {
        for _ in 0..PATIENCE {
            self.gather();
            let mut waited = u64::MAX;
            while self.hub.stats().waiting < waited {
                waited = self.hub.stats().waiting;
                self.go_round();
            }
            if self.hub.stats().waiting == 0 && self.sleepers.blocked.is_none() {
                return;
            }
            self.pass(Duration::from_secs(1));
        }
        panic!("something waits for ever: {:?}", self.hub.stats());
    }

    /// Everyone does what there is to do now.
    fn go_round(&mut self) {
        for link in self.links() {
            self.unpark(link);
            self.bring_back(link, Write::Take(ALL));
            self.answer(link);
            self.settle();
        }
        self.write_all();
        while let Some((peer, id)) = self.application.take(0) {
            self.hub.handle_taken(&[(peer, id)]);
        }
        self.write_all();
        self.retry_all();
        self.write_all();
    }

    /// Who is not connected dials us.
    fn gather(&mut self) {
        for n in 0..ME {
            let is_here = |end: &End| end.peer == Some(word::who(n));
            if !self.ends.values().any(is_here) {
                self.accept(0, Some(n));
                self.settle();
            }
        }
    }

    /// A far end that is well: it ends what cannot go on, and acknowledges everything.
    fn answer(&mut self, link: LinkId) {
        let Some(end) = self.ends.get_mut(&link) else {
            return;
        };
        let acks = end.far.got.len();
        let is_stuck = end.peer.is_none() || end.far.is_garbled;
        if is_stuck || end.is_half_shut {
            end.hung_up.get_or_insert(DownReason::Closed);
        }
        let mut words = vec![Word::Heartbeat];
        words.resize(
            1 + acks,
            Word::Ack {
                back: 0,
                keep: false,
            },
        );
        self.say(link, &words);
        self.read(link, ALL, Hook::SILENT);
    }

    fn write_all(&mut self) {
        loop {
            self.settle();
            if self.keep(Write::Take(ALL)) {
                continue;
            }
            let drained = self.ends.iter().find(|(_, end)| end.is_drained);
            match drained.map(|(link, _)| *link) {
                Some(link) => self.drain(link, Write::Take(ALL)),
                None => return,
            }
        }
    }

    /// Those who were woken try again.
    fn retry_all(&mut self) {
        while self.sleepers.blocked.as_ref().is_some_and(|it| it.is_woken) {
            self.retry();
            self.settle();
            if self.sleepers.blocked.is_some() {
                return;
            }
        }
    }
}
