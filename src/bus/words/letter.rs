//! Letter: the headers and the body of a message that came, in the bytes that it came in.

use std::borrow::Cow;

use crate::bus::words::tail::{Tail, header_lines};
use crate::bus::words::text::Text;
use crate::bus::words::word::Word;

#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Letter {
    bytes: Vec<u8>,
    /// Where they begin.
    headers: usize,
    body: usize,
}

impl Letter {
    /// Of `bytes`, in which headers and body begin at these places.
    pub(crate) fn new(bytes: Vec<u8>, (headers, body): (usize, usize)) -> Letter {
        Letter {
            bytes,
            headers,
            body,
        }
    }

    /// In bytes of its own.
    pub(crate) fn of(tail: &Tail<'_>) -> Letter {
        let mut bytes = Vec::with_capacity(tail.len());
        tail.write(&mut bytes);
        Letter::new(bytes, (0, tail.headers.len() + 1))
    }

    /// Where headers and body begin in the message that ends in this tail.
    pub(crate) fn places(whole: &[u8], tail: &Tail<'_>) -> (usize, usize) {
        (whole.len() - tail.len(), whole.len() - tail.body.len())
    }

    pub(crate) fn tail(&self) -> Tail<'_> {
        let headers = &self.bytes[self.headers..self.body];
        let headers = std::str::from_utf8(headers).unwrap_or_default();
        Tail {
            // Without the empty line that ends them.
            headers: headers.strip_suffix('\n').unwrap_or_default(),
            body: self.body(),
        }
    }

    /// The same with these header lines as well.
    pub(crate) fn with_headers(self, lines: &str) -> Letter {
        let Tail { headers, body } = self.tail();
        let headers = &format!("{headers}{lines}");
        Letter::of(&Tail { headers, body })
    }

    /// Whom the line in front of the headers is from, if it names anybody.
    pub(crate) fn from(&self) -> Option<Cow<'_, str>> {
        if self.headers == 0 {
            return None;
        }
        let from = match Word::parse(&self.bytes).ok()? {
            Word::Event(event) => event.from,
            Word::Run(run) => run.from,
            Word::Answer { from, .. } => from,
            _ => Text::NONE,
        };
        from.read().ok().filter(|name| !name.is_empty())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        header_lines(self.tail().headers)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers();
        headers.find_map(|(other, value)| other.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    pub(crate) fn into_body(mut self) -> Vec<u8> {
        self.bytes.drain(..self.body);
        self.bytes
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}
