//! The verb `broker`.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc;
use std::thread;

use jackfield::bus::{Access, Broker, Limits};
use jackfield::{Endpoint, Event};

use crate::cli::arguments::Arguments;
use crate::cli::client::{endpoint, usual_address};
use crate::cli::failure::Failure;
use crate::cli::log::{self, Log};
use crate::cli::output::Output;
use crate::cli::verb::{Flag, Verb};

const ORIGIN: Flag = Flag::value(
    Some('o'),
    "--origin",
    "ORIGIN",
    "let web pages of this origin connect to ws:// addresses; may be repeated",
);

const READ_ONLY: Flag = Flag::value(
    None,
    "--read-only",
    "ADDRESS=PATTERN",
    "listen there as well, for clients that may subscribe to that and do nothing else; with \
     several for one address they may subscribe to each",
);

const MEMORY: Flag = Flag::value(
    Some('m'),
    "--memory",
    "MIB",
    "how much all clients together may have it remember, a quarter of it as retained values; \
     default: 512",
);

const QUIET: Flag = Flag::switch(
    Some('q'),
    "--quiet",
    "say nothing of clients on standard error",
);

pub(crate) const VERB: Verb = Verb {
    name: "broker",
    synopsis: "[ADDRESS..]",
    summary: "Runs a broker until a signal ends it.\n\n\
        Without an address it listens at $JACKFIELD_ADDR, else at tcp://127.0.0.1:7181. Port 0 is\n\
        any free one; what it became is printed. Standard error has a line for each client that\n\
        comes, leaves, is refused, or loses messages.\n\n\
        Ctrl-C or SIGTERM ends it at once. Its clients wait for the next broker at that address;\n\
        retained values are gone. The path of a Unix socket stays, and the next broker takes it.",
    flags: &[ORIGIN, READ_ONLY, MEMORY, QUIET],
    words: (0, usize::MAX),
    takes_command: false,
    run,
};

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let words = arguments.words().iter();
    let mut addresses: Vec<Endpoint> =
        words.map(|word| endpoint(word)).collect::<Result<_, _>>()?;
    if addresses.is_empty() {
        addresses.push(usual_address()?);
    }
    let guests = guests(arguments)?;
    let origins = arguments.values(ORIGIN.long);
    let config = origins.fold(Broker::config(), |config, it| config.allow_origin(it));
    let (sender, events) = mpsc::sync_channel(log::WAITING);
    let tell = move |event: &Event| drop(sender.send(event.clone()));
    let config = match arguments.has(QUIET.long) {
        true => {
            drop(tell);
            config
        }
        false => config.on_event(tell),
    };
    let broker = Broker::new(config, limits(arguments)?)?;
    for address in addresses {
        writeln!(output, "listening at {}", broker.listen(address)?)?;
    }
    for (address, access) in guests {
        let here = broker.listen_as(address, access)?;
        writeln!(output, "listening at {here}, read-only")?;
    }
    output.flush()?;
    Log::default().keep(&events, &broker);
    // Nothing is to be told.
    loop {
        thread::park();
    }
}

/// Where who may only read comes in, and what that is.
fn guests(arguments: &Arguments) -> Result<BTreeMap<Endpoint, Access>, Failure> {
    let mut guests = BTreeMap::new();
    for value in arguments.values(READ_ONLY.long) {
        let Some((address, pattern)) = value.split_once('=') else {
            let text = format!("{} {value:?}: it is no ADDRESS=PATTERN", READ_ONLY.long);
            return Err(Failure::Usage(text));
        };
        let access: &mut Access = guests.entry(endpoint(address)?).or_default();
        *access = std::mem::take(access).may_subscribe(pattern);
    }
    Ok(guests)
}

fn limits(arguments: &Arguments) -> Result<Limits, Failure> {
    const MIB: usize = 1024 * 1024;
    let most = (usize::MAX / MIB) as u64;
    let mut limits = Limits::default();
    limits.memory = arguments.count(MEMORY.long, 512, most)? as usize * MIB;
    limits.retained_bytes = limits.memory / 4;
    Ok(limits)
}
