//! Journal: what passed at each node, as it happens and as tables in the end.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::escape::one_line;
use crate::cli::output::{Output, Style};
use crate::cli::quantity;
use crate::cli::table::{Head, Table};

/// One message as one node saw it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) node: &'static str,
    pub(crate) direction: Direction,
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) topic: String,
    pub(crate) body: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Direction {
    In,
    Out,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
        }
    }
}

/// Written to by every thread of the demonstration.
pub(crate) struct Journal {
    begin: Instant,
    pages: Mutex<Pages>,
}

struct Pages {
    output: Output,
    entries: Vec<(Duration, Entry)>,
    /// The first failure to print, for whoever asks in the end.
    failed: io::Result<()>,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal {
            begin: Instant::now(),
            pages: Mutex::new(Pages {
                output: Output::new(),
                entries: Vec::new(),
                failed: Ok(()),
            }),
        }
    }

    /// Prints it and keeps it.
    pub(crate) fn write(&self, entry: Entry) {
        let at = self.begin.elapsed();
        let mut pages = self.lock();
        let style = match entry.direction {
            Direction::In => Style::Green,
            Direction::Out => Style::Cyan,
        };
        let line = pages.output.paint(&line(at, &entry), style);
        pages.print(&line);
        pages.entries.push((at, entry));
    }

    /// A table for each node, in this order, and whether all was printed.
    pub(crate) fn finish(&self, nodes: &[&str]) -> io::Result<()> {
        let mut pages = self.lock();
        let width = pages.output.width();
        for node in nodes {
            let name = pages.output.paint(node, Style::Strong);
            pages.print(&format!("\n{name}"));
            let own = pages
                .entries
                .iter()
                .filter(|(_, entry)| entry.node == *node);
            for line in table(own).lines(width.saturating_sub(2)) {
                pages.print(&format!("  {line}"));
            }
        }
        std::mem::replace(&mut pages.failed, Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn print(&mut self, line: &str) {
        if self.failed.is_ok() {
            self.failed = writeln!(self.output, "{line}");
        }
    }
}

fn line(at: Duration, entry: &Entry) -> String {
    let Entry {
        node,
        direction,
        kind,
        id,
        topic,
        body,
    } = entry;
    let (at, direction) = (quantity::millis(at), direction.name());
    let (topic, body) = (one_line(topic), one_line(body));
    let line = format!("{at:>8}  {node:<6} {direction:>3} {kind:<9} {id:<3} {topic:<14} {body}");
    line.trim_end().to_owned()
}

fn table<'a>(entries: impl Iterator<Item = &'a (Duration, Entry)>) -> Table {
    let mut table = Table::new([
        Head::Left("id"),
        Head::Left("direction"),
        Head::Left("kind"),
        Head::Left("topic"),
        Head::Left("body"),
        Head::Right("time"),
    ]);
    for (at, entry) in entries {
        table.push([
            entry.id.clone(),
            entry.direction.name().to_owned(),
            entry.kind.to_owned(),
            one_line(&entry.topic),
            one_line(&entry.body),
            quantity::millis(*at),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Direction, Entry, line, table};

    fn entry() -> Entry {
        Entry {
            node: "ann",
            direction: Direction::Out,
            kind: "publish",
            id: "m1".to_owned(),
            topic: "room/1/temp".to_owned(),
            body: "21.5\n".to_owned(),
        }
    }

    #[test]
    fn an_entry_is_one_line() {
        let line = line(Duration::from_micros(1_234), &entry());
        assert_eq!(
            line,
            " 1.23 ms  ann    out publish   m1  room/1/temp    21.5\\n"
        );
    }

    #[test]
    fn a_table_has_what_the_lines_had() {
        let lines = table([(Duration::from_micros(50), entry())].iter()).lines(80);
        let wanted = [
            "id  direction  kind     topic        body       time",
            "m1  out        publish  room/1/temp  21.5\\n  0.05 ms",
        ];
        assert_eq!(lines, wanted);
    }
}
