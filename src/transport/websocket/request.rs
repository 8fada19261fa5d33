//! Request: the head of an HTTP request, parsed strictly (RFC 9112).

/// More bytes than this are no head that anybody needs.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// Every request that can become a WebSocket begins so.
const METHOD: &[u8] = b"GET ";

const END: &[u8] = b"\r\n\r\n";

/// The head of a GET request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) version: &'a [u8],
    headers: Vec<(&'a [u8], &'a [u8])>,
}

/// Why there is no request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is not what RFC 9112 calls a request for something on this server.
    Malformed,
    /// The head has no end within the limit.
    TooLong,
}

impl<'a> Request<'a> {
    /// The request at the front of `bytes`, and where its head ends; `None` if that has not come.
    /// The first `seen` bytes are known not to hold the end.
    pub(super) fn parse(
        bytes: &'a [u8],
        seen: usize,
    ) -> Result<Option<(Request<'a>, usize)>, Fault> {
        let is_get = METHOD
            .iter()
            .zip(bytes)
            .all(|(wanted, byte)| wanted == byte);
        if !is_get {
            return Err(Fault::Malformed);
        }
        let window = &bytes[..bytes.len().min(MAX_HEAD)];
        let from = seen.saturating_sub(END.len() - 1);
        let end = window[from..].windows(END.len()).position(|it| it == END);
        let Some(end) = end.map(|end| from + end) else {
            return match bytes.len() < MAX_HEAD {
                true => Ok(None),
                false => Err(Fault::TooLong),
            };
        };
        let request = Request::parse_lines(&bytes[..end]).ok_or(Fault::Malformed)?;
        Ok(Some((request, end + END.len())))
    }

    fn parse_lines(head: &'a [u8]) -> Option<Request<'a>> {
        let mut lines = lines(head);
        let mut words = lines.next()?.split(|byte| *byte == b' ');
        let [_get, target, version] = [words.next()?, words.next()?, words.next()?];
        let is_target = target.starts_with(b"/") && target.iter().all(u8::is_ascii_graphic);
        if words.next().is_some() || !is_target {
            return None;
        }
        let headers = lines.map(parse_header).collect::<Option<_>>()?;
        Some(Request { version, headers })
    }

    /// The values of a header, which may stand there more than once.
    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let all = self.headers.iter();
        let named = all.filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| *value)
    }

    /// The value of a header that may stand there once.
    pub(super) fn value(&self, name: &str) -> Result<Option<&'a [u8]>, Fault> {
        let mut values = self.values(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Fault::Malformed),
        }
    }

    /// Whether a header that is a list has this element, whatever its case.
    pub(super) fn lists(&self, name: &str, element: &str) -> bool {
        let mut elements = self.values(name).flat_map(|value| {
            let parts = value.split(|byte| *byte == b',');
            parts.map(<[u8]>::trim_ascii)
        });
        elements.any(|it| it.eq_ignore_ascii_case(element.as_bytes()))
    }
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(head);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(2).position(|it| it == b"\r\n");
        rest = end.map(|end| &bytes[end + 2..]);
        Some(&bytes[..end.unwrap_or(bytes.len())])
    })
}

fn parse_header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let is_header = !name.is_empty() && name.iter().all(is_token) && value.iter().all(is_text);
    is_header.then_some((name, value.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Option<(Request<'_>, usize)>, Fault> {
        Request::parse(head.as_bytes(), 0)
    }

    #[test]
    fn a_request_ends_at_its_empty_line() {
        let head = "GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..head.len() {
            assert!(parse(&head[..end]).unwrap().is_none(), "{end}");
        }
        let text = format!("{head}behind");
        let seen = Request::parse(text.as_bytes(), head.len() - 1);
        let (request, end) = seen.unwrap().unwrap();
        assert_eq!((request.version, end), (&b"HTTP/1.1"[..], head.len()));
        assert_eq!(request.value("host"), Ok(Some(&b"x"[..])));
    }

    #[test]
    fn headers_have_names_in_any_case_and_values_without_their_margins() {
        let head = "GET / HTTP/1.1\r\nHOST: \t a b \t\r\nEmpty:\r\n\r\n";
        let (request, _) = parse(head).unwrap().unwrap();
        assert_eq!(request.value("Host"), Ok(Some(&b"a b"[..])));
        assert_eq!(request.value("empty"), Ok(Some(&b""[..])));
        assert_eq!(request.value("other"), Ok(None));
    }

    #[test]
    fn a_list_may_be_spread_over_lines() {
        let head = "GET / HTTP/1.1\r\nConnection: a ,B\r\nX: y\r\nconnection: C\r\n\r\n";
        let (request, _) = parse(head).unwrap().unwrap();
        for element in ["a", "b", "c"] {
            assert!(request.lists("connection", element), "{element}");
        }
        assert!(!request.lists("connection", "y"));
        assert_eq!(request.value("connection"), Err(Fault::Malformed));
    }

    #[test]
    fn what_is_no_request_is_malformed() {
        for head in [
            "GARBAGE",
            "GE ",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / a HTTP/1.1\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\n\r\n",
            "GET /\u{7} HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: nameless\r\n\r\n",
            "GET / HTTP/1.1\r\nspaced : x\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\r\r\n\r\n",
            "GET / HTTP/1.1\r\na:\nb\r\n\r\n",
            "GET / HTTP/1.1\r\na: \0\r\n\r\n",
        ] {
            assert_eq!(parse(head).map(|_| ()), Err(Fault::Malformed), "{head:?}");
        }
    }

    #[test]
    fn a_head_has_eight_kibibytes_and_not_one_more() {
        let around = "GET / HTTP/1.1\r\na: \r\n\r\n".len();
        let fill = |len| format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(len - around));
        let longest = fill(MAX_HEAD);
        assert_eq!(parse(&longest).unwrap().unwrap().1, MAX_HEAD);
        assert!(parse(&longest[..MAX_HEAD - 1]).unwrap().is_none());
        assert_eq!(parse(&fill(MAX_HEAD + 1)).unwrap_err(), Fault::TooLong);
        let endless = "GET /".to_owned() + &"x".repeat(MAX_HEAD);
        assert_eq!(parse(&endless).unwrap_err(), Fault::TooLong);
    }
}
