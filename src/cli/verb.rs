//! Verb: what the program can be asked to do, and how that is explained.

use std::fmt;

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

pub(crate) struct Verb {
    pub(crate) name: &'static str,
    /// What follows the name, without flags.
    pub(crate) synopsis: &'static str,
    /// Its first line is what the list of all verbs says.
    pub(crate) summary: &'static str,
    pub(crate) flags: &'static [Flag],
    /// The least and the most words that it takes.
    pub(crate) words: (usize, usize),
    pub(crate) takes_command: bool,
    pub(crate) run: fn(&Arguments, &mut Output) -> Result<(), Failure>,
}

pub(crate) struct Flag {
    pub(crate) short: Option<char>,
    pub(crate) long: &'static str,
    /// The name of its value; empty if it takes none.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

const HELP: Flag = Flag::switch(Some('h'), "--help", "say this");

impl Flag {
    pub(crate) const fn switch(
        short: Option<char>,
        long: &'static str,
        help: &'static str,
    ) -> Flag {
        Flag::value(short, long, "", help)
    }

    pub(crate) const fn value(
        short: Option<char>,
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Flag {
        Flag {
            short,
            long,
            value,
            help,
        }
    }

    fn form(&self) -> String {
        let short = match self.short {
            Some(letter) => format!("-{letter},"),
            None => String::new(),
        };
        format!("{short:<3} {} {}", self.long, self.value)
    }
}

impl Verb {
    pub(crate) fn flags(&self) -> impl Iterator<Item = &Flag> {
        self.flags.iter().chain([&HELP])
    }

    pub(crate) fn usage(&self) -> String {
        let line = format!("usage: jackfield {} [FLAGS] {}", self.name, self.synopsis);
        line.trim_end().to_owned()
    }

    pub(crate) fn first_line(&self) -> &str {
        self.summary.lines().next().unwrap_or_default()
    }
}

/// The help: usage, what it does, and the flags below each other.
impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n\n{}\n", self.usage(), self.summary)?;
        let widest = self.flags().map(|flag| flag.form().chars().count()).max();
        let width = widest.unwrap_or_default();
        for flag in self.flags() {
            let mut form = flag.form();
            for line in wrapped(flag.help, LINE.saturating_sub(width + 4)) {
                writeln!(f, "  {form:<width$}  {line}")?;
                form.clear();
            }
        }
        Ok(())
    }
}

/// No line of a help is longer.
const LINE: usize = 95;

/// Lines of at most so many characters, but for a longer word.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
