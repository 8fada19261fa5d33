//! Parser: text to values, as strict as RFC 8259.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::error::{Error, Step};
use super::value::Value;

/// How deep arrays and objects may be in each other.
pub const MAX_DEPTH: usize = 128;

/// Reads one value that is all of `text`.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    let mut parser = Parser { text, at: 0 };
    if text.starts_with('\u{feff}') {
        return Err(parser.expected("a value without a byte order mark"));
    }
    let value = parser.value()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.expected("the end")),
    }
}

/// The offset of the value to which `steps` lead in `text`, which is valid.
pub(super) fn locate<'a>(text: &str, steps: impl Iterator<Item = &'a Step>) -> usize {
    let mut parser = Parser { text, at: 0 };
    parser.skip_space();
    for step in steps {
        let Ok(Some(at)) = parser.find(step) else {
            break;
        };
        parser.at = at;
    }
    parser.at
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// An array or an object whose end has not come. The stack of them is ours and not the
/// thread's: no text makes it overflow.
enum Open {
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>, String),
}

impl Open {
    fn put(&mut self, value: Value) {
        match self {
            Open::Array(items) => items.push(value),
            Open::Object(members, key) => {
                members.insert(std::mem::take(key), value);
            }
        }
    }

    fn into_value(self) -> Value {
        match self {
            Open::Array(items) => Value::Array(items),
            Open::Object(members, _) => Value::Object(members),
        }
    }
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Value, Error> {
        let mut open: Vec<Open> = Vec::new();
        'next: loop {
            let Some(mut value) = self.begin(&mut open)? else {
                continue;
            };
            while let Some(mut outer) = open.pop() {
                outer.put(value);
                if self.goes_on(&mut outer)? {
                    open.push(outer);
                    continue 'next;
                }
                value = outer.into_value();
            }
            return Ok(value);
        }
    }

    /// A value without others in it; or an array or object is opened, up to its first value.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Value>, Error> {
        self.skip_space();
        let opened = match self.peek() {
            Some(b'[') => Open::Array(Vec::new()),
            Some(b'{') => Open::Object(BTreeMap::new(), String::new()),
            _ => return self.scalar().map(Some),
        };
        if open.len() == MAX_DEPTH {
            return Err(self.expected(&format!("no more than {MAX_DEPTH} levels")));
        }
        self.at += 1;
        self.skip_space();
        let opened = match opened {
            Open::Array(_) if self.takes(b']') => return Ok(Some(opened.into_value())),
            Open::Object(..) if self.takes(b'}') => return Ok(Some(opened.into_value())),
            Open::Array(_) => opened,
            Open::Object(members, _) => Open::Object(members, self.key("a key or `}`")?),
        };
        open.push(opened);
        Ok(None)
    }

    /// After a value: whether another one follows in `outer`, or its end.
    fn goes_on(&mut self, outer: &mut Open) -> Result<bool, Error> {
        self.skip_space();
        match outer {
            Open::Array(_) if self.takes(b',') => Ok(true),
            Open::Array(_) if self.takes(b']') => Ok(false),
            Open::Array(_) => Err(self.expected("`,` or `]`")),
            Open::Object(_, key) if self.takes(b',') => {
                self.skip_space();
                *key = self.key("a key")?;
                Ok(true)
            }
            Open::Object(..) if self.takes(b'}') => Ok(false),
            Open::Object(..) => Err(self.expected("`,` or `}`")),
        }
    }

    fn key(&mut self, what: &str) -> Result<String, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(what));
        }
        let key = self.string()?;
        self.skip_space();
        match self.takes(b':') {
            true => Ok(key),
            false => Err(self.expected("`:`")),
        }
    }

    fn scalar(&mut self) -> Result<Value, Error> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("null", Value::Null),
                    ("true", Value::Bool(true)),
                    ("false", Value::Bool(false)),
                ];
                let mut words = words.into_iter();
                let found = words.find(|(word, _)| self.text[self.at..].starts_with(word));
                let (word, value) = found.ok_or_else(|| self.expected("a value"))?;
                self.at += word.len();
                Ok(value)
            }
        }
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.takes(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            is_integer = false;
            let _sign = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        // A double tells -0 from 0; an integer does not.
        if let (true, Ok(value)) = (is_integer && text != "-0", text.parse()) {
            return Ok(Value::Integer(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            _ => Err(Error::at(start, "a number of at most 1.8e308", "more")),
        }
    }

    fn digits(&mut self) -> Result<(), Error> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        match count {
            0 => Err(self.expected("a digit")),
            _ => Ok(()),
        }
    }

    fn string(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let ends = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            let plain = rest.bytes().position(ends).unwrap_or(rest.len());
            string.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.expected("an escape for this control character")),
                None => return Err(self.expected("`\"`")),
            }
        }
        self.at += 1;
        Ok(string)
    }

    fn escape(&mut self) -> Result<char, Error> {
        self.at += 1;
        let meant = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.expected("one of `\"\\/bfnrtu`")),
        };
        self.at += 1;
        Ok(meant)
    }

    /// What `uXXXX` stands for, or `uXXXX\uXXXX`.
    fn unicode(&mut self) -> Result<char, Error> {
        let start = self.at - 1;
        let first = self.unit()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 1;
            units.push(self.unit()?);
        }
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(meant)), None) => Ok(meant),
            _ => {
                let found = &self.text[start..self.at];
                Err(Error::at(start, "both halves of a surrogate pair", found))
            }
        }
    }

    /// `u` and four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, Error> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(|| self.expected("a hexadecimal digit"))?;
            unit = unit << 4 | digit as u16;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Inside the array or object that begins here: the offset of the value at `step`.
    fn find(&mut self, step: &Step) -> Result<Option<usize>, Error> {
        self.at += 1;
        let mut found = None;
        for index in 0.. {
            self.skip_space();
            if let Some(b']' | b'}') = self.peek() {
                break;
            }
            let is_here = match step {
                Step::Index(wanted) => index == *wanted,
                Step::Key(wanted) => self.key("a key")? == *wanted,
            };
            self.skip_space();
            found = if is_here { Some(self.at) } else { found };
            self.value()?;
            self.skip_space();
            self.takes(b',');
        }
        Ok(found)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.text[self.at..].chars().next() {
            Some(found) => format!("{found:?}"),
            None => "the end".to_owned(),
        };
        Error::at(self.at, what, found)
    }
}
