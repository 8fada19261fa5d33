//! Python: a peer that runs the real aiomsg.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::process::Process;

/// A Python that has aiomsg, or `None` when these tests are skipped.
pub fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    PYTHON.get_or_init(find_python).as_deref()
}

fn find_python() -> Option<String> {
    let reason = match env::var("JACKFIELD_PYTHON") {
        Err(_) => "JACKFIELD_PYTHON is not set".to_owned(),
        Ok(python) => match Command::new(&python).args(["-c", "import aiomsg"]).output() {
            Ok(output) if output.status.success() => return Some(python),
            Ok(_) => format!("{python} has no aiomsg"),
            Err(error) => format!("{python}: {error}"),
        },
    };
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "in CI these tests must run, but {reason}");
    // Not `eprintln`, which the test harness keeps to itself while tests pass.
    writeln!(io::stderr(), "tests skipped: {reason}").ok();
    None
}

/// A Python peer with these arguments, as `peer.py` has them.
pub fn peer(python: &str, arguments: &str) -> Process {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(file!());
    let script = here.with_file_name("peer.py");
    Process::start(
        Command::new(python)
            .arg(script)
            .args(arguments.split_whitespace()),
    )
}
