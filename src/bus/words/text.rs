//! Text: a topic, a pattern or a name as one word of a line.

use std::borrow::Cow;

use crate::bus::words::error::Error;

/// It is borrowed from the line that it came in, or from whoever is going to say it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    text: &'a str,
    /// It stands there as it does in a line.
    is_written: bool,
}

impl<'a> Text<'a> {
    /// No word at all.
    pub const NONE: Text<'static> = Text::written("");

    /// Text as it is meant; it is escaped when it is written.
    pub const fn plain(text: &'a str) -> Text<'a> {
        let is_written = false;
        Text { text, is_written }
    }

    /// A word as it stands in a line.
    pub const fn written(text: &'a str) -> Text<'a> {
        let is_written = true;
        Text { text, is_written }
    }

    /// Text that may not be there.
    pub(crate) fn of(text: Option<&'a str>) -> Text<'a> {
        text.map_or(Text::NONE, Text::plain)
    }

    /// Whether it is no word at all.
    pub const fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// What is meant.
    pub fn read(self) -> Result<Cow<'a, str>, Error> {
        if !self.is_written || !self.text.contains('%') {
            return Ok(Cow::Borrowed(self.text));
        }
        unescape(self.text).map(Cow::Owned).ok_or_else(|| {
            let topic = self.text.chars().take(32).collect();
            let reason = "an escape in it is cut off, or is no text".to_owned();
            Error::BadTopic { topic, reason }
        })
    }

    /// As it stands in a line.
    pub fn word(self) -> Cow<'a, str> {
        if self.is_written || self.text.bytes().all(is_plain) {
            return Cow::Borrowed(self.text);
        }
        let mut word = String::with_capacity(self.text.len() + 16);
        for byte in self.text.bytes() {
            match is_plain(byte) {
                true => word.push(byte as char),
                false => word.push_str(&format!("%{byte:02X}")),
            }
        }
        Cow::Owned(word)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Text<'_>) -> bool {
        self.word() == other.word()
    }
}

impl Eq for Text<'_> {}

/// What is no visible ASCII, and `%`, is written as `%` and two digits.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

fn unescape(word: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2)?;
        let digit = |digit: u8| (digit as char).to_digit(16);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_escaped_is_read_as_it_was_meant() {
        for text in ["room/1", "é t", "100%", "", "a\nb"] {
            let word = Text::plain(text).word();
            assert!(word.bytes().all(|byte| byte.is_ascii_graphic()), "{word}");
            assert_eq!(Text::written(&word).read().expect("it is text"), text);
        }
    }

    #[test]
    fn escapes_that_are_cut_off_or_no_text_are_refused() {
        for word in ["%", "%4", "%zz", "%FF"] {
            let refused = Text::written(word).read();
            assert!(matches!(refused, Err(Error::BadTopic { .. })), "{word}");
        }
    }
}
