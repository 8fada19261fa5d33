//! Saying: what cannot be said is refused where it is said.

use std::borrow::Cow;

use crate::Error as SocketError;
use crate::bus::options::MAX_MESSAGE;
use crate::bus::words::{self, Error, Tail, Topic};

/// Header lines of a message.
const MAX_HEADERS: usize = 64 * 1024;

/// The service of a client under its own name.
const SELF: &str = "@";

/// What is published to, in its one form.
pub(super) fn topic_of(text: &str) -> Result<Cow<'_, str>, Error> {
    if is_plain(text) {
        return Ok(Cow::Borrowed(text));
    }
    let topic = Topic::parse(text)?;
    match topic.is_reserved() {
        true => Err(Error::BadTopic {
            topic: topic.to_string(),
            reason: "it is kept for what the broker tells".to_owned(),
        }),
        false => Ok(Cow::Owned(topic.to_string())),
    }
}

/// Whether it surely is a topic in its one form, as nearly all are: found out without a copy.
fn is_plain(text: &str) -> bool {
    /// Which has no more than 128 tokens.
    const SHORT: usize = 255;
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut last = b'/';
    let is_good = text.bytes().all(|byte| {
        let is_good = is_usual(byte) || byte == b'/' && last != b'/';
        last = byte;
        is_good
    });
    is_good && last != b'/' && text.len() <= SHORT
}

/// A call that nobody could take is not made.
pub(super) fn check_called(name: &str) -> Result<(), Error> {
    match name.strip_prefix(SELF) {
        Some(client) => check_name(client),
        None => Topic::parse(name).map(drop),
    }
}

/// No client has another name than such a one.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    match words::is_name(name) {
        true => Ok(()),
        false => Err(words::bad_name(name)),
    }
}

pub(super) fn header_lines(headers: &[(String, String)]) -> Result<String, Error> {
    let lines = words::write_headers(headers)?;
    match lines.len() > MAX_HEADERS {
        true => Err(Error::Limit {
            what: format!(
                "headers of {} bytes, where 64 KiB are the most",
                lines.len()
            ),
        }),
        false => Ok(lines),
    }
}

pub(super) fn tail_of<'a>(headers: &'a str, body: &'a [u8]) -> Result<Tail<'a>, Error> {
    let tail = Tail { headers, body };
    check_length(&tail)?;
    Ok(tail)
}

fn check_length(tail: &Tail<'_>) -> Result<(), Error> {
    let (len, max) = (tail.len(), MAX_MESSAGE);
    match len > max {
        true => Err(Error::Socket(SocketError::TooLarge { len, max })),
        false => Ok(()),
    }
}

/// What is served, in its one form.
pub(super) fn service_name(text: &str) -> Result<String, Error> {
    if text == SELF {
        return Ok(SELF.to_owned());
    }
    let name = Topic::parse(text)?;
    match name.is_reserved() || name.as_str().starts_with(SELF) {
        true => Err(Error::BadTopic {
            topic: name.to_string(),
            reason: "such names are not for services".to_owned(),
        }),
        false => Ok(name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_topic_is_one_that_would_be_parsed_to_itself() {
        let long = "a/".repeat(127) + "a";
        for text in ["a", "room/1/temp", "a.b-c_d", long.as_str()] {
            assert!(is_plain(text), "{text}");
            assert_eq!(topic_of(text).expect("a topic"), text);
        }
        let more = "a/".repeat(128) + "a";
        for text in [
            "", "/", "/a", "a/", "a//b", "*", "a/**", "$sys", "\u{e9}", "a b", &more,
        ] {
            assert!(!is_plain(text), "{text}");
        }
        assert_eq!(topic_of("/a//b/").expect("a topic"), "a/b");
    }
}
