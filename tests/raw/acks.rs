//! Acknowledgements: exactly when, for what, and on which connection.

use std::time::Duration;

use jackfield::{AckMode, Delivery, Event, Heartbeat};

use crate::support::{
    SLACK, assert_law, await_event, await_peers, connected, eventually, next, next_text, quick,
    send, timed,
};
use crate::wire::{
    ACK, HEARTBEAT, HELLO, NACK, RawPeer, ack, data, data_req, heartbeat, hello, listener, nack,
    server,
};

/// The next frame is the ACK of `id`.
fn assert_acknowledged(peer: &mut RawPeer, id: u8) {
    let frame = peer.read_on().expect("the connection stands");
    assert_eq!((frame.kind, frame.body), (ACK, vec![id; 16]));
}

/// Row 10: nothing is acknowledged that nobody took.
/// Up to now nothing but heartbeats was sent: only those come before the ACK of a marker.
#[test]
fn an_ack_is_sent_on_recv_and_not_before() {
    let (server, here) = server(quick().heartbeat(Heartbeat {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
    }));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    eventually("it arrives", || server.stats().received == 1);
    (0..5).for_each(|_| assert_eq!(peer.read().unwrap().kind, HEARTBEAT));
    assert_eq!(next_text(&server), "job");
    assert_acknowledged(&mut peer, 7);
}

#[test]
fn a_manual_ack_is_sent_on_ack_and_not_before() {
    let config = quick().ack_mode(AckMode::Manual);
    let (server, here) = server(config.heartbeat(Heartbeat {
        interval: Duration::from_millis(20),
        timeout: Duration::from_secs(10),
    }));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    let job = next(&server);
    (0..5).for_each(|_| assert_eq!(peer.read().unwrap().kind, HEARTBEAT));
    job.ack();
    job.ack();
    assert_acknowledged(&mut peer, 7);
}

#[test]
fn acks_come_in_the_order_of_recv() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    (1..=50).for_each(|id| peer.write(&data_req(id, "job")));
    (1..=50).for_each(|_| drop(next(&server)));
    (1..=50).for_each(|id| assert_acknowledged(&mut peer, id));
}

#[test]
fn a_copy_in_hand_is_neither_delivered_nor_acknowledged() {
    let (server, here) = server(quick().ack_mode(AckMode::Manual));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&[data_req(7, "job"), data_req(7, "job")].concat());
    let job = next(&server);
    peer.write(&[data_req(7, "job"), data_req(8, "after")].concat());
    let after = next(&server);
    assert_eq!(after.body(), b"after");
    after.ack();
    assert_acknowledged(&mut peer, 8);
    job.ack();
    assert_acknowledged(&mut peer, 7);
    assert_eq!(server.stats().duplicates, 2);
}

#[test]
fn a_copy_of_a_done_message_is_acknowledged_and_not_delivered() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    assert_eq!(next_text(&server), "job");
    assert_acknowledged(&mut peer, 7);
    peer.write(&[data_req(7, "job"), data_req(8, "after")].concat());
    assert_acknowledged(&mut peer, 7);
    assert_eq!(next_text(&server), "after");
}

#[test]
fn a_manual_message_that_was_dropped_is_given_back_and_delivered_again() {
    let (server, here) = server(quick().ack_mode(AckMode::Manual));
    let mut peer = RawPeer::join(&here, 1);
    for redeliveries in 0..3 {
        peer.write(&data_req(7, "job"));
        let job = next(&server);
        assert_eq!(
            (job.id(), job.redeliveries()),
            (Some([7; 16]), redeliveries)
        );
        drop(job);
        let frame = peer.read_on().expect("the connection stands");
        assert_eq!((frame.kind, frame.body), (NACK, vec![7; 16]));
    }
    peer.write(&data_req(7, "job"));
    next(&server).ack();
    assert_acknowledged(&mut peer, 7);
}

#[test]
fn a_nack_is_sent_once_and_no_ack_behind_it() {
    let (server, here) = server(quick().ack_mode(AckMode::Manual));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&[data_req(7, "job"), data_req(8, "job")].concat());
    let job = next(&server);
    job.nack();
    job.nack();
    job.ack();
    drop(job);
    next(&server).ack();
    let kinds = [NACK, ACK].map(|_| peer.read_on().expect("the connection stands").kind);
    assert_eq!(kinds, [NACK, ACK]);
}

#[test]
fn a_message_that_is_acknowledged_on_recv_has_its_id_and_cannot_be_given_back() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&[data_req(7, "job"), data("plain"), data_req(8, "job")].concat());
    let jobs = [0; 3].map(|_| next(&server));
    let ids = jobs.each_ref().map(|job| job.id());
    assert_eq!(ids, [Some([7; 16]), None, Some([8; 16])]);
    jobs.iter().for_each(|job| job.nack());
    for id in [7, 8] {
        assert_acknowledged(&mut peer, id);
    }
}

/// Row 5: a receiver that survived suppresses the copy.
#[test]
fn a_copy_of_a_done_message_is_recognised_across_a_reconnect() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    assert_eq!(next_text(&server), "job");
    drop(peer);
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    let mut again = RawPeer::join(&here, 1);
    again.write(&[data_req(7, "job"), data_req(8, "after")].concat());
    assert_acknowledged(&mut again, 7);
    assert_eq!(next_text(&server), "after");
    assert_eq!(server.stats().duplicates, 1);
}

/// Row 5: a receiver that survived with the job in hand.
#[test]
fn the_ack_goes_to_the_connection_of_the_latest_copy() {
    let (server, here) = server(quick().ack_mode(AckMode::Manual));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    let job = next(&server);
    drop(peer);
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    let mut again = RawPeer::join(&here, 1);
    again.write(&data_req(7, "job"));
    eventually("the copy arrives", || server.stats().duplicates == 1);
    job.ack();
    assert_acknowledged(&mut again, 7);
}

#[test]
fn another_peers_message_of_the_same_id_is_another_message() {
    let (server, here) = server(quick());
    let mut peers = [1, 2].map(|who| RawPeer::join(&here, who));
    for peer in &mut peers {
        peer.write(&data_req(7, "job"));
        assert_eq!(next_text(&server), "job");
        assert_acknowledged(peer, 7);
    }
}

#[test]
fn acks_leave_before_the_end_when_a_socket_closes() {
    let (server, here) = server(quick());
    let mut peer = RawPeer::join(&here, 1);
    (1..=50).for_each(|id| peer.write(&data_req(id, "job")));
    (1..=50).for_each(|_| drop(next(&server)));
    let closing = std::thread::spawn(move || server.close_within(SLACK));
    (1..=50).for_each(|id| assert_acknowledged(&mut peer, id));
    assert_eq!(peer.read_on(), None);
    drop(peer);
    closing.join().unwrap();
}

#[test]
fn what_was_taken_is_acknowledged_before_a_disconnect() {
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    let mut peer = RawPeer::accept(&listener);
    let jobs: Vec<Vec<u8>> = (1..=20).map(|id| data_req(id, "job")).collect();
    peer.write(&[hello(1), heartbeat(), jobs.concat()].concat());
    assert_eq!(peer.read().expect("a HELLO").kind, HELLO);
    (1..=10).for_each(|_| drop(next(&client)));
    client.disconnect(&there).expect("an endpoint");
    (1..=10).for_each(|id| assert_acknowledged(&mut peer, id));
    assert_eq!(peer.read_on(), None);
}

/// With room for one message on its way, each send waits for the ACK of the one before.
#[test]
fn an_ack_is_read_at_once_when_the_receiver_waits_for_it_in_a_send() {
    let (listener, there) = listener();
    let config = quick().delivery(Delivery::AtLeastOnce).unacknowledged(1);
    let client = connected(config, &there);
    let mut peer = RawPeer::accept(&listener);
    peer.write(&[hello(1), heartbeat()].concat());
    assert_eq!(peer.read().expect("a HELLO").kind, HELLO);
    let echo = std::thread::spawn(move || {
        while let Some(frame) = peer.read_on() {
            peer.write(&[ack(&frame.body[..16]), data("echo")].concat());
        }
    });
    let rounds = (0..200).map(|_| {
        let round = timed(|| {
            send(&client, "one");
            send(&client, "two");
            next_text(&client);
            next_text(&client);
        });
        round.1
    });
    // Nearly all took 2 ms and more when nobody read meanwhile.
    let quick = rounds.filter(|taken| *taken < Duration::from_millis(1));
    assert!(quick.count() >= 20);
    drop(client);
    echo.join().unwrap();
}

#[test]
fn an_ack_from_a_peer_that_did_not_get_the_message_is_stray() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut owner = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("job").unwrap();
    let id = owner.read_on().unwrap().body[..16].to_vec();
    let mut other = RawPeer::join(&here, 2);
    other.write(&[ack(&id), heartbeat()].concat());
    eventually("a stray ack", || server.stats().stray_acks == 1);
    assert_eq!(server.stats().acknowledged, 0);
    owner.write(&ack(&id));
    eventually("acknowledged", || server.stats().acknowledged == 1);
    assert_law(&server);
}

#[test]
fn an_ack_across_a_reconnect_counts() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send_to(crate::support::identity(1), "job").unwrap();
    let id = peer.read_on().unwrap().body[..16].to_vec();
    drop(peer);
    await_event(&server, |event| matches!(event, Event::PeerDown { .. }));
    let mut again = RawPeer::join(&here, 1);
    again.write(&ack(&id));
    eventually("acknowledged", || server.stats().acknowledged == 1);
    assert_law(&server);
}

#[test]
fn the_same_ack_twice_counts_once() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut peer = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("job").unwrap();
    let id = peer.read_on().unwrap().body[..16].to_vec();
    peer.write(&[ack(&id), ack(&id)].concat());
    eventually("a stray ack", || server.stats().stray_acks == 1);
    assert_eq!(server.stats().acknowledged, 1);
    assert_law(&server);
}

#[test]
fn a_job_that_a_peer_gives_back_goes_to_another() {
    let (server, here) = server(quick().delivery(Delivery::AtLeastOnce));
    let mut owner = RawPeer::join(&here, 1);
    await_peers(&server, 1);
    server.send("job").unwrap();
    let first = owner.read_on().expect("the job");
    let mut other = RawPeer::join(&here, 2);
    await_peers(&server, 2);
    let id = first.body[..16].to_vec();
    owner.write(&[nack(&id), nack(&id)].concat());
    assert_eq!(other.read_on(), Some(first), "the same frame");
    eventually("a stray NACK", || server.stats().stray_acks == 1);
    other.write(&ack(&id));
    eventually("acknowledged", || server.stats().acknowledged == 1);
    assert_law(&server);
}

/// As all implementations but ours do: it skips what it does not know, and the job comes again.
#[test]
fn a_peer_that_skips_a_nack_sends_again_by_its_timer() {
    let (server, here) = server(quick().ack_mode(AckMode::Manual));
    let mut peer = RawPeer::join(&here, 1);
    peer.write(&data_req(7, "job"));
    next(&server).nack();
    assert_eq!(peer.read_on().map(|frame| frame.kind), Some(NACK));
    peer.write(&[heartbeat(), data_req(7, "job")].concat());
    let again = next(&server);
    assert_eq!(
        (again.text().into_owned(), again.redeliveries()),
        ("job".into(), 1)
    );
    again.ack();
    assert_acknowledged(&mut peer, 7);
}
