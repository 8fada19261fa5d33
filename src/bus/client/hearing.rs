//! Hearing: what a word from the other side means for us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Arrival;
use crate::bus::client::{Client, Introduction, deadline_after};
use crate::bus::job::{Job, Run};
use crate::bus::note::Note;
use crate::bus::request::Answer;
use crate::bus::subscription::{Ended, Queue};
use crate::bus::waiter::{Via, Waiter};
use crate::bus::wakes::Wakes;
use crate::bus::words::{self, Error, Id, Letter, Tail, Why, Word};

/// More than a broker can have for one name.
const MAX_PROVIDERS: u64 = 65_536;

impl Client {
    /// For the thread that hears. It never waits: that thread has others to serve.
    pub(super) fn handle_arrival(self: &Arc<Client>, arrival: Arrival, wakes: &mut Wakes) {
        if let Arrival::Up(session) = arrival {
            self.handle_up(session.peer());
        } else if let Arrival::Down { session, .. } = arrival {
            self.handle_down(session.peer());
        } else if let Arrival::Message(message) = arrival {
            let from = message.sender();
            self.handle_message(Some(from), message.into_body(), wakes);
        }
    }

    /// Something was said to us. It never waits: whoever calls it has others to serve.
    pub(crate) fn handle_message(
        self: &Arc<Client>,
        via: Via,
        message: Vec<u8>,
        wakes: &mut Wakes,
    ) {
        let Ok(word) = Word::parse(&message) else {
            return self.count(|counters| &counters.malformed);
        };
        match word {
            Word::Event(event) => match read_event(&message, &event) {
                Ok(event) => self.deliver(event, message, wakes),
                Err(_) => self.count(|counters| &counters.malformed),
            },
            Word::Run(run) => match read_call(&message, &run) {
                Ok(call) => self.take_call(via, call, message, wakes),
                Err(_) => self.count(|counters| &counters.malformed),
            },
            Word::Answer { id, tail, .. } => {
                let places = Letter::places(&message, &tail);
                let answer = Answer::new(Letter::new(message, places));
                match self.waiter(id) {
                    Some(waiter) => waiter.handle_answer(answer, wakes),
                    None => self.count(|counters| &counters.late),
                }
            }
            Word::Lost { count } => {
                let counter = &self.counters.lost_on_the_way;
                counter.fetch_add(count, Ordering::Relaxed);
            }
            Word::Ok { id, receivers, .. } => self.hear_ok(via, id, receivers, wakes),
            Word::Error { id, why, .. } => self.hear_error(id, &why, wakes),
            // More would be believed, and room made for them.
            Word::Many { id, count } if count <= MAX_PROVIDERS => {
                if let Some(waiter) = self.waiter(id) {
                    waiter.handle_count(count as usize, wakes);
                }
            }
            Word::Probe { run, .. } => {
                let tail = Tail::NONE;
                self.respond_now(via, &Word::Done { run, tail });
            }
            Word::Welcome { .. } => {}
            Word::Stop { .. } => {}
            _ => self.count(|counters| &counters.malformed),
        }
    }

    fn hear_ok(&self, via: Via, id: Id, receivers: Option<u64>, wakes: &mut Wakes) {
        if id == self.hello {
            self.handle_introduction(Introduction::Accepted);
        }
        let Some(waiter) = self.waiter(id) else {
            return;
        };
        match receivers {
            // The receipt of a post is the answer to it.
            Some(count) => waiter.handle_answer(Answer::of_text(&count.to_string()), wakes),
            None => waiter.handle_ok(via, wakes),
        }
    }

    fn hear_error(&self, id: Id, why: &Why<'_>, wakes: &mut Wakes) {
        let error = Error::of(why).unwrap_or_else(|error| error);
        if id == self.hello {
            self.handle_introduction(Introduction::NameTaken);
        } else if let Some(waiter) = self.waiter(id) {
            waiter.handle_error(error, wakes);
        } else if let Some((_, queue)) = self.lock().subscriptions.get(&id) {
            // It was made while nobody was there to refuse it.
            queue.end(Ended::Refused(error.to_string()));
        } else {
            self.count(|counters| &counters.late);
        }
    }

    fn handle_introduction(&self, introduction: Introduction) {
        let mut state = self.lock();
        // Among several peers, one that objects is enough.
        if state.introduction != Introduction::NameTaken {
            state.introduction = introduction;
        }
        drop(state);
        self.introduced.notify_all();
    }

    fn waiter(&self, id: Id) -> Option<Arc<Waiter>> {
        self.lock().waiting.get(&id).cloned()
    }

    /// Each subscription that matches gets it once; a retained value is for the one that is new.
    fn deliver(&self, event: Event, message: Vec<u8>, wakes: &mut Wakes) {
        let state = self.lock();
        let queue_of = |id: &Id| state.subscriptions.get(id).map(|(_, queue)| queue.clone());
        let queues: Vec<Arc<Queue>> = match event.retained_for {
            Some(id) => queue_of(&id).into_iter().collect(),
            None => {
                let ids = state.wants.matches(&event.topic);
                ids.iter().filter_map(queue_of).collect()
            }
        };
        drop(state);
        let letter = Letter::new(message, event.places);
        let note = Note::new(event.topic, event.id, event.retained_for.is_some(), letter);
        for queue in queues {
            if !queue.push(note.clone(), wakes) {
                self.count(|counters| &counters.lost);
            }
        }
    }

    fn take_call(self: &Arc<Client>, via: Via, call: Called, message: Vec<u8>, wakes: &mut Wakes) {
        let run = Arc::new(Run {
            client: self.clone(),
            via,
            id: call.id,
            was_answered: AtomicBool::new(false),
        });
        let state = self.lock();
        let desk = state
            .services
            .get(&call.service)
            .map(|(_, desk)| desk.clone());
        drop(state);
        let job = Job {
            run: run.clone(),
            name: call.name,
            letter: Letter::new(message, call.places),
            deadline: call.deadline,
            worker: None,
        };
        let taken = match desk {
            Some(desk) => desk.push(job, wakes),
            None => {
                run.take_turn();
                Err(Error::NoService)
            }
        };
        if let Err(error) = taken {
            if matches!(error, Error::Busy) {
                self.count(|counters| &counters.busy);
            }
            let (run, body) = (run.id, error.body());
            let why = error.why(&body);
            self.respond_now(via, &Word::Fail { run, why });
        }
    }
}

struct Event {
    topic: String,
    id: Id,
    retained_for: Option<Id>,
    places: (usize, usize),
}

struct Called {
    id: Id,
    service: Id,
    name: String,
    deadline: Instant,
    places: (usize, usize),
}

fn read_event(message: &[u8], event: &words::Event<'_>) -> Result<Event, Error> {
    Ok(Event {
        topic: event.topic.read()?.into_owned(),
        id: event.id,
        retained_for: event.retained,
        places: Letter::places(message, &event.tail),
    })
}

fn read_call(message: &[u8], run: &words::Run<'_>) -> Result<Called, Error> {
    Ok(Called {
        id: run.run,
        service: run.service,
        deadline: deadline_after(Duration::from_millis(run.milliseconds)),
        name: run.name.read()?.into_owned(),
        places: Letter::places(message, &run.tail),
    })
}
