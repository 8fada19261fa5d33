//! Hand: a client of a broker without a bus: it says and hears words as they are written.

use jackfield::Socket;

use crate::browser::Browser;
use crate::stage::{Home, Road, stranger};
use crate::support;
use crate::wire::{DATA, data};

pub enum Hand {
    Socket(Socket),
    /// By hand down to the bytes, as a page would be.
    Page(Box<Browser>),
}

impl Hand {
    /// The client `who` of the broker that is at home, once it was greeted.
    pub fn join(on: Road, home: &Home, who: u8) -> Hand {
        let Road::WebSocket = on else {
            return Hand::Socket(stranger(&home.there));
        };
        let mut page = Hand::Page(Box::new(Browser::join(&home.here, who)));
        let greeting = page.hear();
        assert!(greeting.starts_with("welcome "), "{greeting}");
        page
    }

    pub fn say(&mut self, words: &str) {
        match self {
            Hand::Socket(socket) => support::send(socket, words),
            Hand::Page(page) => page.write(&data(words)),
        }
    }

    pub fn hear(&mut self) -> String {
        match self {
            Hand::Socket(socket) => support::next_text(socket),
            Hand::Page(page) => {
                let frame = page.read_on().expect("a message comes");
                assert_eq!(frame.kind, DATA);
                String::from_utf8(frame.body).expect("a text")
            }
        }
    }
}
