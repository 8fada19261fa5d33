//! Sessions: what is sent to one connection of a peer never reaches its next one.

use std::thread;
use std::time::Duration;

use jackfield::{Arrival, Arrivals, Config, Delivery, Error, Limit, Session, Socket};

use crate::support::{
    LARGE, SLACK, Transport, assert_law, await_peers, bind, bodies, bound, connected, eventually,
    identity, large, next, next_text, number_of, quick, send,
};

on_every_transport!(
    a_peer_that_comes_back_gets_nothing_of_its_former_session,
    a_session_knows_to_which_listener_its_peer_came,
    the_first_word_in_a_session_comes_first,
    a_call_that_waits_for_room_ends_with_the_session,
    who_is_expelled_leaves_what_it_had_not_got,
    a_close_reports_what_was_left_in_a_session,
);

/// Room for a few large messages.
const ROOM: Limit = Limit {
    messages: 100,
    bytes: 4 * LARGE,
};

fn at_least_once() -> Config {
    quick().delivery(Delivery::AtLeastOnce)
}

/// A guest that reads little.
fn guest(here: &str) -> Socket {
    let little = Limit {
        messages: 1,
        bytes: 1,
    };
    connected(quick().identity(identity(7)).inbox(little), here)
}

fn up(arrivals: &Arrivals) -> Session {
    match arrivals.recv_timeout(SLACK) {
        Ok(Arrival::Up(session)) => session,
        other => panic!("a session begins: {other:?}"),
    }
}

fn down(arrivals: &Arrivals) -> (Session, Vec<Vec<u8>>) {
    match arrivals.recv_timeout(SLACK) {
        Ok(Arrival::Down { session, unsent }) => (session, unsent),
        other => panic!("a session ends: {other:?}"),
    }
}

/// Sends large numbered messages until nothing takes any more; says how many were accepted.
fn fill(host: &Socket, session: Session) -> usize {
    let patience = Duration::from_millis(300);
    let is_accepted = |number: &usize| match host.send_in_timeout(session, large(*number), patience)
    {
        Ok(_) => true,
        Err(refused) if matches!(refused.reason, Error::Timeout) => false,
        Err(error) => panic!("{error:?}"),
    };
    (0..1_000).take_while(is_accepted).count()
}

/// They are the last of so many numbered ones, in order.
fn assert_last_of(count: usize, unsent: &[&[u8]]) {
    assert!(unsent.len() <= count);
    let expected = (count - unsent.len()..count).map(large);
    assert!(unsent.iter().copied().eq(expected), "in order");
}

/// A guest reads on while it leaves, and may get everything: then once more.
fn until_some_is_left(round: impl Fn() -> usize) {
    assert!((0..20).any(|_| round() > 0), "something is left");
}

fn refused(host: &Socket, session: Session) {
    let error = host
        .try_send_in(session, "late".to_owned())
        .expect_err("it has ended");
    assert!(matches!(error.reason, Error::NoPeer), "{error:?}");
    assert_eq!(error.body.expect("it was given").as_bytes(), b"late");
}

fn a_peer_that_comes_back_gets_nothing_of_its_former_session(on: Transport) {
    for config in [quick(), at_least_once()] {
        until_some_is_left(|| come_back(on, config.clone()));
    }
}

fn come_back(on: Transport, config: Config) -> usize {
    let here = on.endpoint();
    let host = bound(config.outbox(ROOM), &here);
    let arrivals = host.arrivals();
    let first = guest(&here);
    let former = up(&arrivals);
    assert_eq!(former.peer(), identity(7));
    let count = fill(&host, former);
    first.close_within(Duration::ZERO);
    let (ended, unsent) = down(&arrivals);
    assert_eq!(ended, former);
    let unsent: Vec<&[u8]> = unsent.iter().map(|body| &body[..]).collect();
    assert_last_of(count, &unsent);
    assert_eq!(host.stats().handed_back, unsent.len() as u64);
    refused(&host, former);

    let second = guest(&here);
    let session = up(&arrivals);
    assert_ne!(session, former);
    refused(&host, former);
    host.send_in(session, "for the second").expect("it is up");
    assert_eq!(next_text(&second), "for the second");
    assert_law(&host);
    unsent.len()
}

fn a_session_knows_to_which_listener_its_peer_came(on: Transport) {
    let host = bound(quick(), &on.endpoint());
    let second = on.endpoint();
    bind(&host, &second).expect("it is free");
    let arrivals = host.arrivals();
    let guest = guest(&second);
    let of_guest = guest.arrivals();
    let session = up(&arrivals);
    let peers = host.peers();
    let listener = peers[0].listener.as_ref().expect("it dialled us");
    assert_eq!(listener.to_string(), second);
    let dialled = up(&of_guest);
    guest.close_within(Duration::ZERO);
    assert_eq!(down(&arrivals).0, session);
    let endpoint = |text: &str| text.parse().expect("an endpoint");
    assert!(session.came_to(&endpoint(&second)), "even when it is over");
    assert!(!session.came_to(&endpoint(&on.endpoint())));
    assert!(!dialled.came_to(&endpoint(&second)), "we dialled it");
}

/// A guest comes under one name again and again. Each says which one it is, and the host answers
/// more than it reads.
fn the_first_word_in_a_session_comes_first(on: Transport) {
    const ROUNDS: usize = 20;
    let here = on.endpoint();
    let host = bound(quick(), &here);
    let arrivals = host.arrivals();
    thread::scope(|scope| {
        scope.spawn(|| answer(&host, &arrivals));
        for round in 0..ROUNDS {
            let guest = guest(&here);
            assert_eq!(next_text(&guest), "welcome");
            send(&guest, round.to_le_bytes());
            for _ in 0..3 {
                assert_eq!(next(&guest).body(), round.to_le_bytes());
            }
            guest.close_within(Duration::ZERO);
        }
        host.close_within(Duration::ZERO);
    });
    assert_law(&host);
}

fn answer(host: &Socket, arrivals: &Arrivals) {
    let mut session = None;
    while let Ok(arrival) = arrivals.recv() {
        match arrival {
            Arrival::Up(begun) => {
                session = Some(begun);
                let _ = host.try_send_in(begun, "welcome");
            }
            Arrival::Message(message) => {
                let session = session.expect("it came up");
                for _ in 0..50 {
                    let _ = host.try_send_in(session, message.body());
                }
            }
            _ => {}
        }
    }
}

fn a_call_that_waits_for_room_ends_with_the_session(on: Transport) {
    until_some_is_left(|| wait_for_room(on));
}

fn wait_for_room(on: Transport) -> usize {
    let here = on.endpoint();
    let host = bound(quick().outbox(ROOM), &here);
    let arrivals = host.arrivals();
    let guest = guest(&here);
    let session = up(&arrivals);
    let count = fill(&host, session);
    let (error, unsent) = thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let sent = (count..).map(|number| host.send_in(session, large(number)));
            sent.filter_map(Result::err).next().expect("it ends")
        });
        guest.close_within(Duration::ZERO);
        (waits.join().expect("it does not panic"), down(&arrivals).1)
    });
    assert!(matches!(error.reason, Error::NoPeer), "{error:?}");
    assert_law(&host);
    unsent.len()
}

fn who_is_expelled_leaves_what_it_had_not_got(on: Transport) {
    until_some_is_left(|| expel(on));
}

fn expel(on: Transport) -> usize {
    let here = on.endpoint();
    let host = bound(quick().outbox(ROOM), &here);
    let arrivals = host.arrivals();
    let guest = guest(&here);
    let session = up(&arrivals);
    let count = fill(&host, session);
    assert!(host.expel(identity(7)));
    refused(&host, session);
    // What was begun is finished, as it reads on.
    let read: Vec<_> = std::iter::from_fn(|| {
        let message = guest.recv_timeout(Duration::from_millis(300)).ok()?;
        Some(number_of(&message))
    })
    .collect();
    let (_, unsent) = down(&arrivals);
    let unsent: Vec<&[u8]> = unsent.iter().map(|body| &body[..]).collect();
    assert_last_of(count, &unsent);
    assert!(read.len() + unsent.len() <= count);
    assert!(read.iter().copied().eq(0..read.len()));
    assert_law(&host);
    unsent.len()
}

fn a_close_reports_what_was_left_in_a_session(on: Transport) {
    for config in [quick(), at_least_once()] {
        until_some_is_left(|| close(on, config.clone()));
    }
}

fn close(on: Transport, config: Config) -> usize {
    let here = on.endpoint();
    let host = bound(config.outbox(ROOM), &here);
    let arrivals = host.arrivals();
    let _guest = guest(&here);
    await_peers(&host, 1);
    let session = up(&arrivals);
    let count = fill(&host, session);
    let report = host.close_within(Duration::ZERO);
    assert_last_of(count, &bodies(&report.unsent));
    let peers = report.unsent.iter().map(|one| one.peer);
    assert!(peers.eq(report.unsent.iter().map(|_| Some(identity(7)))));
    assert!(report.unacknowledged.is_empty());
    eventually("all is accounted for", || host.stats().waiting == 0);
    assert_law(&host);
    while let Ok(arrival) = arrivals.try_recv() {
        assert!(matches!(arrival, Arrival::Down { unsent, .. } if unsent.is_empty()));
    }
    report.unsent.len()
}
