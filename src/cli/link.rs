//! Link: what happens between a verb that goes on and its broker, on standard error.

use std::io::{self, Write};
use std::time::Duration;

use jackfield::Endpoint;
use jackfield::bus::{Bus, Error, Event, Events};

use crate::cli::escape::lines;
use crate::cli::failure::Failure;
use crate::cli::quantity;

pub(crate) struct Link {
    verb: &'static str,
    address: Endpoint,
    events: Events,
    is_up: bool,
}

impl Link {
    /// Says if nobody is there yet.
    pub(crate) fn new(verb: &'static str, bus: &Bus, address: Endpoint) -> Link {
        let link = Link {
            verb,
            address,
            events: bus.events(),
            is_up: false,
        };
        if let Err(error) = bus.ready(Duration::ZERO) {
            let waiting = format!("waiting for a broker at {}", link.address);
            link.tell(&match error {
                Error::NoBroker { why } if !why.is_empty() => format!("{waiting} ({why})"),
                _ => waiting,
            });
        }
        link
    }

    /// Says what happens, until something is refused or the bus is closed.
    pub(crate) fn follow(mut self) -> Failure {
        while let Ok(event) = self.events.recv() {
            match self.handle(event) {
                Ok(line) => line.into_iter().for_each(|line| self.tell(&line)),
                Err(failure) => return failure,
            }
        }
        Failure::Failed("the bus is closed".to_owned())
    }

    /// What there is to tell.
    fn handle(&mut self, event: Event) -> Result<Option<String>, Failure> {
        let (address, was_up) = (&self.address, self.is_up);
        Ok(match event {
            Event::Connected { .. } => {
                self.is_up = true;
                (!was_up).then(|| format!("connected to the broker at {address}"))
            }
            Event::Disconnected { why, .. } => {
                self.is_up = false;
                let lost = format!("lost the broker at {address}: {why}");
                was_up.then(|| format!("{lost}; waiting for it"))
            }
            Event::Lost { count: 1 } => Some("1 message lost".to_owned()),
            Event::Lost { count } => Some(format!("{} messages lost", quantity::count(count))),
            Event::Refused { what, why } => {
                return Err(Failure::Failed(format!("{what} refused: {why}")));
            }
            _ => None,
        })
    }

    fn tell(&self, line: &str) {
        // What cannot be told on standard error cannot be told.
        writeln!(io::stderr(), "jackfield {}: {}", self.verb, lines(line)).ok();
    }
}
