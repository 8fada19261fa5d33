//! The page of the browser example, in a real browser.
//!
//! It needs Chromium and its driver in the path (Debian: chromium, chromium-driver); without them
//! these tests are skipped, except where `CI` is `true`. They use the example: build it first when
//! you run this file alone. Pictures of the page stay below `target/tmp`.
#![cfg(target_os = "linux")]

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/json.rs"]
mod json;
#[path = "interop/process.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod process;
#[path = "interop/python.rs"]
mod python;
#[path = "behaviour/support.rs"]
mod support;

use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use driver::Driver;
use jackfield::{Config, Delivery, DownReason, Event, Heartbeat, Socket};
use process::{DEADLINE, Process, example};
use support::{SLACK, Transport, await_event, eventually, next_text, publish, quick, send, socket};

const STATE: &str = "document.documentElement.dataset.state";

/// The text of the last line of this kind on the page.
fn last(kind: &str) -> String {
    format!("[...document.querySelectorAll('#log .{kind} .text')].at(-1)?.textContent")
}

/// What became of the last message that was typed.
const NOTE: &str = "[...document.querySelectorAll('#log .mine .note')].at(-1)?.textContent";

/// How many lines on the page say this.
fn count(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#log .text')].filter((it) => it.textContent === '{text}').length"
    )
}

/// A browser, one at a time, or `None` when these tests are skipped.
fn browser() -> Option<(MutexGuard<'static, ()>, Driver)> {
    static ONE: Mutex<()> = Mutex::new(());
    let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    browser_beside().map(|driver| (turn, driver))
}

/// A browser that has little to do, so that another one may run beside it.
fn browser_beside() -> Option<Driver> {
    let missing = ["chromium", "chromedriver"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        !version.is_ok_and(|output| output.status.success())
    });
    if let Some(name) = missing {
        let is_ci = env::var("CI").is_ok_and(|value| value == "true");
        assert!(!is_ci, "in CI these tests must run, but there is no {name}");
        // Not `eprintln`, which the test harness keeps to itself while tests pass.
        writeln!(io::stderr(), "test skipped: there is no {name}").ok();
        return None;
    }
    Some(Driver::start())
}

/// A loopback address and port of this test's own, without a scheme.
fn address() -> String {
    Transport::Tcp.endpoint().replace("tcp://", "")
}

/// The example at these addresses, when it serves.
fn room(page: &str, room: &str) -> Process {
    let process = example("browser", &format!("{page} {room}"));
    let line = process.lines.recv_timeout(DEADLINE);
    let line = line.expect("it says where it is");
    assert!(line.starts_with(&format!("open http://{page}/")), "{line}");
    process
}

/// The page, served at `page`, as a peer of what is bound at `socket`.
fn url(page: &str, socket: &str) -> String {
    let (host, port) = socket.split_once(':').expect("host and port");
    format!("http://{page}/?host={host}&port={port}")
}

fn say(driver: &Driver, text: &str) {
    driver.type_into("input", text);
    driver.click("button");
}

/// A socket that takes the page that is served at `page`.
fn server(config: Config, page: &str) -> (Socket, String) {
    let (server, here) = (
        socket(config.allow_origin(format!("http://{page}"))),
        address(),
    );
    server.bind(format!("ws://{here}")).expect("it is free");
    (server, here)
}

#[test]
fn a_page_hears_speaks_and_finds_a_restarted_program_again() {
    let Some((_turn, driver)) = browser() else {
        return;
    };
    let (page, here) = (address(), address());
    let process = room(&page, &here);
    driver.look_like(1280, 800, false, "light");
    driver.open(&url(&page, &here));
    driver.eventually(STATE, "up");
    driver.eventually(&format!("{}?.endsWith(' here')", last("theirs")), "true");
    say(&driver, "hello from the page");
    driver.eventually(NOTE, "delivered ✓");
    let line = process.lines.recv_timeout(DEADLINE).expect("it is heard");
    assert!(line.ends_with(": hello from the page"), "{line}");
    driver.eventually(&count(&line), "1");

    drop(process);
    driver.eventually(STATE, "waiting");
    say(&driver, "said to nobody");
    driver.eventually(NOTE, "on its way");
    driver.look_like(390, 844, true, "dark");
    driver.keep_picture("browser-phone-dark-alone");

    let process = room(&page, &here);
    driver.eventually(NOTE, "delivered ✓");
    driver.eventually(STATE, "up");
    let line = process.lines.recv_timeout(DEADLINE).expect("it is heard");
    assert!(line.ends_with(": said to nobody"), "{line}");
    driver.eventually(&count(&line), "1");
    for (name, width, height, is_phone) in
        [("desktop", 1280, 800, false), ("phone", 390, 844, true)]
    {
        for scheme in ["light", "dark"] {
            driver.look_like(width, height, is_phone, scheme);
            driver.keep_picture(&format!("browser-{name}-{scheme}"));
        }
    }
    driver.click("summary");
    driver.keep_picture("browser-phone-dark-details");
}

#[test]
fn a_page_is_one_of_those_who_get_what_is_published() {
    let Some((_turn, driver)) = browser() else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let (server, here) = server(quick(), &page);
    driver.open(&url(&page, &here));
    let friend = support::connected(quick(), &format!("tcp://{here}"));
    server.wait_for_peers(2, DEADLINE).expect("both come");
    publish(&server, "grüße, <b>everyone</b> \u{1f50c}");
    driver.eventually(&last("theirs"), "grüße, <b>everyone</b> \u{1f50c}");
    assert_eq!(next_text(&friend), "grüße, <b>everyone</b> \u{1f50c}");
    publish(&server, [0xff, 0x00, 0x7f]);
    driver.eventually(&last("theirs"), "ff007f");
    (0..3_000).for_each(|number| publish(&server, format!("{number}")));
    driver.eventually(&last("theirs"), "2999");
    driver.eventually("link.counts.received", "3002");
    say(&driver, "back");
    let message = server.recv_timeout(DEADLINE).expect("it is said");
    assert_eq!(message.body(), b"back");
    server
        .send_to(message.sender(), "x".repeat(2_000_000))
        .unwrap();
    let is_cut = format!("{}.endsWith('x … 2000000 bytes')", last("theirs"));
    driver.eventually(&is_cut, "true");
}

/// Keeps what the page hears, so that it can be said again, and how its connections end.
const KEEP: &str = r#"{"source": "const Plain = WebSocket; globalThis.heard = []; globalThis.ends = []; globalThis.sockets = []; globalThis.WebSocket = class extends Plain { constructor(url) { super(url); sockets.push(this); this.addEventListener('message', (event) => heard.push(event.data)); this.addEventListener('close', (event) => ends.push(`${event.code} ${event.wasClean}`)); } }"}"#;

#[test]
fn a_page_acknowledges_what_it_shows_and_shows_copies_once() {
    let Some((_turn, driver)) = browser() else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce), &page);
    driver.devtools("Page.addScriptToEvaluateOnNewDocument", KEEP);
    driver.open(&url(&page, &here));
    driver.eventually(STATE, "up");
    let before = driver.eval("heard.length");
    send(&server, "a job");
    driver.eventually(&last("theirs"), "a job");
    eventually("acknowledged", || server.stats().acknowledged == 1);
    let again =
        format!("heard.slice({before}).forEach((data) => sockets.at(-1).onmessage({{ data }}))");
    driver.eval(&again);
    driver.eventually("link.counts.copies", "1");
    eventually("acknowledged again", || server.stats().stray_acks == 1);
    assert_eq!(driver.eval(&count("a job")), "1");
    server.close_within(DEADLINE);
    driver.eventually("ends[0]", "1000 true");
}

/// They are equals: what is published reaches each, and each is answered by name.
#[test]
fn a_page_a_python_program_and_a_rust_program_are_peers_of_one_socket() {
    let (Some((_turn, driver)), Some(python)) = (browser(), python::python()) else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let (server, here) = server(quick(), &page);
    let (host, port) = here.split_once(':').expect("host and port");
    let place = format!("--role connect --host {host} --port {port}");
    let flags = "--behavior ask --count 1 --prefix python";
    let snake = python::peer(python, &format!("{place} {flags}"));
    assert_eq!(next_text(&server), "python0");
    driver.open(&url(&page, &here));
    let crab = support::connected(quick(), &format!("tcp://{here}"));
    server.wait_for_peers(3, DEADLINE).expect("all three come");
    send(&crab, "crab");
    assert_eq!(next_text(&server), "crab");
    say(&driver, "page");
    assert_eq!(
        server.recv_timeout(DEADLINE).expect("it is said").text(),
        "page"
    );
    publish(&server, "hello, all three");
    driver.eventually(&last("theirs"), "hello, all three");
    assert_eq!(next_text(&crab), "hello, all three");
    let heard = snake.lines.recv_timeout(DEADLINE);
    assert_eq!(heard.expect("it is heard"), "hello, all three");
}

#[test]
fn a_page_that_says_nothing_stays_alive() {
    let Some(driver) = browser_beside() else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let short = quick().heartbeat(Heartbeat {
        interval: SLACK / 10,
        timeout: SLACK,
    });
    let (server, here) = server(short, &page);
    driver.open(&url(&page, &here));
    driver.eventually(STATE, "up");
    await_event(&server, |event| matches!(event, Event::PeerUp { .. }));
    let event = server.events().recv_timeout(SLACK + SLACK / 5);
    assert!(event.is_err(), "{event:?}");
    assert_eq!(driver.eval(STATE), "up");
}

#[test]
fn a_copy_of_a_tab_becomes_a_peer_of_its_own() {
    let Some((_turn, driver)) = browser() else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let (server, here) = server(quick(), &page);
    driver.open(&url(&page, &here));
    driver.eventually(STATE, "up");
    // It is opened with what the first one keeps for itself, its identity among it.
    assert_eq!(driver.eval("window.open(location.href) !== null"), "true");
    server.wait_for_peers(2, DEADLINE).expect("both come");
    assert!(server.stats().rejected > 0);
}

#[test]
fn a_page_of_an_origin_that_is_not_listed_stays_outside() {
    let Some((_turn, driver)) = browser() else {
        return;
    };
    let page = address();
    let _room = room(&page, &address());
    let (server, here) = server(quick(), "page.example");
    driver.open(&url(&page, &here));
    await_event(&server, |event| {
        let stranger = DownReason::ForeignOrigin;
        matches!(event, Event::Rejected { reason, .. } if *reason == stranger)
    });
    assert_ne!(driver.eval(STATE), "up");
    assert_eq!(server.stats().peers_up, 0);
}
