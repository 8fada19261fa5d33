//! Dialler: the thread of an endpoint that is dialled.

use std::io;

use crate::endpoint::{Endpoint, Remote};
use crate::proto::dial::{DialId, DialStep};
use crate::proto::link::LinkId;
use crate::reader::Reader;
use crate::world::World;

pub(crate) struct Dialler {
    id: DialId,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Asks the hub as soon as it runs.
    Awake,
    /// Waits to be woken, or for its time.
    Asleep,
    /// In a look-up, or in connect.
    Connecting,
    /// It is the connection's thread.
    Serving(LinkId),
}

pub(crate) fn endpoint(n: u8) -> Endpoint {
    let text = ["mem://a", "mem://b", "tcp://h:1"][usize::from(n) % 3];
    text.parse().expect("a valid endpoint")
}

impl World {
    pub(crate) fn connect(&mut self, n: u8) {
        let id = self.hub.handle_connect(self.now, endpoint(n));
        let state = State::Awake;
        self.diallers.extend(id.map(|id| Dialler { id, state }));
    }

    /// The thread of some dial runs until it waits.
    pub(crate) fn dial(&mut self, which: usize, hello: Option<u8>, fails: bool) {
        let Some(index) = which.checked_rem(self.diallers.len()) else {
            return;
        };
        let dialler = &self.diallers[index];
        let (id, state) = (dialler.id, dialler.state);
        if let State::Serving(link) = state {
            if self.is_served(link) {
                return;
            }
        }
        if state == State::Connecting {
            return self.come_back(index, hello, fails);
        }
        self.diallers[index].state = match self.hub.poll_dial(self.now, id) {
            DialStep::Connect { .. } => State::Connecting,
            DialStep::Wait { until } if until <= self.now => State::Awake,
            DialStep::Wait { .. } | DialStep::Hold => State::Asleep,
            DialStep::Stop => {
                self.diallers.remove(index);
                return;
            }
        };
    }

    /// From the attempt, with a connection or without.
    fn come_back(&mut self, index: usize, hello: Option<u8>, fails: bool) {
        let id = self.diallers[index].id;
        self.diallers[index].state = State::Awake;
        if fails {
            let error = io::Error::from(io::ErrorKind::ConnectionRefused);
            return self.hub.handle_dial_failed(self.now, id, error);
        }
        if let Some(link) = self.hub.handle_dialled(self.now, id, Remote::Mem) {
            self.diallers[index].state = State::Serving(link);
            self.open(link, hello);
        }
    }

    fn is_served(&self, link: LinkId) -> bool {
        let end = self.ends.get(&link);
        end.is_some_and(|end| !matches!(end.reader, Reader::Gone))
    }
}
