//! Reconnecting: who dials, when again, and when no more.

use std::time::Duration;

use jackfield::{DownReason, Event};

use crate::support::{
    SLACK, Transport, assert_law, await_event, await_no_peers, await_peers, bind, bound, connect,
    connected, eventually, identity, next, next_text, quick, send, socket,
};

on_every_transport!(
    it_does_not_matter_who_starts_first,
    connecting_twice_is_one_connection,
    a_dialler_comes_back_when_the_binder_restarts,
    messages_sent_while_the_binder_restarts_arrive,
    a_binder_takes_back_a_peer_of_the_same_name,
    an_endpoint_in_use_is_refused_at_once,
    unbinding_lets_nobody_new_in,
    unbinding_keeps_the_peers,
    disconnecting_stops_dialling,
    disconnecting_leaves_after_what_is_queued,
    a_socket_is_not_its_own_peer,
    a_socket_binds_and_connects_many_times,
    many_restarts_keep_the_order,
);

fn it_does_not_matter_who_starts_first(on: Transport) {
    let here = on.endpoint();
    let client = connected(quick(), &here);
    await_event(&client, |event| matches!(event, Event::DialFailed { .. }));
    let _server = bound(quick(), &here);
    await_peers(&client, 1);
}

fn connecting_twice_is_one_connection(on: Transport) {
    let here = on.endpoint();
    let (server, client) = (bound(quick(), &here), connected(quick(), &here));
    connect(&client, &here).unwrap();
    await_peers(&client, 1);
    client.send("once").unwrap();
    assert_eq!(next_text(&server), "once");
    assert_eq!((server.peers().len(), client.peers().len()), (1, 1));
    assert_eq!((server.stats().rejected, client.stats().rejected), (0, 0));
}

fn a_dialler_comes_back_when_the_binder_restarts(on: Transport) {
    let here = on.endpoint();
    let client = connected(quick(), &here);
    for _ in 0..3 {
        let server = bound(quick(), &here);
        await_peers(&server, 1);
        server.close();
        await_event(&client, |event| matches!(event, Event::PeerDown { .. }));
    }
}

fn messages_sent_while_the_binder_restarts_arrive(on: Transport) {
    let here = on.endpoint();
    let (first, client) = (bound(quick(), &here), connected(quick(), &here));
    await_peers(&client, 1);
    first.close();
    await_no_peers(&client);
    (0..10).for_each(|number| send(&client, format!("{number}")));
    let second = bound(quick(), &here);
    for number in 0..10 {
        assert_eq!(next_text(&second), format!("{number}"));
    }
    assert_law(&client);
}

fn a_binder_takes_back_a_peer_of_the_same_name(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    for round in 0..5 {
        let client = connected(quick().identity(identity(1)), &here);
        client.send(format!("{round}")).unwrap();
        let message = next(&server);
        assert_eq!(
            (message.sender(), message.text().into_owned()),
            (identity(1), format!("{round}"))
        );
        client.close();
    }
}

/// Row 29: an error now.
fn an_endpoint_in_use_is_refused_at_once(on: Transport) {
    let here = on.endpoint();
    let _first = bound(quick(), &here);
    let refused = bind(&socket(quick()), &here).unwrap_err();
    let kind = match refused {
        jackfield::Error::Io { source, .. } => source.kind(),
        error => panic!("{error:?}"),
    };
    assert_eq!(kind, std::io::ErrorKind::AddrInUse);
}

fn unbinding_lets_nobody_new_in(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    assert!(server.unbind(&here).unwrap());
    assert!(!server.unbind(&here).unwrap());
    let client = connected(quick(), &here);
    await_event(&client, |event| matches!(event, Event::DialFailed { .. }));
    bind(&server, &here).unwrap();
    await_peers(&client, 1);
}

fn unbinding_keeps_the_peers(on: Transport) {
    let here = on.endpoint();
    let (server, client) = (bound(quick(), &here), connected(quick(), &here));
    await_peers(&client, 1);
    server.unbind(&here).unwrap();
    client.send("still here").unwrap();
    assert_eq!(next_text(&server), "still here");
}

fn disconnecting_stops_dialling(on: Transport) {
    let here = on.endpoint();
    let (server, client) = (bound(quick(), &here), connected(quick(), &here));
    await_peers(&server, 1);
    await_peers(&client, 1);
    assert!(client.disconnect(&here).unwrap());
    assert!(!client.disconnect(&here).unwrap());
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    await_event(&client, |event| {
        let ours = DownReason::Disconnected;
        matches!(event, Event::PeerDown { reason, .. } if *reason == ours)
    });
    let result = server.wait_for_peers(1, Duration::from_millis(200));
    assert!(matches!(result, Err(jackfield::Error::Timeout)));
}

fn disconnecting_leaves_after_what_is_queued(on: Transport) {
    let here = on.endpoint();
    let (server, client) = (
        bound(quick(), &here),
        connected(quick().linger(SLACK), &here),
    );
    await_peers(&client, 1);
    (0..1_000).for_each(|_| send(&client, [7; 1_000]));
    client.disconnect(&here).unwrap();
    (0..1_000).for_each(|_| assert_eq!(next(&server).body().len(), 1_000));
    await_no_peers(&client);
    assert_eq!(client.stats().in_doubt, 0);
    assert_law(&client);
}

/// Row 21: told, counted, and no peer.
fn a_socket_is_not_its_own_peer(on: Transport) {
    let here = on.endpoint();
    let socket = bound(quick(), &here);
    connect(&socket, &here).unwrap();
    await_event(&socket, |event| {
        let ourselves = DownReason::OurselvesDialled;
        matches!(event, Event::Rejected { reason, .. } if *reason == ourselves)
    });
    assert_eq!(socket.stats().peers_up, 0);
}

fn a_socket_binds_and_connects_many_times(on: Transport) {
    let ends = [(); 4].map(|()| on.endpoint());
    let hub = bound(quick(), &ends[0]);
    bind(&hub, &ends[1]).unwrap();
    connect(&hub, &ends[2]).unwrap();
    connect(&hub, &ends[3]).unwrap();
    let around = [
        connected(quick(), &ends[0]),
        connected(quick(), &ends[1]),
        bound(quick(), &ends[2]),
        bound(quick(), &ends[3]),
    ];
    hub.wait_for_peers(4, SLACK).unwrap();
    around.iter().for_each(|socket| send(socket, "hello"));
    (0..4).for_each(|_| assert_eq!(next_text(&hub), "hello"));
}

fn many_restarts_keep_the_order(on: Transport) {
    let here = on.endpoint();
    let client = connected(quick(), &here);
    let (mut last, mut number) = (None, 0_u32);
    for _ in 0..10 {
        let server = bound(quick(), &here);
        await_peers(&client, 1);
        for _ in 0..100 {
            client.send(number.to_be_bytes()).unwrap();
            number += 1;
        }
        let message = next(&server);
        server.close();
        for message in std::iter::once(message).chain(server.messages()) {
            assert!(
                Some(message.body()) > last.as_deref(),
                "out of order, or twice"
            );
            last = Some(message.into_body());
        }
        eventually("it notices", || client.peers().is_empty());
        assert_law(&client);
    }
}
