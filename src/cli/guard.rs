//! Guard: a shell that ends the processes of commands, and whatever is left when we are gone.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A process of its own, because a signal may end us at any moment; it needs no more than the
/// standard input that we hold. Each command has a group of processes, named by its first one.
pub(crate) struct Guard {
    /// Where there is no shell there are no groups either.
    shell: Option<Mutex<Child>>,
}

/// Each word but the first one forgets the group. At the end of its input it ends those that are
/// left.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r word group; do
    left=
    for one in $groups; do
        [ "$one" = "$group" ] || left="$left $one"
    done
    groups=$left
    case $word in
        watch) groups="$groups $group" ;;
        end) kill -s KILL -- "-$group" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- "-$group"
done
"#;

impl Guard {
    pub(crate) fn start() -> Guard {
        if !cfg!(unix) {
            return Guard { shell: None };
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped());
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        lead_a_group(&mut shell);
        Guard {
            shell: shell.spawn().ok().map(Mutex::new),
        }
    }

    /// Starts it; what it starts itself belongs to it, until it leaves its group.
    pub(crate) fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        if self.shell.is_some() {
            lead_a_group(command);
        }
        let child = command.spawn()?;
        self.say("watch", &child);
        Ok(child)
    }

    /// Ends it and what it has started. To be waited for afterwards: until then nobody else has
    /// its number.
    pub(crate) fn end(&self, child: &mut Child) {
        if !self.say("end", child) {
            // It may have ended in this moment.
            child.kill().ok();
        }
    }

    /// It ends well; what it has started may go on.
    pub(crate) fn forget(&self, child: &Child) {
        self.say("forget", child);
    }

    /// Whether there is somebody to hear it.
    fn say(&self, word: &str, child: &Child) -> bool {
        let Some(shell) = &self.shell else {
            return false;
        };
        let mut shell = shell.lock().unwrap_or_else(PoisonError::into_inner);
        let words = shell.stdin.as_mut().expect("it is piped");
        let line = format!("{word} {}\n", child.id());
        words.write_all(line.as_bytes()).is_ok()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shell) = &mut self.shell {
            let shell = shell.get_mut().unwrap_or_else(PoisonError::into_inner);
            // It ends with its input, which this closes.
            shell.wait().ok();
        }
    }
}

#[cfg(unix)]
fn lead_a_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn lead_a_group(_: &mut Command) {}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};

    use super::Guard;

    /// A shell that has started another process, which holds its output open.
    fn family(guard: &Guard) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 100 & echo there; wait"]);
        let mut child = guard
            .spawn(command.stdout(Stdio::piped()))
            .expect("there is a shell");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "there\n");
        child
    }

    fn assert_all_end(mut child: Child) {
        let mut output = child.stdout.take().expect("it is piped");
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).expect("it ends");
        assert_eq!(rest, b"");
        assert!(!child.wait().expect("it is ours").success());
    }

    #[test]
    fn what_a_command_has_started_ends_with_it() {
        let guard = Guard::start();
        let (mut one, other) = (family(&guard), family(&guard));
        guard.end(&mut one);
        assert_all_end(one);
        drop(guard);
        assert_all_end(other);
    }

    #[test]
    fn what_is_forgotten_goes_on() {
        let guard = Guard::start();
        let (mut child, other) = (family(&guard), family(&guard));
        guard.forget(&child);
        drop(guard);
        assert_all_end(other);
        assert!(child.try_wait().expect("it is ours").is_none());
        child.kill().expect("it lives");
        child.wait().expect("it is ours");
    }
}
