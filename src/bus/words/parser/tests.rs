//! What is parsed, as it was written; and what is malformed.

use super::*;
use crate::bus::words::Error;

const ID: &str = "01933F8e0000700080000000000000ab";

fn id() -> Id {
    ID.parse().expect("an id")
}

#[test]
fn each_word_is_parsed_as_it_was_written() {
    let (id, run, name) = (id(), id(), Text::plain("é t"));
    let tail = Tail {
        headers: "unit: C\n",
        body: b"\n\nx",
    };
    let why = Why {
        kind: "Remote",
        detail: Text::plain("a b"),
        tail,
    };
    let publish = Publish {
        id,
        topic: name,
        retain: true,
        no_echo: true,
        receipt: true,
        tail,
    };
    let call = Call {
        id,
        name,
        milliseconds: 5_000,
        all: true,
        tail,
    };
    let event = Event {
        id,
        topic: name,
        retained: Some(id),
        from: name,
        tail,
    };
    let serve = Serve {
        id,
        name,
        only: true,
        credit: Some(7),
    };
    let called = Run {
        run,
        service: id,
        milliseconds: 0,
        name,
        from: name,
        tail,
    };
    let (pattern, from) = (name, name);
    let (milliseconds, receivers) = (u64::MAX, Some(10));
    let words = [
        Word::Hello { id, name },
        Word::Hello {
            id,
            name: Text::NONE,
        },
        Word::Pub(publish),
        Word::Pub(Publish {
            retain: false,
            no_echo: false,
            receipt: false,
            ..publish
        }),
        Word::Sub { id, pattern },
        Word::Unsub { id },
        Word::Serve(serve),
        Word::Serve(Serve {
            only: false,
            credit: None,
            ..serve
        }),
        Word::Unserve { id },
        Word::Call(call),
        Word::Call(Call { all: false, ..call }),
        Word::Cancel { id },
        Word::Done { run, tail },
        Word::Fail { run, why },
        Word::Ping {
            id,
            milliseconds,
            name,
        },
        Word::Peers { id },
        Word::Ok {
            id,
            receivers,
            tail,
        },
        Word::Ok {
            id,
            receivers: None,
            tail: Tail::NONE,
        },
        Word::Answer { id, from, tail },
        Word::Answer {
            id,
            from: Text::NONE,
            tail,
        },
        Word::Error { id, why, from },
        Word::Error {
            id,
            why: Why {
                detail: Text::NONE,
                ..why
            },
            from,
        },
        Word::Many { id, count: 2 },
        Word::Event(event),
        Word::Event(Event {
            retained: None,
            from: Text::NONE,
            ..event
        }),
        Word::Lost { count: 7 },
        Word::Run(called),
        Word::Run(Run {
            from: Text::NONE,
            ..called
        }),
        Word::Welcome {
            broker: id,
            session: 9,
        },
        Word::Probe {
            run,
            subscription: None,
        },
        Word::Probe {
            run,
            subscription: Some(id),
        },
        Word::Stop { run },
    ];
    for word in words {
        let bytes = word.to_bytes();
        assert_eq!(Word::parse(&bytes), Ok(word), "{bytes:?}");
    }
}

#[test]
fn an_id_is_written_as_it_was_said() {
    let word = format!("sub {ID} a\n\n");
    let parsed = Word::parse(word.as_bytes()).expect("it is well formed");
    assert_eq!(parsed.to_bytes(), word.as_bytes());
}

#[test]
fn what_is_malformed_is_known_by_its_id_if_that_is_one() {
    let header = format!("pub {ID} a receipt\nno colon\n\n");
    let number = format!("call {ID} a soon\n\n");
    let verb = format!("fly {ID} away\n\n");
    let cut = format!("pub {ID}\n");
    let mut bytes = format!("sub {ID} ").into_bytes();
    bytes.extend_from_slice(b"\xff\n\n");
    let answered = [
        header.as_bytes(),
        number.as_bytes(),
        verb.as_bytes(),
        cut.as_bytes(),
        &bytes,
    ];
    for bytes in answered {
        let malformed = Word::parse(bytes).expect_err("it is malformed");
        assert_eq!(malformed.id, Some(id()), "{bytes:?}");
    }
    let client = format!("event {ID} a\nno colon\n\n");
    let long = vec![b'a'; MAX_LINE + 1];
    let bad: [&[u8]; 9] = [
        b"",
        b"\n\n",
        b"pub",
        b"pub 1 a\n\n",
        b"p\xffb\n\n",
        b"lost many\n\n",
        b"\xff",
        client.as_bytes(),
        &long,
    ];
    for bytes in bad {
        let malformed = Word::parse(bytes).expect_err("it is malformed");
        assert_eq!(malformed.id, None, "{bytes:?}");
    }
}

#[test]
fn who_answers_cannot_say_that_it_is_another() {
    let line = format!("error {ID} Remote from=forged from=anna\n\n");
    let Ok(Word::Error { from, .. }) = Word::parse(line.as_bytes()) else {
        panic!("an error");
    };
    assert_eq!(from.read().expect("it is text"), "anna");
    let error = Error::Remote {
        kind: "a".to_owned(),
        message: "b".to_owned(),
    };
    let (id, body, from) = (id(), error.body(), Text::NONE);
    let why = error.why(&body);
    let bytes = Word::Error { id, why, from }.to_bytes();
    assert_eq!(bytes, format!("error {ID} Remote a\n\nb").into_bytes());
}
