//! Agent: one socket that sends, prints or echoes, for runs against other implementations.

use std::collections::BTreeMap;
use std::env;
use std::error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, Endpoint, Error, Identity, Socket};

const USAGE: &str = "\
usage: agent --role bind|connect --port PORT --behavior source|sink|echo [--flag value]..

  --role bind|connect           required
  --port PORT                   required; 0 with bind picks one, told on standard error
  --behavior source|sink|echo   required
      source    sends P0, P1, .. (P is the prefix), stays for the linger time, and closes
      sink      prints each payload as a line, and closes after the count
      echo      answers each sender with what it sent: for ever, or, with a count, that many
                times, and then stays for the linger time and closes
  --count N                     required for source and sink
  --prefix P                    default: m
  --host HOST                   default: 127.0.0.1
  --send-mode publish|roundrobin           default: roundrobin; how a source sends
  --delivery at-most-once|at-least-once    default: at-most-once; not the other to publish
  --identity HEX                32 hexadecimal digits; default: random
  --linger SECONDS              default: 1; may be fractional
  --ws true|false               default: false; true with bind only, for WebSocket besides TCP
  --tls true|false              default: false; for true see examples/tls

Exit status: 0 done, 1 failed, 2 wrong arguments. Diagnostics go to standard error.";

const CONTRADICTION: &str = "\
--delivery at-least-once: what a source publishes has no one receiver to acknowledge it; \
take --send-mode roundrobin";

fn main() -> ExitCode {
    let (task, socket) = match prepare(env::args().skip(1)) {
        Ok(ready) => ready,
        Err(fault) => {
            eprintln!("agent: {fault}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match task.run(&socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("agent: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// What can be wrong with the arguments is found here: a contradictory config is one of them.
fn prepare(arguments: impl Iterator<Item = String>) -> Result<(Task, Socket), String> {
    let (task, config) = Flags::read(arguments)?.into_task()?;
    let socket = Socket::new(config).map_err(|error| error.to_string())?;
    Ok((task, socket))
}

/// What the socket is there for.
struct Task {
    binds: bool,
    endpoint: Endpoint,
    behavior: Behavior,
    /// A source sends to all, and not to each peer in turn.
    publishes: bool,
    count: u64,
    prefix: String,
    linger: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Behavior {
    Source,
    Sink,
    Echo,
}

impl Task {
    fn run(&self, socket: &Socket) -> Result<(), Box<dyn error::Error>> {
        let events = socket.events();
        let telling = thread::spawn(move || events.for_each(|event| eprintln!("agent: {event:?}")));
        if self.binds {
            eprintln!("agent: bound {}", socket.bind(&self.endpoint)?);
        } else {
            socket.connect(&self.endpoint)?;
        }
        match self.behavior {
            Behavior::Source => self.source(socket)?,
            Behavior::Sink => self.sink(socket)?,
            Behavior::Echo => self.echo(socket)?,
        }
        let report = socket.close();
        telling.join().expect("it only prints");
        eprintln!(
            "agent: closed; {} received, {} unacknowledged, {} unsent",
            socket.stats().received,
            report.unacknowledged.len(),
            report.unsent.len()
        );
        Ok(())
    }

    fn source(&self, socket: &Socket) -> Result<(), Error> {
        for number in 0..self.count {
            let body = format!("{}{number}", self.prefix);
            match self.publishes {
                true => socket.publish(body)?,
                false => socket.send(body)?,
            };
            read_for(Duration::ZERO, socket)?;
        }
        read_for(self.linger, socket)
    }

    fn sink(&self, socket: &Socket) -> Result<(), Box<dyn error::Error>> {
        let mut out = io::stdout().lock();
        for _ in 0..self.count {
            let message = socket.recv()?;
            out.write_all(message.body())?;
            out.write_all(b"\n")?;
            out.flush()?;
        }
        Ok(())
    }

    fn echo(&self, socket: &Socket) -> Result<(), Error> {
        let mut answered = 0;
        while answered < self.count {
            let message = socket.recv()?;
            match socket.send_to(message.sender(), message.body()) {
                Ok(_) => answered += 1,
                Err(error) => eprintln!("agent: no answer to {}: {error}", message.sender()),
            }
        }
        read_for(self.linger, socket)
    }
}

/// Reads for that time, so that a peer that answers is neither held up nor left unacknowledged.
fn read_for(time: Duration, socket: &Socket) -> Result<(), Error> {
    let deadline = Instant::now() + time;
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        match socket.recv_timeout(rest) {
            Ok(_) if rest.is_zero() => return Ok(()),
            Ok(_) => {}
            Err(Error::Timeout) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The arguments: pairs of a flag and its value.
struct Flags(BTreeMap<String, String>);

impl Flags {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
        let mut given = BTreeMap::new();
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or(format!("{flag} has no value"))?;
            if given.insert(flag.clone(), value).is_some() {
                return Err(format!("{flag} is given twice"));
            }
        }
        Ok(Flags(given))
    }

    fn into_task(mut self) -> Result<(Task, Config), String> {
        let behaviors = [
            ("source", Behavior::Source),
            ("sink", Behavior::Sink),
            ("echo", Behavior::Echo),
        ];
        let behavior = self.choose("--behavior", None, &behaviors)?;
        let modes = [("publish", true), ("roundrobin", false)];
        let publishes = self.choose("--send-mode", Some(false), &modes)?;
        let config = self.config(behavior, publishes)?;
        let count = match behavior {
            Behavior::Echo => Some(u64::MAX),
            _ => None,
        };
        let binds = self.choose("--role", None, &[("bind", true), ("connect", false)])?;
        let seconds: f64 = self.parse("--linger", Some(1.0))?;
        let linger = Duration::try_from_secs_f64(seconds.min(1e9));
        let task = Task {
            binds,
            endpoint: self.endpoint(binds)?,
            behavior,
            publishes,
            count: self.parse("--count", count)?,
            prefix: self.0.remove("--prefix").unwrap_or("m".to_owned()),
            linger: linger.map_err(|error| format!("--linger: {error}"))?,
        };
        match self.0.keys().next() {
            Some(unknown) => Err(format!("{unknown} is no flag of this program")),
            None => Ok((task, config)),
        }
    }

    fn config(&mut self, behavior: Behavior, publishes: bool) -> Result<Config, String> {
        if self.is_set("--tls")? {
            return Err("--tls true: the agent in examples/tls does that".to_owned());
        }
        let deliveries = [
            ("at-most-once", Delivery::AtMostOnce),
            ("at-least-once", Delivery::AtLeastOnce),
        ];
        let delivery = self.choose("--delivery", Some(Delivery::AtMostOnce), &deliveries)?;
        // A sink never sends, and an echo sends to whoever asked.
        if publishes && delivery == Delivery::AtLeastOnce && behavior == Behavior::Source {
            return Err(CONTRADICTION.to_owned());
        }
        let config = Config::default().delivery(delivery);
        if !self.0.contains_key("--identity") {
            return Ok(config);
        }
        let identity: Identity = self.parse("--identity", None)?;
        Ok(config.identity(identity))
    }

    fn endpoint(&mut self, binds: bool) -> Result<Endpoint, String> {
        let port: u16 = self.parse("--port", None)?;
        if port == 0 && !binds {
            return Err("--port 0 is for bind only".to_owned());
        }
        let scheme = match self.is_set("--ws")? {
            true if !binds => return Err("--ws true is for bind only".to_owned()),
            true => "ws",
            false => "tcp",
        };
        let host = self.0.remove("--host").unwrap_or("127.0.0.1".to_owned());
        let text = match host.contains(':') {
            true => format!("{scheme}://[{host}]:{port}"),
            false => format!("{scheme}://{host}:{port}"),
        };
        text.parse().map_err(|error: Error| error.to_string())
    }

    fn is_set(&mut self, flag: &str) -> Result<bool, String> {
        self.choose(flag, Some(false), &[("true", true), ("false", false)])
    }

    fn choose<T: Copy>(
        &mut self,
        flag: &str,
        default: Option<T>,
        choices: &[(&str, T)],
    ) -> Result<T, String> {
        let Some(text) = self.0.remove(flag) else {
            return default.ok_or(format!("{flag} is missing"));
        };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                Err(format!("{flag} is {}, not {text:?}", names.join(" or ")))
            }
        }
    }

    fn parse<T: FromStr>(&mut self, flag: &str, default: Option<T>) -> Result<T, String> {
        let Some(text) = self.0.remove(flag) else {
            return default.ok_or(format!("{flag} is missing"));
        };
        text.parse()
            .map_err(|_| format!("{flag}: {text:?} makes no sense"))
    }
}
