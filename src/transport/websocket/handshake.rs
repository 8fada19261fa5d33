//! Handshake: whether an HTTP request becomes a WebSocket, and the answer (RFC 6455, section 4.2).

#[cfg(test)]
mod tests;

use super::base64;
use super::doors::Doors;
use super::request::{Fault, Request};
use super::sha1::sha1;
use crate::event::DownReason;

/// What the answer to a key is made with.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a key.
const KEY: usize = 16;

/// What to do about the bytes of a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Its head is not complete.
    Wait,
    /// It becomes a WebSocket with this answer; `end` is where its head ends.
    Accept { answer: String, end: usize },
    /// It does not.
    Refuse(Refusal),
}

/// Why a request does not become a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Malformed,
    TooLong,
    /// It does not ask for a WebSocket, or for another version of it.
    NoUpgrade,
    HttpVersion,
    BadKey,
    Origin,
    Host,
}

/// Judges the bytes that came so far; the first `seen` of them were not enough.
pub(super) fn judge(bytes: &[u8], seen: usize, doors: &Doors) -> Verdict {
    match Request::parse(bytes, seen) {
        Ok(None) => Verdict::Wait,
        Ok(Some((request, end))) => match answer(&request, doors) {
            Ok(answer) => Verdict::Accept { answer, end },
            Err(refusal) => Verdict::Refuse(refusal),
        },
        Err(fault) => Verdict::Refuse(fault.into()),
    }
}

/// Who asks comes before what is asked: a stranger learns nothing.
fn answer(request: &Request<'_>, doors: &Doors) -> Result<String, Refusal> {
    if request.version != b"HTTP/1.1" {
        return Err(Refusal::HttpVersion);
    }
    let host = request.value("host")?.ok_or(Refusal::Malformed)?;
    if !doors.is_named(host) {
        return Err(Refusal::Host);
    }
    // Programs have no origin; browsers never leave it out.
    let origin = request.value("origin")?;
    if origin.is_some_and(|origin| !doors.admits(origin)) {
        return Err(Refusal::Origin);
    }
    let is_upgrade =
        request.lists("upgrade", "websocket") && request.lists("connection", "upgrade");
    if !is_upgrade || request.value("sec-websocket-version")? != Some(b"13") {
        return Err(Refusal::NoUpgrade);
    }
    let key = request.value("sec-websocket-key")?.unwrap_or_default();
    if base64::decoded_len(key) != Some(KEY) {
        return Err(Refusal::BadKey);
    }
    let accept = accept_key(key);
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ))
}

fn accept_key(key: &[u8]) -> String {
    base64::encode(&sha1(&[key, MAGIC].concat()))
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        match fault {
            Fault::Malformed => Refusal::Malformed,
            Fault::TooLong => Refusal::TooLong,
        }
    }
}

impl Refusal {
    /// What the other side is told.
    pub(super) fn response(self) -> String {
        let (status, phrase, text) = self.words();
        let (upgrade, connection) = match self {
            Refusal::NoUpgrade => (
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                "Upgrade, close",
            ),
            _ => ("", "close"),
        };
        let len = text.len() + 1;
        format!(
            "HTTP/1.1 {status} {phrase}\r\n{upgrade}Connection: {connection}\r\n\
             Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Length: {len}\r\n\r\n{text}\n"
        )
    }

    /// What our own side is told.
    pub(super) fn reason(self) -> DownReason {
        let (status, ..) = self.words();
        match self {
            Refusal::Origin => DownReason::ForeignOrigin,
            Refusal::Host => DownReason::ForeignHost,
            _ => DownReason::BadUpgrade { status },
        }
    }

    fn words(self) -> (u16, &'static str, &'static str) {
        match self {
            Refusal::Malformed => (400, "Bad Request", "This is no request of HTTP/1.1."),
            Refusal::BadKey => (
                400,
                "Bad Request",
                "A Sec-WebSocket-Key is 16 bytes in base64.",
            ),
            Refusal::Origin => (
                403,
                "Forbidden",
                "Pages of this origin may not connect here.",
            ),
            Refusal::Host => (
                421,
                "Misdirected Request",
                "This server does not go by the name in Host.",
            ),
            Refusal::NoUpgrade => (
                426,
                "Upgrade Required",
                "Here is a WebSocket of version 13, and nothing else.",
            ),
            Refusal::TooLong => (
                431,
                "Request Header Fields Too Large",
                "The head of this request is too long.",
            ),
            Refusal::HttpVersion => (
                505,
                "HTTP Version Not Supported",
                "A WebSocket begins with HTTP/1.1.",
            ),
        }
    }
}
