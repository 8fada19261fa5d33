//! Asking: what a user's call says to the other side, and waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bus::client::gate::Want;
use crate::bus::client::saying::{check_called, check_name, header_lines, tail_of};
use crate::bus::client::state::{Kind, Reply, Subscribed};
use crate::bus::client::{Client, deadline_after};
use crate::bus::end::{Link, Waits};
use crate::bus::mailbox::Mailbox;
use crate::bus::note::Note;
use crate::bus::request::{Answer, Call, Peer};
use crate::bus::words::{self, Error, Id, Pattern, Text, Word};

/// More than a broker has for one name would be believed, and room made for them.
const MAX_PROVIDERS: u64 = 65_536;

/// What is asked until a deadline, and how.
pub(super) struct Request<'a> {
    pub(super) id: Id,
    pub(super) deadline: Instant,
    /// With what is left of its time, in milliseconds.
    pub(super) word: &'a dyn Fn(u64) -> Word<'a>,
}

impl Client {
    pub(crate) fn subscribe(
        self: &Arc<Client>,
        text: &str,
    ) -> Result<(Id, Pattern, Arc<Mailbox<Note>>), Error> {
        let pattern = Pattern::parse(text)?;
        let id = self.maker.next();
        let notes = Arc::new(Mailbox::new(self.options.queue));
        let mut state = self.lock();
        state.check_open()?;
        state.routes.insert(&pattern, id);
        let subscribed = Subscribed {
            pattern: pattern.clone(),
            notes: notes.clone(),
        };
        state.subscriptions.insert(id, subscribed);
        drop(state);
        if let Err(error) = self.announce(id, Want::Topics(pattern.to_string())) {
            self.unsubscribe(id);
            return Err(error);
        }
        Ok((id, pattern, notes))
    }

    pub(crate) fn unsubscribe(self: &Arc<Client>, id: Id) {
        let mut state = self.lock();
        if let Some(subscribed) = state.subscriptions.remove(&id) {
            state.routes.remove(&subscribed.pattern, id);
        }
        state.gate.unwant(id);
        drop(state);
        self.tend();
    }

    /// Tells everyone who has a table, and waits until they have heard it. Whoever comes later is
    /// told as well.
    pub(super) fn announce(self: &Arc<Client>, id: Id, want: Want) -> Result<(), Error> {
        let deadline = self.usual_deadline();
        let mut state = self.lock();
        state.check_open()?;
        let links = state.gate.want(id, want);
        let mut left = links.len();
        let replies = state.expect(id, links, Kind::Ack);
        drop(state);
        self.tend();
        let mut heard = Ok(());
        while left > 0 && heard.is_ok() {
            heard = match self.take(&replies, Waits::Hearing, Some(deadline)) {
                Ok(Reply::Error(error)) | Err(error) => Err(error),
                Ok(_) => Ok(()),
            };
            left -= 1;
        }
        self.lock().asked.remove(&id);
        heard
    }

    pub(crate) fn call(self: &Arc<Client>, call: &Call) -> Result<Answer, Error> {
        let lines = header_lines(&call.headers)?;
        let said = self.call_word(call, &lines, false)?;
        let id = said.id;
        let request = Request {
            id,
            deadline: deadline_after(call.timeout.unwrap_or(self.options.timeout)),
            word: &|milliseconds| {
                Word::Call(words::Call {
                    milliseconds,
                    ..said
                })
            },
        };
        match self.ask(&request)? {
            Reply::Answer(answer) => Ok(answer),
            reply => Err(unexpected(reply)),
        }
    }

    pub(crate) fn call_all(
        self: &Arc<Client>,
        call: &Call,
    ) -> Result<Vec<Result<Answer, Error>>, Error> {
        let lines = header_lines(&call.headers)?;
        let said = self.call_word(call, &lines, true)?;
        let request = Request {
            id: said.id,
            deadline: deadline_after(call.timeout.unwrap_or(self.options.timeout)),
            word: &|milliseconds| {
                Word::Call(words::Call {
                    milliseconds,
                    ..said
                })
            },
        };
        let (link, replies, first) = self.begin(&request)?;
        let count = match first {
            Ok(Reply::Count(count)) => count.min(MAX_PROVIDERS) as usize,
            Ok(reply) => {
                self.forget(request.id);
                return Err(unexpected(reply));
            }
            Err(error) => {
                self.give_up(link, request.id, &error);
                return Err(error);
            }
        };
        let mut answers = Vec::new();
        while answers.len() < count {
            match self.take(&replies, Waits::Hearing, Some(request.deadline)) {
                Ok(Reply::Answer(answer)) => answers.push(Ok(answer)),
                Ok(reply) => answers.push(Err(unexpected(reply))),
                Err(error) => {
                    self.give_up(link, request.id, &error);
                    answers.resize_with(count, || Err(error.again()));
                }
            }
        }
        self.forget(request.id);
        Ok(answers)
    }

    fn call_word<'a>(
        &self,
        call: &'a Call,
        lines: &'a str,
        all: bool,
    ) -> Result<words::Call<'a>, Error> {
        check_called(&call.name)?;
        Ok(words::Call {
            id: self.maker.next(),
            name: Text::plain(&call.name),
            milliseconds: 0,
            all,
            tail: tail_of(lines, &call.body)?,
        })
    }

    pub(crate) fn peers(self: &Arc<Client>) -> Result<Vec<Peer>, Error> {
        let id = self.maker.next();
        let request = Request {
            id,
            deadline: self.usual_deadline(),
            word: &|_| Word::Peers { id },
        };
        let answer = match self.ask(&request)? {
            Reply::Answer(answer) => answer,
            reply => return Err(unexpected(reply)),
        };
        let peer = |line: &str| {
            let (identity, name) = line.split_once(' ').unwrap_or((line, ""));
            let name = Text::written(name).read().ok()?.into_owned();
            Some(Peer {
                name: Some(name).filter(|name| !name.is_empty()),
                identity: identity.to_owned(),
            })
        };
        Ok(answer.text().lines().filter_map(peer).collect())
    }

    pub(crate) fn ping(self: &Arc<Client>, name: &str) -> Result<Duration, Error> {
        check_name(name)?;
        let id = self.maker.next();
        let began = Instant::now();
        let request = Request {
            id,
            deadline: self.usual_deadline(),
            word: &|milliseconds| Word::Ping {
                id,
                milliseconds,
                name: Text::plain(name),
            },
        };
        match self.ask(&request)? {
            Reply::Answer(_) => Ok(began.elapsed()),
            reply => Err(unexpected(reply)),
        }
    }

    /// Says a request and waits for the one reply; nothing of it is left behind.
    pub(super) fn ask(self: &Arc<Client>, request: &Request<'_>) -> Result<Reply, Error> {
        let (link, _, reply) = self.begin(request)?;
        match &reply {
            Ok(_) => self.forget(request.id),
            Err(error) => self.give_up(link, request.id, error),
        }
        reply
    }

    /// Says a request once it can be said, and waits for its first reply. If the session ends
    /// before it was said, it is said in the next one, with less time.
    #[allow(clippy::type_complexity)]
    fn begin(
        self: &Arc<Client>,
        request: &Request<'_>,
    ) -> Result<(Link, Arc<Mailbox<Reply>>, Result<Reply, Error>), Error> {
        loop {
            let (link, replies) = self.pass(request)?;
            let left = request.deadline.saturating_duration_since(Instant::now());
            let word = (request.word)(whole_milliseconds(left));
            match self.end.say(link, &word, left) {
                Ok(()) => {}
                Err(Error::NoPeer) => {
                    self.forget(request.id);
                    self.lock().gate.handle_gone(link);
                    continue;
                }
                Err(error) => {
                    self.forget(request.id);
                    return Err(error);
                }
            }
            match self.take(&replies, Waits::Hearing, Some(request.deadline)) {
                Ok(Reply::Unsaid) => continue,
                reply => return Ok((link, replies, reply)),
            }
        }
    }

    /// Waits until there is a session to ask in.
    fn pass(&self, request: &Request<'_>) -> Result<(Link, Arc<Mailbox<Reply>>), Error> {
        let mut state = self.lock();
        loop {
            state.check_open()?;
            if let Some(link) = state.gate.open_table() {
                return Ok((link, state.expect(request.id, vec![link], Kind::Answer)));
            }
            if Instant::now() >= request.deadline {
                let is_silent = state.gate.has_table();
                drop(state);
                return Err(self.absent(is_silent));
            }
            state = self.wait(state, request.deadline);
        }
    }

    fn forget(&self, id: Id) {
        self.lock().asked.remove(&id);
    }

    /// The other side need not remember what we no longer wait for. It would find out itself by
    /// the deadline, so no room for this is no harm.
    fn give_up(&self, link: Link, id: Id, error: &Error) {
        self.forget(id);
        if matches!(error, Error::Timeout) {
            self.end
                .say(link, &Word::Cancel { id }, Duration::ZERO)
                .ok();
        }
    }
}

/// Rounded up: what is left of a millisecond is a try.
fn whole_milliseconds(left: Duration) -> u64 {
    left.as_nanos()
        .div_ceil(1_000_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// An error, or a reply that makes no sense here.
pub(super) fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Error(error) => error,
        _ => Error::Remote {
            kind: "Reply".to_owned(),
            message: "the answer is of another kind than the question".to_owned(),
        },
    }
}
