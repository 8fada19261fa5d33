//! Asking: what a user's call says to the other side, and waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Limit;
use crate::bus::client::{Client, Way, deadline_after};
use crate::bus::job::Job;
use crate::bus::note::{Post, Receipt};
use crate::bus::request::{Answer, Call, Peer};
use crate::bus::service::{Desk, Service};
use crate::bus::subscription::Queue;
use crate::bus::waiter::{Kind, Outcome, Via, Waiter};
use crate::bus::wakes::Wakes;
use crate::bus::words::{
    self, Error, Id, Pattern, Publish, Tail, Text, Topic, Word, write_headers,
};

impl Client {
    /// Fire and forget.
    pub(crate) fn publish(&self, post: &Post) -> Result<(), Error> {
        self.check_open()?;
        let message = self.post_message(self.maker.next(), post, false)?;
        self.say(&message, self.usual_deadline())
    }

    pub(crate) fn send(self: &Arc<Client>, post: &Post) -> Result<Receipt, Error> {
        let id = self.maker.next();
        let message = self.post_message(id, post, true)?;
        let outcome = self.request(id, Kind::One, &message, self.usual_deadline())?;
        let answer = single(outcome)?;
        let receivers = answer.text().parse().unwrap_or(0);
        Ok(Receipt { receivers })
    }

    fn post_message(&self, id: Id, post: &Post, receipt: bool) -> Result<Vec<u8>, Error> {
        let topic = Topic::parse(&post.topic)?;
        let headers = write_headers(&post.headers)?;
        let publish = Publish {
            id,
            topic: Text::plain(topic.as_str()),
            retain: post.is_retained,
            no_echo: post.has_no_echo,
            receipt,
            tail: Tail {
                headers: &headers,
                body: &post.body,
            },
        };
        Ok(Word::Pub(publish).to_bytes())
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
        self.tell_all(&Word::Unsub { id }.to_bytes());
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
            self.tell_all(&Word::Unserve { id }.to_bytes());
            desk.close();
        }
    }

    pub(crate) fn call(self: &Arc<Client>, call: &Call) -> Result<Answer, Error> {
        let id = self.maker.next();
        let timeout = call.timeout.unwrap_or(self.options.timeout);
        let message = call_message(id, call, timeout, false)?;
        let outcome = self.request(id, Kind::One, &message, deadline_after(timeout))?;
        single(outcome)
    }

    pub(crate) fn call_all(
        self: &Arc<Client>,
        call: &Call,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        let id = self.maker.next();
        let timeout = call.timeout.unwrap_or(self.options.timeout);
        let message = call_message(id, call, timeout, true)?;
        let waiter = Arc::new(Waiter::new(Kind::Many, Vec::new()));
        let (mut answers, failed) =
            self.request_with(id, &waiter, &message, deadline_after(timeout))?;
        let expected = waiter.expected();
        match (failed, expected) {
            (Some(error), None) => return Err(error),
            (Some(error), Some(count)) => {
                let [kind, detail] = error.words();
                let body = error.body();
                while answers.len() < count {
                    answers.push(Err(Error::from_words(kind, detail, &body)));
                }
            }
            (None, _) => {}
        }
        Ok(answers)
    }

    pub(crate) fn peers(self: &Arc<Client>) -> Result<Vec<Peer>, Error> {
        let id = self.maker.next();
        let message = Word::Peers { id }.to_bytes();
        let answer = single(self.request(id, Kind::One, &message, self.usual_deadline())?)?;
        let text = answer.text();
        let peer = |line: &str| {
            let (identity, name) = line.split_once(' ').unwrap_or((line, ""));
            let name = Text::written(name).read().ok()?.into_owned();
            Some(Peer {
                name: Some(name).filter(|name| !name.is_empty()),
                identity: identity.to_owned(),
            })
        };
        Ok(text.lines().filter_map(peer).collect())
    }

    pub(crate) fn ping(self: &Arc<Client>, name: &str) -> Result<Duration, Error> {
        let id = self.maker.next();
        let ping = Word::Ping {
            id,
            milliseconds: milliseconds(self.options.timeout),
            name: Text::plain(name),
        };
        let (began, message) = (Instant::now(), ping.to_bytes());
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
        let message = Word::Cancel { id }.to_bytes();
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
    let pattern = Text::plain(pattern.as_str());
    Word::Sub { id, pattern }.to_bytes()
}

pub(super) fn serve_message(id: Id, name: &str) -> Vec<u8> {
    let name = Text::plain(name);
    let serve = words::Serve {
        id,
        name,
        only: false,
        credit: None,
    };
    Word::Serve(serve).to_bytes()
}

fn call_message(id: Id, call: &Call, timeout: Duration, all: bool) -> Result<Vec<u8>, Error> {
    let headers = write_headers(&call.headers)?;
    let word = words::Call {
        id,
        name: Text::plain(&call.name),
        milliseconds: milliseconds(timeout),
        all,
        tail: Tail {
            headers: &headers,
            body: &call.body,
        },
    };
    Ok(Word::Call(word).to_bytes())
}

fn milliseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)
}

/// The one answer that there is.
fn single((mut answers, failed): Outcome) -> Result<Answer, Error> {
    match (answers.pop(), failed) {
        (Some(answer), _) => answer,
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::Closed),
    }
}
