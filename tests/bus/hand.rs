//! Hand: a client of a broker without a bus: it says and hears words as they are written.

use std::collections::VecDeque;

use jackfield::Socket;

use crate::browser::Browser;
use crate::stage::{Home, Road, stranger};
use crate::support;
use crate::wire::{DATA, data};

pub struct Hand {
    wire: Wire,
    /// What came while something else was waited for.
    heard: VecDeque<String>,
}

enum Wire {
    Socket(Socket),
    /// By hand down to the bytes, as a page would be.
    Page(Box<Browser>),
}

impl Hand {
    /// The client `who` of the broker that is at home, once it was greeted.
    pub fn join(on: Road, home: &Home, who: u8) -> Hand {
        let wire = match on {
            Road::WebSocket => Wire::Page(Box::new(Browser::join(&home.here, who))),
            _ => Wire::Socket(stranger(&home.there)),
        };
        let heard = VecDeque::new();
        let mut hand = Hand { wire, heard };
        if let Wire::Page(_) = hand.wire {
            let greeting = hand.hear();
            assert!(greeting.starts_with("welcome "), "{greeting}");
        }
        hand
    }

    pub fn say(&mut self, words: &str) {
        match &mut self.wire {
            Wire::Socket(socket) => support::send(socket, words),
            Wire::Page(page) => page.write(&data(words)),
        }
    }

    pub fn hear(&mut self) -> String {
        self.heard.pop_front().unwrap_or_else(|| self.hear_on())
    }

    /// Returns when the broker has dealt with what was said.
    pub fn await_dealt_with(&mut self) {
        let id = "f".repeat(32);
        self.say(&format!("ping {id} 60000\n\n"));
        let answer = format!("answer {id}\n\n");
        let mut next = self.hear_on();
        while next != answer {
            self.heard.push_back(next);
            next = self.hear_on();
        }
    }

    fn hear_on(&mut self) -> String {
        match &mut self.wire {
            Wire::Socket(socket) => support::next_text(socket),
            Wire::Page(page) => {
                let frame = page.read_on().expect("a message comes");
                assert_eq!(frame.kind, DATA);
                String::from_utf8(frame.body).expect("a text")
            }
        }
    }
}
