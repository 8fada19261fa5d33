//! The verb `sub`.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc;

use jackfield::bus::{Id, Note, Watch};

use crate::cli::arguments::Arguments;
use crate::cli::client::{self, ADDRESS, NAME};
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Style, one_line};
use crate::cli::verb::{Flag, Verb};

const FIRST: Flag = Flag::switch(Some('1'), "--first", "end after the first message");
const VERBOSE: Flag = Flag::switch(Some('v'), "--verbose", "show ids and headers as well");

pub(crate) const VERB: Verb = Verb {
    name: "sub",
    synopsis: "[PATTERN..]",
    summary: "Prints what is published, a line a message: its topic and its body.\n\n\
        In a pattern, `*` is one level and `**` any number; default: `**`, which is everything\n\
        but `$sys/`. The broker need not be there yet, and may go and come back.",
    flags: &[FIRST, VERBOSE, NAME, ADDRESS],
    words: (0, usize::MAX),
    takes_command: false,
    run,
};

/// Messages on their way from the bus to our output; what is too much for it stays in the bus,
/// which has a bound and counts.
const WAITING: usize = 256;

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let bus = client::connect(arguments)?;
    let mut patterns = arguments.words().to_vec();
    if patterns.is_empty() {
        patterns.push("**".to_owned());
    }
    let (sender, notes) = mpsc::sync_channel::<Note>(WAITING);
    let watch = |pattern: &String| {
        let sender = sender.clone();
        // Once we print no more, nobody wants it.
        bus.on(pattern, move |note| drop(sender.send(note)))
    };
    let watches: Vec<Watch> = patterns.iter().map(watch).collect::<Result<_, _>>()?;
    let mut seen = Seen::default();
    let mut lost = 0;
    while let Ok(note) = notes.recv() {
        if patterns.len() > 1 && !seen.is_new(note.id()) {
            continue;
        }
        show(&note, arguments.has(VERBOSE.long), output)?;
        if arguments.has(FIRST.long) {
            break;
        }
        let now: u64 = watches.iter().map(Watch::lost).sum();
        if now > lost {
            let more = now - lost;
            // What cannot be told on standard error cannot be told.
            writeln!(
                io::stderr(),
                "jackfield sub: {more} messages lost: they came too fast"
            )
            .ok();
            lost = now;
        }
    }
    Ok(())
}

fn show(note: &Note, is_verbose: bool, output: &mut Output) -> Result<(), Failure> {
    let topic = output.paint(&one_line(note.topic()), Style::Cyan);
    let line = format!("{topic} {}", one_line(&note.text()));
    writeln!(output, "{}", line.trim_end())?;
    if !is_verbose {
        return Ok(());
    }
    let retained = note.is_retained().then(|| ("retained", "yes".to_owned()));
    let own = [("id", note.id().to_string())].into_iter().chain(retained);
    let headers = note.headers().map(|(name, value)| (name, value.to_owned()));
    for (name, value) in own.chain(headers) {
        let line = format!("    {}: {}", one_line(name), one_line(&value));
        writeln!(output, "{}", output.paint(&line, Style::Faint))?;
    }
    Ok(())
}

/// The ids of the last messages: one that fits two of our patterns comes twice.
#[derive(Default)]
struct Seen(VecDeque<Id>);

impl Seen {
    /// The copies of a message come close to each other, but other messages of a slower pattern
    /// may come between.
    const REMEMBERED: usize = 4 * WAITING;

    fn is_new(&mut self, id: Id) -> bool {
        if self.0.contains(&id) {
            return false;
        }
        self.0.push_back(id);
        if self.0.len() > Seen::REMEMBERED {
            self.0.pop_front();
        }
        true
    }
}
