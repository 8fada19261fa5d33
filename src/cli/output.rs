//! Output: what a person on a terminal sees, and what a pipe gets instead.

use std::env;
use std::io::{self, IsTerminal, Write};

/// Standard output. Colours and drawings are for terminals.
pub(crate) struct Output {
    out: io::Stdout,
    is_terminal: bool,
    has_colour: bool,
}

/// How a part of a line stands out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Style {
    Plain,
    Strong,
    Faint,
    Green,
    Cyan,
}

/// As wide as terminals are when nobody says otherwise.
const WIDTH: usize = 80;

impl Output {
    pub(crate) fn new() -> Output {
        let out = io::stdout();
        let is_terminal = out.is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Output {
            has_colour: is_terminal && !is_set("NO_COLOR") && !is_dumb,
            is_terminal,
            out,
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How many characters a line may have; a pipe takes any number.
    pub(crate) fn width(&self) -> usize {
        if !self.is_terminal {
            return usize::MAX;
        }
        let columns = env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        columns.unwrap_or(WIDTH)
    }

    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            _ if !self.has_colour => return text.to_owned(),
            Style::Strong => "1",
            Style::Faint => "2",
            Style::Green => "32",
            Style::Cyan => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `text` as a part of one line: what would end the line or steer a terminal is spelled out.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A terminal obeys these too, and what comes over the wire may be anybody's.
            c if c.is_control() => line.extend(c.escape_default()),
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' => line.extend(c.escape_unicode()),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{Output, Style, one_line};

    #[test]
    fn nothing_in_a_text_ends_the_line_or_steers_the_terminal() {
        let line = one_line("a\nb\r\tc\x1b[2J\u{9b}31m\u{202e}é\\n");
        assert_eq!(line, "a\\nb\\r\\tc\\u{1b}[2J\\u{9b}31m\\u{202e}é\\n");
    }

    #[test]
    fn colour_is_for_terminals_only() {
        let mut output = Output::new();
        output.has_colour = false;
        assert_eq!(output.paint("x", Style::Green), "x");
        output.has_colour = true;
        assert_eq!(output.paint("x", Style::Green), "\x1b[32mx\x1b[0m");
        assert_eq!(output.paint("x", Style::Plain), "x");
    }

    #[test]
    fn a_pipe_takes_lines_of_any_length() {
        let mut output = Output::new();
        output.is_terminal = false;
        assert_eq!(output.width(), usize::MAX);
    }
}
