//! The verb `pub`.

use std::io::Write;

use jackfield::bus::{Bus, Error, Post};

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

const LINES: Flag = Flag::switch(
    None,
    "--lines",
    "publish each line of standard input, without its end, as it comes",
);

pub(crate) const VERB: Verb = Verb {
    name: "pub",
    synopsis: "TOPIC [BODY]",
    summary: "Publishes a message, or many.\n\n\
        A body of `-` is read from standard input. The broker has each message when this ends\n\
        with the status 0.",
    flags: &[LINES, RETAIN, HEADER, TIMEOUT, ADDRESS],
    words: (1, 2),
    takes_command: false,
    run,
};

fn run(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let receivers = match arguments.has(LINES.long) {
        true => publish_lines(arguments)?,
        false => {
            let post = post(arguments, &body::read(arguments.word(1))?)?;
            send(&client::reach(arguments)?, post, arguments)?
        }
    };
    if output.is_terminal() {
        writeln!(output, "receivers: {}", quantity::count(receivers as u64))?;
    }
    Ok(())
}

/// Says how many got the last one.
fn publish_lines(arguments: &Arguments) -> Result<usize, Failure> {
    if arguments.word(1).is_some_and(|body| body != "-") {
        let reason = format!("{} takes bodies from standard input alone", LINES.long);
        return Err(Failure::Usage(reason));
    }
    let bus = client::reach(arguments)?;
    let mut receivers = 0;
    while let Some(line) = body::read_line()? {
        receivers = send(&bus, post(arguments, &line)?, arguments)?;
    }
    Ok(receivers)
}

fn post(arguments: &Arguments, body: &[u8]) -> Result<Post, Failure> {
    let topic = arguments.word(0).unwrap_or_default();
    let mut post = Post::new(topic, body);
    for header in arguments.values(HEADER.long) {
        let wrong = || Failure::Usage(format!("no colon in the header {header:?}"));
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        if value.contains(['\n', '\r']) {
            let reason = format!("header {name:?}: there is a line end in its value {value:?}");
            return Err(Failure::Usage(reason));
        }
        post = post.header(name, value.trim_start());
    }
    match arguments.has(RETAIN.long) {
        true => Ok(post.retain()),
        false => Ok(post),
    }
}

fn send(bus: &Bus, post: Post, arguments: &Arguments) -> Result<usize, Failure> {
    let sent = bus.send(post).map_err(|error| match error {
        Error::Timeout => client::silent(arguments),
        error @ Error::BadHeader { .. } => Failure::Usage(error.to_string()),
        error => error.into(),
    });
    Ok(sent?.receivers)
}
