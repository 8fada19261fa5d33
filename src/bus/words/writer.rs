//! Writer: a word to the bytes that are sent.

use crate::bus::words::id::Id;
use crate::bus::words::parser::{CREDIT, FROM};
use crate::bus::words::tail::Tail;
use crate::bus::words::text::Text;
use crate::bus::words::word::{Call, Event, Publish, Run, Serve, Why, Word};

/// Room for a line of words as most are.
const LINE: usize = 128;

impl Word<'_> {
    /// As it is sent.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.to_line(self.tail().len());
        self.tail().write(&mut bytes);
        bytes
    }

    /// The line alone, with room for so many bytes behind it.
    pub(crate) fn to_line(self, room: usize) -> Vec<u8> {
        let mut line = Line(Vec::with_capacity(LINE + room));
        match self {
            Word::Hello { id, name } => line.begin("hello", id).text(name),
            Word::Pub(publish) => line.publish(&publish),
            Word::Sub { id, pattern } => line.begin("sub", id).word(&pattern.word()),
            Word::Unsub { id } => line.begin("unsub", id),
            Word::Serve(serve) => line.serve(&serve),
            Word::Unserve { id } => line.begin("unserve", id),
            Word::Call(call) => line.call(&call),
            Word::Cancel { id } => line.begin("cancel", id),
            Word::Done { run, .. } => line.begin("done", run),
            Word::Fail { run, why } => line.begin("fail", run).why(&why),
            Word::Ping {
                id,
                milliseconds,
                name,
            } => line.begin("ping", id).number(milliseconds).text(name),
            Word::Peers { id } => line.begin("peers", id),
            Word::Ok { id, receivers, .. } => match receivers {
                Some(count) => line.begin("ok", id).number(count),
                None => line.begin("ok", id),
            },
            Word::Answer { id, from, .. } => line.begin("answer", id).from(from),
            Word::Error { id, why, from } => line.begin("error", id).why(&why).from(from),
            Word::Many { id, count } => line.begin("many", id).number(count),
            Word::Event(event) => line.event(&event),
            Word::Lost { count } => {
                line.0.extend_from_slice(b"lost");
                line.number(count)
            }
            Word::Run(run) => line.run(&run),
            Word::Welcome { broker, session } => line.begin("welcome", broker).number(session),
            Word::Probe { run, subscription } => {
                line.begin("probe", run);
                match subscription {
                    Some(subscription) => line.id(subscription),
                    None => &mut line,
                }
            }
            Word::Stop { run } => line.begin("stop", run),
        };
        line.0.push(b'\n');
        line.0
    }

    fn tail(&self) -> Tail<'_> {
        match self {
            Word::Pub(Publish { tail, .. })
            | Word::Call(Call { tail, .. })
            | Word::Event(Event { tail, .. })
            | Word::Run(Run { tail, .. })
            | Word::Fail {
                why: Why { tail, .. },
                ..
            }
            | Word::Error {
                why: Why { tail, .. },
                ..
            }
            | Word::Done { tail, .. }
            | Word::Ok { tail, .. }
            | Word::Answer { tail, .. } => *tail,
            _ => Tail::NONE,
        }
    }
}

/// A line of words that is being written.
struct Line(Vec<u8>);

impl Line {
    fn begin(&mut self, verb: &str, id: Id) -> &mut Line {
        self.0.extend_from_slice(verb.as_bytes());
        self.id(id)
    }

    fn id(&mut self, id: Id) -> &mut Line {
        self.0.push(b' ');
        self.0.extend_from_slice(&id.digits());
        self
    }

    fn word(&mut self, word: &str) -> &mut Line {
        self.0.push(b' ');
        self.0.extend_from_slice(word.as_bytes());
        self
    }

    fn flag(&mut self, is_set: bool, word: &str) -> &mut Line {
        match is_set {
            true => self.word(word),
            false => self,
        }
    }

    /// Where one may be missing, none is no word.
    fn text(&mut self, text: Text<'_>) -> &mut Line {
        match text.is_empty() {
            true => self,
            false => self.word(&text.word()),
        }
    }

    fn number(&mut self, number: u64) -> &mut Line {
        self.word(&number.to_string())
    }

    fn from(&mut self, name: Text<'_>) -> &mut Line {
        if !name.is_empty() {
            self.word(FROM);
            self.0.extend_from_slice(name.word().as_bytes());
        }
        self
    }

    fn why(&mut self, why: &Why<'_>) -> &mut Line {
        self.word(why.kind).text(why.detail)
    }

    fn publish(&mut self, publish: &Publish<'_>) -> &mut Line {
        self.begin("pub", publish.id)
            .word(&publish.topic.word())
            .flag(publish.retain, "retain")
            .flag(publish.no_echo, "no-echo")
            .flag(publish.receipt, "receipt")
    }

    fn serve(&mut self, serve: &Serve<'_>) -> &mut Line {
        self.begin("serve", serve.id)
            .word(&serve.name.word())
            .flag(serve.only, "only");
        match serve.credit {
            Some(credit) => self.word(&format!("{CREDIT}{credit}")),
            None => self,
        }
    }

    fn call(&mut self, call: &Call<'_>) -> &mut Line {
        self.begin("call", call.id)
            .word(&call.name.word())
            .number(call.milliseconds)
            .flag(call.all, "all")
    }

    fn event(&mut self, event: &Event<'_>) -> &mut Line {
        self.begin("event", event.id).word(&event.topic.word());
        if let Some(subscription) = event.retained {
            self.word("retained").id(subscription);
        }
        self.from(event.from)
    }

    fn run(&mut self, run: &Run<'_>) -> &mut Line {
        self.begin("run", run.run)
            .id(run.service)
            .number(run.milliseconds)
            .word(&run.name.word())
            .from(run.from)
    }
}
