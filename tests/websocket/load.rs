//! Load: what happens around frames while a browser does not read, or everybody talks at once.

use std::thread;
use std::time::Duration;

use jackfield::{Delivery, Limit, Overflow};

use crate::browser::{Browser, CLOSE, FINAL, PING, PONG, binary, close, frame, raw, server};
use crate::support::{
    SLACK, assert_law, await_event, await_no_peers, await_peers, connected, eventually, fill,
    large, next, next_text, publish, quick, send, timed,
};
use crate::wire::{ack, data, heartbeat};

fn number(body: &[u8]) -> usize {
    u64::from_be_bytes(body[..8].try_into().unwrap()) as usize
}

/// The browser pings while it reads nothing and the socket cannot write: the frame that is on its
/// way is finished first, and every byte of every message is in its place.
#[test]
fn pings_while_a_write_is_stalled_never_tear_a_frame() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let count = fill(&server, 0);
    for round in 0..100_u8 {
        page.write_raw(&frame(FINAL | PING, &[round; 100]));
    }
    page.write(&[heartbeat(), data("I still talk")].concat());
    assert_eq!(next_text(&server), "I still talk");
    for expected in 0..count {
        assert!(
            page.read_on().unwrap().body == large(expected),
            "{expected}"
        );
    }
    while page.controls.last() != Some(&(PONG, vec![99; 100])) {
        page.read().expect("the connection stands");
    }
    assert!(page.controls.iter().all(|(opcode, _)| *opcode == PONG));
    assert_law(&server);
}

#[test]
fn pings_at_every_moment_of_a_flood_never_tear_a_frame() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let sending = thread::spawn(move || {
        (0..2_000_usize).for_each(|number| {
            let mut body = vec![number as u8; number * 37 % 40_000 + 8];
            body[..8].copy_from_slice(&(number as u64).to_be_bytes());
            send(&server, body);
        });
        server
    });
    for expected in 0..2_000_usize {
        if expected % 3 == 0 {
            page.write_raw(&frame(FINAL | PING, &expected.to_be_bytes()));
        }
        let body = page.read_on().unwrap().body;
        assert_eq!(number(&body), expected);
        assert!(body[8..].iter().all(|byte| *byte == expected as u8));
    }
    assert_law(&sending.join().unwrap());
    assert!(!page.controls.is_empty());
}

#[test]
fn a_close_while_a_write_is_stalled_is_answered_behind_the_frame() {
    // As long as it takes on a busy machine to read what the kernel holds.
    let (server, here) = server(quick().linger(3 * SLACK));
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    fill(&server, 0);
    page.write_raw(&close(1001));
    for expected in 0.. {
        match page.read_on() {
            Some(frame) => assert!(frame.body == large(expected), "{expected}"),
            None => break,
        }
    }
    assert_eq!(page.controls, [(CLOSE, 1001_u16.to_be_bytes().to_vec())]);
    await_no_peers(&server);
    assert_law(&server);
    server.close_within(Duration::ZERO);
}

#[test]
fn a_page_that_closes_and_reads_nothing_is_put_out() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let count = fill(&server, 0);
    page.write_raw(&close(1001));
    await_no_peers(&server);
    eventually("it is gone", || {
        let stats = server.stats();
        assert_eq!(stats.accepted, count as u64);
        stats.peers_down == 1
    });
    assert_law(&server);
}

#[test]
fn a_socket_that_closes_on_a_slow_page_loses_nothing_and_says_1000() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let count = fill(&server, 0);
    let closing = thread::spawn(move || (server.close_within(3 * SLACK), server));
    for expected in 0..count {
        assert!(
            page.read_on().unwrap().body == large(expected),
            "{expected}"
        );
    }
    assert_eq!(page.read_on(), None);
    assert_eq!(page.closed_with(), Some(&1000_u16.to_be_bytes()[..]));
    drop(page);
    let (report, server) = closing.join().unwrap();
    assert!(report.unsent.is_empty());
    assert_law(&server);
}

#[test]
fn a_browser_that_does_not_read_holds_nobody_up() {
    let (server, here) = server(quick().outbox(Limit {
        messages: 20,
        bytes: 16 * 1024 * 1024,
    }));
    let _asleep = Browser::join(&here, 1);
    let awake = connected(quick(), &raw(&here));
    await_peers(&server, 2);
    let (_, took) = timed(|| (0..100).for_each(|number| publish(&server, large(number))));
    assert!(took < SLACK, "{took:?}");
    next(&awake);
    assert_law(&server);
}

/// What is dropped was not begun: the frames around it stay whole.
#[test]
fn dropping_the_oldest_never_tears_a_frame() {
    let config = quick().overflow(Overflow::DropOldest).outbox(Limit {
        messages: 5,
        bytes: 64 * 1024 * 1024,
    });
    let (server, here) = server(config);
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    (0..200).for_each(|number| {
        publish(&server, large(number));
        if number % 10 == 0 {
            page.write_raw(&frame(FINAL | PING, b"?"));
        }
    });
    let mut last = None;
    while last != Some(199) {
        let body = page.read_on().unwrap().body;
        assert!(body == large(number(&body)));
        assert!(last < Some(number(&body)));
        last = Some(number(&body));
    }
    assert!(server.stats().dropped_outbox_full > 0);
    assert_law(&server);
}

#[test]
fn both_sides_at_full_speed_keep_every_message() {
    const EACH: usize = 3_000;
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let sender = server.clone();
    let sending = thread::spawn(move || (0..EACH).for_each(|it| send(&sender, format!("{it}"))));
    let receiver = server.clone();
    let receiving = thread::spawn(move || {
        (0..EACH).for_each(|number| assert_eq!(next_text(&receiver), format!("{number}")));
    });
    for number in 0..EACH {
        let job = page.read_on().unwrap();
        assert_eq!(job.body[16..], *format!("{number}").as_bytes());
        let answer = [ack(&job.body[..16]), data(&format!("{number}"))].concat();
        page.write_raw(&[binary(&answer), frame(FINAL | PING, b"?")].concat());
    }
    sending.join().unwrap();
    receiving.join().unwrap();
    eventually("all acknowledged", || {
        server.stats().acknowledged == EACH as u64
    });
    assert_law(&server);
}

#[test]
fn a_slow_page_is_ended_where_the_socket_is_set_to() {
    let config = quick()
        .overflow(Overflow::Disconnect)
        .slow_peer_timeout(Duration::from_millis(200));
    let (server, here) = server(config);
    let _asleep = Browser::join(&here, 1);
    await_peers(&server, 1);
    while server
        .send_timeout(large(0), Duration::from_millis(50))
        .is_ok()
    {
        if server.stats().peers_down > 0 {
            break;
        }
    }
    await_event(&server, |event| format!("{event:?}").contains("SlowPeer"));
    assert_law(&server);
}
