//! Client: the bus that a verb works on.

use std::env;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jackfield::Endpoint;
use jackfield::bus::{Bus, Error};

use crate::cli::arguments::Arguments;
use crate::cli::failure::Failure;
use crate::cli::quantity;
use crate::cli::verb::Flag;

const VARIABLE: &str = "JACKFIELD_ADDR";
const USUAL: &str = "tcp://127.0.0.1:7181";

pub(crate) const ADDRESS: Flag = Flag::value(
    Some('a'),
    "--address",
    "ADDRESS",
    "the broker; default: $JACKFIELD_ADDR, else tcp://127.0.0.1:7181",
);

pub(crate) const TIMEOUT: Flag = Flag::value(
    Some('t'),
    "--timeout",
    "SECONDS",
    "how long to wait; default: 5",
);

pub(crate) const NAME: Flag = Flag::value(None, "--as", "NAME", "be known to others by this name");

/// Where a broker is, or is to be, when nobody says otherwise.
pub(crate) fn usual_address() -> Result<Endpoint, Failure> {
    match env::var_os(VARIABLE).filter(|set| !set.is_empty()) {
        None => endpoint(USUAL),
        Some(set) => endpoint(&set.to_string_lossy()).map_err(|failure| match failure {
            Failure::Usage(reason) => Failure::Usage(format!("${VARIABLE}: {reason}")),
            other => other,
        }),
    }
}

/// What a broker listens at.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, Failure> {
    let endpoint: Endpoint = text.parse().map_err(Error::Socket)?;
    match endpoint.scheme() {
        "mem" => Err(Failure::Usage(format!(
            "{endpoint} is within one process, and a broker of this program is for others: take \
             tcp://, ws:// or unix://"
        ))),
        _ => Ok(endpoint),
    }
}

/// A bus that works whenever its broker is there.
pub(crate) fn connect(arguments: &Arguments) -> Result<Bus, Failure> {
    let (timeout, address) = (timeout(arguments)?, address(arguments)?);
    let options = Bus::options().timeout(timeout);
    let Some(name) = arguments.values(NAME.long).last() else {
        return Ok(options.connect(address)?);
    };
    options
        .name(name)
        .connect(address)
        .map_err(|error| match error {
            Error::NameTaken => Failure::Failed(format!("another client has the name {name:?}")),
            error => error.into(),
        })
}

/// A bus whose broker is there now. Where nothing is to be reached this is known at once.
pub(crate) fn reach(arguments: &Arguments) -> Result<Bus, Failure> {
    let begin = Instant::now();
    let (bus, address) = (connect(arguments)?, address(arguments)?);
    let mut known = bus.ready(Duration::ZERO);
    // What is there may be slow; what cannot be dialled is named by its address.
    let is_away = |why: &str| why.starts_with(&address.to_string());
    if matches!(&known, Err(Error::NoBroker { why }) if !is_away(why)) {
        known = bus.ready(timeout(arguments)?.saturating_sub(begin.elapsed()));
    }
    match known {
        Ok(()) => Ok(bus),
        Err(Error::NoBroker { why }) => Err(Failure::Failed(absent(arguments, &address, &why))),
        Err(error) => Err(error.into()),
    }
}

fn absent(arguments: &Arguments, address: &Endpoint, why: &str) -> String {
    // Without the flag a broker finds its address as we did.
    let at = match arguments.has(ADDRESS.long) {
        true => format!(" {address}"),
        false => String::new(),
    };
    let advice = format!("no broker answers at {address}; start one: jackfield broker{at}");
    match why {
        "" => advice,
        why => format!("{advice}\n({why})"),
    }
}

/// The broker did not do in time what it was asked to.
pub(crate) fn silent(arguments: &Arguments) -> Failure {
    let asked = || {
        let (address, time) = (address(arguments)?, timeout(arguments)?);
        let time = quantity::time(time);
        Ok(format!(
            "no answer from the broker at {address} within {time}"
        ))
    };
    asked().map_or_else(|failure| failure, Failure::Failed)
}

pub(crate) fn timeout(arguments: &Arguments) -> Result<Duration, Failure> {
    let Seconds(timeout) = arguments.value(TIMEOUT.long, Seconds(Duration::from_secs(5)))?;
    Ok(timeout)
}

/// A broker at ws:// takes programs on the same port, over TCP.
pub(crate) fn address(arguments: &Arguments) -> Result<Endpoint, Failure> {
    let given = arguments.values(ADDRESS.long).last();
    let address = given.map_or_else(usual_address, endpoint)?;
    match (address.scheme(), address.host(), address.port()) {
        ("ws", Some(host), Some(port)) => Ok(Endpoint::tcp(host, port).map_err(Error::Socket)?),
        _ => Ok(address),
    }
}

/// A span of time in seconds, which may have a fraction.
struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let seconds: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
        let span = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        Ok(Seconds(span))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Seconds;

    #[test]
    fn seconds_may_have_a_fraction() {
        let Seconds(span) = "0.25".parse().expect("a time");
        assert_eq!(span, Duration::from_millis(250));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert!(text.parse::<Seconds>().is_err(), "{text}");
        }
    }
}
