//! The verbs `peers` and `ping`: who is there.

use std::io::Write;

use jackfield::bus::Error;

use crate::cli::arguments::Arguments;
use crate::cli::client::{self, ADDRESS, TIMEOUT};
use crate::cli::escape::one_line;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Style};
use crate::cli::quantity;
use crate::cli::table::{Head, Table};
use crate::cli::verb::Verb;

pub(crate) const PEERS: Verb = Verb {
    name: "peers",
    synopsis: "",
    summary: "Lists the clients of the broker.\n\nA client without a name has a `-` in its place; \
        this call is one of them.",
    flags: &[TIMEOUT, ADDRESS],
    words: (0, 0),
    takes_command: false,
    run: list,
};

pub(crate) const PING: Verb = Verb {
    name: "ping",
    synopsis: "NAME",
    summary: "Says how long a word takes to a client and back.",
    flags: &[TIMEOUT, ADDRESS],
    words: (1, 1),
    takes_command: false,
    run: ping,
};

fn list(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([Head::Left("name"), Head::Left("identity")]);
    for peer in client::reach(arguments)?.peers()? {
        let name = peer.name.unwrap_or("-".to_owned());
        table.push([one_line(&name), one_line(&peer.identity)]);
    }
    let lines = table.lines(output.width());
    for (index, line) in lines.iter().enumerate() {
        let style = if index == 0 {
            Style::Strong
        } else {
            Style::Plain
        };
        writeln!(output, "{}", output.paint(line, style))?;
    }
    Ok(())
}

fn ping(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let name = arguments.word(0).unwrap_or_default();
    let time = client::reach(arguments)?.ping(name);
    let time = time.map_err(|error| match error {
        Error::NoPeer => Failure::Failed(format!("no client {name:?} is there")),
        Error::Timeout => Failure::Failed(format!("no answer from {name:?}")),
        error => error.into(),
    })?;
    writeln!(output, "{}: {}", one_line(name), quantity::time(time))?;
    Ok(())
}
