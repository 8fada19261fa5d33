//! Events: what is told about peers, refusals and dials, and in which order.

use std::time::Duration;

use jackfield::{DownReason, Error, Event};

use crate::support::{
    SLACK, Transport, await_event, await_peers, bound, connect, connected, next, pair, quick, send,
    socket,
};

on_every_transport!(
    peer_up_can_be_read_before_the_first_message,
    peer_down_comes_after_the_last_message,
    both_ends_are_told_of_each_other,
    a_dial_that_fails_is_told,
    a_handle_to_events_does_not_keep_the_socket_open,
    try_recv_of_events_does_not_wait,
    waiting_for_an_event_gives_up,
    waiting_for_peers_gives_up,
    peers_are_counted_up_and_down,
);

fn peer_up_can_be_read_before_the_first_message(on: Transport) {
    let here = on.endpoint();
    let sender = connected(quick(), &here);
    sender.send("first").unwrap();
    let receiver = bound(quick(), &here);
    let message = next(&receiver);
    let event = receiver.events().try_recv().unwrap();
    assert!(matches!(event, Event::PeerUp { peer, .. } if peer == message.sender()));
}

fn peer_down_comes_after_the_last_message(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    (0..100).for_each(|_| send(&sender, "last words"));
    sender.close_within(SLACK);
    await_event(&receiver, |event| matches!(event, Event::PeerDown { .. }));
    assert!((0..100).all(|_| receiver.try_recv().is_ok()));
}

fn both_ends_are_told_of_each_other(on: Transport) {
    let (one, other) = pair(on, quick(), quick());
    for (socket, expected) in [(&one, &other), (&other, &one)] {
        await_event(
            socket,
            |event| matches!(event, Event::PeerUp { peer, .. } if *peer == expected.identity()),
        );
    }
    one.close();
    await_event(&other, |event| {
        let closed = DownReason::Closed;
        matches!(event, Event::PeerDown { reason, .. } if *reason == closed)
    });
}

fn a_dial_that_fails_is_told(on: Transport) {
    let nowhere = on.endpoint();
    let socket = connected(quick(), &nowhere);
    await_event(
        &socket,
        |event| matches!(event, Event::DialFailed { endpoint, .. } if endpoint.to_string() == nowhere),
    );
    assert!(socket.stats().dials_failed > 0);
}

fn a_handle_to_events_does_not_keep_the_socket_open(on: Transport) {
    let (one, other) = pair(on, quick(), quick());
    let events = one.events();
    drop(one);
    await_event(&other, |event| matches!(event, Event::PeerDown { .. }));
    let told = events.collect::<Vec<Event>>();
    assert!(
        matches!(told.first(), Some(Event::PeerUp { .. })),
        "{told:?}"
    );
}

fn try_recv_of_events_does_not_wait(on: Transport) {
    let socket = bound(quick(), &on.endpoint());
    assert!(matches!(socket.events().try_recv(), Err(Error::Empty)));
}

fn waiting_for_an_event_gives_up(on: Transport) {
    let socket = bound(quick(), &on.endpoint());
    let result = socket.events().recv_timeout(Duration::from_millis(10));
    assert!(matches!(result, Err(Error::Timeout)));
}

fn waiting_for_peers_gives_up(on: Transport) {
    let socket = bound(quick(), &on.endpoint());
    let result = socket.wait_for_peers(1, Duration::from_millis(10));
    assert!(matches!(result, Err(Error::Timeout)));
    assert!(socket.wait_for_peers(0, SLACK).is_ok());
}

fn peers_are_counted_up_and_down(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    for count in 1..=3 {
        let client = socket(quick());
        connect(&client, &here).unwrap();
        await_peers(&server, 1);
        client.close();
        await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
        let stats = server.stats();
        assert_eq!((stats.peers_up, stats.peers_down), (count, count));
    }
}
