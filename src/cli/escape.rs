//! Escape: bytes from anybody as text that can be read back and that steers no terminal.

use std::fmt::Write;

/// As a part of one line. Read back by `printf %b` and the like: a backslash is `\\`, what ends a
/// line is `\n`, and bytes that are no text, or that a terminal would obey, are `\xHH`.
pub(crate) fn one_line(bytes: impl AsRef<[u8]>) -> String {
    spell(bytes.as_ref(), |c| c == '\\' || is_steering(c))
}

/// As [`one_line`], and without spaces: what follows behind a space is something else.
pub(crate) fn one_word(bytes: impl AsRef<[u8]>) -> String {
    spell(bytes.as_ref(), |c| {
        c == '\\' || c.is_whitespace() || is_steering(c)
    })
}

/// For a person alone: lines stay lines, and a backslash stays as it is.
pub(crate) fn lines(bytes: impl AsRef<[u8]>) -> String {
    spell(bytes.as_ref(), |c| c != '\n' && c != '\t' && is_steering(c))
}

/// A JSON text for a terminal as well: it means the same.
pub(crate) fn json(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match is_steering(c) {
            true => write!(line, "\\u{:04x}", u32::from(c)).expect("a String takes all"),
            false => line.push(c),
        }
    }
    line
}

/// A terminal obeys control characters, and turns lines around for those of direction.
fn is_steering(c: char) -> bool {
    let turns = ['\u{2028}', '\u{2029}', '\u{200e}', '\u{200f}'];
    let is_turning = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_turning || turns.contains(&c)
}

fn spell(bytes: &[u8], is_special: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_special(c) {
                true => spell_char(c, &mut text),
                false => text.push(c),
            }
        }
        spell_bytes(chunk.invalid(), &mut text);
    }
    text
}

fn spell_char(c: char, text: &mut String) {
    match c {
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c => spell_bytes(c.encode_utf8(&mut [0; 4]).as_bytes(), text),
    }
}

fn spell_bytes(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a String takes all");
    }
}

#[cfg(test)]
mod tests {
    use super::{json, lines, one_line, one_word};

    #[test]
    fn nothing_in_a_text_ends_the_line_or_steers_the_terminal() {
        let line = one_line("a\nb\r\tc\x1b[2J\u{9b}31m\u{202e}é");
        assert_eq!(line, r"a\nb\r\tc\x1b[2J\xc2\x9b31m\xe2\x80\xaeé");
    }

    #[test]
    fn what_is_different_is_written_differently() {
        assert_eq!(one_line("a\nb"), r"a\nb");
        assert_eq!(one_line(r"a\nb"), r"a\\nb");
        assert_eq!(one_line(b"a\xff\xfeb\xc3"), r"a\xff\xfeb\xc3");
        assert_eq!(one_line(r"\xff"), r"\\xff");
        assert_eq!(one_line("\u{fffd}"), "\u{fffd}");
    }

    /// What the escapes mean, by their description alone.
    fn read_back(line: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = line;
        while let Some((plain, escape)) = rest.split_once('\\') {
            bytes.extend(plain.bytes());
            let (kind, after) = escape.split_at(1);
            rest = after;
            bytes.push(match kind {
                "n" => b'\n',
                "r" => b'\r',
                "t" => b'\t',
                "x" => {
                    let (digits, after) = rest.split_at(2);
                    rest = after;
                    u8::from_str_radix(digits, 16).expect("two digits")
                }
                other => other.as_bytes()[0],
            });
        }
        bytes.extend(rest.bytes());
        bytes
    }

    #[test]
    fn every_byte_can_be_read_back() {
        let all: Vec<u8> = (0..=255).chain("ü \\ \\n \u{2028}".bytes()).collect();
        assert_eq!(read_back(&one_line(&all)), all);
        assert_eq!(read_back(&one_word(&all)), all);
    }

    #[test]
    fn a_word_has_no_space() {
        assert_eq!(one_word("the hall/\u{a0}x"), r"the\x20hall/\xc2\xa0x");
    }

    #[test]
    fn json_means_the_same() {
        assert_eq!(json("\"a\u{9b}\u{202e}é\""), r#""a\u009b\u202eé""#);
    }

    #[test]
    fn for_a_person_lines_stay_lines() {
        let text = "one\n\ttwo\\n\r\x1b[2J";
        assert_eq!(lines(text), "one\n\ttwo\\n\\r\\x1b[2J");
    }
}
