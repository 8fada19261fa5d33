//! Pages: WebSocket inside of TLS, by hand and in a real browser.

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use jackfield::{Config, Endpoint, Socket};

use crate::browser::{Browser, CLOSE, FINAL, PING, PONG, frame, host};
use crate::certificates::certificates;
use crate::driver::Driver;
use crate::ends::{bind, connect};
use crate::process::{DEADLINE, Process};
use crate::python::{peer, python};
use crate::support::{await_peers, fill, large, next_text, quick, send, socket};
use crate::tunnel;
use crate::wire::data;

/// A socket that takes pages over TLS, and where a browser by hand finds it without.
fn server() -> (Socket, String) {
    // The tunnel is first, so that the socket knows under which name pages come.
    let reserved = crate::support::Transport::Tcp
        .endpoint()
        .replace("tcp:", "ws:");
    let here = tunnel::to(&reserved);
    let server = socket(quick().allow_host(host(&here)));
    bind(&server, &reserved, false).expect("it is free");
    (server, here)
}

#[test]
fn pages_and_programs_share_a_port_inside_of_tls() {
    let (server, here) = server();
    let mut page = Browser::join(&here, 1);
    page.write(&data("from a page"));
    assert_eq!(next_text(&server), "from a page");
    let mut program = crate::wire::RawPeer::join(&here.replace("ws:", "tcp:"), 2);
    program.write(&data("from a program"));
    assert_eq!(next_text(&server), "from a program");
    page.write_raw(&frame(FINAL | PING, b"there?"));
    send(&server, "to whoever is next");
    send(&server, "to the other");
    assert!(page.read_on().is_some() && program.read_on().is_some());
    while page.controls.is_empty() {
        page.read().expect("the connection stands");
    }
    assert_eq!(page.controls, [(PONG, b"there?".to_vec())]);
}

#[test]
fn a_page_that_reads_late_gets_every_byte_through_tls() {
    let (server, here) = server();
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let count = fill(&server, 0);
    for number in 0..count {
        assert!(page.read_on().unwrap().body == large(number), "{number}");
    }
    let closing = thread::spawn(move || server.close_within(DEADLINE));
    page.rest();
    assert_eq!(page.controls, [(CLOSE, 1000_u16.to_be_bytes().to_vec())]);
    drop(page);
    closing.join().unwrap();
}

/// Serves the page of the browser example, and says where.
fn serve_page() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../browser/index.html");
    let page = std::fs::read_to_string(page).expect("the example has a page");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let here = format!("http://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it listens");
            // Whatever it asks for, there is one page.
            let _ = stream.read(&mut [0; 16 * 1024]).expect("it asks");
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8";
            let len = page.len();
            let answer =
                format!("{head}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{page}");
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    here
}

fn has_browser() -> bool {
    let has = |name: &str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let is_there = has("chromium") && has("chromedriver");
    let is_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        is_there || !is_ci,
        "in CI these tests must run, but there is no browser"
    );
    if !is_there {
        writeln!(io::stderr(), "test skipped: there is no browser").ok();
    }
    is_there
}

fn publisher(page: &str) -> (Socket, Endpoint) {
    let config: Config = quick().allow_origin(page);
    let server = socket(config);
    let here = bind(&server, "ws://127.0.0.1:0", false).expect("a free port");
    (server, here)
}

/// A Python program that says `python0`, and tells the first answer.
fn snake(python: &str, port: u16) -> Process {
    let authority = certificates().text("authority.pem");
    let place = format!("--role connect --port {port} --tls true --tls-ca {authority}");
    let flags = "--behavior ask --count 1 --prefix python";
    peer(python, &format!("{place} {flags}"))
}

/// Over TLS they are equals as well.
#[test]
fn a_page_a_python_program_and_a_rust_program_are_peers_of_one_socket() {
    let Some(python) = python().filter(|_| has_browser()) else {
        return;
    };
    let page = serve_page();
    let (server, here) = publisher(&page);
    let next = || {
        server
            .recv_timeout(DEADLINE)
            .expect("it is said")
            .into_body()
    };
    let port = here.port().expect("it has one");
    let snake = snake(python, port);
    assert_eq!(next(), b"python0");
    let crab = socket(quick());
    connect(&crab, &here.to_string().replace("ws:", "tcp:"), None).unwrap();
    send(&crab, "crab");
    assert_eq!(next(), b"crab");
    let driver = Driver::start();
    driver.open(&format!("{page}/?host=127.0.0.1&port={port}&tls"));
    server
        .wait_for_peers(3, 2 * DEADLINE)
        .expect("all three are there");
    driver.type_into("input", "page");
    driver.click("button");
    assert_eq!(next(), b"page");
    server.publish("hello, all three").unwrap();
    let last = "[...document.querySelectorAll('#log .theirs .text')].at(-1)?.textContent";
    driver.eventually(last, "hello, all three");
    assert_eq!(next_text(&crab), "hello, all three");
    assert_eq!(
        snake.lines.recv_timeout(DEADLINE).expect("it is heard"),
        "hello, all three"
    );
}
