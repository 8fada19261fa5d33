//! What these tests share: a broker, the program, and waits that end.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Bus, Post};

use crate::process::{DEADLINE, Ended, Process};

/// Where no broker is.
pub const NOWHERE: &str = "unix:///nowhere/at/all.sock";

/// The program with these arguments, and none of our environment's settings.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
    for setting in ["JACKFIELD_ADDR", "NO_COLOR", "COLUMNS"] {
        command.env_remove(setting);
    }
    command.args(arguments);
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Ended {
    Process::start(&mut command(arguments)).finish()
}

/// A broker in a process of its own.
pub struct Broker {
    pub process: Process,
    pub address: String,
}

impl Broker {
    /// On a loopback address of this test's own, where there are many: the port stays free until
    /// another broker follows this one.
    pub fn start_alone(number: u8) -> Broker {
        if !cfg!(target_os = "linux") {
            return Broker::start();
        }
        let process = std::process::id().to_be_bytes();
        let host = Ipv4Addr::new(127, 200 + number, process[2], process[3]);
        Broker::start_at(&format!("tcp://{host}:0"))
    }

    pub fn start() -> Broker {
        Broker::start_at("tcp://127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Broker {
        let process = Process::start(&mut command(&["broker", address]));
        let line = next(&process);
        let address = line.strip_prefix("listening at ").expect("it says where");
        Broker {
            address: address.to_owned(),
            process,
        }
    }

    /// The program as a client of this broker.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments);
        command.env("JACKFIELD_ADDR", &self.address);
        command
    }

    pub fn start_client(&self, arguments: &[&str]) -> Process {
        Process::start(&mut self.command(arguments))
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start_client(arguments).finish()
    }

    /// As `run`, with that on standard input.
    pub fn run_with(&self, input: &[u8], arguments: &[&str]) -> Ended {
        let mut process = self.start_client(arguments);
        let mut stdin = process.child.stdin.take().expect("it is piped");
        stdin.write_all(input).expect("it reads its input");
        drop(stdin);
        process.finish()
    }

    /// Serves a name with a shell script, and is served when this returns.
    pub fn serve(&self, name: &str, script: &str) -> Process {
        let process = self.start_client(&["serve", name, "--", "sh", "-c", script]);
        assert_eq!(next(&process), format!("serving {name}"));
        process
    }

    pub fn bus(&self) -> Bus {
        let bus = Bus::connect(&self.address).expect("the address is valid");
        bus.ready(DEADLINE).expect("the broker answers");
        bus
    }
}

/// The next line that it prints.
pub fn next(process: &Process) -> String {
    let line = process.lines.recv_timeout(DEADLINE);
    line.unwrap_or_else(|error| panic!("{}: {error}: {}", process.name, process.said()))
}

/// As from a keyboard or another program.
pub fn signal(process: &Process, number: &str) {
    let script = format!("kill -{number} {}", process.child.id());
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("there is a shell").success(), "{script}");
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// Publishes until somebody gets it, which is once.
pub fn publish(bus: &Bus, topic: &str, body: &str) {
    eventually("somebody gets it", || {
        let receipt = bus.send(Post::new(topic, body));
        receipt.is_ok_and(|receipt| receipt.receivers > 0)
    });
}

/// Waits until the broker has so many of these.
pub fn await_count(bus: &Bus, what: &str, count: usize) {
    let line = format!("{what} {count}");
    eventually(&line, || {
        let stats = bus.call("$sys/stats", "").expect("a broker has counters");
        stats.text().lines().any(|own| own == line)
    });
}

/// It ended with this status, and this is in its reason.
pub fn assert_failed(ended: &Ended, status: i32, reason: &str) {
    assert_eq!(ended.status, Some(status), "{ended:?}");
    assert!(ended.diagnostics.contains(reason), "{ended:?}");
    assert!(ended.lines.is_empty(), "{ended:?}");
}

/// It ended well, and printed this.
pub fn assert_printed(ended: &Ended, lines: &[&str]) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.lines, lines, "{ended:?}");
    assert_eq!(complaints(&ended.diagnostics), "");
}

/// What was said on standard error, but for that all is well.
pub fn complaints(said: &str) -> String {
    let is_well = |line: &&str| line.contains(": connected to the broker at ");
    let lines = said.lines().filter(|line| !is_well(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Until it has said a line on standard error that has all of these.
pub fn await_line(process: &Process, words: &[&str]) -> String {
    let (mut said, mut found) = (String::new(), None);
    eventually(&format!("{words:?}"), || {
        said.push_str(&process.said());
        said.push('\n');
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        found = said.lines().find(has_all).map(str::to_owned);
        found.is_some()
    });
    found.expect("it was found")
}
