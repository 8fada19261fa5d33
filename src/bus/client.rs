//! Client: one bus's own side, whatever is on the other: what it wants, serves and waits for.

mod asking;
mod closing;
mod desk;
mod gate;
mod hearing;
mod publishing;
mod routes;
mod runs;
mod saying;
mod serving;
mod state;
mod tending;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Limit;
use crate::bus::counters::{BusStats, Counters};
use crate::bus::end::{End, Waits};
use crate::bus::event::Event;
use crate::bus::mailbox::{Mailbox, Wakes};
use crate::bus::maker::Maker;
use crate::bus::options::Options;
use crate::bus::words::{Error, Id};

pub(crate) use desk::Desk;
use gate::Gate;
use state::{Life, State};

/// Events that nobody has taken.
const EVENTS: Limit = Limit {
    messages: 1_024,
    bytes: usize::MAX,
};

/// The last of a bus's handles closes it.
pub(crate) struct Handle {
    pub(crate) client: Arc<Client>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.client.close_within(None);
    }
}

pub(crate) struct Client {
    maker: Maker,
    pub(crate) options: Options,
    end: Box<dyn End>,
    /// The id of our introduction, the same each time.
    hello: Id,
    state: Mutex<State>,
    /// The gate has changed, or the bus is closed.
    turned: Condvar,
    counters: Counters,
}

impl Client {
    pub(crate) fn new(end: Box<dyn End>, options: Options) -> Arc<Client> {
        let maker = Maker::new();
        let hello = maker.next();
        let gate = Gate::new(hello, options.name.clone(), options.outbox);
        Arc::new(Client {
            hello,
            maker,
            options,
            end,
            state: Mutex::new(State::new(gate)),
            turned: Condvar::new(),
            counters: Counters::default(),
        })
    }

    /// Takes from a mailbox, and hears meanwhile if it may.
    pub(crate) fn take<T>(
        &self,
        mailbox: &Mailbox<T>,
        waits: Waits,
        deadline: Option<Instant>,
    ) -> Result<T, Error> {
        mailbox.take(|is_there| self.end.wait(waits, deadline, is_there))
    }

    pub(crate) fn usual_deadline(&self) -> Instant {
        deadline_after(self.options.timeout)
    }

    pub(crate) fn count(&self, counter: impl FnOnce(&Counters) -> &AtomicU64) {
        counter(&self.counters).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> BusStats {
        let state = self.lock();
        BusStats {
            subscriptions: state.subscriptions.len(),
            services: state.services.len(),
            waiting: state.asked.len(),
            ..self.counters.read()
        }
    }

    /// A queue of its own for whoever asks, which begins with what is the case now.
    pub(crate) fn events(&self) -> Arc<Mailbox<Event>> {
        let mailbox = Arc::new(Mailbox::new(EVENTS));
        let why = self.trouble();
        let mut state = self.lock();
        let open = state.gate.open_links().map(|link| Event::Connected {
            peer: link.to_string(),
        });
        let mut now: Vec<Event> = open.collect();
        if now.is_empty() {
            let peer = "nobody".to_owned();
            now.push(Event::Disconnected { peer, why });
        }
        mailbox.append(
            now.into_iter().map(|event| (event, 0)),
            &mut Wakes::default(),
        );
        match state.life {
            Life::Closed => mailbox.end(Error::Closed),
            _ => state.events.push(mailbox.clone()),
        }
        mailbox
    }

    /// What stands in the way of a link.
    fn trouble(&self) -> String {
        let ended = || "the connection ended".to_owned();
        let trouble = self.end.trouble();
        trouble.map_or_else(ended, |error| error.body().into_owned())
    }

    fn tell_lost(&self, count: u64) {
        let mut state = self.lock();
        self.tell(&mut state, &Event::Lost { count });
    }

    /// Tells everybody who wants events. Queues of which nobody else has a handle are forgotten.
    fn tell(&self, state: &mut State, event: &Event) {
        let mut wakes = Wakes::default();
        state
            .events
            .retain(|mailbox| Arc::strong_count(mailbox) > 1);
        for mailbox in &state.events {
            mailbox.merge(event.clone(), &mut wakes, Event::add);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the gate changes, or the deadline.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, until: Instant) -> MutexGuard<'a, State> {
        let left = until.saturating_duration_since(Instant::now());
        state.sleepers += 1;
        let woken = self.turned.wait_timeout(state, left);
        let (mut state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        state.sleepers -= 1;
        state
    }

    /// Wakes whoever waits for the gate, and tells what it has to tell.
    fn turn(&self, state: &mut State) {
        while let Some(event) = state.gate.poll_news() {
            self.tell(state, &event);
        }
        if state.sleepers > 0 {
            self.turned.notify_all();
        }
    }
}

/// That long from now; a time that far away if it overflows the clock.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FAR)
}
