//! Parser: bytes to a word, once, without a copy.

use crate::bus::words::fault::Fault;
use crate::bus::words::id::Id;
use crate::bus::words::tail::Tail;
use crate::bus::words::text::Text;
use crate::bus::words::word::{
    Call, Event, Malformed, Publish, Run, Serve, Why, Word, is_for_client,
};

/// A longer first line is nobody's honest message.
const MAX_LINE: usize = 16 * 1024;

/// Words of a line that anybody looks at.
const MAX_WORDS: usize = 16;

/// Digits of an id.
const ID_LEN: usize = 32;

/// In front of a name that the table adds to a message.
pub(super) const FROM: &str = "from=";
pub(super) const CREDIT: &str = "credit=";

impl<'a> Word<'a> {
    /// What these bytes say.
    pub fn parse(bytes: &'a [u8]) -> Result<Word<'a>, Malformed> {
        parse(bytes).map_err(|fault| {
            let id = id_of(bytes);
            Malformed { id, fault }
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Word<'_>, Fault> {
    let end = end_of_line(&bytes[..bytes.len().min(MAX_LINE)]);
    let end = end.ok_or(Fault::Line("its first line is no ASCII, or too long"))?;
    let line = std::str::from_utf8(&bytes[..end]);
    let line = line.map_err(|_| Fault::Line("its first line is no ASCII"))?;
    let tail = Tail::parse(&bytes[end + 1..])?;
    let mut words = Words {
        rest: Some(line),
        left: MAX_WORDS,
    };
    let verb = words.next().unwrap_or_default();
    if verb == "lost" {
        let count = words.number()?;
        return Ok(Word::Lost { count });
    }
    let id = words.id()?;
    match verb {
        // What is said most comes first.
        "pub" => Ok(Word::Pub(publish(id, &mut words, tail))),
        "event" => Ok(Word::Event(event(id, &mut words, tail)?)),
        verb if is_for_client(verb.as_bytes()) => to_client(verb, id, &mut words, tail),
        verb => to_table(verb, id, &mut words, tail),
    }
}

/// The line is ASCII, so the first other byte is its end. Several are looked at together, which
/// takes a third of the time.
fn end_of_line(bytes: &[u8]) -> Option<usize> {
    let is_other = |byte: &u8| !(b' '..=b'~').contains(byte);
    let chunks = bytes.chunks_exact(16);
    let is_line = |chunk: &&[u8]| !chunk.iter().fold(false, |any, byte| any | is_other(byte));
    let start = 16 * chunks.take_while(is_line).count();
    let end = start + bytes[start..].iter().position(is_other)?;
    (bytes[end] == b'\n').then_some(end)
}

fn to_table<'a>(
    verb: &str,
    id: Id,
    words: &mut Words<'a>,
    tail: Tail<'a>,
) -> Result<Word<'a>, Fault> {
    let run = id;
    Ok(match verb {
        "call" => Word::Call(call(id, words, tail)?),
        "done" => Word::Done { run, tail },
        "fail" => {
            let kind = words.next().unwrap_or_default();
            let detail = words.text();
            let why = Why { kind, detail, tail };
            Word::Fail { run, why }
        }
        "hello" => {
            let name = words.text();
            Word::Hello { id, name }
        }
        "sub" => {
            let pattern = words.text();
            Word::Sub { id, pattern }
        }
        "serve" => Word::Serve(serve(id, words)?),
        "ping" => {
            let (milliseconds, name) = (words.number()?, words.text());
            Word::Ping {
                id,
                milliseconds,
                name,
            }
        }
        "unsub" => Word::Unsub { id },
        "unserve" => Word::Unserve { id },
        "cancel" => Word::Cancel { id },
        "peers" => Word::Peers { id },
        _ => return Err(Fault::Verb),
    })
}

fn to_client<'a>(
    verb: &str,
    id: Id,
    words: &mut Words<'a>,
    tail: Tail<'a>,
) -> Result<Word<'a>, Fault> {
    Ok(match verb {
        "run" => Word::Run(run(id, words, tail)?),
        "answer" => {
            let from = words.from();
            Word::Answer { id, from, tail }
        }
        "error" => error(id, words, tail),
        "ok" => {
            let receivers = words.next().and_then(|word| word.parse().ok());
            Word::Ok {
                id,
                receivers,
                tail,
            }
        }
        "many" => {
            let count = words.number()?;
            Word::Many { id, count }
        }
        "welcome" => {
            let (broker, session) = (id, words.number()?);
            Word::Welcome { broker, session }
        }
        "probe" => Word::Probe {
            run: id,
            subscription: words.next().and_then(|word| word.parse().ok()),
        },
        "stop" => Word::Stop { run: id },
        _ => return Err(Fault::Verb),
    })
}

fn number(word: &str) -> Result<u64, Fault> {
    let number = word.parse();
    number.map_err(|_| Fault::Line("a number in it is none, or is missing"))
}

fn publish<'a>(id: Id, words: &mut Words<'a>, tail: Tail<'a>) -> Publish<'a> {
    let mut publish = Publish {
        id,
        topic: words.text(),
        retain: false,
        no_echo: false,
        receipt: false,
        tail,
    };
    for word in words {
        match word {
            "retain" => publish.retain = true,
            "no-echo" => publish.no_echo = true,
            "receipt" => publish.receipt = true,
            _ => {}
        }
    }
    publish
}

fn serve<'a>(id: Id, words: &mut Words<'a>) -> Result<Serve<'a>, Fault> {
    let mut serve = Serve {
        id,
        name: words.text(),
        only: false,
        credit: None,
    };
    for word in words {
        match (word, word.strip_prefix(CREDIT)) {
            ("only", _) => serve.only = true,
            (_, Some(credit)) => serve.credit = Some(number(credit)?),
            _ => {}
        }
    }
    Ok(serve)
}

fn call<'a>(id: Id, words: &mut Words<'a>, tail: Tail<'a>) -> Result<Call<'a>, Fault> {
    Ok(Call {
        id,
        name: words.text(),
        milliseconds: words.number()?,
        all: words.any(|word| word == "all"),
        tail,
    })
}

fn event<'a>(id: Id, words: &mut Words<'a>, tail: Tail<'a>) -> Result<Event<'a>, Fault> {
    let mut event = Event {
        id,
        topic: words.text(),
        retained: None,
        from: Text::NONE,
        tail,
    };
    while let Some(word) = words.next() {
        if word == "retained" {
            event.retained = Some(words.id()?);
        } else if let Some(name) = word.strip_prefix(FROM) {
            event.from = Text::written(name);
        }
    }
    Ok(event)
}

fn run<'a>(run: Id, words: &mut Words<'a>, tail: Tail<'a>) -> Result<Run<'a>, Fault> {
    Ok(Run {
        run,
        service: words.id()?,
        milliseconds: words.number()?,
        name: words.text(),
        from: words.from(),
        tail,
    })
}

fn error<'a>(id: Id, words: &mut Words<'a>, tail: Tail<'a>) -> Word<'a> {
    let kind = words.next().unwrap_or_default();
    let second = words.clone().next().unwrap_or_default();
    let detail = match second.starts_with(FROM) {
        true => Text::NONE,
        false => words.text(),
    };
    let from = words.from();
    let why = Why { kind, detail, tail };
    Word::Error { id, why, from }
}

/// What is left of a line.
#[derive(Clone)]
struct Words<'a> {
    rest: Option<&'a str>,
    left: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.next_of(0)
    }
}

impl<'a> Words<'a> {
    /// The next one, which is no shorter than that.
    fn next_of(&mut self, len: usize) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.rest.take()?;
        // Words are short: a loop over bytes is faster than a search.
        let spaces = rest.as_bytes().get(len..)?;
        let Some(end) = spaces.iter().position(|byte| *byte == b' ') else {
            return Some(rest);
        };
        self.rest = Some(&rest[len + end + 1..]);
        Some(&rest[..len + end])
    }

    /// Empty if there is none.
    fn text(&mut self) -> Text<'a> {
        Text::written(self.next().unwrap_or_default())
    }

    fn id(&mut self) -> Result<Id, Fault> {
        let id = self.next_of(ID_LEN).unwrap_or_default().parse();
        id.map_err(|_| Fault::Line("an id in it is not 32 hexadecimal digits"))
    }

    fn number(&mut self) -> Result<u64, Fault> {
        number(self.next().unwrap_or_default())
    }

    /// Of whom it is; what the table adds stands behind what it was told.
    fn from(&mut self) -> Text<'a> {
        let names = self.filter_map(|word| word.strip_prefix(FROM));
        names.last().map_or(Text::NONE, Text::written)
    }
}

/// The id of a message that is malformed, for an answer. What is said to a client is not answered,
/// so that no two sides tell each other of their errors for ever.
fn id_of(bytes: &[u8]) -> Option<Id> {
    if is_for_client(bytes) {
        return None;
    }
    let mut words = bytes.split(|byte| matches!(byte, b' ' | b'\n'));
    std::str::from_utf8(words.nth(1)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
