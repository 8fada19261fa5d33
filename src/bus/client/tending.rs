//! Tending: how a thread carries out what the gate wants.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::bus::client::Client;
use crate::bus::client::gate::{Said, Step};
use crate::bus::client::state::{Life, State};
use crate::bus::end::{Ear, Hears, Link};
use crate::bus::words::{Error, Word};

/// Who carries out what the gate wants. There is one at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tender {
    /// A thread of a user's, which does not wait for what comes later than this.
    Until(Instant),
    /// One of our own, for as long as there is something to wait for.
    Own,
}

impl Client {
    /// Begins: waits until those who are there know us, or the deadline.
    pub(crate) fn open(self: &Arc<Client>, deadline: Instant) -> Result<(), Error> {
        self.lock().is_tended = true;
        let hears: Arc<dyn Hears> = self.clone();
        let opened = self.end.open(Ear::new(Arc::downgrade(&hears)));
        self.carry_out(Tender::Until(deadline));
        opened?;
        self.lock().gate.refusal().map_or(Ok(()), Err)
    }

    /// Waits until the other side knows us.
    pub(crate) fn wait_until_known(&self, deadline: Instant) -> Result<(), Error> {
        let mut state = self.lock();
        loop {
            state.check_open()?;
            if state.gate.introduction()? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let is_silent = state.gate.has_table();
                drop(state);
                return Err(self.absent(is_silent));
            }
            state = self.wait(state, deadline);
        }
    }

    /// Nobody is there to do it, or somebody who does not answer as a broker would.
    pub(super) fn absent(&self, is_silent: bool) -> Error {
        let absent = |why: &str| Error::NoBroker {
            why: why.to_owned(),
        };
        match is_silent {
            true => absent("what is there does not answer as a broker"),
            false => self.end.trouble().unwrap_or_else(|| absent("")),
        }
    }

    /// The gate wants something said: by the calling thread, if it is a user's and no other one is
    /// at it.
    pub(super) fn tend(self: &Arc<Client>) {
        let mut state = self.lock();
        self.turn(&mut state);
        if !std::mem::replace(&mut state.is_tended, true) {
            drop(state);
            self.carry_out(Tender::Until(Instant::now()));
        }
    }

    /// As `tend`, for a thread that must not wait.
    pub(super) fn tend_elsewhere(self: &Arc<Client>, state: &mut State) {
        if state.is_tended || !state.gate.has_work() {
            self.turn(state);
        } else {
            state.is_tended = true;
            self.turn(state);
            self.start_tender(state);
        }
    }

    fn start_tender(self: &Arc<Client>, state: &mut State) {
        let client = self.clone();
        let builder = thread::Builder::new().name("jackfield gate".to_owned());
        let started = builder.spawn(move || client.carry_out(Tender::Own));
        // Without a thread it waits for the next user who comes along.
        state.is_tended = started.is_ok();
    }

    /// Of the thread that tends.
    fn carry_out(self: &Arc<Client>, tender: Tender) {
        let mut state = self.lock();
        while state.life != Life::Closed {
            let step = state.gate.poll_step(Instant::now());
            self.turn(&mut state);
            match step {
                Step::Say(link, message) => {
                    drop(state);
                    let said = self.say_bytes(link, &message);
                    state = self.lock();
                    state.gate.handle_said(said);
                    self.turn(&mut state);
                }
                Step::HangUp(link) => {
                    drop(state);
                    self.end.hang_up(link);
                    state = self.lock();
                }
                Step::Ignore(link) => state.release(link),
                Step::Wait(until) => match tender {
                    Tender::Own => state = self.wait(state, until),
                    Tender::Until(deadline) if Instant::now() < deadline => {
                        state = self.wait(state, until.min(deadline));
                    }
                    Tender::Until(_) => return self.start_tender(&mut state),
                },
                Step::Rest => break,
            }
        }
        state.is_tended = false;
    }

    fn say_bytes(&self, link: Link, message: &[u8]) -> Said {
        let Ok(word) = Word::parse(message) else {
            debug_assert!(false, "we have written it ourselves");
            return Said::Yes;
        };
        match self.end.say(link, &word, self.options.timeout) {
            Ok(()) => Said::Yes,
            Err(Error::NoPeer | Error::Closed) => Said::Gone,
            Err(Error::Timeout) => Said::Later,
            // It cannot be said at all, now or later.
            Err(_) => Said::Yes,
        }
    }
}
