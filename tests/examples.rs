//! Examples: each runs as its first lines say, and the agents understand each other.

#[path = "interop/process.rs"]
mod process;

use process::{Process, example};

/// What an example printed, in sorted order where its threads print in any.
fn output(name: &str) -> Vec<String> {
    let ended = example(name, "").finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    ended.lines
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn hello_is_answered() {
    let lines = output("hello");
    assert!(lines[1].starts_with("server: got \"hello\" from "));
    assert_eq!(lines[2], "client: got \"hello yourself\"");
}

#[test]
fn publish_reaches_every_subscriber_in_order() {
    let lines = output("publish");
    for name in ["ann", "bob"] {
        let mark = format!("{name}: ");
        let got: Vec<_> = lines.iter().filter_map(|l| l.strip_prefix(&mark)).collect();
        assert_eq!(got, ["news 1", "news 2", "news 3"]);
    }
}

#[test]
fn a_job_of_a_worker_that_died_is_done_by_another() {
    let lines = output("work_queue");
    assert_eq!(count(&lines, "frail: working on"), 1);
    assert_eq!(count(&lines, "hanging: working on"), 1);
    assert!(count(&lines, "picky: not") > 0);
    for number in 1..=8 {
        assert_eq!(count(&lines, &format!("queue: job {number} is done")), 1);
    }
}

#[test]
fn direct_answers_go_to_who_asked() {
    let lines = output("direct");
    for name in ["ann", "bob", "eve"] {
        let line = format!("{name}: got \"hello, {name}\"");
        assert_eq!(count(&lines, &line), 1);
    }
    assert_eq!(count(&lines, "to a stranger: no peer"), 1);
}

#[test]
fn the_relay_gives_everything_to_everyone() {
    let lines = output("relay");
    let mut wanted = Vec::new();
    for consumer in ["left", "right"] {
        for message in ["blue 1", "blue 2", "red 1", "red 2"] {
            wanted.push(format!("{consumer}: {message}"));
        }
    }
    assert_eq!(sorted(lines), wanted);
}

#[test]
fn a_broker_from_scratch_survives_workers_that_die_or_hang() {
    let lines = output("broker_from_scratch");
    for client in ["ann", "bob"] {
        for number in 1..=3 {
            let done = format!("{client}: {client}'s job {number} is done by s");
            assert_eq!(count(&lines, &done), 1, "{lines:?}");
        }
    }
    assert_eq!(count(&lines, "a worker has left, another one gets"), 1);
    assert!(count(&lines, "a worker says nothing, another one gets") >= 1);
}

#[test]
fn what_waited_for_the_server_arrives_when_it_is_back() {
    let lines = output("reconnect");
    assert_eq!(count(&lines, "3 messages wait"), 1);
    let got = |text| format!("server: got {text:?}");
    assert_eq!(lines[3..], ["two", "three", "four"].map(got));
}

#[test]
fn an_alarm_hears_sensors_that_do_not_know_of_it() {
    let wanted = [
        "alarm: room/kitchen/celsius is fine",
        "alarm: room/attic/celsius is 61 °C!",
        "alarm: room/hall/celsius is fine",
        "screen: room/attic/celsius 61.0",
    ];
    assert_eq!(output("sensors"), wanted);
}

#[test]
fn services_answer_and_say_why_they_do_not() {
    let wanted = [
        "hello!",
        "soup: 900 cents",
        "cloud: Failed: there is no cloud",
    ];
    assert_eq!(output("services"), wanted);
}

#[test]
fn a_typed_event_takes_twelve_lines_of_program() {
    assert_eq!(output("typed_event"), ["Ann came 2 times"]);
    let program = include_str!("../examples/typed_event.rs").lines();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    assert!(program.filter(is_code).count() <= 12);
}

#[test]
fn wrong_roles_get_usage_and_status_2() {
    for arguments in ["nonsense", "publisher subscriber"] {
        let ended = example("publish", arguments).finish();
        assert_eq!(ended.status, Some(2));
        assert!(ended.diagnostics.starts_with("usage: "));
    }
}

/// A source and a sink, the one that binds first, and what the sink printed.
fn run_agents(source_binds: bool, flags: &str) {
    let source = format!("--behavior source --count 100 --prefix x --linger 0.2 {flags}");
    let sink = "--behavior sink --count 100".to_owned();
    let (binder, connector) = match source_binds {
        true => (source, sink),
        false => (sink, source),
    };
    let binder = agent(&format!("--role bind --port 0 {binder}"));
    let port = binder.port();
    let connector = agent(&format!("--role connect --port {port} {connector}"));
    let (source, sink) = match source_binds {
        true => (binder, connector),
        false => (connector, binder),
    };
    let wanted: Vec<_> = (0..100).map(|number| format!("x{number}")).collect();
    let ended = sink.finish();
    assert_eq!((ended.status, ended.lines), (Some(0), wanted));
    let ended = source.finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.diagnostics.contains("0 unacknowledged, 0 unsent"));
}

fn agent(arguments: &str) -> Process {
    example("agent", arguments)
}

#[test]
fn agents_send_round_robin() {
    run_agents(true, "--send-mode roundrobin");
    run_agents(false, "--send-mode roundrobin");
}

#[test]
fn agents_send_at_least_once() {
    run_agents(true, "--delivery at-least-once");
    run_agents(false, "--delivery at-least-once");
}

#[test]
fn agents_publish() {
    run_agents(true, "--send-mode publish");
    run_agents(false, "--send-mode publish");
}

#[test]
fn agents_that_send_to_nobody_or_to_who_asked_take_any_pair_of_settings() {
    let flags = "--count 3 --send-mode publish --delivery at-least-once";
    for behavior in ["sink", "echo"] {
        let binder = agent(&format!(
            "--role bind --port 0 --behavior {behavior} {flags}"
        ));
        let port = binder.port();
        let flags = "--behavior source --count 3 --linger 0.2";
        let source = agent(&format!("--role connect --port {port} {flags}"));
        assert_eq!(binder.finish().status, Some(0), "{behavior}");
        assert_eq!(source.finish().status, Some(0), "{behavior}");
    }
}

#[test]
fn an_agent_that_takes_websocket_takes_raw_peers_as_well() {
    let sink = agent("--role bind --port 0 --behavior sink --count 3 --ws true");
    let port = sink.port();
    let flags = "--behavior source --count 3 --linger 0";
    let source = agent(&format!("--role connect --port {port} {flags}"));
    assert_eq!(source.finish().status, Some(0));
    assert_eq!(sink.finish().lines, ["m0", "m1", "m2"]);
}

#[test]
fn an_agent_echoes_to_who_sent() {
    let echo = agent("--role bind --port 0 --behavior echo --count 20 --linger 0");
    let port = echo.port();
    let source = format!("--role connect --port {port} --behavior source --linger 2");
    let sources = [10, 10].map(|count| agent(&format!("{source} --count {count}")));
    assert_eq!(echo.finish().status, Some(0));
    for source in sources {
        let ended = source.finish();
        assert_eq!(ended.status, Some(0));
        assert!(ended.diagnostics.contains("10 received"), "{ended:?}");
    }
}

#[test]
fn an_agent_takes_an_identity() {
    let name = "000102030405060708090a0b0c0d0e0f";
    let sink = agent("--role bind --port 0 --behavior sink --count 1");
    let port = sink.port();
    let flags = format!("--behavior source --count 1 --linger 0 --identity {name}");
    let source = agent(&format!("--role connect --port {port} {flags}"));
    assert_eq!(source.finish().status, Some(0));
    assert!(sink.finish().diagnostics.contains(name));
}

#[test]
fn an_agent_refuses_wrong_arguments_with_usage_and_status_2() {
    let good = "--role bind --port 0 --behavior sink --count 1";
    let wrong = [
        "",
        "--help",
        "--role bind --behavior sink --count 1",
        "--role bind --port 0 --behavior sink",
        "--role connect --port 0 --behavior sink --count 1",
        "--role bind --port 70000 --behavior sink --count 1",
        &format!("{good} --colour red"),
        &format!("{good} --count 2"),
        &format!("{good} --delivery twice"),
        &format!("{good} --identity 00"),
        &format!("{good} --linger -1"),
        "--role connect --port 1 --behavior sink --count 1 --ws true",
        &format!("{good} --tls true"),
        "--role bind --port 0 --behavior source --count 1 \
         --send-mode publish --delivery at-least-once",
    ];
    for arguments in wrong {
        let ended = agent(arguments).finish();
        assert_eq!(ended.status, Some(2), "{arguments}: {ended:?}");
        assert!(ended.diagnostics.contains("usage: agent "), "{arguments}");
        assert!(ended.lines.is_empty());
    }
}
