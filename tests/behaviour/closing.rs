//! Closing: it ends in time, whatever happens, and loses nothing that it says it flushed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use jackfield::{CloseReport, Delivery, Error, Event, Limit, Socket};

use crate::support::{
    SLACK, Transport, assert_law, await_event, await_no_peers, bind, bodies, bound, connected,
    eventually, fill, next, next_text, pair, quick, send, socket, timed,
};

on_every_transport!(
    closing_hands_back_what_nobody_came_for,
    closing_ends_in_time_with_a_peer_that_does_not_read,
    closing_ends_in_time_within_an_authorize_hook,
    closing_at_once_ends_at_once,
    closing_twice_reports_once,
    closing_frees_the_endpoint,
    what_was_sent_before_a_close_arrives,
    what_had_arrived_can_be_received_after_a_close,
    what_is_to_be_acknowledged_is_not_handed_out_after_a_close,
    dropping_the_last_handle_closes,
    a_clone_keeps_the_socket_open,
    the_peer_of_a_closed_socket_sees_it_leave,
    of_two_streaming_ends_the_closing_one_loses_nothing_it_flushed,
);

const LINGER: Duration = Duration::from_millis(100);
const IN_TIME: Duration = Duration::from_millis(1_100);

fn closing_hands_back_what_nobody_came_for(on: Transport) {
    let sender = connected(quick(), &on.endpoint());
    sender.send("one").unwrap();
    sender.send("two").unwrap();
    let (report, took) = timed(|| sender.close_within(LINGER));
    assert_eq!(bodies(&report.unsent), [b"one", b"two"]);
    assert!(report.unsent.iter().all(|one| one.peer.is_none()));
    assert!(took < IN_TIME, "{took:?}");
    assert_law(&sender);
}

/// Row 33: with a peer that does not read.
fn closing_ends_in_time_with_a_peer_that_does_not_read(on: Transport) {
    let sink = quick().inbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let (sender, _stuck) = pair(
        on,
        quick().outbox(Limit {
            messages: 4,
            bytes: 1024 * 1024,
        }),
        sink,
    );
    fill(&sender, 0);
    let (report, took) = timed(|| sender.close_within(LINGER));
    assert!(took < IN_TIME, "{took:?}");
    assert!(report.unacknowledged.is_empty());
    assert_law(&sender);
}

/// Row 33: from within a hook.
fn closing_ends_in_time_within_an_authorize_hook(on: Transport) {
    let here = on.endpoint();
    let (ends, ended) = mpsc::channel();
    let itself = Arc::new(Mutex::new(None::<Socket>));
    let closes = itself.clone();
    let server = socket(quick().authorize(move |_| {
        let socket = closes.lock().unwrap().take();
        let took = socket.map(|socket| timed(|| socket.close_within(LINGER)).1);
        ends.send(took).is_ok()
    }));
    *itself.lock().unwrap() = Some(server.clone());
    bind(&server, &here).unwrap();
    let _client = connected(quick(), &here);
    let took = ended.recv_timeout(SLACK).unwrap().unwrap();
    assert!(took < IN_TIME, "{took:?}");
    assert!(matches!(server.recv(), Err(Error::Closed)));
}

fn closing_at_once_ends_at_once(on: Transport) {
    let (one, _other) = pair(on, quick(), quick());
    let (_, took) = timed(|| one.close_within(Duration::ZERO));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Row 33: twice, at the same time and later.
fn closing_twice_reports_once(on: Transport) {
    let sender = connected(quick(), &on.endpoint());
    sender.send("left over").unwrap();
    let closers = [(); 2].map(|()| {
        let sender = sender.clone();
        thread::spawn(move || sender.close_within(LINGER))
    });
    let reports = closers.map(|closer| closer.join().unwrap());
    let unsent: usize = reports.iter().map(|report| report.unsent.len()).sum();
    assert_eq!(unsent, 1);
    assert_eq!(sender.close(), CloseReport::default());
}

fn closing_frees_the_endpoint(on: Transport) {
    let here = on.endpoint();
    let (first, _peer) = (bound(quick(), &here), connected(quick(), &here));
    first.wait_for_peers(1, SLACK).unwrap();
    first.close();
    let second = bound(quick(), &here);
    second.wait_for_peers(1, SLACK).unwrap();
}

fn what_was_sent_before_a_close_arrives(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    (0..1_000).for_each(|_| send(&sender, vec![7; 1_000]));
    let report = sender.close_within(SLACK);
    assert!(report.unsent.is_empty());
    (0..1_000).for_each(|_| assert_eq!(next(&receiver).body().len(), 1_000));
    assert_eq!(sender.stats().written, 1_000);
    assert_law(&sender);
}

fn what_had_arrived_can_be_received_after_a_close(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    (0..3).for_each(|number| send(&sender, format!("{number}")));
    eventually("all arrive", || receiver.stats().received == 3);
    receiver.close();
    for number in 0..3 {
        assert_eq!(receiver.recv().unwrap().text(), format!("{number}"));
    }
    assert!(matches!(receiver.recv(), Err(Error::Closed)));
}

fn what_is_to_be_acknowledged_is_not_handed_out_after_a_close(on: Transport) {
    let sure = quick().delivery(Delivery::AtLeastOnce);
    let (receiver, sender) = pair(on, quick(), sure);
    sender.send("resend me").unwrap();
    eventually("it arrives", || receiver.stats().received == 1);
    receiver.close();
    assert!(matches!(receiver.recv(), Err(Error::Closed)));
    assert_eq!(sender.stats().acknowledged, 0);
    assert_eq!(sender.close_within(Duration::ZERO).unacknowledged.len(), 1);
}

fn dropping_the_last_handle_closes(on: Transport) {
    let (one, other) = pair(on, quick(), quick().linger(SLACK));
    other.send("last words").unwrap();
    drop(other);
    assert_eq!(next_text(&one), "last words");
    await_no_peers(&one);
}

fn a_clone_keeps_the_socket_open(on: Transport) {
    let (one, other) = pair(on, quick(), quick());
    drop(other.clone());
    other.send("still here").unwrap();
    assert_eq!(next_text(&one), "still here");
}

fn the_peer_of_a_closed_socket_sees_it_leave(on: Transport) {
    let (one, other) = pair(on, quick(), quick());
    other.close();
    await_event(
        &one,
        |event| matches!(event, Event::PeerDown { peer, .. } if *peer == other.identity()),
    );
}

fn of_two_streaming_ends_the_closing_one_loses_nothing_it_flushed(on: Transport) {
    let (closing, staying) = pair(on, quick(), quick());
    let stop = Arc::new(AtomicBool::new(false));
    let streams = [&closing, &staying].map(|socket| {
        let (socket, stop) = (socket.clone(), stop.clone());
        thread::spawn(move || {
            let patience = Duration::from_millis(20);
            while !stop.load(Ordering::Relaxed)
                && !is_closed(socket.send_timeout([1; 500], patience))
            {}
        })
    });
    (0..1_000).for_each(|_| drop((next(&closing), next(&staying))));
    let drained = thread::spawn({
        let staying = staying.clone();
        move || staying.messages().count() + 1_000
    });
    closing.close_within(SLACK);
    stop.store(true, Ordering::Relaxed);
    streams
        .into_iter()
        .for_each(|stream| stream.join().unwrap());
    assert_law(&closing);
    let stats = closing.stats();
    await_no_peers(&staying);
    staying.close();
    let arrived = drained.join().unwrap() as u64;
    assert!(arrived >= stats.written, "{arrived} arrived, {stats:?}");
}

fn is_closed<T>(result: Result<T, jackfield::SendError>) -> bool {
    result.is_err_and(|error| matches!(error.reason, Error::Closed))
}
