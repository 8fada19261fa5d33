//! Command: a program that runs for one call.

use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::body::MOST;
use crate::cli::guard::Guard;
use crate::cli::tap::{Rest, Tap};

/// Why there is no answer: a word to match on, and what is to be told.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// What a command says of its own failure is cut after this.
const MOST_SAID: usize = 4 * 1024;

/// How long somebody waits for a command.
#[derive(Clone, Copy)]
pub(crate) struct Patience<'a> {
    pub(crate) deadline: Instant,
    /// Whoever waited has given up.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

/// How often that is asked.
const LOOK: Duration = Duration::from_millis(100);

impl Patience<'_> {
    /// How long to wait before the next look.
    fn pause(&self) -> Result<Duration, Fault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(fault("Timeout", "the command took too long")),
            false if (self.is_over)() => Err(fault("Cancelled", "nobody waits for it")),
            false => Ok(left.min(LOOK)),
        }
    }
}

/// What a command wrote, and how it ended.
struct End {
    answer: Vec<u8>,
    said: Vec<u8>,
    status: ExitStatus,
}

/// What `command` prints, with `input` as its standard input. When nobody waits any more it is
/// killed, and so is what it has started.
pub(crate) fn run(
    guard: &Guard,
    command: &[String],
    input: &[u8],
    patience: Patience<'_>,
) -> Result<Vec<u8>, Fault> {
    let (program, arguments) = command.split_first().expect("a command has a first word");
    let mut starting = Command::new(program);
    starting.args(arguments).stdin(Stdio::piped());
    starting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = guard.spawn(&mut starting);
    let mut child = started.map_err(|error| fault("Start", format!("{program}: {error}")))?;
    let result = converse(&mut child, input, patience);
    if result.is_err() {
        guard.end(&mut child);
        // Nobody else is to wait for it; how it ends is known.
        child.wait().ok();
    }
    let end = result?;
    guard.forget(&child);
    if end.status.success() {
        // What it wrote beside its answer is for whoever runs us.
        io::stderr().write_all(&end.said).ok();
        return Ok(end.answer);
    }
    let said = String::from_utf8_lossy(&end.said[..end.said.len().min(MOST_SAID)]);
    match said.trim() {
        "" => Err(fault("Exit", format!("{program}: {}", end.status))),
        said => Err(fault("Exit", said)),
    }
}

/// Feeds it and reads both of its outputs at once, so that none of the three holds up the others.
fn converse(child: &mut Child, input: &[u8], patience: Patience<'_>) -> Result<End, Fault> {
    let most = MOST as usize;
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A command need not read what it is given.
    let feed = thread::Builder::new().spawn(move || drop(stdin.write_all(&input)));
    feed.map_err(no_start)?;
    let stdout = child.stdout.take().expect("it is piped");
    let stderr = child.stderr.take().expect("it is piped");
    let answer = Tap::open(stdout, most, Rest::Left).map_err(no_start)?;
    let said = Tap::open(stderr, MOST_SAID, Rest::Dropped).map_err(no_start)?;
    let within = |tap: &Tap| loop {
        if let Ok(bytes) = tap.wait(patience.pause()?) {
            return Ok(bytes);
        }
    };
    let answer = within(&answer)?;
    if answer.len() > most {
        let message = "the command printed more than 16 MiB, which is the most for an answer";
        return Err(fault("TooLarge", message));
    }
    Ok(End {
        answer,
        said: within(&said)?,
        status: ended(child, patience)?,
    })
}

/// It has closed its outputs, and so is about to end, but for one that goes on in silence.
fn ended(child: &mut Child, patience: Patience<'_>) -> Result<ExitStatus, Fault> {
    const LONGEST: Duration = Duration::from_millis(20);
    let mut pause = Duration::from_micros(50);
    loop {
        if let Some(status) = child.try_wait().map_err(no_start)? {
            return Ok(status);
        }
        thread::park_timeout(pause.min(patience.pause()?));
        pause = LONGEST.min(pause * 2);
    }
}

fn no_start(error: io::Error) -> Fault {
    fault("Start", error)
}

fn fault(kind: &'static str, message: impl ToString) -> Fault {
    let message = message.to_string();
    Fault { kind, message }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Fault, Patience, run};
    use crate::cli::guard::Guard;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, input: &[u8], time: Duration) -> Result<Vec<u8>, Fault> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&Guard::start(), &command, input, patience(time))
    }

    fn patience(time: Duration) -> Patience<'static> {
        Patience {
            deadline: Instant::now() + time,
            is_over: &|| false,
        }
    }

    fn kind(result: Result<Vec<u8>, Fault>) -> &'static str {
        result.expect_err("it fails").kind
    }

    #[test]
    fn its_output_is_the_answer() {
        assert_eq!(
            shell("tr a-z A-Z", b"abc\xff", LONG),
            Ok(b"ABC\xff".to_vec())
        );
    }

    #[test]
    fn more_than_a_pipe_holds_goes_through_in_both_directions() {
        let input = vec![b'x'; 1_000_000];
        assert_eq!(shell("cat", &input, LONG), Ok(input));
    }

    #[test]
    fn a_command_need_not_read_what_it_is_given() {
        let input = vec![b'x'; 1_000_000];
        assert_eq!(shell("echo no", &input, LONG), Ok(b"no\n".to_vec()));
    }

    #[test]
    fn its_failure_is_told_in_its_own_words() {
        let fault = shell("echo out; echo '  bad luck ' >&2; exit 3", b"", LONG);
        let message = "bad luck".to_owned();
        assert_eq!(
            fault,
            Err(Fault {
                kind: "Exit",
                message
            })
        );
        let fault = shell("exit 3", b"", LONG).expect_err("it fails");
        assert!(fault.message.contains('3'), "{fault:?}");
    }

    #[test]
    fn what_cannot_be_started_is_told() {
        let nowhere = ["/nowhere/at/all".to_owned()];
        let result = run(&Guard::start(), &nowhere, b"", patience(LONG));
        assert_eq!(kind(result), "Start");
    }

    #[test]
    fn it_is_killed_when_its_time_is_over() {
        let begin = Instant::now();
        let result = shell("exec sleep 60", b"", Duration::from_millis(100));
        assert_eq!(kind(result), "Timeout");
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn it_is_killed_when_nobody_waits_for_it_any_more() {
        let patience = Patience {
            is_over: &|| true,
            ..patience(LONG)
        };
        let command = ["sleep", "60"].map(str::to_owned);
        let result = run(&Guard::start(), &command, b"", patience);
        assert_eq!(kind(result), "Cancelled");
    }

    #[test]
    fn nobody_waits_for_what_a_command_leaves_behind() {
        let begin = Instant::now();
        for script in ["sleep 60 & echo done", "exec >&- 2>&-; sleep 60"] {
            let result = shell(script, b"", Duration::from_millis(500));
            assert_eq!(kind(result), "Timeout", "{script}");
        }
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn what_a_command_prints_has_a_bound() {
        assert_eq!(kind(shell("yes", b"", LONG)), "TooLarge");
        let most = shell("head -c 16777216 /dev/zero", b"", LONG);
        assert_eq!(most.expect("it fits").len(), 16 * 1024 * 1024);
    }

    #[test]
    fn what_a_command_says_of_itself_is_cut() {
        let fault = shell("yes | head -c 1000000 >&2; exit 1", b"", LONG).expect_err("it fails");
        assert_eq!((fault.kind, fault.message.len()), ("Exit", 4 * 1024 - 1));
    }
}
