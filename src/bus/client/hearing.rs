//! Hearing: what a word from the other side means for us.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Arrival;
use crate::bus::client::{Client, Introduction, deadline_after};
use crate::bus::error::Error;
use crate::bus::id::Id;
use crate::bus::job::{Job, Run};
use crate::bus::letter::Letter;
use crate::bus::note::Note;
use crate::bus::request::Answer;
use crate::bus::subscription::{Ended, Queue};
use crate::bus::waiter::{Via, Waiter};
use crate::bus::wakes::Wakes;
use crate::bus::wire::{self, Frame, Malformed};

/// More than a broker can have for one name: it would be believed, and room made for them.
const MAX_PROVIDERS: usize = 65_536;

/// What is said to a client; everything else is said to a table.
pub(crate) fn is_for_client(message: &[u8]) -> bool {
    let end = message.iter().position(|byte| matches!(byte, b' ' | b'\n'));
    matches!(
        &message[..end.unwrap_or(message.len())],
        b"event" | b"answer" | b"run" | b"ok" | b"error" | b"many" | b"probe" | b"lost"
    )
}

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
        let understood = Frame::parse(&message).and_then(|frame| match frame.verb() {
            "event" => read_event(&message, &frame).map(Heard::Event),
            "run" => read_call(&message, &frame).map(Heard::Call),
            "answer" => {
                let (headers, body) = Letter::places(&message, &frame);
                Ok(Heard::Answer(id_of(&frame)?, headers, body))
            }
            _ => self.hear(via, &frame, wakes).map(|()| Heard::Done),
        });
        match understood {
            Ok(Heard::Event(event)) => self.deliver(event, message, wakes),
            Ok(Heard::Call(call)) => self.take_call(via, call, message, wakes),
            Ok(Heard::Answer(id, headers, body)) => {
                let answer = Answer::new(Letter::new(message, headers, body));
                match self.waiter(id) {
                    Some(waiter) => waiter.handle_answer(answer, wakes),
                    None => self.count(|counters| &counters.late),
                }
            }
            Ok(Heard::Done) => {}
            Err(Malformed) => self.count(|counters| &counters.malformed),
        }
    }

    fn hear(&self, via: Via, frame: &Frame<'_>, wakes: &mut Wakes) -> Result<(), Malformed> {
        if frame.verb() == "lost" {
            let counter = &self.counters.lost_on_the_way;
            counter.fetch_add(frame.number(1)?, Ordering::Relaxed);
            return Ok(());
        }
        let id = id_of(frame)?;
        match frame.verb() {
            "ok" => self.hear_ok(via, id, frame, wakes),
            "error" => self.hear_error(id, frame, wakes)?,
            "many" => {
                let count = usize::try_from(frame.number(2)?).map_err(|_| Malformed)?;
                if count > MAX_PROVIDERS {
                    return Err(Malformed);
                }
                if let Some(waiter) = self.waiter(id) {
                    waiter.handle_count(count, wakes);
                }
            }
            "probe" => self.respond_now(via, &wire::plain(&["done", frame.word(1)], b"")),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn hear_ok(&self, via: Via, id: Id, frame: &Frame<'_>, wakes: &mut Wakes) {
        if id == self.hello {
            self.handle_introduction(Introduction::Accepted);
        }
        let Some(waiter) = self.waiter(id) else {
            return;
        };
        match frame.number(2) {
            // The receipt of a post is the answer to it.
            Ok(count) => waiter.handle_answer(Answer::of_text(&count.to_string()), wakes),
            Err(Malformed) => waiter.handle_ok(via, wakes),
        }
    }

    fn hear_error(&self, id: Id, frame: &Frame<'_>, wakes: &mut Wakes) -> Result<(), Malformed> {
        let detail = frame.text(3)?;
        let body = String::from_utf8_lossy(frame.body);
        let error = Error::from_words(frame.word(2), &detail, &body);
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
        Ok(())
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
        let letter = Letter::new(message, event.headers, event.body);
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
            letter: Letter::new(message, call.headers, call.body),
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
            self.respond_now(via, &wire::failure("fail", &run.id, &error));
        }
    }
}

enum Heard {
    Event(Event),
    Call(Called),
    /// Its id, and where its headers and its body begin.
    Answer(Id, usize, usize),
    Done,
}

struct Event {
    topic: String,
    id: Id,
    retained_for: Option<Id>,
    headers: usize,
    body: usize,
}

struct Called {
    id: String,
    service: Id,
    name: String,
    deadline: Instant,
    headers: usize,
    body: usize,
}

fn id_of(frame: &Frame<'_>) -> Result<Id, Malformed> {
    frame.word(1).parse().map_err(|_| Malformed)
}

fn read_event(message: &[u8], frame: &Frame<'_>) -> Result<Event, Malformed> {
    let retained_for = match frame.word(3) {
        "retained" => Some(frame.word(4).parse().map_err(|_| Malformed)?),
        _ => None,
    };
    let (headers, body) = Letter::places(message, frame);
    Ok(Event {
        topic: frame.text(2)?.into_owned(),
        id: id_of(frame)?,
        retained_for,
        headers,
        body,
    })
}

fn read_call(message: &[u8], frame: &Frame<'_>) -> Result<Called, Malformed> {
    let (headers, body) = Letter::places(message, frame);
    Ok(Called {
        id: frame.word(1).to_owned(),
        service: frame.word(2).parse().map_err(|_| Malformed)?,
        deadline: deadline_after(Duration::from_millis(frame.number(3)?)),
        name: frame.text(4)?.into_owned(),
        headers,
        body,
    })
}
