//! Agents: the programs of this crate, with each other and with Python's aiomsg.

use std::process::Command;

use crate::certificates::{NAME, certificates};
use crate::process::{DEADLINE, Process};
use crate::python::{peer, python};

fn agent(arguments: &str) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    Process::start(command.args(arguments.split_whitespace()))
}

/// The flags of a side that shows this certificate.
fn shows(who: &str) -> String {
    let text = |end: &str| certificates().text(&format!("{who}.{end}"));
    format!("--tls-cert {} --tls-key {}", text("pem"), text("key"))
}

fn believes() -> String {
    format!("--tls-ca {}", certificates().text("authority.pem"))
}

/// The flags of a side that takes those alone who show a certificate of the authority.
fn demands() -> String {
    format!("--tls-client-ca {}", certificates().text("authority.pem"))
}

/// With `--tls-ca` as well, which means nothing to whoever binds.
fn binding(mutual: bool) -> String {
    let demands = if mutual { demands() } else { String::new() };
    let (shows, believes) = (shows("server"), believes());
    format!("--role bind --port 0 --tls true {shows} {believes} {demands}")
}

fn connecting(port: u16) -> String {
    format!("--role connect --port {port} --tls true {}", believes())
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{number}")).collect()
}

fn take(process: &Process, count: usize) -> Vec<String> {
    let next = |_| {
        let line = process.lines.recv_timeout(DEADLINE);
        line.unwrap_or_else(|error| panic!("{error}: {}", process.said()))
    };
    (0..count).map(next).collect()
}

#[test]
fn agents_understand_each_other() {
    for delivery in ["at-most-once", "at-least-once"] {
        let sink = agent(&format!("{} --behavior sink --count 100", binding(true)));
        let flags = format!("--behavior source --count 100 --delivery {delivery} --linger 0.2");
        let who = format!("--tls-server-name {NAME} {}", shows("client"));
        let source = agent(&format!("{} {flags} {who}", connecting(sink.port())));
        assert_eq!(sink.finish().lines, numbered(100));
        let ended = source.finish();
        assert!(
            ended.diagnostics.contains("0 unacknowledged, 0 unsent"),
            "{ended:?}"
        );
    }
}

#[test]
fn a_pair_that_is_told_of_one_authority_needs_no_certificate_of_a_client() {
    let sink = agent(&format!("{} --behavior sink --count 3", binding(false)));
    let who = format!("--tls-server-name {NAME} --behavior source --count 3 --linger 0.2");
    let source = agent(&format!("{} {who}", connecting(sink.port())));
    assert_eq!(sink.finish().lines, numbered(3));
    assert_eq!(source.finish().status, Some(0));
}

#[test]
fn a_client_without_the_certificate_that_is_demanded_stays_outside() {
    let sink = agent(&format!("{} --behavior sink --count 3", binding(true)));
    let who = format!("--tls-server-name {NAME} --behavior source --count 3 --linger 0.2");
    let source = agent(&format!("{} {who}", connecting(sink.port())));
    let ended = source.finish();
    assert!(ended.diagnostics.contains("BadStream"), "{ended:?}");
    assert!(ended.diagnostics.contains("3 unsent"), "{ended:?}");
    assert_eq!(sink.lines.try_recv().ok(), None);
}

#[test]
fn a_sink_and_an_echo_may_be_told_to_publish_at_least_once() {
    let flags = "--send-mode publish --delivery at-least-once";
    let who = format!("--tls-server-name {NAME} --behavior source --count 3 --linger 0.2");
    for behavior in ["sink", "echo"] {
        let taking = format!("{} --behavior {behavior} --count 3 {flags}", binding(false));
        let taking = agent(&taking);
        let source = agent(&format!("{} {who}", connecting(taking.port())));
        assert_eq!(taking.finish().status, Some(0), "{behavior}");
        assert_eq!(source.finish().status, Some(0), "{behavior}");
    }
}

#[test]
fn an_agent_says_what_is_wrong_with_its_arguments() {
    let good = "--role bind --port 0 --behavior sink --count 1";
    let wrong = [
        format!("{good} --tls true"),
        format!("{good} --tls true --tls-cert /dev/null"),
        format!("{good} --tls true --tls-cert /dev/null --tls-key /dev/null"),
        format!("{good} --tls-ca /dev/null"),
        "--role connect --port 1 --behavior sink --count 1 --tls true".to_owned(),
        format!("{} --behavior sink --count 1 {}", connecting(1), demands()),
        "--role bind --port 0 --behavior source --count 1 --send-mode publish \
         --delivery at-least-once"
            .to_owned(),
    ];
    for arguments in wrong {
        let ended = agent(&arguments).finish();
        assert_eq!(ended.status, Some(2), "{arguments}: {ended:?}");
        assert!(ended.diagnostics.contains("usage: agent "), "{arguments}");
    }
}

#[test]
fn the_server_answers_the_client_whose_fingerprint_it_knows() {
    let files = certificates();
    let texts = |names: &[&str]| names.iter().map(|it| files.text(it)).collect::<Vec<_>>();
    let mut server = Command::new(env!("CARGO_BIN_EXE_server"));
    server.args(texts(&["server.pem", "server.key", "authority.pem"]));
    let server = Process::start(server.arg(files.client.to_string()));
    let here = &take(&server, 1)[0];
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"));
    client.args([here, NAME]);
    client.args(texts(&["client.pem", "client.key", "authority.pem"]));
    let client = Process::start(client.arg("hello")).finish();
    assert_eq!(client.lines, ["HELLO"], "{client:?}");
}

#[test]
fn python_connects_and_gets_what_we_send() {
    let Some(python) = python() else { return };
    for delivery in ["at-most-once", "at-least-once"] {
        let flags = format!("--behavior source --count 50 --delivery {delivery} --linger 0.5");
        let source = agent(&format!("{} {flags}", binding(true)));
        let who = shows("client");
        let sink = format!("{} {who} --behavior sink", connecting(source.port()));
        let sink = peer(python, &sink);
        assert_eq!(take(&sink, 50), numbered(50), "{delivery}");
        let ended = source.finish();
        assert!(
            ended.diagnostics.contains("0 unacknowledged, 0 unsent"),
            "{ended:?}"
        );
    }
}

#[test]
fn python_binds_and_gets_what_we_send() {
    let Some(python) = python() else { return };
    for delivery in ["at-most-once", "at-least-once"] {
        let sink = peer(python, &format!("{} --behavior sink", binding(true)));
        let flags = format!("--behavior source --count 50 --delivery {delivery} --linger 0.5");
        let who = shows("client");
        let source = agent(&format!("{} {who} {flags}", connecting(sink.port())));
        assert_eq!(take(&sink, 50), numbered(50), "{delivery}");
        let ended = source.finish();
        assert!(
            ended.diagnostics.contains("0 unacknowledged, 0 unsent"),
            "{ended:?}"
        );
    }
}

#[test]
fn we_get_what_python_sends_in_either_role() {
    let Some(python) = python() else { return };
    let flags = "--behavior source --count 50";
    let sink = agent(&format!("{} --behavior sink --count 50", binding(false)));
    let _source = peer(python, &format!("{} {flags}", connecting(sink.port())));
    assert_eq!(sink.finish().lines, numbered(50));
    let source = peer(python, &format!("{} {flags}", binding(false)));
    let sink = format!("{} --behavior sink --count 50", connecting(source.port()));
    assert_eq!(agent(&sink).finish().lines, numbered(50));
}

#[test]
fn python_asks_and_we_echo() {
    let Some(python) = python() else { return };
    let echo = agent(&format!("{} --behavior echo --count 50", binding(false)));
    let asks = format!("{} --behavior ask --count 50", connecting(echo.port()));
    assert_eq!(take(&peer(python, &asks), 50), numbered(50));
    assert_eq!(echo.finish().status, Some(0));
}
