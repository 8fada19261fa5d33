//! A client in another language: Python over aiomsg, without a line of this library.
//!
//! `JACKFIELD_PYTHON` names a Python that has aiomsg; without it this is skipped, except where
//! `CI` is `true`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jackfield::bus::Error;

use crate::plug::{child_environment, listen};
use crate::stage::{broker, call, echo, next_text};
use crate::support::{Transport, eventually};

/// A child that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A Python that has aiomsg, or `None` when this is skipped.
fn python() -> Option<String> {
    let has_aiomsg = |python: &String| {
        let asked = Command::new(python).args(["-c", "import aiomsg"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    let python = std::env::var("JACKFIELD_PYTHON").ok().filter(has_aiomsg);
    if python.is_none() {
        let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(
            !is_ci,
            "in CI this test must run, and JACKFIELD_PYTHON must name a Python with aiomsg"
        );
        // Not `eprintln`, which the test harness keeps to itself while tests pass.
        writeln!(
            io::stderr(),
            "test skipped: JACKFIELD_PYTHON names no Python with aiomsg"
        )
        .ok();
    }
    python
}

/// Runs the client; its broker listens on that port.
fn start(python: String, port: u16) -> Process {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(file!());
    let script = here.with_file_name("../interop/bus.py");
    let mut command = Command::new(python);
    let command = command.arg(script).arg(port.to_string());
    let child = command.envs(child_environment()).stdin(Stdio::null());
    Process(child.spawn().expect("Python starts"))
}

#[test]
fn a_python_client_subscribes_publishes_serves_and_calls() {
    let Some(python) = python() else { return };
    let (broker, there) = broker(Transport::Tcp);
    let tcp = listen(&broker, "tcp://127.0.0.1:0").expect("a port");
    let bus = crate::stage::connected(crate::stage::patient(), &there);
    let said = bus.subscribe("from/python").expect("accepted");
    let _echo = bus.serve("rust/echo", echo).expect("accepted");
    let process = start(python, tcp.port().expect("TCP"));
    assert_eq!(next_text(&said), "ready");
    assert_eq!(call(&bus, "python/upper", "abc").expect("served"), "ABC");
    assert!(bus.ping("python").is_ok());
    bus.publish("to/python/x", "hello").expect("accepted");
    assert_eq!(next_text(&said), "to/python/x hello");
    drop(process);
    eventually("its name is free", || {
        matches!(bus.ping("python"), Err(Error::NoPeer))
    });
}

/// Its socket dials again by itself and tells it nothing.
#[test]
fn a_python_client_says_everything_again_when_it_is_greeted_by_another_broker() {
    let Some(python) = python() else { return };
    let (first, _) = broker(Transport::Tcp);
    let tcp = listen(&first, "tcp://127.0.0.1:0").expect("a port");
    let said = first.bus().subscribe("from/python").expect("accepted");
    let _process = start(python, tcp.port().expect("TCP"));
    assert_eq!(next_text(&said), "ready");
    first.close();
    let (second, _) = broker(Transport::Tcp);
    listen(&second, &tcp.to_string()).expect("it is free again");
    let bus = second.bus();
    eventually("it serves as before", || {
        call(&bus, "python/upper", "abc").is_ok_and(|answer| answer == "ABC")
    });
    eventually("it has its name", || bus.ping("python").is_ok());
}
