//! Asking: what a user's call says to the other side, and waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Limit;
use crate::bus::client::{Client, Way, deadline_after};
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::job::Job;
use crate::bus::note::{Post, Receipt};
use crate::bus::request::{Answer, Call, Peer};
use crate::bus::service::{Desk, Service};
use crate::bus::subscription::Queue;
use crate::bus::topic::{Pattern, Topic};
use crate::bus::waiter::{Kind, Outcome, Via, Waiter};
use crate::bus::wakes::Wakes;
use crate::bus::wire::{self, Frame};

impl Client {
    /// Fire and forget.
    pub(crate) fn publish(&self, post: &Post) -> Result<(), Error> {
        self.check_open()?;
        let message = self.post_message(self.maker.next(), post, "")?;
        self.say(&message, self.usual_deadline())
    }

    pub(crate) fn send(self: &Arc<Client>, post: &Post) -> Result<Receipt, Error> {
        let id = self.maker.next();
        let message = self.post_message(id, post, "receipt")?;
        let outcome = self.request(id, Kind::One, &message, self.usual_deadline())?;
        let answer = single(outcome)?;
        let receivers = answer.text().parse().unwrap_or(0);
        Ok(Receipt { receivers })
    }

    fn post_message(&self, id: Id, post: &Post, receipt: &str) -> Result<Vec<u8>, Error> {
        let topic = Topic::parse(&post.topic)?;
        let words = [
            "pub",
            &id.to_string(),
            &wire::escape(topic.as_str()),
            if post.is_retained { "retain" } else { "" },
            if post.has_no_echo { "no-echo" } else { "" },
            receipt,
        ];
        wire::message(&words, &post.headers, &post.body)
    }

    pub(crate) fn subscribe(
        self: &Arc<Client>,
        text: &str,
    ) -> Result<(Id, Pattern, Arc<Queue>), Error> {
        let pattern = Pattern::parse(text)?;
        let id = self.maker.next();
        let Limit { messages, bytes } = self.options.queue;
        let queue = Arc::new(Queue::new(messages, bytes));
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.wants.insert(&pattern, id);
        state
            .subscriptions
            .insert(id, (pattern.clone(), queue.clone()));
        drop(state);
        if let Err(error) = self.announce(id, &subscribe_message(id, &pattern)) {
            self.unsubscribe(id);
            return Err(error);
        }
        Ok((id, pattern, queue))
    }

    pub(crate) fn unsubscribe(&self, id: Id) {
        let mut state = self.lock();
        let Some((pattern, _)) = state.subscriptions.remove(&id) else {
            return;
        };
        state.wants.remove(&pattern, id);
        drop(state);
        self.tell_all(&wire::plain(&["unsub", &id.to_string()], b""));
    }

    pub(crate) fn serve(
        self: &Arc<Client>,
        service: &Service,
        handler: Box<dyn Fn(Job) + Send + Sync>,
    ) -> Result<Id, Error> {
        let name = match service.name.as_str() {
            "@" => "@".to_owned(),
            name => Topic::parse(name)?.to_string(),
        };
        self.check_open()?;
        let id = self.maker.next();
        let desk = Desk::open(service, handler, self)?;
        let mut state = self.lock();
        if state.is_closed {
            drop(state);
            desk.close();
            return Err(Error::Closed);
        }
        state.services.insert(id, (name.clone(), desk));
        drop(state);
        if let Err(error) = self.announce(id, &serve_message(id, &name)) {
            self.withdraw(id);
            return Err(error);
        }
        Ok(id)
    }

    pub(crate) fn withdraw(&self, id: Id) {
        let removed = self.lock().services.remove(&id);
        if let Some((_, desk)) = removed {
            self.tell_all(&wire::plain(&["unserve", &id.to_string()], b""));
            desk.close();
        }
    }

    pub(crate) fn call(self: &Arc<Client>, call: &Call) -> Result<Answer, Error> {
        let id = self.maker.next();
        let timeout = call.timeout.unwrap_or(self.options.timeout);
        let message = call_message(id, call, timeout, "")?;
        let outcome = self.request(id, Kind::One, &message, deadline_after(timeout))?;
        single(outcome)
    }

    pub(crate) fn call_all(
        self: &Arc<Client>,
        call: &Call,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        let id = self.maker.next();
        let timeout = call.timeout.unwrap_or(self.options.timeout);
        let message = call_message(id, call, timeout, "all")?;
        let waiter = Arc::new(Waiter::new(Kind::Many, Vec::new()));
        let (mut answers, failed) =
            self.request_with(id, &waiter, &message, deadline_after(timeout))?;
        let expected = waiter.expected();
        match (failed, expected) {
            (Some(error), None) => return Err(error),
            (Some(error), Some(count)) => {
                let [kind, detail] = error.words();
                let (detail, body) = (detail.to_owned(), error.body());
                while answers.len() < count {
                    answers.push(Err(Error::from_words(kind, &detail, &body)));
                }
            }
            (None, _) => {}
        }
        Ok(answers)
    }

    pub(crate) fn peers(self: &Arc<Client>) -> Result<Vec<Peer>, Error> {
        let id = self.maker.next();
        let message = wire::plain(&["peers", &id.to_string()], b"");
        let answer = single(self.request(id, Kind::One, &message, self.usual_deadline())?)?;
        let text = answer.text();
        let peer = |line: &str| {
            let line = format!("peer {line}\n\n");
            let frame = Frame::parse(line.as_bytes()).ok()?;
            let name = frame.text(2).ok()?.into_owned();
            Some(Peer {
                name: Some(name).filter(|name| !name.is_empty()),
                identity: frame.word(1).to_owned(),
            })
        };
        Ok(text.lines().filter_map(peer).collect())
    }

    pub(crate) fn ping(self: &Arc<Client>, name: &str) -> Result<Duration, Error> {
        let id = self.maker.next();
        let timeout = self.options.timeout.as_millis().to_string();
        let words = ["ping", &id.to_string(), &timeout, &wire::escape(name)];
        let began = Instant::now();
        let message = wire::plain(&words, b"");
        single(self.request(id, Kind::One, &message, self.usual_deadline())?)?;
        Ok(began.elapsed())
    }

    fn request(
        self: &Arc<Client>,
        id: Id,
        kind: Kind,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let waiter = Arc::new(Waiter::new(kind, Vec::new()));
        self.request_with(id, &waiter, message, deadline)
    }

    /// Says something and waits for what comes back; nothing of it is left behind.
    fn request_with(
        self: &Arc<Client>,
        id: Id,
        waiter: &Arc<Waiter>,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        self.expect(id, waiter)?;
        let said = self.say(message, deadline);
        let outcome = said.map(|()| self.await_all(waiter, deadline));
        self.lock().waiting.remove(&id);
        if let Ok((_, Some(Error::Timeout))) = &outcome {
            self.cancel(id);
        }
        outcome
    }

    fn await_all(self: &Arc<Client>, waiter: &Waiter, deadline: Instant) -> Outcome {
        let outcome = self.wait_hearing(Some(deadline), || waiter.take());
        outcome.unwrap_or_else(|error| waiter.give_up(error.into()))
    }

    fn expect(&self, id: Id, waiter: &Arc<Waiter>) -> Result<(), Error> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(Error::Closed);
        }
        state.waiting.insert(id, waiter.clone());
        Ok(())
    }

    /// The other side need not remember what we no longer wait for. It would find out itself by
    /// the deadline, so no room for this is no harm.
    fn cancel(&self, id: Id) {
        let message = wire::plain(&["cancel", &id.to_string()], b"");
        match &self.way {
            Way::Broker(socket, _) => drop(socket.try_send(message)),
            Way::Own(..) => drop(self.say(&message, Instant::now())),
        }
    }

    /// Tells everyone who has a table, and waits until they have heard it.
    fn announce(self: &Arc<Client>, id: Id, message: &[u8]) -> Result<(), Error> {
        let deadline = self.usual_deadline();
        let waiter = Arc::new(Waiter::new(Kind::Ack, self.tables()));
        self.expect(id, &waiter)?;
        let said = self.say(message, deadline);
        if let Way::Own(..) = self.way {
            let peers = self.lock().peers.clone();
            for peer in peers {
                if self.say_to(peer, message, deadline).is_err() {
                    waiter.handle_left(Some(peer), &mut Wakes::default());
                }
            }
        }
        let failed = said.map(|()| self.await_all(&waiter, deadline).1);
        self.lock().waiting.remove(&id);
        match failed? {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Who is to acknowledge what we announce. A broker that is not there gets it when it comes.
    fn tables(&self) -> Vec<Via> {
        match &self.way {
            Way::Broker(socket, _) => {
                let peers = socket.peers().into_iter();
                peers.map(|peer| Some(peer.identity)).collect()
            }
            Way::Own(..) => {
                let state = self.lock();
                let peers = state.peers.iter().map(|peer| Some(*peer));
                std::iter::once(None).chain(peers).collect()
            }
        }
    }

    /// Tells everyone who has a table; whoever cannot be told is gone or going.
    pub(super) fn tell_all(&self, message: &[u8]) {
        let deadline = self.usual_deadline();
        self.say(message, deadline).ok();
        if let Way::Own(..) = self.way {
            let peers = self.lock().peers.clone();
            for peer in peers {
                self.say_to(peer, message, deadline).ok();
            }
        }
    }
}

pub(super) fn subscribe_message(id: Id, pattern: &Pattern) -> Vec<u8> {
    let pattern = wire::escape(pattern.as_str());
    wire::plain(&["sub", &id.to_string(), &pattern], b"")
}

pub(super) fn serve_message(id: Id, name: &str) -> Vec<u8> {
    wire::plain(&["serve", &id.to_string(), &wire::escape(name)], b"")
}

fn call_message(id: Id, call: &Call, timeout: Duration, all: &str) -> Result<Vec<u8>, Error> {
    let milliseconds = timeout.as_millis().min(u128::from(u64::MAX)).to_string();
    let name = wire::escape(&call.name);
    let words = ["call", &id.to_string(), &name, &milliseconds, all];
    wire::message(&words, &call.headers, &call.body)
}

/// The one answer that there is.
fn single((mut answers, failed): Outcome) -> Result<Answer, Error> {
    match (answers.pop(), failed) {
        (Some(answer), _) => answer,
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::Closed),
    }
}
