//! Ends of one's own: a bus on sessions that the test makes, ends and answers in.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use jackfield::bus::words::{Tail, Text, Word};
use jackfield::bus::{Bus, Ear, End, Error, Event, Link, Role};

use crate::support::SLACK;

const ONE: Link = Link::Number(1);
const TWO: Link = Link::Number(2);

/// It answers who we are and what we want, and hands everything else to the test.
#[derive(Clone)]
struct Sample(Arc<Inner>);

struct Inner {
    ear: OnceLock<Ear>,
    said: Mutex<Sender<(Link, Vec<u8>)>>,
}

impl End for Sample {
    fn open(&self, ear: Ear) -> Result<(), Error> {
        self.0.ear.set(ear).map_err(|_| Error::Closed)
    }

    fn say(&self, link: Link, word: &Word<'_>, _: Duration) -> Result<(), Error> {
        let id = match *word {
            Word::Hello { id, .. } | Word::Sub { id, .. } => Some(id),
            _ => None,
        };
        let said = self.0.said.lock().expect("no panic");
        said.send((link, word.to_bytes()))
            .expect("the test listens");
        drop(said);
        if let Some(id) = id {
            let (receivers, tail) = (None, Tail::NONE);
            self.hear(
                link,
                &Word::Ok {
                    id,
                    receivers,
                    tail,
                },
            );
        }
        Ok(())
    }

    fn hang_up(&self, link: Link) {
        self.ear().down(link, Vec::new());
    }

    fn close(&self, _: Option<Duration>) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

impl Sample {
    fn open() -> (Sample, Bus, Receiver<(Link, Vec<u8>)>) {
        let (said, hears) = mpsc::channel();
        let end = Sample(Arc::new(Inner {
            ear: OnceLock::new(),
            said: Mutex::new(said),
        }));
        let bus = Bus::options().timeout(SLACK).through(end.clone());
        (end, bus.expect("a bus"), hears)
    }

    fn ear(&self) -> &Ear {
        self.0.ear.get().expect("it is open")
    }

    fn up(&self, bus: &Bus, link: Link) {
        let events = bus.events();
        self.ear().up(link, Role::Table);
        let is_it = |event: &Event| {
            *event
                == Event::Connected {
                    peer: link.to_string(),
                }
        };
        while !is_it(&events.recv_timeout(SLACK).expect("it comes")) {}
    }

    fn hear(&self, link: Link, word: &Word<'_>) {
        self.ear().hear(link, &mut vec![word.to_bytes()]);
    }
}

/// The next word of this verb, and in which session.
fn next(said: &Receiver<(Link, Vec<u8>)>, verb: &str) -> (Link, Vec<u8>) {
    loop {
        let (link, message) = said.recv_timeout(SLACK).expect("it is said");
        if message.starts_with(verb.as_bytes()) {
            return (link, message);
        }
    }
}

fn ask(bus: &Bus) -> thread::JoinHandle<Result<String, Error>> {
    let bus = bus.clone();
    thread::spawn(move || Ok(bus.call("who", "")?.text().into_owned()))
}

fn call_in(message: &[u8]) -> jackfield::bus::words::Call<'_> {
    match Word::parse(message) {
        Ok(Word::Call(call)) => call,
        other => panic!("{other:?}"),
    }
}

fn answer(end: &Sample, link: Link, call: &[u8], text: &str) {
    let (id, tail) = (call_in(call).id, Tail::of(text.as_bytes()));
    let from = Text::NONE;
    end.hear(link, &Word::Answer { id, from, tail });
}

#[test]
fn a_bus_goes_through_an_end_of_ones_own() {
    let (end, bus, said) = Sample::open();
    let rooms = bus
        .subscribe("room/*")
        .expect("it is asked for when somebody comes");
    end.up(&bus, ONE);
    assert!(next(&said, "sub").1.ends_with(b" room/*\n\n"));
    bus.publish("room/1", "x").expect("accepted");
    let (_, post) = next(&said, "pub");
    let Ok(Word::Pub(publish)) = Word::parse(&post) else {
        panic!("a post");
    };
    let event = jackfield::bus::words::Event {
        id: publish.id,
        topic: publish.topic,
        retained: None,
        from: Text::NONE,
        tail: publish.tail,
    };
    end.hear(ONE, &Word::Event(event));
    let note = rooms.recv_timeout(SLACK).expect("it came");
    assert_eq!((note.topic(), note.body()), ("room/1", &b"x"[..]));
}

#[test]
fn a_call_is_answered_by_whom_it_was_asked_of() {
    let (end, bus, said) = Sample::open();
    end.up(&bus, ONE);
    end.up(&bus, TWO);
    let asking = ask(&bus);
    let (link, call) = next(&said, "call");
    assert_eq!(link, TWO);
    answer(&end, ONE, &call, "forged");
    answer(&end, TWO, &call, "true");
    assert_eq!(asking.join().expect("no panic").expect("answered"), "true");
    assert_eq!(bus.stats().late, 1);
}

#[test]
fn the_end_of_an_old_session_fails_no_call_of_a_new_one() {
    let (end, bus, said) = Sample::open();
    end.up(&bus, ONE);
    end.up(&bus, TWO);
    let asking = ask(&bus);
    let (_, call) = next(&said, "call");
    end.ear().down(ONE, Vec::new());
    answer(&end, TWO, &call, "x");
    assert_eq!(asking.join().expect("no panic").expect("answered"), "x");
}

#[test]
fn a_call_that_was_said_and_not_answered_is_no_peer() {
    let (end, bus, said) = Sample::open();
    end.up(&bus, ONE);
    let asking = ask(&bus);
    next(&said, "call");
    end.ear().down(ONE, Vec::new());
    let answered = asking.join().expect("no panic");
    assert!(matches!(answered, Err(Error::NoPeer)), "{answered:?}");
}

#[test]
fn a_call_that_was_never_said_is_said_in_the_next_session_with_less_time() {
    let (end, bus, said) = Sample::open();
    end.up(&bus, ONE);
    let asking = ask(&bus);
    let (_, call) = next(&said, "call");
    let first = call_in(&call).milliseconds;
    end.ear().down(ONE, vec![call]);
    end.up(&bus, TWO);
    let (link, again) = next(&said, "call");
    assert_eq!(link, TWO);
    assert!(call_in(&again).milliseconds <= first);
    answer(&end, TWO, &again, "x");
    assert_eq!(asking.join().expect("no panic").expect("answered"), "x");
}

#[test]
fn posts_that_come_back_unsaid_go_first_in_the_next_session() {
    let (end, bus, said) = Sample::open();
    end.up(&bus, ONE);
    bus.publish("a", "1").expect("accepted");
    let (_, post) = next(&said, "pub");
    end.ear().down(ONE, vec![post]);
    bus.publish("a", "2").expect("it waits");
    end.up(&bus, TWO);
    bus.publish("a", "3").expect("accepted");
    for body in ["1", "2", "3"] {
        let (link, post) = next(&said, "pub");
        assert_eq!(link, TWO);
        assert!(post.ends_with(body.as_bytes()), "{post:?}");
    }
}

#[test]
fn an_end_that_is_over_closes_the_bus() {
    let (end, bus, _said) = Sample::open();
    let all = bus.subscribe("**").expect("accepted");
    end.ear().close();
    assert!(matches!(all.recv(), Err(Error::Closed)));
    assert!(matches!(bus.publish("a", ""), Err(Error::Closed)));
}
