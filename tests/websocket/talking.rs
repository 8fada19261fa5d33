//! Talking: the protocol over WebSocket, in both directions.

use std::time::Duration;

use jackfield::{Delivery, DownReason, Heartbeat, Pauses};

use crate::browser::{BINARY, Browser, FINAL, await_down, binary, frame, server};
use crate::support::{
    assert_law, await_no_peers, await_peers, eventually, identity, next, next_text, quick, send,
};
use crate::wire::{
    ACK, DATA, DATA_REQ, HEARTBEAT, ack, data, data_req, frame as envelope, heartbeat, hello,
};

const MEBIBYTE: usize = 1024 * 1024;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at / 3 % 251) as u8).collect()
}

#[test]
fn messages_go_both_ways() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write(&data("ping"));
    assert_eq!(next_text(&server), "ping");
    send(&server, "pong");
    let frame = page.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (DATA, b"pong".to_vec()));
}

#[test]
fn where_a_message_of_websocket_ends_means_nothing() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let stream = [data("one"), data(""), data("three")].concat();
    page.write(&stream);
    stream.iter().for_each(|byte| page.write(&[*byte]));
    for text in ["one", "", "three", "one", "", "three"] {
        assert_eq!(next_text(&server), text);
    }
}

#[test]
fn fragments_are_put_together() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let stream = [data("one"), data("two")].concat();
    page.write_raw(&frame(BINARY, &stream[..3]));
    page.write_raw(&frame(0, b""));
    page.write_raw(&frame(0, &stream[3..11]));
    page.write_raw(&frame(FINAL, &stream[11..]));
    assert_eq!(next_text(&server), "one");
    assert_eq!(next_text(&server), "two");
}

#[test]
fn empty_messages_of_websocket_are_no_end() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    (0..100).for_each(|_| page.write(b""));
    page.write(&data("still here"));
    assert_eq!(next_text(&server), "still here");
}

#[test]
fn large_messages_arrive_whole() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let large = pattern(4 * MEBIBYTE);
    let sending = std::thread::spawn({
        let frame = binary(&envelope(DATA, &large));
        move || {
            page.write_raw(&frame);
            page
        }
    });
    assert!(next(&server).body() == large);
    let mut page = sending.join().unwrap();
    send(&server, &large);
    assert!(page.read_on().unwrap().body == large);
}

#[test]
fn a_large_message_is_one_message_of_websocket() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let before = page.messages;
    send(&server, pattern(MEBIBYTE));
    let frame = page.read().unwrap();
    assert_eq!((frame.kind, frame.body.len()), (DATA, MEBIBYTE));
    assert_eq!(page.messages, before + 1);
}

#[test]
fn many_messages_keep_their_order() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    (0..10_000).for_each(|number| send(&server, format!("{number}")));
    for number in 0..10_000 {
        let body = page.read_on().unwrap().body;
        assert_eq!(body, format!("{number}").as_bytes());
    }
    assert!(page.messages < 10_000, "many go together");
}

#[test]
fn a_message_is_acknowledged_when_it_is_taken() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write(&[data_req(7, "job"), data_req(7, "job")].concat());
    assert_eq!(next_text(&server), "job");
    let frame = page.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (ACK, vec![7; 16]));
    page.write(&[data_req(7, "job"), data("behind it")].concat());
    let frame = page.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (ACK, vec![7; 16]));
    assert_eq!(next_text(&server), "behind it");
}

#[test]
fn a_message_is_repeated_until_the_browser_acknowledges_it() {
    let soon = Duration::from_millis(20);
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce).resend(Pauses {
        first: soon,
        max: soon,
    }));
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    send(&server, "job");
    let first = page.read_on().unwrap();
    assert_eq!((first.kind, &first.body[16..]), (DATA_REQ, &b"job"[..]));
    assert_eq!(page.read_on().unwrap(), first);
    page.write(&ack(&first.body[..16]));
    eventually("acknowledged", || server.stats().acknowledged == 1);
    assert_law(&server);
}

#[test]
fn a_job_of_a_browser_that_left_goes_to_another() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut first = Browser::join(&here, 1);
    await_peers(&server, 1);
    send(&server, "job");
    let frame = first.read_on().unwrap();
    drop(first);
    let mut second = Browser::join(&here, 2);
    assert_eq!(second.read_on().unwrap(), frame);
    second.write(&ack(&frame.body[..16]));
    eventually("acknowledged", || server.stats().acknowledged == 1);
}

#[test]
fn what_waits_for_a_browser_goes_to_it_when_it_is_back() {
    let (server, here) = server(quick());
    let page = Browser::join(&here, 1);
    await_peers(&server, 1);
    drop(page);
    await_no_peers(&server);
    assert!(server.send_to(identity(1), "too late").is_err());
    send(&server, "waits");
    let mut page = Browser::join(&here, 1);
    assert_eq!(page.read_on().unwrap().body, b"waits");
    assert_law(&server);
}

#[test]
fn a_browser_gets_heartbeats() {
    let short = quick().heartbeat(Heartbeat {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
    });
    let (_server, here) = server(short);
    let mut page = Browser::join(&here, 1);
    (0..5).for_each(|_| assert_eq!(page.read().unwrap().kind, HEARTBEAT));
}

#[test]
fn a_browser_without_heartbeats_is_ended_however_often_it_pings() {
    let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(200));
    let (server, here) = server(quick().heartbeat(Heartbeat { interval, timeout }));
    let mut page = Browser::join(&here, 1);
    let events = server.events();
    let empty = [frame(FINAL | crate::browser::PING, b""), binary(b"")].concat();
    for _ in 0..500 {
        page.try_write_raw(&empty);
        let event = events.recv_timeout(Duration::from_millis(20));
        if event.is_ok_and(|event| format!("{event:?}").contains("Silent")) {
            return;
        }
    }
    panic!("pings kept it alive for 10 s");
}

#[test]
fn a_browser_that_breaks_the_protocol_is_ended() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write(&envelope(ACK, &[1; 15]));
    page.rest();
    await_down(&server, DownReason::Malformed);
    let mut stranger = Browser::open(&here);
    stranger.write(&data("no hello"));
    assert_eq!(stranger.rest(), []);
    crate::browser::await_rejected(&server, DownReason::NotAPeer);
}

#[test]
fn a_hello_and_what_follows_may_come_in_any_messages() {
    let (server, here) = server(quick());
    let stream = [hello(1), heartbeat(), data("one"), data("two")].concat();
    for cut in 1..stream.len() {
        let mut page = Browser::open(&here);
        page.write(&stream[..cut]);
        page.write(&stream[cut..]);
        assert_eq!(next_text(&server), "one", "cut at {cut}");
        assert_eq!(next_text(&server), "two", "cut at {cut}");
        page.end_writing();
        page.rest();
        await_no_peers(&server);
    }
}
