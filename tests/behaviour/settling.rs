//! Settling: several connections to one identity end as one, and lose nothing.

use jackfield::{Config, DownReason, Event, Socket};

use crate::support::{
    SLACK, Transport, assert_law, await_event, await_peers, bind, bound, connect, connected,
    eventually, identity, next, next_text, quick, send, socket,
};

on_every_transport!(
    two_sockets_that_dial_each_other_settle_on_one_link,
    two_sockets_that_dial_each_other_lose_nothing,
    two_endpoints_of_one_peer_are_one_connection,
    a_second_socket_of_a_live_identity_is_refused_and_loses_nothing,
);

/// Two sockets that bind and then dial each other at the same moment.
fn crossed(on: Transport, prepare: impl Fn(&Socket)) -> [Socket; 2] {
    let ends = [on.endpoint(), on.endpoint()];
    let sockets = [bound(quick(), &ends[0]), bound(quick(), &ends[1])];
    sockets.iter().for_each(prepare);
    std::thread::scope(|scope| {
        scope.spawn(|| connect(&sockets[0], &ends[1]).expect("valid"));
        scope.spawn(|| connect(&sockets[1], &ends[0]).expect("valid"));
    });
    sockets
}

fn two_sockets_that_dial_each_other_settle_on_one_link(on: Transport) {
    for _ in 0..20 {
        let sockets = crossed(on, |_| ());
        sockets.iter().for_each(|socket| await_peers(socket, 1));
        for number in 0..20 {
            sockets[0].send(format!("{number}")).unwrap();
            let question = next(&sockets[1]);
            assert_eq!(question.text(), format!("{number}"));
            sockets[1].send(question.body()).unwrap();
            assert_eq!(next_text(&sockets[0]), format!("{number}"));
        }
        let has_one = |socket: &Socket| socket.peers().len() == 1;
        eventually("one link is left", || sockets.iter().all(has_one));
        sockets.iter().for_each(assert_law);
    }
}

fn two_sockets_that_dial_each_other_lose_nothing(on: Transport) {
    for _ in 0..20 {
        let sockets = crossed(on, |socket| {
            (0..50).for_each(|number| send(socket, format!("{number}")));
        });
        (50..100).for_each(|number| {
            sockets
                .iter()
                .for_each(|socket| send(socket, format!("{number}")));
        });
        for number in 0..100 {
            assert_eq!(next_text(&sockets[0]), format!("{number}"));
            assert_eq!(next_text(&sockets[1]), format!("{number}"));
        }
        sockets.iter().for_each(assert_law);
    }
}

fn two_endpoints_of_one_peer_are_one_connection(on: Transport) {
    let ends = [on.endpoint(), on.endpoint()];
    let server = bound(quick(), &ends[0]);
    bind(&server, &ends[1]).unwrap();
    let client = connected(quick(), &ends[0]);
    connect(&client, &ends[1]).unwrap();
    await_event(&client, |event| {
        let duplicate = DownReason::Duplicate;
        matches!(event, Event::Rejected { reason, .. } if *reason == duplicate)
    });
    (0..20).for_each(|_| send(&client, "once"));
    (0..20).for_each(|_| assert_eq!(next_text(&server), "once"));
    assert_eq!((server.peers().len(), client.peers().len()), (1, 1));
}

fn named() -> Config {
    quick().identity(identity(1))
}

fn a_second_socket_of_a_live_identity_is_refused_and_loses_nothing(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    let first = connected(named(), &here);
    await_peers(&server, 1);
    let second = socket(named());
    (0..10).for_each(|number| send(&second, format!("{number}")));
    connect(&second, &here).unwrap();
    eventually("a refusal", || second.stats().rejected >= 2);
    first.send("the first lives").unwrap();
    assert_eq!(next_text(&server), "the first lives");
    first.close();
    for number in 0..10 {
        assert_eq!(next_text(&server), format!("{number}"));
    }
    second.wait_for_peers(1, SLACK).unwrap();
    assert_law(&second);
}
