//! Handshake: from a GET to a peer, in any pieces, in time, and the requests that are refused.

use std::time::Duration;

use jackfield::{DownReason, Error};

use crate::browser::{Browser, await_rejected, binary, host, request, server};
use crate::support::{await_peers, connected, next_text, quick, socket};
use crate::wire::{HEARTBEAT, HELLO, data, hello};

const SHORT: Duration = Duration::from_millis(100);

/// One request is answered with `status`, told with `reason`, and the connection ends.
fn assert_refused(text: &str, status: u16, reason: DownReason) {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    browser.write_raw(text.replace("HOST", host(&here)).as_bytes());
    assert_eq!(browser.status(), status, "{text}");
    browser.raw_rest();
    drop(browser);
    await_rejected(&server, reason);
    let mut other = Browser::join(&here, 1);
    other.write(&data("unaffected"));
    assert_eq!(next_text(&server), "unaffected");
}

fn assert_bad_upgrade(text: &str, status: u16) {
    assert_refused(text, status, DownReason::BadUpgrade { status });
}

fn edited(old: &str, new: &str) -> String {
    let text = request("ws://HOST", "");
    assert!(text.contains(old), "{old}");
    text.replace(old, new)
}

#[test]
fn a_browser_that_shakes_hands_is_a_peer() {
    let (server, here) = server(quick());
    let mut browser = Browser::open(&here);
    browser.write(&hello(1));
    let mine = browser.read().unwrap();
    let expected = [&[0x01][..], server.identity().as_bytes()].concat();
    assert_eq!((mine.kind, mine.body), (HELLO, expected));
    assert_eq!(browser.read().unwrap().kind, HEARTBEAT);
    await_peers(&server, 1);
    assert_eq!(server.peers()[0].identity, crate::support::identity(1));
}

#[test]
fn frames_in_the_segment_of_the_request_are_read() {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    let frames = [
        binary(&hello(1)),
        binary(&data("one")),
        binary(&data("two")),
    ];
    let early = [request(&here, "").into_bytes(), frames.concat()].concat();
    browser.write_raw(&early);
    assert_eq!(browser.status(), 101);
    assert_eq!(next_text(&server), "one");
    assert_eq!(next_text(&server), "two");
}

#[test]
fn more_frames_behind_the_request_than_a_read_takes_are_read() {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    let many: Vec<Vec<u8>> = (0..2_000)
        .map(|number| binary(&data(&format!("{number}"))))
        .collect();
    let early = [
        request(&here, "").into_bytes(),
        binary(&hello(1)),
        many.concat(),
    ];
    browser.write_raw(&early.concat());
    (0..2_000).for_each(|number| assert_eq!(next_text(&server), format!("{number}")));
}

#[test]
fn a_handshake_split_anywhere_loses_nothing() {
    let (server, here) = server(quick());
    let frames = [binary(&hello(1)), binary(&data("one"))].concat();
    let stream = [request(&here, "").into_bytes(), frames].concat();
    for cut in (1..stream.len()).step_by(3) {
        let mut browser = Browser::dial(&here);
        browser.write_raw(&stream[..cut]);
        browser.write_raw(&stream[cut..]);
        assert_eq!(browser.status(), 101, "cut at {cut}");
        assert_eq!(next_text(&server), "one", "cut at {cut}");
        browser.end_writing();
        browser.rest();
        crate::support::await_no_peers(&server);
    }
}

#[test]
fn a_handshake_in_single_bytes_loses_nothing() {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    let frames = [binary(&hello(1)), binary(&data("one"))].concat();
    let stream = [request(&here, "").into_bytes(), frames].concat();
    stream.iter().for_each(|byte| browser.write_raw(&[*byte]));
    assert_eq!(next_text(&server), "one");
}

#[test]
fn nothing_is_said_to_a_browser_that_says_nothing() {
    let (server, here) = server(quick().handshake_timeout(SHORT));
    let mut silent = Browser::dial(&here);
    assert_eq!(silent.raw_rest(), b"");
    await_rejected(&server, DownReason::HandshakeTimeout);
}

#[test]
fn nothing_is_said_behind_the_answer_before_hello() {
    let (server, here) = server(quick().handshake_timeout(SHORT));
    let mut silent = Browser::open(&here);
    assert_eq!(silent.raw_rest(), b"");
    await_rejected(&server, DownReason::HandshakeTimeout);
}

#[test]
fn garbage_gets_no_answer() {
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".as_slice();
    for garbage in [tls, b"POST / HTTP/1.1\r\n\r\n", b"\xff", b"g", b"\n"] {
        let (server, here) = server(quick());
        let mut browser = Browser::dial(&here);
        browser.write_raw(garbage);
        assert_eq!(browser.raw_rest(), b"", "{garbage:x?}");
        await_rejected(&server, DownReason::NotAPeer);
    }
}

#[test]
fn a_request_that_drips_in_is_ended_in_time() {
    let (server, here) = server(quick().handshake_timeout(SHORT));
    let mut slow = Browser::dial(&here);
    let events = server.events();
    for byte in request(&here, "").as_bytes() {
        slow.try_write_raw(&[*byte]);
        if let Ok(event) = events.recv_timeout(Duration::from_millis(10)) {
            let text = format!("{event:?}");
            return assert!(text.contains("HandshakeTimeout"), "{text}");
        }
    }
    panic!("the whole request came through in 2 s");
}

#[test]
fn one_deadline_covers_the_request_and_the_hello() {
    let (server, here) = server(quick().handshake_timeout(SHORT));
    let mut slow = Browser::open(&here);
    let events = server.events();
    for byte in &binary(&hello(1)) {
        slow.try_write_raw(&[*byte]);
        if let Ok(event) = events.recv_timeout(Duration::from_millis(50)) {
            let text = format!("{event:?}");
            return assert!(text.contains("HandshakeTimeout"), "{text}");
        }
    }
    panic!("the whole HELLO came through in 1.4 s");
}

#[test]
fn a_request_that_is_none_gets_400() {
    assert_bad_upgrade("GET\r\n\r\n", 400);
    assert_bad_upgrade("GOPHER", 400);
    assert_bad_upgrade(&edited("Host:", "Host :"), 400);
    assert_bad_upgrade(&edited("Host: HOST\r\n", ""), 400);
}

#[test]
fn a_bad_key_gets_400() {
    assert_bad_upgrade(&edited("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400);
}

#[test]
fn a_page_that_wants_no_websocket_gets_426() {
    assert_bad_upgrade("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", 426);
}

#[test]
fn another_version_of_websocket_gets_426() {
    assert_bad_upgrade(&edited("Version: 13", "Version: 8"), 426);
}

#[test]
fn an_older_http_gets_505() {
    assert_bad_upgrade(&edited("HTTP/1.1", "HTTP/1.0"), 505);
}

#[test]
fn a_request_of_more_than_eight_kibibytes_gets_431() {
    let long = format!("X: {}\r\n\r\n", "x".repeat(8 * 1024));
    assert_bad_upgrade(&edited("\r\n\r\n", &format!("\r\n{long}")), 431);
    assert_bad_upgrade(&format!("GET /{}", "x".repeat(8 * 1024)), 431);
}

#[test]
fn a_refused_browser_that_stays_is_put_out() {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    browser.write_raw(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(browser.status(), 505);
    await_rejected(&server, DownReason::BadUpgrade { status: 505 });
}

#[test]
fn a_closing_socket_does_not_wait_for_half_a_request() {
    let (server, here) = server(quick());
    let mut browser = Browser::dial(&here);
    browser.write_raw(b"GET / HT");
    let (_, took) = crate::support::timed(|| server.close_within(SHORT));
    assert!(took < SHORT + Duration::from_secs(1), "{took:?}");
    assert_eq!(browser.raw_rest(), b"");
}

#[test]
fn sockets_do_not_dial_websockets() {
    let refused = socket(quick()).connect("ws://127.0.0.1:5555");
    let Err(Error::InvalidEndpoint { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("connect to tcp://"), "{reason}");
}

#[test]
fn a_tcp_listener_knows_no_websocket() {
    let (server, there) = crate::wire::server(quick());
    let here = there.replace("tcp:", "ws:");
    let mut browser = Browser::dial(&here);
    browser.write_raw(request(&here, "").as_bytes());
    let answer = browser.raw_rest();
    assert!(answer.is_empty() || answer.starts_with(&[0, 0, 0, 18, HELLO]));
    await_rejected(&server, DownReason::NotAPeer);
}

#[test]
fn a_bound_endpoint_is_told_with_its_port() {
    let socket = socket(quick());
    let here = socket.bind("ws://localhost:0").unwrap();
    assert!(here.to_string().starts_with("ws://localhost:"), "{here}");
    assert_ne!(here.port(), Some(0));
    let other = connected(quick(), &format!("localhost:{}", here.port().unwrap()));
    await_peers(&other, 1);
    assert!(socket.unbind(&here).unwrap());
}
