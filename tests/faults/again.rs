//! Again: a test that runs itself a second time, in a process that a shell has prepared for it.

use std::env;
use std::io::{self, Write};
use std::process::Command;

/// Says that this process is the prepared one.
const MARK: &str = "JACKFIELD_AGAIN";

/// Whether this process is the prepared one.
pub fn is_prepared() -> bool {
    env::var_os(MARK).is_some()
}

/// Runs the test of that name again. `prepare` is a shell script that ends in `exec "$@"`; where
/// the system does not let it do what it does, the test is skipped, which is said.
pub fn run_prepared(name: &str, prepare: &str) {
    let test = env::current_exe().expect("it runs");
    let shell = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", prepare, "sh"]).arg(&test);
        shell
    };
    let probe = shell().arg("--list").output().expect("there is a shell");
    if !probe.status.success() {
        let why = String::from_utf8_lossy(&probe.stderr).into_owned();
        // Not `eprintln`, which the test harness keeps to itself while tests pass.
        writeln!(io::stderr(), "{name} is skipped here: {}", why.trim()).ok();
        return;
    }
    let status = shell()
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(MARK, "1")
        .status();
    assert!(status.expect("there is a shell").success());
}
