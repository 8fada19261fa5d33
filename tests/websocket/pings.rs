//! Pings: answered in order, between frames and never inside one.

use crate::browser::{BINARY, Browser, FINAL, PING, PONG, binary, frame, server};
use crate::support::{await_peers, next_text, quick, send};
use crate::wire::{HEARTBEAT, HELLO, data, heartbeat, hello};

fn ping(payload: &[u8]) -> Vec<u8> {
    frame(FINAL | PING, payload)
}

/// Reads frames up to the next pong, and returns what it says.
fn pong(page: &mut Browser) -> Vec<u8> {
    loop {
        let (opcode, payload) = page.next().expect("the connection stands");
        if opcode == PONG {
            return payload;
        }
    }
}

#[test]
fn a_ping_is_answered_with_what_it_says() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    for payload in [&b"hello"[..], b"", &[7; 125]] {
        page.write_raw(&ping(payload));
        assert_eq!(pong(&mut page), payload);
    }
}

#[test]
fn an_idle_socket_answers_at_once() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let (_, took) = crate::support::timed(|| {
        page.write_raw(&ping(b"now"));
        pong(&mut page)
    });
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_ping_before_hello_is_answered_with_hello() {
    let (_server, here) = server(quick());
    let mut page = Browser::open(&here);
    page.write_raw(&[ping(b"early"), binary(&hello(1))].concat());
    assert_eq!(page.next().unwrap(), (PONG, b"early".to_vec()));
    assert_eq!(page.read().unwrap().kind, HELLO);
    assert_eq!(page.read().unwrap().kind, HEARTBEAT);
}

#[test]
fn a_ping_between_fragments_is_answered() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let stream = data("in two parts");
    page.write_raw(&frame(BINARY, &stream[..9]));
    page.write_raw(&ping(b"between"));
    assert_eq!(pong(&mut page), b"between");
    page.write_raw(&frame(FINAL, &stream[9..]));
    assert_eq!(next_text(&server), "in two parts");
}

#[test]
fn a_ping_in_single_bytes_is_answered() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let bytes = ping(b"slow");
    bytes.iter().for_each(|byte| page.write_raw(&[*byte]));
    assert_eq!(pong(&mut page), b"slow");
}

#[test]
fn a_pong_that_nobody_asked_for_is_ignored() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write_raw(&frame(FINAL | PONG, b"unasked"));
    page.write(&data("and on"));
    assert_eq!(next_text(&server), "and on");
}

#[test]
fn of_many_pings_the_last_is_answered() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let flood: Vec<Vec<u8>> = (0..5_000_u32).map(|it| ping(&it.to_be_bytes())).collect();
    page.write_raw(&flood.concat());
    while pong(&mut page) != 4_999_u32.to_be_bytes() {}
    page.write(&[heartbeat(), data("still here")].concat());
    assert_eq!(next_text(&server), "still here");
    send(&server, "me too");
    assert_eq!(page.read_on().unwrap().body, b"me too");
}
