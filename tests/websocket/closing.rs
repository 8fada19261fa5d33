//! Closing: by the page, by the socket, by both, and with messages on their way.

use std::thread;
use std::time::Duration;

use jackfield::{DownReason, Event};

use crate::browser::{Browser, CLOSE, FINAL, await_down, await_rejected, close, frame, server};
use crate::support::{
    SLACK, assert_law, await_event, await_no_peers, await_peers, identity, next_text, quick, send,
    timed,
};
use crate::wire::{data, hello};

const LINGER: Duration = Duration::from_millis(100);

#[test]
fn a_close_is_answered_with_its_code() {
    let (server, here) = server(quick());
    for code in [1000_u16, 1001, 4000] {
        let mut page = Browser::join(&here, 1);
        await_peers(&server, 1);
        page.write_raw(&close(code));
        page.rest();
        assert_eq!(page.closed_with(), Some(&code.to_be_bytes()[..]));
        await_no_peers(&server);
        await_down(&server, DownReason::Closed);
    }
}

#[test]
fn a_close_without_a_code_is_answered_by_one() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write_raw(&frame(FINAL | CLOSE, b""));
    page.rest();
    assert_eq!(page.closed_with(), Some(&b""[..]));
    await_down(&server, DownReason::Closed);
}

#[test]
fn a_close_before_hello_is_answered_and_no_peer() {
    let (server, here) = server(quick());
    let mut page = Browser::open(&here);
    page.write_raw(&close(1000));
    assert_eq!(page.rest(), []);
    assert_eq!(page.closed_with(), Some(&1000_u16.to_be_bytes()[..]));
    await_rejected(&server, DownReason::Closed);
}

#[test]
fn messages_before_a_close_count_and_those_behind_it_do_not() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    page.write(&data("before"));
    page.write_raw(&close(1000));
    page.write(&data("behind"));
    page.rest();
    assert_eq!(next_text(&server), "before");
    await_down(&server, DownReason::Closed);
    assert!(server.try_recv().is_err());
}

#[test]
fn a_page_that_closes_and_stays_is_put_out() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    page.write_raw(&close(1000));
    await_down(&server, DownReason::Closed);
    assert_eq!(page.rest(), []);
}

#[test]
fn a_page_that_closes_gets_no_more_messages() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    page.write_raw(&close(1000));
    page.rest();
    await_no_peers(&server);
    assert!(server.send_to(identity(1), "late").is_err());
    assert_law(&server);
}

#[test]
fn a_page_that_closes_and_is_back_at_once_is_let_in() {
    let (server, here) = server(quick());
    for round in 0..20 {
        let mut page = Browser::join(&here, 1);
        page.write(&data(&format!("{round}")));
        assert_eq!(next_text(&server), format!("{round}"));
        page.write_raw(&close(1001));
        page.rest();
        // Its side is still open: the next one comes while the socket waits for the end of it.
        let mut again = Browser::open(&here);
        again.write(&[hello(1), data("again")].concat());
        assert_eq!(next_text(&server), "again");
        drop((page, again));
        await_no_peers(&server);
    }
}

#[test]
fn a_closing_socket_says_1000_behind_everything_queued() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    (0..100_u8).for_each(|number| send(&server, [number]));
    let closing = thread::spawn(move || server.close_within(SLACK));
    (0..100_u8).for_each(|number| assert_eq!(page.read_on().unwrap().body, [number]));
    assert_eq!(page.read_on(), None);
    assert_eq!(page.closed_with(), Some(&1000_u16.to_be_bytes()[..]));
    page.write_raw(&close(1000));
    let (report, took) = timed(|| closing.join().unwrap());
    assert!(report.unsent.is_empty() && took < SLACK / 2, "{took:?}");
}

#[test]
fn a_closing_socket_still_takes_acknowledgements() {
    let delivery = jackfield::Delivery::AtLeastOnce;
    let (server, here) = server(quick().delivery(delivery));
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    send(&server, "job");
    let job = page.read_on().unwrap();
    let closing = thread::spawn(move || (server.close_within(SLACK), server));
    page.write(&crate::wire::ack(&job.body[..16]));
    page.rest();
    page.write_raw(&close(1000));
    drop(page);
    let (report, server) = closing.join().unwrap();
    assert!(report.unacknowledged.is_empty());
    assert_law(&server);
}

#[test]
fn closing_is_not_held_up_by_a_page_that_stays() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    let (_, took) = timed(|| server.close_within(LINGER));
    assert!(took < LINGER + Duration::from_secs(1), "{took:?}");
    page.rest();
    assert_eq!(page.closed_with(), Some(&1000_u16.to_be_bytes()[..]));
}

#[test]
fn both_may_close_at_the_same_moment() {
    for _ in 0..20 {
        let (server, here) = server(quick());
        let mut page = Browser::join(&here, 1);
        await_peers(&server, 1);
        let closing = thread::spawn(move || server.close_within(SLACK));
        page.write_raw(&close(1001));
        page.rest();
        let code = page.closed_with().expect("a close").to_vec();
        let ours_or_theirs = [1000_u16, 1001].map(u16::to_be_bytes);
        assert!(ours_or_theirs.iter().any(|it| *it == code[..]), "{code:?}");
        drop(page);
        let (_, took) = timed(|| closing.join().unwrap());
        assert!(took < SLACK / 2, "{took:?}");
    }
}

#[test]
fn a_page_that_vanishes_is_down_at_once() {
    let (server, here) = server(quick());
    let page = Browser::join(&here, 1);
    await_peers(&server, 1);
    drop(page);
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    await_no_peers(&server);
}

#[test]
fn a_page_that_ends_its_stream_without_a_close_has_left() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    await_peers(&server, 1);
    page.end_writing();
    page.rest();
    await_down(&server, DownReason::Closed);
}
