//! State: what one bus wants, serves and waits for, under its lock.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Limit;
use crate::bus::client::desk::Desk;
use crate::bus::client::gate::Gate;
use crate::bus::client::routes::{Route, Routes};
use crate::bus::client::runs::Runs;
use crate::bus::end::Link;
use crate::bus::event;
use crate::bus::mailbox::{Mailbox, Wakes};
use crate::bus::note::Note;
use crate::bus::request::Answer;
use crate::bus::words::{Error, Event, Id, Pattern, Word};

/// More answers than a broker has providers for one name are not believed.
const REPLIES: Limit = Limit {
    messages: 65_536,
    bytes: usize::MAX,
};

pub(super) struct State {
    pub(super) life: Life,
    pub(super) gate: Gate,
    /// A thread carries out what the gate wants.
    pub(super) is_tended: bool,
    /// Threads that wait for the gate: a wake-up costs a system call even when nobody sleeps.
    pub(super) sleepers: usize,
    pub(super) routes: Routes,
    pub(super) subscriptions: HashMap<Id, Subscribed>,
    pub(super) services: HashMap<Id, Served>,
    pub(super) runs: Runs,
    pub(super) asked: HashMap<Id, Asked>,
    pub(super) events: Vec<Arc<Mailbox<event::Event>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    Open,
    /// What was published still leaves.
    Closing,
    Closed,
}

pub(super) struct Subscribed {
    pub(super) pattern: Pattern,
    pub(super) notes: Arc<Mailbox<Note>>,
}

pub(super) struct Served {
    pub(super) name: String,
    pub(super) desk: Arc<Desk>,
}

/// Somebody waits for replies.
pub(super) struct Asked {
    /// Who was asked, and has not replied.
    pub(super) links: Vec<Link>,
    pub(super) kind: Kind,
    pub(super) replies: Arc<Mailbox<Reply>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Everyone says once that it has heard it. Whoever leaves need not.
    Ack,
    /// One side answers.
    Answer,
}

pub(super) enum Reply {
    /// It has heard it, or need not any more.
    Ok,
    /// On its way to so many.
    Receivers(u64),
    /// So many answers will come.
    Count(u64),
    Answer(Answer),
    Error(Error),
    /// The session ended before it was said.
    Unsaid,
}

/// What ends because it was refused.
pub(super) enum Ended {
    Subscription(Arc<Mailbox<Note>>),
    Service(Arc<Desk>),
}

impl State {
    pub(super) fn new(gate: Gate) -> State {
        State {
            life: Life::Open,
            gate,
            is_tended: false,
            sleepers: 0,
            routes: Routes::new(),
            subscriptions: HashMap::new(),
            services: HashMap::new(),
            runs: Runs::default(),
            asked: HashMap::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), Error> {
        match self.life {
            Life::Open => Ok(()),
            _ => Err(Error::Closed),
        }
    }

    /// Somebody is going to wait for the replies of these sessions.
    pub(super) fn expect(&mut self, id: Id, links: Vec<Link>, kind: Kind) -> Arc<Mailbox<Reply>> {
        let replies = Arc::new(Mailbox::new(REPLIES));
        let asked = Asked {
            links,
            kind,
            replies: replies.clone(),
        };
        self.asked.insert(id, asked);
        replies
    }

    /// Where a reply goes that came in a session, if that was asked.
    pub(super) fn replies_from(
        &mut self,
        link: Link,
        id: Id,
    ) -> Option<(Arc<Mailbox<Reply>>, Kind)> {
        let asked = self.asked.get_mut(&id)?;
        let place = asked.links.iter().position(|other| *other == link)?;
        if asked.kind == Kind::Ack {
            asked.links.swap_remove(place);
        }
        Some((asked.replies.clone(), asked.kind))
    }

    /// A session has ended, or never answers: nobody waits for it any more.
    pub(super) fn release(&mut self, link: Link) {
        let mut wakes = Wakes::default();
        for asked in self.asked.values_mut() {
            let Some(place) = asked.links.iter().position(|other| *other == link) else {
                continue;
            };
            asked.links.swap_remove(place);
            let reply = match asked.kind {
                Kind::Ack => Reply::Ok,
                Kind::Answer => Reply::Error(Error::NoPeer),
            };
            asked.replies.push(reply, 0, &mut wakes).ok();
        }
    }

    /// A message came back unsaid that is no post: whoever waits for its answer says it again.
    pub(super) fn is_taken_back(&mut self, message: &[u8]) -> bool {
        let id = match Word::parse(message) {
            Ok(Word::Pub(publish)) if !publish.receipt => return false,
            Ok(Word::Pub(publish)) => publish.id,
            Ok(Word::Call(call)) => call.id,
            Ok(Word::Ping { id, .. } | Word::Peers { id }) => id,
            // It is said again anyway, or meant nobody but that session.
            _ => return true,
        };
        if let Some(asked) = self.asked.remove(&id) {
            asked
                .replies
                .push(Reply::Unsaid, 0, &mut Wakes::default())
                .ok();
        }
        true
    }

    /// Whom an event is for.
    pub(super) fn route(&mut self, event: &Event<'_>) -> Option<Arc<Route>> {
        let word = event.topic.word();
        if let Some(id) = event.retained {
            let notes = self.subscriptions.get(&id)?.notes.clone();
            let topic = event.topic.read().ok()?;
            return Some(Arc::new(Route {
                topic: (&*topic).into(),
                mailboxes: vec![notes],
            }));
        }
        if let Some(route) = self.routes.get(&word) {
            return Some(route);
        }
        let topic = event.topic.read().ok()?;
        let subscriptions = &self.subscriptions;
        let notes = |id: Id| subscriptions.get(&id).map(|one| one.notes.clone());
        Some(self.routes.find(&word, &topic, notes))
    }

    /// What a person calls it that we want.
    pub(super) fn name_of(&self, id: Id) -> Option<String> {
        if let Some(subscribed) = self.subscriptions.get(&id) {
            return Some(format!("subscription {:?}", subscribed.pattern.as_str()));
        }
        let served = self.services.get(&id)?;
        Some(format!("service {:?}", served.name))
    }

    /// It was refused: it is not asked for again.
    pub(super) fn end(&mut self, id: Id) -> Option<Ended> {
        self.gate.unwant(id);
        if let Some(subscribed) = self.subscriptions.remove(&id) {
            self.routes.remove(&subscribed.pattern, id);
            return Some(Ended::Subscription(subscribed.notes));
        }
        let served = self.services.remove(&id)?;
        Some(Ended::Service(served.desk))
    }
}
