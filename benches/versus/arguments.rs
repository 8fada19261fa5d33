//! Arguments: what a role is told on its command line, and what it answers on its output.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

/// The number of a probe, which is no message of a fan-out.
pub const PROBE: u64 = u64::MAX;

/// How a role ends.
pub type Outcome = Result<(), Box<dyn Error>>;

/// What a role is told.
pub struct Arguments {
    /// What to play.
    pub role: String,
    /// `tcp://host:port` or `ipc:///path`.
    pub address: String,
    /// Bytes in a message, 16 at least.
    pub size: usize,
    /// Messages, or round trips, that are measured.
    pub count: u64,
    /// Messages before those.
    pub warmup: u64,
    /// How many subscribers, workers or clients there are.
    pub peers: usize,
    /// Messages that each subscriber confirms together; 0 for none.
    pub window: u64,
    pipe: String,
    options: Vec<(String, String)>,
}

impl Arguments {
    /// Reads `ROLE --flag value ...`; what is wrong with it otherwise.
    pub fn parse(words: &[String]) -> Result<Arguments, Box<dyn Error>> {
        let mut words = words.iter();
        let mut arguments = Arguments {
            role: words.next().ok_or("the role is missing")?.clone(),
            address: String::new(),
            size: 64,
            count: 1_000,
            warmup: 1,
            peers: 1,
            window: 0,
            pipe: String::new(),
            options: Vec::new(),
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(format!("{flag} needs a value"))?;
            arguments.set(flag, value)?;
        }
        Ok(arguments)
    }

    fn set(&mut self, flag: &str, value: &str) -> Outcome {
        let wrong = |_| format!("{flag} is no number: {value}");
        match flag {
            "--addr" => self.address = value.replacen("ipc://", "unix://", 1),
            "--size" => self.size = value.parse().map_err(wrong)?,
            "--count" => self.count = value.parse().map_err(wrong)?,
            "--warmup" => self.warmup = value.parse().map_err(wrong)?,
            "--peers" => self.peers = value.parse().map_err(wrong)?,
            "--window" => self.window = value.parse().map_err(wrong)?,
            "--ack-fd" => self.pipe = format!("/proc/self/fd/{value}"),
            "--opt" => {
                let (key, value) = value.split_once('=').ok_or("--opt needs key=value")?;
                self.options.push((key.to_owned(), value.to_owned()));
            }
            _ => return Err(format!("there is no flag {flag}").into()),
        }
        Ok(())
    }

    /// The value of `--opt key=value`, the last one if there are several.
    pub fn option(&self, key: &str) -> Option<&str> {
        let mut values = self.options.iter().rev();
        values
            .find(|(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    /// The end of the pipe on which subscribers tell the publisher how far they are.
    pub fn pipe(&self, writing: bool) -> io::Result<File> {
        File::options()
            .read(!writing)
            .write(writing)
            .open(&self.pipe)
    }

    /// How many messages there are in all.
    pub fn total(&self) -> u64 {
        self.warmup + self.count
    }
}

/// Writes the number of a message into its front.
pub fn number(body: &mut [u8], number: u64) {
    body[..8].copy_from_slice(&number.to_le_bytes());
}

/// The number in the front of a message.
pub fn number_of(body: &[u8]) -> u64 {
    u64::from_le_bytes(body[..8].try_into().expect("a message has 16 bytes"))
}

/// One line for whoever started this process.
pub fn say(line: &str) {
    let mut output = io::stdout().lock();
    // Who started us may be gone already, and there is nobody else to tell.
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .ok();
}

/// Stays until whoever started this process closes its input: what is queued may still leave.
pub fn linger() {
    io::stdin().read_to_end(&mut Vec::new()).ok();
}

/// Tells messages and the time they took.
pub fn say_rate(messages: u64, took: Duration, bad: u64) {
    let seconds = took.as_secs_f64();
    say(&format!(
        "RESULT msgs={messages} secs={seconds:.9} bad={bad}"
    ));
}

/// Tells how long round trips took.
pub fn say_times(times: &mut [Duration]) {
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let at = |part: f64| micros(times[((times.len() - 1) as f64 * part) as usize]);
    let mean = micros(times.iter().sum::<Duration>()) / times.len() as f64;
    say(&format!(
        "RESULT rtts={} min_us={:.2} p50_us={:.2} p90_us={:.2} p99_us={:.2} p999_us={:.2} max_us={:.2} mean_us={mean:.2}",
        times.len(),
        at(0.0),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0),
    ));
}
