//! The verb `pub`.

use std::io::Write;

use jackfield::bus::Post;

use crate::cli::arguments::Arguments;
use crate::cli::body;
use crate::cli::client::{self, ADDRESS, TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::quantity;
use crate::cli::verb::{Flag, Verb};

const RETAIN: Flag = Flag::switch(
    Some('r'),
    "--retain",
    "keep it for subscribers that come later; an empty body clears it",
);
const HEADER: Flag = Flag::value(
    Some('H'),
    "--header",
    "NAME:VALUE",
    "add a header; may be repeated",
);

pub(crate) const VERB: Verb = Verb {
    name: "pub",
    synopsis: "TOPIC [BODY]",
    summary: "Publishes one message.\n\nA body of `-` is read from standard input.",
    flags: &[RETAIN, HEADER, TIMEOUT, ADDRESS],
    words: (1, 2),
    takes_command: false,
    run,
};

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let topic = arguments.word(0).unwrap_or_default();
    let mut post = Post::new(topic, body::read(arguments.word(1))?);
    for header in arguments.values(HEADER.long) {
        let wrong = || Failure::Usage(format!("no colon in the header {header:?}"));
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        post = post.header(name, value.trim_start());
    }
    if arguments.has(RETAIN.long) {
        post = post.retain();
    }
    let receipt = client::reach(arguments)?.send(post)?;
    if output.is_terminal() {
        let count = quantity::count(receipt.receivers as u64);
        writeln!(output, "receivers: {count}")?;
    }
    Ok(())
}
