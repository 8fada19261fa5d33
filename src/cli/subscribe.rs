//! The verb `sub`.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::mpsc;
use std::thread;

use jackfield::bus::{Id, Note, Watch};

use crate::cli::arguments::Arguments;
use crate::cli::client::{self, ADDRESS, NAME};
use crate::cli::clock::Moment;
use crate::cli::failure::Failure;
use crate::cli::link::Link;
use crate::cli::output::Output;
use crate::cli::record::Format;
use crate::cli::verb::{Flag, Verb};

const FIRST: Flag = Flag::switch(Some('1'), "--first", "end after one message, as -n 1 does");
const COUNT: Flag = Flag::value(Some('n'), "--count", "COUNT", "end after so many messages");
const VERBOSE: Flag = Flag::switch(Some('v'), "--verbose", "show ids and headers as well");
const TIMES: Flag = Flag::switch(
    Some('t'),
    "--times",
    "begin each line with the time at which the message came, in UTC",
);
const LABEL: Flag = Flag::value(
    Some('l'),
    "--label",
    "LABEL",
    "have this in front of each topic",
);
const FILE: Flag = Flag::value(
    Some('o'),
    "--output",
    "FILE",
    "write to this file, which loses what it had",
);
const RAW: Flag = Flag::switch(
    None,
    "--raw",
    "write the bytes of each body, as they are, and nothing else",
);
const JSON: Flag = Flag::switch(
    None,
    "--json",
    "write a JSON object a message; a body that is no text is its \"hex\"",
);

pub(crate) const VERB: Verb = Verb {
    name: "sub",
    synopsis: "[PATTERN..]",
    summary: "Prints what is published, a line a message: its topic and its body.\n\n\
        In a pattern, `*` is one level and `**` any number; default: `**`, which is everything\n\
        but `$sys/`. The broker need not be there yet, and may go and come back; standard error\n\
        tells of that, and of messages that were lost.\n\n\
        A line can be read back, as by bash's `printf %b`: a backslash is `\\\\`, a line end `\\n`, and\n\
        bytes that are no text, or would steer a terminal, are `\\xHH`; the first space ends the\n\
        topic, in which a space is `\\x20`.",
    flags: &[
        COUNT, FIRST, TIMES, LABEL, VERBOSE, RAW, JSON, FILE, NAME, ADDRESS,
    ],
    words: (0, usize::MAX),
    takes_command: false,
    run,
};

/// Messages on their way from the bus to our output; what is too much for it stays in the bus,
/// which has a bound and counts.
const WAITING: usize = 256;

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let format = format(arguments)?;
    let most = match arguments.has(FIRST.long) {
        true => 1,
        false => arguments.count(COUNT.long, u64::MAX, u64::MAX)?,
    };
    let mut file = arguments.values(FILE.long).last().map(open).transpose()?;
    let output = file.as_mut().unwrap_or(output);
    let bus = client::connect(arguments)?;
    let mut patterns = arguments.words().to_vec();
    if patterns.is_empty() {
        patterns.push("**".to_owned());
    }
    let link = Link::new(VERB.name, &bus, client::address(arguments)?);
    let (sender, heard) = mpsc::sync_channel::<Result<Note, Failure>>(WAITING);
    let watch = |pattern: &String| {
        let sender = sender.clone();
        // Once we print no more, nobody wants it.
        bus.on(pattern, move |note| drop(sender.send(Ok(note))))
    };
    let _watches: Vec<Watch> = patterns.iter().map(watch).collect::<Result<_, _>>()?;
    let follow = move || drop(sender.send(Err(link.follow())));
    let followed = thread::Builder::new().spawn(follow);
    followed.map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    let mut seen = Seen::default();
    let mut printed = 0;
    while printed < most {
        let Ok(note) = heard.recv() else { break };
        let note = note?;
        if patterns.len() > 1 && !seen.is_new(note.id()) {
            continue;
        }
        output.write_all(&format.record(&note, Moment::now(), output))?;
        // A body without a line end is not held back.
        output.flush()?;
        printed += 1;
    }
    Ok(())
}

fn open(path: &str) -> Result<Output, Failure> {
    Output::to_file(path).map_err(|error| Failure::Failed(format!("cannot write {path}: {error}")))
}

/// What the flags ask for; what one of them would not show may not be asked for beside it.
fn format(arguments: &Arguments) -> Result<Format, Failure> {
    let given =
        |flags: &[&'static Flag]| flags.iter().find(|flag| arguments.has(flag.long)).copied();
    let label = arguments.values(LABEL.long).last().map(str::to_owned);
    let (form, stranger) = match given(&[&RAW, &JSON]) {
        None => {
            return Ok(Format::Line {
                has_time: arguments.has(TIMES.long),
                label,
                is_verbose: arguments.has(VERBOSE.long),
            });
        }
        Some(flag) if flag.long == RAW.long => {
            (Format::Raw, given(&[&JSON, &TIMES, &LABEL, &VERBOSE]))
        }
        Some(_) => (Format::Json { label }, None),
    };
    match stranger {
        None => Ok(form),
        Some(flag) => {
            let reason = format!("{} has no place beside {}", flag.long, RAW.long);
            Err(Failure::Usage(reason))
        }
    }
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
