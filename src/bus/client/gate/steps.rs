//! Steps: what the gate wants done next, and what became of it.

use std::time::{Duration, Instant};

use crate::bus::client::gate::{Gate, InHand, Owed, Phase, Said, Session, Step, Want};
use crate::bus::end::{Link, Role};
use crate::bus::event::Event;
use crate::bus::words::{Id, Serve, Text, Word};

/// Who answers nothing for so long is no broker, or a broken one.
pub(super) const SILENT: Duration = Duration::from_secs(5);

impl Gate {
    /// What is to be done next. Each `Say` is followed by [`handle_said`](Gate::handle_said).
    pub(crate) fn poll_step(&mut self, now: Instant) -> Step {
        debug_assert!(self.in_hand.is_none(), "one thing is said after the other");
        if let Some(step) = self.say_owed(now) {
            return step;
        }
        if let (Some(link), Some(post)) = (self.table(), self.outbox.front()) {
            self.in_hand = Some(InHand::Post(link, 0));
            return Step::Say(link, post.clone());
        }
        self.look_at_time(now)
    }

    fn say_owed(&mut self, now: Instant) -> Option<Step> {
        let mut sessions = self.sessions.iter_mut();
        let (link, session) =
            sessions.find(|(_, it)| it.phase != Phase::Deaf && !it.owed.is_empty())?;
        let (link, owed) = (*link, session.owed.pop_front()?);
        let id = match &owed {
            Owed::Hello => Some(self.hello),
            Owed::Want(id) => Some(*id),
            Owed::Unwant(..) => None,
        };
        let is_opening = session.phase == Phase::Opening;
        session.unanswered.extend(id.filter(|_| is_opening));
        session.since = now;
        let word = self.write(&owed);
        self.in_hand = Some(InHand::Owed(link, owed));
        Some(Step::Say(link, word))
    }

    fn write(&self, owed: &Owed) -> Vec<u8> {
        let word = match owed {
            Owed::Hello => Word::Hello {
                id: self.hello,
                name: Text::plain(self.name.as_deref().unwrap_or_default()),
            },
            Owed::Want(id) => {
                let want = self.wants.get(id).expect("what is owed is wanted");
                want.word(*id)
            }
            Owed::Unwant(id, Want::Topics(_)) => Word::Unsub { id: *id },
            Owed::Unwant(id, Want::Calls(_) | Want::AllCalls(_)) => Word::Unserve { id: *id },
        };
        word.to_bytes()
    }

    /// Who is silent is left, and names that are held are asked for again.
    fn look_at_time(&mut self, now: Instant) -> Step {
        let due = |session: &Session| match (session.phase, session.again) {
            (Phase::Opening, _) => Some(session.since + SILENT),
            (Phase::Open, Some((again, _))) => Some(again),
            _ => None,
        };
        let sessions = self.sessions.iter_mut();
        let next = sessions.filter_map(|(link, it)| Some((due(it)?, *link, it)));
        let Some((at, link, session)) = next.min_by_key(|(at, ..)| *at) else {
            return Step::Rest;
        };
        if at > now {
            return Step::Wait(at);
        }
        if session.phase == Phase::Open {
            session.again = session.again.map(|(_, until)| (now + SILENT, until));
            session.owed.push_back(Owed::Hello);
            return self.say_owed(now).unwrap_or(Step::Rest);
        }
        session.phase = Phase::Deaf;
        let (what, why) = ("introduction".to_owned(), format!("{link} does not answer"));
        self.news.push_back(Event::Refused { what, why });
        match session.role {
            Role::Table => Step::HangUp(link),
            Role::Peer => Step::Ignore(link),
        }
    }

    /// What became of what was to be said.
    pub(crate) fn handle_said(&mut self, said: Said) {
        match self.in_hand.take() {
            Some(InHand::Owed(link, owed)) if said == Said::Later => {
                let is_wanted = match &owed {
                    Owed::Want(id) => self.wants.contains_key(id),
                    _ => true,
                };
                let session = self.sessions.get_mut(&link).filter(|_| is_wanted);
                session
                    .into_iter()
                    .for_each(|it| it.owed.push_front(owed.clone()));
            }
            Some(InHand::Post(_, place)) if said == Said::Yes => {
                let post = self.outbox.remove(place);
                self.bytes -= post.map_or(0, |post| post.len());
            }
            Some(InHand::Owed(link, _) | InHand::Post(link, _)) if said == Said::Gone => {
                self.handle_gone(link);
            }
            _ => {}
        }
        self.open_all();
    }

    /// A session has ended, and its end will be told.
    pub(crate) fn handle_gone(&mut self, link: Link) {
        if let Some(session) = self.sessions.get_mut(&link) {
            session.phase = Phase::Deaf;
        }
    }
}

impl Want {
    fn word(&self, id: Id) -> Word<'_> {
        match self {
            Want::Topics(pattern) => Word::Sub {
                id,
                pattern: Text::plain(pattern),
            },
            Want::Calls(name) | Want::AllCalls(name) => Word::Serve(Serve {
                id,
                name: Text::plain(name),
                only: matches!(self, Want::AllCalls(_)),
                credit: None,
            }),
        }
    }
}
