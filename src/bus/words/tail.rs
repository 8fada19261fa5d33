//! Tail: what stands behind the line of words: header lines, an empty line and the body.

use crate::bus::words::error::Error;
use crate::bus::words::fault::Fault;

/// More than this is nobody's honest header.
const MAX_HEADERS: usize = 64 * 1024;

/// What is behind the words of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tail<'a> {
    /// Lines of `name: value`, each with its end.
    pub headers: &'a str,
    /// Any bytes.
    pub body: &'a [u8],
}

impl<'a> Tail<'a> {
    /// Nothing.
    pub const NONE: Tail<'static> = Tail::of(b"");

    /// A body without headers.
    pub const fn of(body: &'a [u8]) -> Tail<'a> {
        Tail { headers: "", body }
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Tail<'a>, Fault> {
        let near = &bytes[..bytes.len().min(MAX_HEADERS + 1)];
        let mut at = 0;
        while near.get(at) != Some(&b'\n') {
            let rest = &near[at..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return Err(match near.len() < bytes.len() {
                    true => Fault::Headers("they are longer than 64 KiB"),
                    false => Fault::Line("no empty line ends its headers"),
                });
            };
            let colon = rest[..end].iter().position(|byte| *byte == b':');
            if !colon.is_some_and(|colon| is_name(&rest[..colon])) {
                return Err(Fault::Headers("a line of them has no name and colon"));
            }
            at += end + 1;
        }
        let headers = std::str::from_utf8(&bytes[..at]);
        let headers = headers.map_err(|_| Fault::Headers("they are no UTF-8"))?;
        let body = &bytes[at + 1..];
        Ok(Tail { headers, body })
    }

    /// Bytes that it takes.
    pub(crate) const fn len(&self) -> usize {
        self.headers.len() + 1 + self.body.len()
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.headers.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(self.body);
    }
}

/// Headers as lines; they are checked.
pub(crate) fn write_headers(headers: &[(String, String)]) -> Result<String, Error> {
    let mut lines = String::new();
    for (name, value) in headers {
        if let Some(reason) = fault(name, value) {
            let (name, reason) = (name.clone(), reason.to_owned());
            return Err(Error::BadHeader { name, reason });
        }
        for part in [name.as_str(), ": ", value, "\n"] {
            lines.push_str(part);
        }
    }
    Ok(lines)
}

/// What is wrong with a header.
fn fault(name: &str, value: &str) -> Option<&'static str> {
    if !is_name(name.as_bytes()) || name.contains(':') {
        return Some("a name is visible ASCII, without a colon, and not empty");
    }
    let has_end = value.contains(['\n', '\r']);
    has_end.then_some("its value has the end of a line in it")
}

/// Header lines as names and values.
pub(crate) fn header_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name, value.strip_prefix(' ').unwrap_or(value)))
    })
}

/// One that can stand in front of a colon.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_name_and_behind_the_colon_a_space_or_none() {
        let tail = Tail::parse(b"a: b\nc:d\ne:\nf:  g\r\n\nbody\n").expect("they are headers");
        let headers: Vec<_> = header_lines(tail.headers).collect();
        assert_eq!(headers, [("a", "b"), ("c", "d"), ("e", ""), ("f", " g")]);
        assert_eq!(tail.body, b"body\n");
    }

    #[test]
    fn headers_end_and_are_utf_8_of_64_kib_at_most() {
        let line = format!("a: {}\n", "x".repeat(1_020));
        let most = line.repeat(64);
        let parse = |headers: &str| Tail::parse(headers.as_bytes()).map(|tail| tail.headers.len());
        assert_eq!(parse(&format!("{most}\n")), Ok(MAX_HEADERS));
        let longer = parse(&format!("{most}b:\n\n"));
        assert!(matches!(longer, Err(Fault::Headers(_))), "{longer:?}");
        for bytes in [&b"a: b\n"[..], b"", b"a: b"] {
            assert!(matches!(Tail::parse(bytes), Err(Fault::Line(_))));
        }
        for bytes in [&b"a: \xff\n\n"[..], b"no colon\n\n", b": nameless\n\n"] {
            assert!(matches!(Tail::parse(bytes), Err(Fault::Headers(_))));
        }
    }

    #[test]
    fn a_header_that_would_end_its_line_is_refused() {
        for (name, value, fault) in [
            ("a", "b\nc", "its value"),
            ("a:", "b", "a name is"),
            ("", "b", "a name is"),
            ("a b", "c", "a name is"),
        ] {
            let refused = write_headers(&[(name.to_owned(), value.to_owned())]);
            let is_told = matches!(&refused, Err(Error::BadHeader { name: told, reason })
                if told == name && reason.starts_with(fault));
            assert!(is_told, "{refused:?}");
        }
    }
}
