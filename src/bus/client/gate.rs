//! Gate: what is said in which session, and when: first who we are and what we want, then the rest.
//!
//! It is told what happened and says what is to be done; it has no thread, clock or lock.

mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::Limit;
use crate::bus::end::{Link, Role};
use crate::bus::event::Event;
use crate::bus::words::{Error, Id};

/// A name that was ours may be held for so long by our former session, until its silence is noticed:
/// a little more than the usual heartbeat timeout.
const NAME_HELD: Duration = Duration::from_secs(16);

/// How often it is asked for meanwhile.
const NAME_AGAIN: Duration = Duration::from_millis(250);

/// What we want of every session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// What is published of this pattern.
    Topics(String),
    /// The calls of this name.
    Calls(String),
    /// The calls of this name, all of them.
    AllCalls(String),
}

/// What the gate wants done.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Say this in that session, and tell what became of it.
    Say(Link, Vec<u8>),
    /// Nobody answers there: end it.
    HangUp(Link),
    /// Nobody answers there: wait for it no longer.
    Ignore(Link),
    /// Nothing before then, unless something happens.
    Wait(Instant),
    /// Nothing.
    Rest,
}

/// What became of a word that was to be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    Yes,
    /// There was no room.
    Later,
    /// The session has ended.
    Gone,
}

pub(crate) struct Gate {
    /// The id of our introduction, the same each time.
    hello: Id,
    name: Option<String>,
    /// The name was ours in some session.
    was_ours: bool,
    wants: BTreeMap<Id, Want>,
    sessions: BTreeMap<Link, Session>,
    /// Those that lead to a table; what is published goes to the last.
    tables: Vec<Link>,
    /// Posts that nobody was there for.
    outbox: VecDeque<Vec<u8>>,
    bytes: usize,
    limit: Limit,
    /// What is being said just now.
    in_hand: Option<InHand>,
    news: VecDeque<Event>,
}

enum InHand {
    Owed(Link, Owed),
    /// The post at this place of the outbox.
    Post(Link, usize),
}

struct Session {
    role: Role,
    phase: Phase,
    /// What is to be said before all else, in order.
    owed: VecDeque<Owed>,
    /// What was said and not answered, while it opens.
    unanswered: BTreeSet<Id>,
    /// Since when nothing has moved.
    since: Instant,
    introduction: Introduction,
    /// When to ask again for a name that is held, and until when.
    again: Option<(Instant, Instant)>,
    /// That it is open was told, and so is its end.
    is_told: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not everything is answered.
    Opening,
    Open,
    /// It does not answer, or has ended.
    Deaf,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Owed {
    Hello,
    Want(Id),
    /// Not any more.
    Unwant(Id, Want),
}

enum Introduction {
    Unanswered,
    Accepted,
    Refused(Error),
}

impl Gate {
    pub(crate) fn new(hello: Id, name: Option<String>, limit: Limit) -> Gate {
        Gate {
            hello,
            name,
            was_ours: false,
            wants: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tables: Vec::new(),
            outbox: VecDeque::new(),
            bytes: 0,
            limit,
            in_hand: None,
            news: VecDeque::new(),
        }
    }

    /// A session has begun: everything is said in it.
    pub(crate) fn handle_up(&mut self, now: Instant, link: Link, role: Role) {
        let wants = self.wants.keys().map(|id| Owed::Want(*id));
        let session = Session {
            role,
            phase: Phase::Opening,
            owed: std::iter::once(Owed::Hello).chain(wants).collect(),
            unanswered: BTreeSet::new(),
            since: now,
            introduction: Introduction::Unanswered,
            again: None,
            is_told: false,
        };
        self.sessions.insert(link, session);
        if role == Role::Table {
            self.tables.push(link);
        }
    }

    /// A session has ended. Posts that were not said in it come before those that wait.
    pub(crate) fn handle_down(&mut self, link: Link, unsaid: Vec<Vec<u8>>, why: &str) {
        let Some(session) = self.sessions.remove(&link) else {
            return;
        };
        self.tables.retain(|other| *other != link);
        if session.is_told {
            self.news.push_back(Event::Disconnected {
                peer: link.to_string(),
                why: why.to_owned(),
            });
        }
        if let Some(InHand::Post(_, place)) = &mut self.in_hand {
            *place += unsaid.len();
        }
        for post in unsaid.into_iter().rev() {
            self.bytes += post.len();
            self.outbox.push_front(post);
        }
    }

    /// Something is wanted from now on. Says in which sessions that will be answered.
    pub(crate) fn want(&mut self, id: Id, want: Want) -> Vec<Link> {
        self.wants.insert(id, want);
        let mut links = Vec::new();
        for (link, session) in &mut self.sessions {
            if session.phase != Phase::Deaf {
                session.owed.push_back(Owed::Want(id));
                links.push(*link);
            }
        }
        links
    }

    /// It is not wanted any more, and that is said where it was said.
    pub(crate) fn unwant(&mut self, id: Id) {
        let Some(want) = self.wants.remove(&id) else {
            return;
        };
        for session in self.sessions.values_mut() {
            let place = session
                .owed
                .iter()
                .rposition(|owed| *owed == Owed::Want(id));
            match place {
                Some(place) => drop(session.owed.remove(place)),
                None => session.owed.push_back(Owed::Unwant(id, want.clone())),
            }
            // Its answer may still come, or not.
            session.unanswered.remove(&id);
        }
        self.open_all();
    }

    /// Where a post or a call goes at once. Posts that wait go before it.
    pub(crate) fn open_table(&self) -> Option<Link> {
        let is_clear = self.outbox.is_empty();
        self.table().filter(|_| is_clear)
    }

    /// The table that is open.
    fn table(&self) -> Option<Link> {
        let link = self.tables.last()?;
        let session = self.sessions.get(link)?;
        (session.phase == Phase::Open).then_some(*link)
    }

    /// Whether somebody is there, open or not.
    pub(crate) fn has_table(&self) -> bool {
        !self.tables.is_empty()
    }

    /// Keeps a post for whoever comes; gives it back where somebody is there, to whom those go
    /// that wait already, or where there is no room.
    pub(crate) fn keep(&mut self, post: Vec<u8>) -> Result<(), Vec<u8>> {
        let fits =
            self.outbox.len() < self.limit.messages && self.bytes + post.len() <= self.limit.bytes;
        if self.table().is_some() || !fits && !self.outbox.is_empty() {
            return Err(post);
        }
        self.bytes += post.len();
        self.outbox.push_back(post);
        Ok(())
    }

    /// Posts that nobody will hear.
    pub(crate) fn take_outbox(&mut self) -> Vec<Vec<u8>> {
        self.bytes = 0;
        self.in_hand = None;
        std::mem::take(&mut self.outbox).into()
    }

    /// Whether there is something to do, or to wait for.
    pub(crate) fn has_work(&self) -> bool {
        let has_post = !self.outbox.is_empty() && self.table().is_some();
        has_post
            || self.sessions.values().any(|session| match session.phase {
                Phase::Opening => true,
                Phase::Open => !session.owed.is_empty() || session.again.is_some(),
                Phase::Deaf => false,
            })
    }

    /// Nothing waits to be said, or there is nobody to say it to.
    pub(crate) fn has_said_all(&self) -> bool {
        self.outbox.is_empty() || !self.has_table()
    }

    /// Why a table refuses to know us, if it does.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let tables = self.tables.iter();
        let mut sessions = tables.filter_map(|link| self.sessions.get(link));
        sessions.find_map(|session| match &session.introduction {
            Introduction::Refused(error) => Some(error.again()),
            _ => None,
        })
    }

    /// Whether we are known; an error if somebody refuses to know us.
    pub(crate) fn introduction(&self) -> Result<bool, Error> {
        for session in self.sessions.values() {
            if let Introduction::Refused(error) = &session.introduction {
                return Err(error.again());
            }
        }
        let session = self.table().and_then(|link| self.sessions.get(&link));
        let is_accepted =
            |session: &Session| matches!(session.introduction, Introduction::Accepted);
        Ok(session.is_some_and(is_accepted))
    }

    /// Those that are open.
    pub(crate) fn open_links(&self) -> impl Iterator<Item = Link> {
        let open = self.sessions.iter();
        let open = open.filter(|(_, session)| session.phase == Phase::Open);
        open.map(|(link, _)| *link)
    }

    pub(crate) fn role(&self, link: Link) -> Option<Role> {
        self.sessions.get(&link).map(|session| session.role)
    }

    pub(crate) fn poll_news(&mut self) -> Option<Event> {
        self.news.pop_front()
    }

    /// A peer turns out to have a table for everybody: a broker. From now on that is ours, and
    /// never again the one in this process.
    pub(crate) fn handle_broker(&mut self, link: Link) {
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        if session.role == Role::Peer {
            session.role = Role::Table;
            self.tables.retain(|other| *other != Link::INSIDE);
            self.tables.push(link);
        }
    }

    /// Something that we said was answered in a session, with an error or without.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        link: Link,
        id: Id,
        error: Option<&Error>,
    ) {
        let is_hello = id == self.hello;
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        if session.unanswered.remove(&id) {
            session.since = now;
        }
        match error {
            None if is_hello => {
                session.introduction = Introduction::Accepted;
                session.again = None;
                // Our own table knows nobody else.
                self.was_ours |= link != Link::INSIDE;
            }
            Some(error) if is_hello => self.handle_unknown(now, link, error),
            _ => {}
        }
        self.open_all();
    }

    /// Our introduction was refused. A name that was ours is asked for again.
    fn handle_unknown(&mut self, now: Instant, link: Link, error: &Error) {
        let Some(session) = self.sessions.get_mut(&link) else {
            return;
        };
        let until = session.again.map_or(now + NAME_HELD, |(_, until)| until);
        let is_held = matches!(error, Error::NameTaken) && self.was_ours && now < until;
        if is_held {
            session.again = Some((now + NAME_AGAIN, until));
            return;
        }
        session.again = None;
        session.introduction = Introduction::Refused(error.again());
        let what = match &self.name {
            Some(name) => format!("name {name:?}"),
            None => "introduction".to_owned(),
        };
        let why = error.to_string();
        self.news.push_back(Event::Refused { what, why });
    }

    /// Sessions in which everything is said and answered are open.
    fn open_all(&mut self) {
        for (link, session) in &mut self.sessions {
            let is_done = session.owed.is_empty() && session.unanswered.is_empty();
            let in_hand = matches!(&self.in_hand, Some(InHand::Owed(at, _)) if at == link);
            if session.phase == Phase::Opening && is_done && !in_hand {
                session.phase = Phase::Open;
                session.is_told = true;
                self.news.push_back(Event::Connected {
                    peer: link.to_string(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
