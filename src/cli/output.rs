//! Output: what a person on a terminal sees, and what a pipe gets instead.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

/// Standard output, or a file in its place. Colours and drawings are for terminals.
pub(crate) struct Output {
    out: Box<dyn Write + Send>,
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
            out: Box::new(out),
        }
    }

    /// A file, which loses what it had.
    pub(crate) fn to_file(path: &str) -> io::Result<Output> {
        Ok(Output {
            out: Box::new(File::create(path)?),
            is_terminal: false,
            has_colour: false,
        })
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

#[cfg(test)]
mod tests {
    use super::{Output, Style};

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
