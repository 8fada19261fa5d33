//! Opening: how a client introduces itself, and does so again to whoever comes back.

use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Instant;

use crate::Identity;
use crate::bus::client::asking::{serve_message, subscribe_message};
use crate::bus::client::{Client, Introduction, Way};
use crate::bus::waiter::Waiter;
use crate::bus::wakes::Wakes;
use crate::bus::words::{Error, Id, Text, Word};

impl Client {
    pub(crate) fn set_reader(&self, reader: thread::JoinHandle<()>) {
        self.lock().reader = Some(reader);
    }

    pub(crate) fn introduce(&self) -> Result<(), Error> {
        self.say(&self.hello_message(), self.usual_deadline())
    }

    fn hello_message(&self) -> Vec<u8> {
        let name = self.options.name.as_deref().unwrap_or_default();
        let (id, name) = (self.hello, Text::plain(name));
        Word::Hello { id, name }.to_bytes()
    }

    /// Waits until the other side knows us, and says whether our name is ours.
    pub(crate) fn wait_for_introduction(&self, deadline: Instant) -> Result<(), Error> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return Err(Error::Closed);
            }
            match state.introduction {
                Introduction::Accepted => return Ok(()),
                Introduction::NameTaken => return Err(Error::NameTaken),
                Introduction::Unanswered => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Timeout);
            }
            let woken = self.introduced.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A peer is there: a broker, or another bus that is to know what we want.
    pub(crate) fn handle_up(&self, peer: Identity) {
        let mut state = self.lock();
        state.peers.push(peer);
        if let Way::Own(..) = self.way {
            drop(state);
            self.restore(Some(peer));
        } else if std::mem::take(&mut state.owes_restore) {
            state.make_restore_due();
        }
    }

    /// A peer is gone. To a broker everything is said again at once: it waits in the socket, in
    /// front of what is said from now on. This may wait for room, so the bus's own thread does it.
    pub(crate) fn handle_down(&self, peer: Identity) {
        let mut state = self.lock();
        state.peers.retain(|other| *other != peer);
        let is_broker = matches!(self.way, Way::Broker(..));
        if is_broker {
            state.introduction = Introduction::Unanswered;
        }
        let waiting: Vec<Arc<Waiter>> = state.waiting.values().cloned().collect();
        drop(state);
        let mut wakes = Wakes::default();
        for waiter in waiting {
            match is_broker {
                true => waiter.handle_left(Some(peer), &mut wakes),
                false => waiter.handle_gone(Some(peer), &mut wakes),
            }
        }
        drop(wakes);
        if is_broker {
            self.lock().make_restore_due();
        }
    }

    /// Whether the calling thread is to say everything again.
    pub(super) fn takes_restore(&self) -> bool {
        std::mem::take(&mut self.lock().is_restore_due)
    }

    /// Says who we are, what we want and what we serve; to a peer, or to the broker.
    pub(super) fn restore(&self, to: Option<Identity>) {
        let state = self.lock();
        if state.is_closed {
            return;
        }
        let mut messages = vec![self.hello_message()];
        let patterns = state.subscriptions.iter();
        messages.extend(patterns.map(|(id, (pattern, _))| subscribe_message(*id, pattern)));
        let services = state.services.iter();
        messages.extend(services.map(|(id, (name, _))| serve_message(*id, name)));
        let patterns: Vec<Id> = state.subscriptions.keys().copied().collect();
        let services: Vec<Id> = state.services.keys().copied().collect();
        drop(state);
        let deadline = self.usual_deadline();
        let say = |message: &Vec<u8>| match to {
            Some(peer) => self.say_to(peer, message, deadline),
            None => self.say(message, deadline),
        };
        let is_said = messages.iter().all(|message| say(message).is_ok());
        let mut state = self.lock();
        if !is_said && to.is_none() {
            // The broker may have come back while we spoke.
            match state.peers.is_empty() {
                true => state.owes_restore = true,
                false => state.make_restore_due(),
            }
        }
        let is_gone = |id: &&Id| !state.subscriptions.contains_key(*id);
        let unwanted: Vec<Id> = patterns.iter().filter(is_gone).copied().collect();
        let is_gone = |id: &&Id| !state.services.contains_key(*id);
        let unserved: Vec<Id> = services.iter().filter(is_gone).copied().collect();
        drop(state);
        // What was dropped while we spoke was withdrawn before it was said again.
        for id in unwanted {
            say(&Word::Unsub { id }.to_bytes()).ok();
        }
        for id in unserved {
            say(&Word::Unserve { id }.to_bytes()).ok();
        }
    }
}
