//! Contender: a program that plays roles, and the processes of one measurement.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// One measurement may take this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program with a name for the table.
pub struct Contender {
    /// What the table calls it.
    pub name: String,
    /// The program and the words in front of the role.
    pub command: Vec<String>,
    /// `--opt` besides that of the row.
    pub option: Option<&'static str>,
}

/// What a process says behind `RESULT`.
#[derive(Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    fn parse(line: &str) -> Figures {
        let pairs = line.split(' ').filter_map(|word| word.split_once('='));
        let parsed = pairs.filter_map(|(key, value)| Some((key.to_owned(), value.parse().ok()?)));
        Figures(parsed.collect())
    }

    /// The figure of that name.
    pub fn get(&self, key: &str) -> Result<f64, Box<dyn Error>> {
        let found = self.0.iter().find(|(name, _)| name == key);
        Ok(found.ok_or(format!("no {key} was told"))?.1)
    }
}

/// A directory for what one measurement needs: a Unix socket, and the pipe between the two.
pub struct Place(PathBuf);

impl Place {
    /// A new one, empty but for the pipe.
    pub fn new() -> Result<Place, Box<dyn Error>> {
        let dir = std::env::temp_dir().join(format!("jackfield-versus-{}", std::process::id()));
        fs::create_dir(&dir)?;
        let made = Command::new("mkfifo").arg(dir.join("pipe")).status()?;
        match made.success() {
            true => Ok(Place(dir)),
            false => Err("mkfifo failed".into()),
        }
    }

    /// An address that nobody has.
    pub fn address(&self, transport: &str) -> io::Result<String> {
        Ok(match transport {
            "ipc" => format!("ipc://{}", self.0.join("socket").display()),
            _ => format!("tcp://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A running role.
pub struct Player {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Player {
    /// Starts `contender` with these words; the pipe is its descriptor 9.
    pub fn start(
        contender: &Contender,
        words: &[String],
        place: &Place,
    ) -> Result<Player, Box<dyn Error>> {
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 9<>\"$PIPE\"", "sh"])
            .args(&contender.command)
            .args(words)
            .env("PIPE", place.0.join("pipe"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Ok(Player {
            input: child.stdin.take(),
            child,
            lines,
            deadline: Instant::now() + PATIENCE,
        })
    }

    /// Waits for the line that begins with `word`.
    pub fn expect(&self, word: &str) -> Result<Figures, Box<dyn Error>> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.map_err(|error| format!("no {word}: {error}"))?;
            if line.split(' ').next() == Some(word) {
                return Ok(Figures::parse(&line));
            }
        }
    }

    /// Processor time so far, in seconds; that of a broker that it has started is not in it.
    pub fn busy(&self) -> Result<f64, Box<dyn Error>> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no name is told")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: Result<Vec<f64>, _> = ticks.map(str::parse).collect();
        // A tick of `/proc` is a hundredth of a second.
        Ok(ticks?.iter().sum::<f64>() / 100.0)
    }

    /// Resident memory in KiB.
    pub fn resident(&self) -> Result<f64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = line.and_then(|line| line.trim().split(' ').next());
        Ok(value.ok_or("no memory is told")?.parse()?)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        drop(self.input.take());
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
