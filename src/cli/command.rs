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

/// What a command wrote, and how it ended.
struct End {
    answer: Vec<u8>,
    said: Vec<u8>,
    status: ExitStatus,
}

/// What `command` prints, with `input` as its standard input. After `time` it is killed, and so is
/// what it has started.
pub(crate) fn run(
    guard: &Guard,
    command: &[String],
    input: &[u8],
    time: Duration,
) -> Result<Vec<u8>, Fault> {
    let deadline = Instant::now() + time;
    let (program, arguments) = command.split_first().expect("a command has a first word");
    let mut starting = Command::new(program);
    starting.args(arguments).stdin(Stdio::piped());
    starting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = guard.spawn(&mut starting);
    let mut child = started.map_err(|error| fault("Start", format!("{program}: {error}")))?;
    let result = converse(&mut child, input, deadline);
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
        said => Err(fault("Exit", said.to_owned())),
    }
}

/// Feeds it and reads both of its outputs at once, so that none of the three holds up the others.
fn converse(child: &mut Child, input: &[u8], deadline: Instant) -> Result<End, Fault> {
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
    let within = |tap: &Tap| {
        let left = deadline.saturating_duration_since(Instant::now());
        tap.wait(left).map_err(|_| late())
    };
    let answer = within(&answer)?;
    if answer.len() > most {
        let message = "the command printed more than 16 MiB, which is the most for an answer";
        return Err(fault("TooLarge", message.to_owned()));
    }
    Ok(End {
        answer,
        said: within(&said)?,
        status: ended(child, deadline)?,
    })
}

/// It has closed its outputs, and so is about to end, but for one that goes on in silence.
fn ended(child: &mut Child, deadline: Instant) -> Result<ExitStatus, Fault> {
    const LONGEST: Duration = Duration::from_millis(20);
    let mut pause = Duration::from_micros(50);
    loop {
        if let Some(status) = child.try_wait().map_err(no_start)? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(late());
        }
        thread::park_timeout(pause);
        pause = LONGEST.min(pause * 2);
    }
}

fn late() -> Fault {
    fault("Timeout", "the command took too long".to_owned())
}

fn no_start(error: io::Error) -> Fault {
    fault("Start", error.to_string())
}

fn fault(kind: &'static str, message: String) -> Fault {
    Fault { kind, message }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Fault, run};
    use crate::cli::guard::Guard;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, input: &[u8], time: Duration) -> Result<Vec<u8>, Fault> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&Guard::start(), &command, input, time)
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
        let result = run(&Guard::start(), &["/nowhere/at/all".to_owned()], b"", LONG);
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
