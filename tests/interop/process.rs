//! Process: a child with deadlines, whose lines are read as they come, and that never outlives us.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Far longer than any step takes; a test that runs into it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Process {
    pub name: String,
    pub child: Child,
    pub lines: Receiver<String>,
    diagnostics: Receiver<String>,
}

/// How a process ended, and what it had still to say.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub lines: Vec<String>,
    pub diagnostics: String,
}

/// A built example, with these arguments (separated by spaces).
pub fn example(name: &str, arguments: &str) -> Process {
    let test = env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("<profile>/deps/<test>");
    let path: PathBuf = profile.join("examples").join(name);
    assert!(path.exists(), "no {path:?}: run cargo build --examples");
    Process::start(Command::new(path).args(arguments.split_whitespace()))
}

impl Process {
    pub fn start(command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let lines = read_lines(child.stdout.take().expect("a pipe"));
        let diagnostics = read_lines(child.stderr.take().expect("a pipe"));
        Process {
            name: format!("{command:?}"),
            child,
            lines,
            diagnostics,
        }
    }

    /// The port in the line that tells the bound endpoint.
    pub fn port(&self) -> u16 {
        loop {
            let line = match self.diagnostics.recv_timeout(DEADLINE) {
                Ok(line) => line,
                Err(error) => panic!("{}: tells no endpoint: {error}", self.name),
            };
            if line.contains(": bound ") {
                let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
                return port.expect("a port at the end of the line");
            }
        }
    }

    /// Waits until it ends by itself: its standard output ends when it does.
    pub fn finish(mut self) -> Ended {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => lines.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{}: no end: {error}; {}", self.name, self.said()),
            }
        }
        let status = self.child.wait().expect("a child to wait for").code();
        let diagnostics = self.diagnostics.iter().collect::<Vec<_>>().join("\n");
        Ended {
            status,
            lines,
            diagnostics,
        }
    }

    pub fn said(&self) -> String {
        self.diagnostics.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_lines(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(source).lines().map_while(Result::ok);
        lines.for_each(|line| drop(sender.send(line)));
    });
    receiver
}
