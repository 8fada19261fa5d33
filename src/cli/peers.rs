//! The verbs `peers`, `stats` and `ping`: who is there, and how it goes.

use std::io::Write;
use std::time::Duration;

use jackfield::bus::{Bus, Error};

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
    summary: "Lists the clients of the broker, where they are, and what they lose.\n\n\
        A client without a name has a `-` in its place; this call is one of them. `calls` are its\n\
        own that are not answered yet, `runs` those that it was given, `queued` are messages on\n\
        their way to it, `lost` those that it had no room for.",
    flags: &[TIMEOUT, ADDRESS],
    words: (0, 0),
    takes_command: false,
    run: list,
};

pub(crate) const STATS: Verb = Verb {
    name: "stats",
    synopsis: "",
    summary: "Lists the counters of the broker.\n\n\
        Those that begin with `socket_` are of its connections, whatever goes over them.",
    flags: &[TIMEOUT, ADDRESS],
    words: (0, 0),
    takes_command: false,
    run: count,
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
    let mut table = Table::new([
        Head::Left("name"),
        Head::Left("address"),
        Head::Right("age"),
        Head::Right("subscriptions"),
        Head::Right("services"),
        Head::Right("calls"),
        Head::Right("runs"),
        Head::Right("queued"),
        Head::Right("lost"),
        Head::Left("identity"),
    ]);
    let bus = client::reach(arguments)?;
    for line in asked(&bus, "$sys/clients", arguments)?.lines() {
        let (identity, rest) = line.split_once(' ').unwrap_or((line, ""));
        let value = |key| value(rest, key).unwrap_or("-").to_owned();
        table.push([
            one_line(unescape(&value("name"))),
            value("address"),
            age(&value("age")),
            value("subscriptions"),
            value("services"),
            value("calls"),
            value("runs"),
            value("queued"),
            value("lost"),
            one_line(identity),
        ]);
    }
    show(&table, output)
}

fn count(arguments: &Arguments, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([Head::Left("counter"), Head::Right("value")]);
    let bus = client::reach(arguments)?;
    for line in asked(&bus, "$sys/stats", arguments)?.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        table.push([one_line(name), one_line(value)]);
    }
    show(&table, output)
}

/// What a broker tells of itself.
fn asked(bus: &Bus, name: &str, arguments: &Arguments) -> Result<String, Failure> {
    match bus.call(name, "") {
        Ok(answer) => Ok(answer.text().into_owned()),
        Err(Error::Timeout) => Err(client::silent(arguments)),
        Err(Error::NoService) => Err(Failure::Failed(format!("the broker has no {name}"))),
        Err(error) => Err(error.into()),
    }
}

/// Of the words `key=value`.
fn value<'a>(words: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = words.split(' ').filter_map(|word| word.split_once('='));
    pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn age(milliseconds: &str) -> String {
    let span = milliseconds.parse().map(Duration::from_millis);
    span.map_or("-".to_owned(), quantity::time)
}

/// A name, as a word of the bus has it: with `%` and two digits for some bytes.
fn unescape(word: &str) -> Vec<u8> {
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            // It is none of ours; it is shown as it is.
            Err(_) => bytes.extend(b"%".iter().chain(part.as_bytes())),
        }
    }
    bytes
}

fn show(table: &Table, output: &mut Output) -> Result<(), Failure> {
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

#[cfg(test)]
mod tests {
    use super::{unescape, value};

    #[test]
    fn a_name_is_what_its_word_means() {
        assert_eq!(unescape("k%C3%BCche%20%25"), "küche %".as_bytes());
        assert_eq!(unescape("100%"), b"100%");
        assert_eq!(unescape("%zz%"), b"%zz%");
    }

    #[test]
    fn a_value_is_found_by_its_key() {
        let words = "name=a=b lost=7 lost=8";
        assert_eq!(value(words, "name"), Some("a=b"));
        assert_eq!(value(words, "lost"), Some("7"));
        assert_eq!(value(words, "los"), None);
    }
}
