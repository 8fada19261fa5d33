//! The verb `broker`.

use std::io::Write;
use std::thread;

use jackfield::Endpoint;
use jackfield::bus::{Broker, Limits};

use crate::cli::arguments::Arguments;
use crate::cli::client::{endpoint, usual_address};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::verb::{Flag, Verb};

const ORIGIN: Flag = Flag::value(
    Some('o'),
    "--origin",
    "ORIGIN",
    "let web pages of this origin connect to ws:// addresses; may be repeated",
);

pub(crate) const VERB: Verb = Verb {
    name: "broker",
    synopsis: "[ADDRESS..]",
    summary: "Runs a broker until a signal ends it.\n\n\
        Without an address it listens at $JACKFIELD_ADDR, else at tcp://127.0.0.1:7181. Port 0 is\n\
        any free one; what it became is printed.",
    flags: &[ORIGIN],
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
    let origins = arguments.values(ORIGIN.long);
    let config = origins.fold(Broker::config(), |config, it| config.allow_origin(it));
    let broker = Broker::new(config, Limits::default())?;
    for address in addresses {
        writeln!(output, "listening at {}", broker.listen(address)?)?;
    }
    output.flush()?;
    loop {
        thread::park();
    }
}
