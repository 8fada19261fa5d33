//! Process: a child of the run, with its logs; it never outlives us.

use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use crate::stage::{self, Act};

pub struct Process {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

/// What a child is told when it starts.
pub struct Script {
    pub who: u8,
    pub instance: u32,
    pub seed: u64,
    pub endpoints: String,
}

/// Keeps glibc's allocator from holding on to what is free: what grows is then ours.
const THRIFTY: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];

impl Process {
    /// Starts this very program as a child. Each of its lines goes to `hear`.
    pub fn start(
        script: &Script,
        log: &Path,
        mut hear: impl FnMut(&str) + Send + 'static,
    ) -> Process {
        let errors = File::options().create(true).append(true).open(log);
        let mut child = Command::new(env::current_exe().expect("a test has a path"))
            .env(stage::WHO, script.who.to_string())
            .env(stage::INSTANCE, script.instance.to_string())
            .env(stage::SEED, script.seed.to_string())
            .env(stage::ENDPOINTS, &script.endpoints)
            .env("RUST_BACKTRACE", "1")
            .envs(THRIFTY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.expect("the log can be written"))
            .spawn()
            .expect("this program starts again");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let reader = thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| hear(&line));
        });
        Process {
            child,
            reader: Some(reader),
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn tell(&mut self, act: Act) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        // A child that is gone is found by `has_ended`.
        writeln!(input, "{}", stage::command(act)).ok();
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// Ends it without a word, and hears everything it had said.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.bury();
    }

    /// Hears the last words of one that has ended.
    pub fn bury(&mut self) {
        self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader does not panic");
        }
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child to ask")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
