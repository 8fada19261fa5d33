//! The handshake: the vectors of RFC 6455, and each thing that can be wrong with a request.

use super::*;
use crate::config::Config;

fn doors() -> Doors {
    let config = Config::default().allow_origin("http://page.example");
    Doors::new(&config, "127.0.0.1", "127.0.0.1:5555".parse().unwrap())
}

/// A request with everything in order, but for what `edit` does to it.
fn request(edit: impl Fn(String) -> String) -> String {
    edit(
        "GET /chat HTTP/1.1\r\n\
         Host: 127.0.0.1:5555\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
            .to_owned(),
    )
}

fn with(line: &str) -> String {
    request(|text| text.replacen("Host:", &format!("{line}\r\nHost:"), 1))
}

fn without(name: &str) -> String {
    request(|text| {
        let lines = text.split("\r\n").filter(|line| !line.starts_with(name));
        lines.collect::<Vec<_>>().join("\r\n")
    })
}

fn instead(old: &str, new: &str) -> String {
    request(|text| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    })
}

fn assert_accepted(text: &str) {
    match judge(text.as_bytes(), 0, &doors()) {
        Verdict::Accept { end, .. } if end == text.len() => {}
        verdict => panic!("{text}{verdict:?}"),
    }
}

fn assert_refused(text: &str, expected: Refusal) {
    match judge(text.as_bytes(), 0, &doors()) {
        Verdict::Refuse(refusal) if refusal == expected => {}
        verdict => panic!("{text}{verdict:?}"),
    }
}

/// RFC 6455, sections 1.3 and 4.2.2.
#[test]
fn the_answer_is_that_of_rfc_6455() {
    let key = b"dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(accept_key(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let text = request(|text| text);
    let Verdict::Accept { answer, end } = judge(text.as_bytes(), 0, &doors()) else {
        panic!("it is refused");
    };
    let lines: Vec<&str> = answer.split("\r\n").collect();
    let expected = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "",
        "",
    ];
    assert_eq!((lines.as_slice(), end), (&expected[..], text.len()));
}

#[test]
fn a_request_means_the_same_however_it_is_cut() {
    let text = request(|text| text) + "frames behind it";
    let head = text.find("frames").unwrap();
    let mut seen = 0;
    for end in 1..head {
        let verdict = judge(&text.as_bytes()[..end], seen, &doors());
        assert!(matches!(verdict, Verdict::Wait), "{end}");
        seen = end;
    }
    let verdict = judge(text.as_bytes(), seen, &doors());
    assert!(matches!(verdict, Verdict::Accept { end, .. } if end == head));
}

#[test]
fn what_browsers_send_is_accepted() {
    assert_accepted(&with("Origin: http://page.example"));
    assert_accepted(&with(
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ));
    assert_accepted(&with("Sec-WebSocket-Protocol: chat, superchat"));
    assert_accepted(&with("Cookie: gr\u{fc}n"));
    assert_accepted(&instead(
        "Connection: Upgrade",
        "Connection: keep-alive, upgrade",
    ));
    assert_accepted(&instead("Upgrade: websocket", "Upgrade: h2c, WebSocket"));
    assert_accepted(&instead("Host: 127.0.0.1", "HOST:localhost"));
}

#[test]
fn a_page_of_another_origin_is_refused() {
    for origin in ["http://evil.example", "null", "http://page.example/", ""] {
        let refused = with(&format!("Origin: {origin}"));
        assert_refused(&refused, Refusal::Origin);
    }
    let twice = with("Origin: http://page.example\r\nOrigin: http://page.example");
    assert_refused(&twice, Refusal::Malformed);
}

#[test]
fn a_host_that_is_not_ours_is_refused() {
    assert_refused(&instead("127.0.0.1", "evil.example"), Refusal::Host);
    assert_refused(&instead("127.0.0.1:5555", "127.0.0.1:80"), Refusal::Host);
    assert_refused(&without("Host:"), Refusal::Malformed);
    assert_refused(&with("Host: 127.0.0.1:5555"), Refusal::Malformed);
}

#[test]
fn a_stranger_is_refused_before_anything_is_said_about_the_request() {
    let text = without("Upgrade:").replace("Host:", "Origin: http://evil.example\r\nHost:");
    assert_refused(&text, Refusal::Origin);
}

#[test]
fn a_request_that_wants_no_websocket_is_told_to() {
    assert_refused(&without("Upgrade:"), Refusal::NoUpgrade);
    assert_refused(&without("Connection:"), Refusal::NoUpgrade);
    assert_refused(&without("Sec-WebSocket-Version"), Refusal::NoUpgrade);
    assert_refused(&instead(": websocket", ": h2c"), Refusal::NoUpgrade);
    assert_refused(&instead(": Upgrade", ": close"), Refusal::NoUpgrade);
    for version in ["8", "12", "14", "013", "13, 8"] {
        let other = instead("Version: 13", &format!("Version: {version}"));
        assert_refused(&other, Refusal::NoUpgrade);
    }
    let response = Refusal::NoUpgrade.response();
    assert!(response.contains("\r\nUpgrade: websocket\r\n"));
    assert!(response.contains("\r\nSec-WebSocket-Version: 13\r\n"));
}

#[test]
fn a_key_is_16_bytes_once() {
    for key in [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZSE=",
    ] {
        assert_refused(&instead("dGhlIHNhbXBsZSBub25jZQ==", key), Refusal::BadKey);
    }
    assert_refused(&without("Sec-WebSocket-Key"), Refusal::BadKey);
    let twice = with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
    assert_refused(&twice, Refusal::Malformed);
}

#[test]
fn other_versions_and_methods_of_http_are_refused() {
    assert_refused(&instead("HTTP/1.1", "HTTP/1.0"), Refusal::HttpVersion);
    assert_refused(&instead("HTTP/1.1", "HTTP/2"), Refusal::HttpVersion);
    assert_refused(&instead("GET", "GOT"), Refusal::Malformed);
    assert_refused("G\r\n", Refusal::Malformed);
}

#[test]
fn every_refusal_is_a_whole_response() {
    let refusals = [
        (Refusal::Malformed, 400),
        (Refusal::BadKey, 400),
        (Refusal::Origin, 403),
        (Refusal::Host, 421),
        (Refusal::NoUpgrade, 426),
        (Refusal::TooLong, 431),
        (Refusal::HttpVersion, 505),
    ];
    for (refusal, status) in refusals {
        let response = refusal.response();
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        let len = format!("Content-Length: {}", body.len());
        assert!(head.split("\r\n").any(|line| line == len), "{response}");
        assert!(head.contains("close"), "{response}");
    }
}
