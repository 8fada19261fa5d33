//! Command: a program that runs for one call.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Why there is no answer: a word to match on, and what is to be told.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

/// What a command says of its own failure is cut after this.
const MOST_SAID: usize = 4 * 1024;

/// What `command` prints, with `input` as its standard input. After `time` it is killed.
pub(crate) fn run(command: &[String], input: &[u8], time: Duration) -> Result<Vec<u8>, Fault> {
    let deadline = Instant::now() + time;
    let (program, arguments) = command.split_first().expect("a command has a first word");
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| fault("Start", format!("{program}: {error}")))?;
    let result = converse(&mut child, input, deadline);
    if result.is_err() {
        // It may have ended in this moment.
        child.kill().ok();
    }
    let status = child
        .wait()
        .map_err(|error| fault("Start", error.to_string()))?;
    let (answer, said) = result?;
    if status.success() {
        // What it wrote beside its answer is for whoever runs us.
        io::stderr().write_all(&said).ok();
        return Ok(answer);
    }
    let said = String::from_utf8_lossy(&said[..said.len().min(MOST_SAID)]);
    match said.trim() {
        "" => Err(fault("Exit", format!("{program}: {status}"))),
        said => Err(fault("Exit", said.to_owned())),
    }
}

/// Feeds it and reads both of its outputs at once, so that none of the three holds up the others.
fn converse(
    child: &mut Child,
    input: &[u8],
    deadline: Instant,
) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_owned();
    // A command need not read what it is given.
    start(move || drop(stdin.write_all(&input)))?;
    let answer = read(child.stdout.take().expect("it is piped"))?;
    let said = read(child.stderr.take().expect("it is piped"))?;
    let within = |read: Receiver<Vec<u8>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        let late = |_| fault("Timeout", "the command took too long".to_owned());
        read.recv_timeout(left).map_err(late)
    };
    Ok((within(answer)?, within(said)?))
}

/// All that comes out of `source`, once it has ended.
fn read(mut source: impl Read + Send + 'static) -> Result<Receiver<Vec<u8>>, Fault> {
    let (sender, receiver) = mpsc::channel();
    start(move || {
        let mut bytes = Vec::new();
        // What came before an error is all there is.
        source.read_to_end(&mut bytes).ok();
        sender.send(bytes).ok();
    })?;
    Ok(receiver)
}

fn start(work: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
    let started = thread::Builder::new().spawn(work);
    started
        .map(drop)
        .map_err(|error| fault("Start", error.to_string()))
}

fn fault(kind: &'static str, message: String) -> Fault {
    Fault { kind, message }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Fault, run};

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, input: &[u8], time: Duration) -> Result<Vec<u8>, Fault> {
        run(&["sh", "-c", script].map(str::to_owned), input, time)
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
        let result = run(&["/nowhere/at/all".to_owned()], b"", LONG);
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
        let result = shell("sleep 10 & echo done", b"", Duration::from_millis(500));
        assert_eq!(kind(result), "Timeout");
        assert!(begin.elapsed() < LONG);
    }
}
