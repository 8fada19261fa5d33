//! Limits: what a socket refuses, on both sides.

use std::time::Duration;

use jackfield::{DownReason, Error, Event};

use crate::support::{
    Transport, assert_law, await_event, await_peers, bound, connected, eventually, identity, next,
    next_text, pair, quick, send,
};

on_every_transport!(
    a_message_over_the_limit_is_not_sent,
    a_message_at_the_limit_arrives,
    a_peer_that_announces_too_much_is_disconnected,
    the_hook_may_refuse,
    the_hook_may_panic,
    the_hook_may_accept,
    the_hook_is_told_who_and_how,
    a_refused_connection_loses_nothing,
    connections_over_the_bound_are_refused,
    a_connection_that_was_refused_comes_in_when_there_is_room,
);

fn a_message_over_the_limit_is_not_sent(on: Transport) {
    let (_receiver, sender) = pair(on, quick(), quick().max_message(10));
    let refused = sender.send([7; 11]).unwrap_err();
    assert!(matches!(
        refused.reason,
        Error::TooLarge { len: 11, max: 10 }
    ));
    assert_eq!(refused.body.expect("it was given").as_bytes(), [7; 11]);
    assert_eq!(sender.stats().accepted, 0);
}

fn a_message_at_the_limit_arrives(on: Transport) {
    let (receiver, sender) = pair(on, quick().max_message(10), quick().max_message(10));
    sender.send([7; 10]).unwrap();
    assert_eq!(next(&receiver).body(), [7; 10]);
}

/// Row 15: over the limit of this socket.
fn a_peer_that_announces_too_much_is_disconnected(on: Transport) {
    let (receiver, sender) = pair(on, quick().max_message(1_000), quick());
    sender.send([7; 5_000]).unwrap();
    await_event(&receiver, |event| {
        let too_large = DownReason::TooLarge { len: 5_001 };
        matches!(event, Event::PeerDown { reason, .. } if *reason == too_large)
    });
    await_event(&sender, |event| matches!(event, Event::PeerDown { .. }));
    assert_law(&sender);
}

fn assert_refused(on: Transport, hook: fn() -> bool) {
    let here = on.endpoint();
    let server = bound(quick().authorize(move |_| hook()), &here);
    let client = connected(quick(), &here);
    await_event(&server, |event| {
        let refused = DownReason::Refused;
        matches!(event, Event::Rejected { reason, .. } if *reason == refused)
    });
    await_event(&client, |event| matches!(event, Event::Rejected { .. }));
    assert_eq!((server.stats().peers_up, client.stats().peers_up), (0, 0));
}

fn the_hook_may_refuse(on: Transport) {
    assert_refused(on, || false);
}

/// Row 32: a hook that panics refuses.
fn the_hook_may_panic(on: Transport) {
    assert_refused(on, || panic!("a hook's panic, on purpose"));
}

fn the_hook_may_accept(on: Transport) {
    let (server, client) = pair(on, quick().authorize(|_| true), quick());
    client.send("thanks").unwrap();
    assert_eq!(next_text(&server), "thanks");
}

fn the_hook_is_told_who_and_how(on: Transport) {
    let hook = |dialled: bool, who: u8| {
        move |candidate: &jackfield::Candidate| {
            candidate.identity == identity(who) && candidate.dialled == dialled
        }
    };
    let binder = quick().identity(identity(1)).authorize(hook(false, 2));
    let dialler = quick().identity(identity(2)).authorize(hook(true, 1));
    drop(pair(on, binder, dialler));
}

fn a_refused_connection_loses_nothing(on: Transport) {
    let here = on.endpoint();
    let refusing = bound(quick().authorize(|_| false), &here);
    let client = connected(quick(), &here);
    (0..10).for_each(|number| send(&client, format!("{number}")));
    eventually("some refusals", || client.stats().rejected >= 3);
    refusing.close();
    assert_eq!((client.stats().waiting, client.stats().written), (10, 0));
    let server = bound(quick(), &here);
    for number in 0..10 {
        assert_eq!(next_text(&server), format!("{number}"));
    }
    assert_law(&client);
}

fn connections_over_the_bound_are_refused(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick().max_connections(1), &here);
    let _first = connected(quick(), &here);
    await_peers(&server, 1);
    let _second = connected(quick(), &here);
    await_event(&server, |event| {
        let crowded = DownReason::Crowded;
        matches!(event, Event::Rejected { reason, .. } if *reason == crowded)
    });
    assert_eq!(server.peers().len(), 1);
}

fn a_connection_that_was_refused_comes_in_when_there_is_room(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick().max_connections(1), &here);
    let first = connected(quick(), &here);
    await_peers(&server, 1);
    let second = connected(quick(), &here);
    second.send("at last").unwrap();
    eventually("a refusal", || server.stats().rejected > 0);
    first.close_within(Duration::ZERO);
    assert_eq!(next_text(&server), "at last");
}
