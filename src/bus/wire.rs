//! Wire: a message of the bus as the bytes of a socket's message, and back.
//!
//! A line of words, header lines, an empty line, the body: see `docs/BUS.md`.

use std::borrow::Cow;

use crate::bus::error::Error;

/// Longer first lines and headers are nobody's honest message.
const MAX_LINE: usize = 16 * 1024;
const MAX_HEADERS: usize = 64 * 1024;

/// Words of a line that anybody looks at; more are for versions to come.
const WORDS: usize = 6;

/// A message, still in the bytes that it came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame<'a> {
    words: [&'a str; WORDS],
    /// Header lines, each with its end, and the empty line behind them.
    pub(crate) headers: &'a str,
    pub(crate) body: &'a [u8],
    /// Everything behind the first line, to be handed on as it is.
    pub(crate) tail: &'a [u8],
}

/// It is no message of the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

impl<'a> Frame<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        let (line, tail) = split_line(bytes, MAX_LINE)?;
        if !line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return Err(Malformed);
        }
        let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
        let mut words = [""; WORDS];
        let given = line.split(' ');
        words
            .iter_mut()
            .zip(given)
            .for_each(|(word, it)| *word = it);
        if words[0].is_empty() {
            return Err(Malformed);
        }
        let mut rest = tail;
        loop {
            let (line, after) = split_line(rest, MAX_HEADERS)?;
            if line.is_empty() {
                let headers = &tail[..tail.len() - rest.len()];
                if headers.len() > MAX_HEADERS {
                    return Err(Malformed);
                }
                let headers = std::str::from_utf8(headers).map_err(|_| Malformed)?;
                return Ok(Frame {
                    words,
                    headers,
                    body: after,
                    tail,
                });
            }
            let colon = line.iter().position(|byte| *byte == b':');
            if !colon.is_some_and(|colon| is_name(&line[..colon])) {
                return Err(Malformed);
            }
            rest = after;
        }
    }

    pub(crate) fn verb(&self) -> &'a str {
        self.words[0]
    }

    /// A word as it was written; empty if there is none.
    pub(crate) fn word(&self, index: usize) -> &'a str {
        self.words[index]
    }

    /// A word that is text, as it was meant.
    pub(crate) fn text(&self, index: usize) -> Result<Cow<'a, str>, Malformed> {
        unescape(self.words[index])
    }

    pub(crate) fn number(&self, index: usize) -> Result<u64, Malformed> {
        self.words[index].parse().map_err(|_| Malformed)
    }

    /// Whether one of the words from `first` on is this one.
    pub(crate) fn says(&self, first: usize, word: &str) -> bool {
        self.words[first..].contains(&word)
    }

    #[cfg(test)]
    fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        header_lines(self.headers)
    }
}

/// Header lines as names and values.
pub(crate) fn header_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name, value.strip_prefix(' ').unwrap_or(value)))
    })
}

fn split_line(bytes: &[u8], most: usize) -> Result<(&[u8], &[u8]), Malformed> {
    let near = &bytes[..bytes.len().min(most)];
    let end = near.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or(Malformed)?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

/// One that can stand in front of a colon.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic())
}

/// A first line, the words put in as they are.
pub(crate) fn line(words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for (index, word) in words.iter().filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes.push(b'\n');
    bytes
}

/// A message of these words, with the tail of another.
pub(crate) fn forward(words: &[&str], tail: &[u8]) -> Vec<u8> {
    let mut bytes = line(words);
    bytes.extend_from_slice(tail);
    bytes
}

/// A message without headers.
pub(crate) fn plain(words: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = line(words);
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    bytes
}

/// A message with headers, which are checked.
pub(crate) fn message(
    words: &[&str],
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut bytes = line(words);
    for (name, value) in headers {
        let is_name = is_name(name.as_bytes()) && !name.contains(':');
        if !is_name || value.contains(['\n', '\r']) {
            return Err(Error::BadHeader { name: name.clone() });
        }
        for part in [name.as_str(), ": ", value, "\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// The answer to message `id` that failed.
pub(crate) fn failure(verb: &str, id: &str, error: &Error) -> Vec<u8> {
    let [kind, detail] = error.words();
    plain(&[verb, id, kind, &escape(detail)], error.body().as_bytes())
}

/// Text as one word: what is no plain visible ASCII is written as `%` and two digits.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut word = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match is_plain(byte) {
            true => word.push(byte as char),
            false => word.push_str(&format!("%{byte:02X}")),
        }
    }
    Cow::Owned(word)
}

fn unescape(word: &str) -> Result<Cow<'_, str>, Malformed> {
    if !word.contains('%') {
        return Ok(Cow::Borrowed(word));
    }
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).ok_or(Malformed)?;
        let digit = |digit: u8| (digit as char).to_digit(16).ok_or(Malformed);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = &after[2..];
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let headers = [("unit".to_owned(), "C".to_owned())];
        let bytes = message(&["pub", "1", &escape("é t")], &headers, b"\n\nx").expect("it is good");
        assert_eq!(bytes, b"pub 1 %C3%A9%20t\nunit: C\n\n\n\nx");
        let frame = Frame::parse(&bytes).expect("it is well formed");
        assert_eq!((frame.verb(), frame.word(1)), ("pub", "1"));
        assert_eq!(frame.text(2).expect("it is escaped well"), "é t");
        assert_eq!(frame.headers().collect::<Vec<_>>(), [("unit", "C")]);
        assert_eq!(frame.body, b"\n\nx");
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        let long = vec![b'a'; MAX_LINE + 1];
        let bad: [&[u8]; 8] = [
            b"",
            b"\n\n",
            b"pub",
            b"pub 1 a\n",
            b"pub 1 a\nno colon\n\n",
            b"pub 1 a\n: nameless\n\n",
            b"p\xffb\n\n",
            &long,
        ];
        for bytes in bad {
            assert_eq!(Frame::parse(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn escapes_that_are_cut_off_or_no_text_are_malformed() {
        for word in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(unescape(word), Err(Malformed), "{word}");
        }
    }

    #[test]
    fn a_header_that_would_end_its_line_is_refused() {
        for (name, value) in [("a", "b\nc"), ("a:", "b"), ("", "b"), ("a b", "c")] {
            let headers = [(name.to_owned(), value.to_owned())];
            let result = message(&["pub"], &headers, b"");
            assert!(matches!(result, Err(Error::BadHeader { .. })), "{name:?}");
        }
    }
}
