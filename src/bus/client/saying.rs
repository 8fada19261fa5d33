//! Saying: what cannot be said is refused where it is said.

use crate::Error as SocketError;
use crate::bus::options::MAX_MESSAGE;
use crate::bus::words::{self, Error, Tail, Topic};

/// Header lines of a message.
const MAX_HEADERS: usize = 64 * 1024;

/// The service of a client under its own name.
const SELF: &str = "@";

/// What is published to, in its one form.
pub(super) fn topic_of(text: &str) -> Result<Topic, Error> {
    let topic = Topic::parse(text)?;
    match topic.is_reserved() {
        true => Err(Error::BadTopic {
            topic: topic.to_string(),
            reason: "it is kept for what the broker tells".to_owned(),
        }),
        false => Ok(topic),
    }
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
