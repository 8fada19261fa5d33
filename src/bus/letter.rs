//! Letter: the headers and the body of a message that came, in the bytes that it came in.

use std::borrow::Cow;

use crate::bus::wire::{Frame, header_lines};

#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Letter {
    bytes: Vec<u8>,
    headers: usize,
    body: usize,
}

impl Letter {
    /// Of `bytes`, in which `frame` was found.
    pub(crate) fn new(bytes: Vec<u8>, headers: usize, body: usize) -> Letter {
        Letter {
            bytes,
            headers,
            body,
        }
    }

    /// Where headers and body begin.
    pub(crate) fn places(whole: &[u8], frame: &Frame<'_>) -> (usize, usize) {
        (
            whole.len() - frame.tail.len(),
            whole.len() - frame.body.len(),
        )
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = std::str::from_utf8(&self.bytes[self.headers..self.body]);
        header_lines(text.unwrap_or_default())
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
