//! Doors: browsers behind a stream that was brought, and listeners that were.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use jackfield::{DownReason, Duplex, Event, RawStream};

use crate::browser::{Browser, CLOSE, await_rejected, raw, request};
use crate::support::{
    SLACK, Transport, await_event, await_peers, fill, large, next_text, quick, send, socket,
};
use crate::talker::talker;
use crate::wire::{DATA, data, heartbeat, hello};

/// Both sides say hi, and then it is a talker.
fn greeted(raw: RawStream, deadline: Instant) -> io::Result<Box<dyn Duplex>> {
    (&raw).write_all(b"hi")?;
    let mut word = [0; 2];
    (&raw).read_exact(&mut word)?;
    talker(raw, deadline)
}

fn server() -> (jackfield::Socket, String) {
    let here = Transport::Tcp.endpoint().replace("tcp:", "ws:");
    let server = socket(quick());
    server.bind_with(&here, greeted).expect("it is free");
    (server, here)
}

/// A browser that has said hi. The answer comes in front of the HTTP.
fn dial(here: &str) -> Browser {
    let mut browser = Browser::dial(here);
    browser.write_raw(b"hi");
    browser
}

fn join(here: &str, who: u8) -> Browser {
    let mut browser = dial(here);
    browser.write_raw(request(here, "").as_bytes());
    assert_eq!(browser.status(), 101);
    browser.write(&[hello(who), heartbeat()].concat());
    (0..2).for_each(|_| drop(browser.read().expect("HELLO, and a sign")));
    browser
}

#[test]
fn browsers_and_others_are_told_apart_behind_the_handshake() {
    let (server, here) = server();
    let mut page = join(&here, 1);
    let friend = socket(quick());
    friend.connect_with(raw(&here), greeted).unwrap();
    await_peers(&server, 2);
    page.write(&data("from a page"));
    assert_eq!(next_text(&server), "from a page");
    send(&friend, "from a friend");
    assert_eq!(next_text(&server), "from a friend");
    server.send_to(friend.identity(), "to the friend").unwrap();
    assert_eq!(next_text(&friend), "to the friend");
    server
        .send_to(crate::support::identity(1), "to the page")
        .unwrap();
    let frame = page.read_on().unwrap();
    assert_eq!((frame.kind, frame.body), (DATA, b"to the page".to_vec()));
}

/// What the stream keeps is flushed, under the frames of WebSocket as well.
#[test]
fn a_page_that_reads_late_gets_every_byte_through_a_stream() {
    let (server, here) = server();
    let mut page = join(&here, 1);
    await_peers(&server, 1);
    let count = fill(&server, 0);
    for number in 0..count {
        assert!(page.read_on().unwrap().body == large(number), "{number}");
    }
    server.close_within(SLACK / 10);
    while let Some((kind, payload)) = page.next() {
        if kind == CLOSE {
            return assert_eq!(payload, 1000_u16.to_be_bytes());
        }
    }
    panic!("it closes");
}

/// Hands out one byte at a time, and takes a bell for something that the reader has to answer.
struct Belled(RawStream);

impl Duplex for Belled {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.0).read(&mut buffer[..1])? {
            1 if buffer[0] == 7 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_the_reader_leaves_in_mid_request_is_no_end() {
    let here = Transport::Tcp.endpoint().replace("tcp:", "ws:");
    let server = socket(quick());
    let belled = |raw, _| -> io::Result<Box<dyn Duplex>> { Ok(Box::new(Belled(raw))) };
    server.bind_with(&here, belled).expect("it is free");
    let mut page = Browser::dial(&here);
    let request = request(&here, "");
    let (front, back) = request.split_at(30);
    page.write_raw(
        [b"\x07", front.as_bytes(), b"\x07", back.as_bytes()]
            .concat()
            .as_slice(),
    );
    assert_eq!(page.status(), 101);
    page.write(&[hello(1), heartbeat(), data("hello")].concat());
    assert_eq!(next_text(&server), "hello");
}

#[test]
fn a_stream_that_breaks_before_the_first_byte_is_told() {
    let (server, here) = server();
    dial(&here).write_raw(b"#");
    await_rejected(&server, DownReason::BadStream);
}

#[test]
fn a_listener_that_was_handed_over_is_a_place_like_any_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = socket(quick());
    let here = server.bind_listener(listener).unwrap();
    let client = socket(quick());
    client.connect(&here).unwrap();
    send(&client, "hello");
    assert_eq!(next_text(&server), "hello");
    assert!(server.unbind(&here).unwrap());
    send(&client, "still here");
    assert_eq!(next_text(&server), "still here");
}

#[test]
fn a_listener_that_was_handed_over_takes_streams_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = socket(quick());
    let here = server.bind_listener_with(listener, talker).unwrap();
    let client = socket(quick());
    client.connect_with(&here, talker).unwrap();
    send(&client, "hello");
    assert_eq!(next_text(&server), "hello");
}

/// The system keeps it for whoever is started next.
#[test]
fn a_listener_that_was_handed_over_goes_on_without_us() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let (first, second) = (socket(quick()), socket(quick()));
    let here = first.bind_listener(kept.try_clone().unwrap()).unwrap();
    let client = socket(quick());
    client.connect(&here).unwrap();
    await_peers(&first, 1);
    let begin = Instant::now();
    first.close();
    assert!(begin.elapsed() < Duration::from_millis(1_100));
    await_event(&client, |event| matches!(event, Event::PeerDown { .. }));
    assert_eq!(second.bind_listener(kept).unwrap(), here);
    await_peers(&client, 1);
}
