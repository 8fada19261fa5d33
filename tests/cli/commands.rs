//! What the commands of `serve` cost and leave behind.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::process::Process;
use crate::support::{Broker, assert_failed, assert_printed, command, eventually, next, signal};

/// A file of this test's own, which is gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        let name = format!("jackfield-cli-{name}-{}", std::process::id());
        let file = File(std::env::temp_dir().join(name));
        fs::remove_file(&file.0).ok();
        file
    }

    /// The number that a script wrote into it, once it is there whole.
    fn number(&self) -> u32 {
        let read = || fs::read_to_string(&self.0).unwrap_or_default();
        eventually("the script has written", || read().ends_with('\n'));
        read().trim().parse().expect("a number")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn lives(process: u32) -> bool {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("kill -s 0 {process}")]);
    let status = shell.stderr(Stdio::null()).status();
    status.expect("there is a shell").success()
}

/// A script that starts a process beside itself, writes its number, and goes on for long.
fn family(file: &File) -> String {
    format!("sleep 1000 & echo $! > {}; sleep 1000", file.0.display())
}

#[test]
fn a_command_that_takes_too_long_ends_with_all_that_it_has_started() {
    let broker = Broker::start();
    let file = File::new("late");
    let _serving = broker.serve("slow", &family(&file));
    let ended = broker.run(&["call", "slow", "-t", "1"]);
    assert_failed(&ended, 1, "no answer from \"slow\" within");
    let process = file.number();
    eventually("it ends as well", || !lives(process));
}

#[test]
fn a_command_whose_caller_is_gone_ends_with_all_that_it_has_started() {
    let broker = Broker::start();
    let file = File::new("gone");
    let _serving = broker.serve("slow", &family(&file));
    let call = broker.start_client(&["call", "slow", "-t", "1000"]);
    let process = file.number();
    drop(call);
    eventually("it ends as well", || !lives(process));
}

#[test]
fn commands_end_with_the_program_that_serves() {
    let broker = Broker::start();
    for number in ["2", "9"] {
        let file = File::new(number);
        let serving = broker.serve("slow", &family(&file));
        let call = broker.start_client(&["call", "slow"]);
        let process = file.number();
        signal(&serving, number);
        eventually("it ends as well", || !lives(process));
        assert_failed(
            &call.finish(),
            1,
            "whoever had the call of \"slow\" went away",
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_leaves_its_group_holds_nothing() {
    let broker = Broker::start();
    let serving = broker.serve("astray", "setsid sleep 20 & echo answer");
    let held = || {
        let count = |what: &str| {
            let path = format!("/proc/{}/{what}", serving.child.id());
            fs::read_dir(path).expect("Linux has it").count()
        };
        (count("task"), count("fd"))
    };
    let call = || broker.run(&["call", "astray", "-t", "0.3"]);
    assert_failed(&call(), 1, "no answer");
    let mut before = (usize::MAX, usize::MAX);
    eventually("it has settled", || {
        std::mem::replace(&mut before, held()) == held()
    });
    let ended = [(); 3].map(|()| call());
    ended
        .iter()
        .for_each(|ended| assert_failed(ended, 1, "no answer"));
    eventually("nothing is held", || {
        held().0 <= before.0 && held().1 <= before.1
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_that_prints_without_end_takes_no_memory() {
    let broker = Broker::start();
    let serving = broker.serve("endless", "yes");
    let ended = broker.run(&["call", "endless", "-t", "20"]);
    assert_failed(&ended, 1, "TooLarge: the command printed more than 16 MiB");
    let path = format!("/proc/{}/status", serving.child.id());
    let status = fs::read_to_string(path).expect("Linux has it");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = most.expect("it is there").trim().trim_end_matches(" kB");
    let kib: u64 = kib.parse().expect("a number");
    assert!(kib < 128 * 1024, "{kib} KiB");
}

#[test]
fn a_read_only_address_is_for_those_who_subscribe() {
    let file = File::new("guests");
    let guests = format!("unix://{}", file.0.display());
    let read_only = [format!("{guests}=room/**"), format!("{guests}=hall")];
    let [first, second] = &read_only;
    let arguments = [
        "broker",
        "tcp://127.0.0.1:0",
        "--read-only",
        first,
        "--read-only",
        second,
    ];
    let broker = Process::start(&mut command(&arguments));
    let line = next(&broker);
    let address = line.strip_prefix("listening at ").expect("it says where");
    assert_eq!(next(&broker), format!("listening at {guests}, read-only"));
    let rooms = Process::start(&mut command(&["sub", "-a", &guests, "-n", "1", "room/*"]));
    let bus = jackfield::Bus::connect(address).expect("a bus");
    eventually("it is subscribed", || {
        let receipt = bus.send(jackfield::Post::new("room/1", "x"));
        receipt.expect("accepted").receivers == 1
    });
    assert_printed(&rooms.finish(), &["room/1 x"]);
    let at = |arguments: &[&str]| {
        let mut command = command(arguments);
        Process::start(command.args(["-a", &guests])).finish()
    };
    let allowed = r#"denied: to subscribe to "**" (allowed: "room/**", "hall")"#;
    assert_failed(&at(&["sub", "**"]), 1, allowed);
    assert_failed(&at(&["pub", "room/1", "x"]), 1, "denied: to publish");
    assert_failed(&at(&["call", "echo", "x"]), 1, "denied: to call");
    let wrong = command(&["broker", "--read-only", "room/**"]).output();
    assert_eq!(wrong.expect("it runs").status.code(), Some(2));
}

/// Any of these may end the broker; who comes next finds its path, and takes it.
#[test]
fn a_path_that_a_signal_left_behind_is_taken_over() {
    let file = File::new("sock");
    let address = format!("unix://{}", file.0.display());
    for number in ["2", "15", "9"] {
        let broker = Broker::start_at(&address);
        signal(&broker.process, number);
        let mut process = broker.process;
        process.child.wait().expect("it is ours");
        assert!(file.0.exists(), "a signal leaves it no time");
    }
    let broker = Broker::start_at(&address);
    let answered = Process::start(&mut command(&["peers", "-a", &broker.address])).finish();
    assert_eq!(answered.status, Some(0), "{answered:?}");
}
