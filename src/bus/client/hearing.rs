//! Hearing: what a word from the other side means for us. Nothing here waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::bus::client::routes::Route;
use crate::bus::client::state::{Ended, Kind, Reply};
use crate::bus::client::{Client, deadline_after};
use crate::bus::end::{Hears, Link, Role};
use crate::bus::event::Event;
use crate::bus::job::{Answers, Job, Run};
use crate::bus::mailbox::Wakes;
use crate::bus::note::Note;
use crate::bus::request::Answer;
use crate::bus::words::{self, Error, Id, Letter, Tail, Word};

impl Hears for Client {
    fn handle_up(self: Arc<Self>, link: Link, role: Role) {
        let now = Instant::now();
        let mut state = self.lock();
        state.gate.handle_up(now, link, role);
        self.tend_elsewhere(&mut state);
    }

    fn handle_down(self: Arc<Self>, link: Link, unsaid: Vec<Vec<u8>>) {
        let why = self.trouble();
        let mut state = self.lock();
        let posts = unsaid
            .into_iter()
            .filter(|message| !state.is_taken_back(message));
        let posts = posts.collect();
        state.gate.handle_down(link, posts, &why);
        state.release(link);
        state.runs.cancel_all(link);
        self.tend_elsewhere(&mut state);
    }

    fn handle_close(self: Arc<Self>) {
        self.close_within(None);
    }

    /// One look at the state for all that was published; the rest follows in its place.
    fn handle_messages(self: Arc<Self>, link: Link, messages: &mut Vec<Vec<u8>>) {
        let mut wakes = Wakes::default();
        let mut lost = 0;
        let mut run: Option<(Arc<Route>, Vec<Note>)> = None;
        let heard = self.find_all(messages);
        for (message, heard) in messages.drain(..).zip(heard) {
            let Some(heard) = heard else {
                lost += deliver(run.take(), &mut wakes);
                self.handle_message(link, message, &mut wakes);
                continue;
            };
            let is_same = run
                .as_ref()
                .is_some_and(|(route, _)| Arc::ptr_eq(route, &heard.route));
            if !is_same {
                lost += deliver(run.take(), &mut wakes);
            }
            let (route, notes) = run.get_or_insert_with(|| (heard.route.clone(), Vec::new()));
            let letter = Letter::new(message, heard.places);
            notes.push(Note::new(
                route.topic.clone(),
                heard.id,
                heard.is_retained,
                letter,
            ));
        }
        lost += deliver(run, &mut wakes);
        if lost > 0 {
            self.counters.lost.fetch_add(lost, Ordering::Relaxed);
            self.tell_lost(lost);
        }
    }
}

/// Something that was published, and whom it is for.
struct Heard {
    route: Arc<Route>,
    id: Id,
    is_retained: bool,
    /// Where headers and body begin.
    places: (usize, usize),
}

/// Notes in a row that go to the same subscriptions: one append for each. Says how many had no room.
fn deliver(run: Option<(Arc<Route>, Vec<Note>)>, wakes: &mut Wakes) -> u64 {
    let Some((route, notes)) = run else { return 0 };
    let mut lost = 0;
    let Some((last, others)) = route.mailboxes.split_last() else {
        return 0;
    };
    for mailbox in others {
        let copies = notes.iter().map(|note| (note.clone(), note.memory()));
        lost += mailbox.append(copies, wakes);
    }
    let own = notes.into_iter().map(|note| {
        let memory = note.memory();
        (note, memory)
    });
    lost + last.append(own, wakes)
}

impl Client {
    /// Whom the events among these messages are for, with the lock taken once.
    fn find_all(&self, messages: &[Vec<u8>]) -> Vec<Option<Heard>> {
        let events = messages
            .iter()
            .map(|message| match message.starts_with(b"event ") {
                true => Word::parse(message).ok(),
                false => None,
            });
        let parsed: Vec<Option<Word<'_>>> = events.collect();
        if parsed.iter().all(Option::is_none) {
            return std::iter::repeat_with(|| None)
                .take(messages.len())
                .collect();
        }
        let mut state = self.lock();
        let find = |(word, message): (Option<Word<'_>>, &Vec<u8>)| {
            let Some(Word::Event(event)) = word else {
                return None;
            };
            Some(Heard {
                route: state.route(&event)?,
                id: event.id,
                is_retained: event.retained.is_some(),
                places: Letter::places(message, &event.tail),
            })
        };
        parsed.into_iter().zip(messages).map(find).collect()
    }

    fn handle_message(self: &Arc<Client>, link: Link, message: Vec<u8>, wakes: &mut Wakes) {
        let Ok(word) = Word::parse(&message) else {
            return self.count(|counters| &counters.malformed);
        };
        match word {
            Word::Run(run) => match Called::of(&message, &run) {
                Ok(called) => self.handle_call(link, called, message, wakes),
                Err(_) => self.count(|counters| &counters.malformed),
            },
            Word::Answer { id, tail, .. } => {
                let places = Letter::places(&message, &tail);
                let answer = Answer::heard(Letter::new(message, places));
                self.handle_reply(link, id, Reply::Answer(answer), wakes);
            }
            Word::Ok {
                id,
                receivers,
                tail,
            } => self.handle_ok(link, id, receivers, tail, wakes),
            Word::Error { id, why, .. } => match Error::of(&why) {
                Ok(error) => self.handle_error(link, id, error, wakes),
                Err(_) => self.count(|counters| &counters.malformed),
            },
            Word::Many { id, count } => self.handle_reply(link, id, Reply::Count(count), wakes),
            Word::Probe { run, subscription } => self.handle_probe(link, run, subscription),
            Word::Lost { count } => {
                let counter = &self.counters.lost_on_the_way;
                counter.fetch_add(count, Ordering::Relaxed);
                self.tell_lost(count);
            }
            // A greeting, or an event for a subscription that has just ended.
            Word::Welcome { .. } | Word::Event(_) => {}
            Word::Stop { run } => self.handle_stop(link, run),
            _ => self.count(|counters| &counters.malformed),
        }
    }

    fn handle_reply(&self, link: Link, id: Id, reply: Reply, wakes: &mut Wakes) {
        let replies = self.lock().replies_from(link, id);
        // Only who was asked is believed.
        let pushed = replies.and_then(|(replies, _)| replies.push(reply, 0, wakes).ok());
        if pushed.is_none() {
            self.count(|counters| &counters.late);
        }
    }

    fn handle_ok(
        self: &Arc<Client>,
        link: Link,
        id: Id,
        receivers: Option<u64>,
        tail: Tail<'_>,
        wakes: &mut Wakes,
    ) {
        let mut state = self.lock();
        if id == self.hello && is_broker(&tail) {
            state.gate.handle_broker(link);
        }
        state.gate.handle_answer(Instant::now(), link, id, None);
        let replies = state.replies_from(link, id);
        self.tend_elsewhere(&mut state);
        drop(state);
        let reply = receivers.map_or(Reply::Ok, Reply::Receivers);
        replies.map(|(replies, _)| replies.push(reply, 0, wakes).ok());
    }

    fn handle_error(self: &Arc<Client>, link: Link, id: Id, error: Error, wakes: &mut Wakes) {
        let mut state = self.lock();
        state
            .gate
            .handle_answer(Instant::now(), link, id, Some(&error));
        let replies = state.replies_from(link, id);
        // A peer is one of several, and only it does not give us what we want.
        let is_peer = state.gate.role(link) == Some(Role::Peer);
        let what = state.name_of(id);
        let is_late = replies.is_none();
        let mut ended = None;
        match what {
            Some(what) if is_late || is_peer => {
                let why = error.to_string();
                self.tell(&mut state, &Event::Refused { what, why });
                ended = (!is_peer).then(|| state.end(id)).flatten();
            }
            // Nobody waits to hear of a post, but it is not to vanish in silence.
            None if is_late && !is_peer && matches!(error, Error::Denied { .. }) => {
                let (what, why) = ("request".to_owned(), error.to_string());
                self.tell(&mut state, &Event::Refused { what, why });
            }
            None if is_late && id != self.hello => self.count(|counters| &counters.late),
            _ => {}
        }
        self.tend_elsewhere(&mut state);
        drop(state);
        match ended {
            Some(Ended::Subscription(notes)) => notes.end(error.again()),
            Some(Ended::Service(desk)) => self.shut(&desk, error.again()),
            None => {}
        }
        if let Some((replies, kind)) = replies {
            let reply = match is_peer && kind == Kind::Ack {
                true => Reply::Ok,
                false => Reply::Error(error),
            };
            replies.push(reply, 0, wakes).ok();
        }
    }

    fn handle_call(
        self: &Arc<Client>,
        link: Link,
        called: Called,
        message: Vec<u8>,
        wakes: &mut Wakes,
    ) {
        let run = Arc::new(Run::new(self.clone(), link, called.id));
        let mut state = self.lock();
        state.runs.put(&run);
        let desk = state.services.get(&called.service);
        let desk = desk.map(|served| served.desk.clone());
        drop(state);
        let job = Job {
            run,
            name: called.name,
            letter: Letter::new(message, called.places),
            deadline: called.deadline,
        };
        let refused = match desk {
            Some(desk) => desk.push(job, wakes),
            None => Some((job, Error::NoService)),
        };
        if let Some((job, error)) = refused {
            if matches!(error, Error::Busy) {
                self.count(|counters| &counters.busy);
            }
            job.run.take_turn();
            self.lock().runs.remove(link, job.run.id);
            let body = error.body();
            let why = error.why(&body);
            self.say_now(
                link,
                &Word::Fail {
                    run: job.run.id,
                    why,
                },
            );
        }
    }

    /// Whoever asks for a subscription hears when that has room: it has more values of before.
    fn handle_probe(self: &Arc<Client>, link: Link, run: Id, subscription: Option<Id>) {
        let tail = Tail::NONE;
        let notes = subscription.and_then(|id| {
            let state = self.lock();
            Some(state.subscriptions.get(&id)?.notes.clone())
        });
        let Some(notes) = notes else {
            return self.say_now(link, &Word::Done { run, tail });
        };
        let client = Arc::downgrade(self);
        notes.when_half_free(move || {
            let client = client.upgrade();
            client.inspect(|client| client.say_now(link, &Word::Done { run, tail }));
        });
    }

    /// Nobody waits for a run any more. One that was not begun is over at once.
    fn handle_stop(&self, link: Link, run: Id) {
        let stopped = self.lock().runs.remove(link, run);
        let is_ours_to_end = stopped.is_some_and(|run| {
            run.cancel();
            !run.has_begun() && run.take_turn()
        });
        if is_ours_to_end {
            let error = Error::Closed;
            let body = error.body();
            let why = error.why(&body);
            self.say_now(link, &Word::Fail { run, why });
        }
    }

    /// As [`answer`](Answers::answer), by a thread that must not wait.
    fn say_now(&self, link: Link, word: &Word<'_>) {
        if self.end.say(link, word, Duration::ZERO).is_err() {
            self.count(|counters| &counters.unsaid);
        }
    }
}

/// Whether a table says that it relays between those who come to it.
fn is_broker(tail: &Tail<'_>) -> bool {
    let mut headers = words::header_lines(tail.headers);
    headers.any(|(name, value)| {
        name.eq_ignore_ascii_case("features") && value.split(' ').any(|word| word == "relay")
    })
}

/// A call that came.
struct Called {
    id: Id,
    service: Id,
    name: String,
    deadline: Instant,
    /// Where headers and body begin.
    places: (usize, usize),
}

impl Called {
    fn of(message: &[u8], run: &words::Run<'_>) -> Result<Called, Error> {
        Ok(Called {
            id: run.run,
            service: run.service,
            name: run.name.read()?.into_owned(),
            deadline: deadline_after(Duration::from_millis(run.milliseconds)),
            places: Letter::places(message, &run.tail),
        })
    }
}

impl Answers for Client {
    fn answer(&self, link: Link, word: &Word<'_>) -> Result<(), Error> {
        if let Word::Done { run, .. } | Word::Fail { run, .. } = *word {
            self.lock().runs.remove(link, run);
        }
        let said = self.end.say(link, word, self.options.timeout);
        if matches!(said, Err(Error::Timeout)) {
            self.count(|counters| &counters.unsaid);
        }
        said
    }
}
