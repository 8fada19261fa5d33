//! Sending: who gets a message, in which order, and what happens when nobody can take it.

use std::thread;
use std::time::Duration;

use jackfield::{Error, Limit, Peer};

use crate::support::{
    SLACK, Transport, assert_law, await_no_peers, await_peers, bound, connect, connected,
    eventually, fill, identity, large, next, next_text, number_of, pair, quick, socket, timed,
};

on_every_transport!(
    messages_sent_before_anyone_came_leave_in_order,
    messages_published_before_anyone_came_leave_in_order,
    what_waits_for_a_peer_is_bounded,
    a_blocked_send_goes_on_when_a_peer_comes,
    publishing_never_waits_for_a_peer,
    round_robin_takes_turns,
    a_publish_reaches_every_peer,
    round_robin_passes_over_a_peer_without_room,
    try_send_hands_the_message_back_when_every_peer_is_full,
    a_send_that_waits_for_room_gets_it,
    plain_send_gives_up_after_the_send_timeout,
    a_message_to_an_identity_reaches_it_alone,
    a_message_to_a_stranger_is_handed_back,
    a_message_to_a_peer_that_left_is_handed_back,
    an_answer_reaches_the_sender,
    ten_thousand_messages_keep_their_order,
    all_three_verbs_keep_their_order,
    an_empty_message_arrives,
    a_message_of_a_mebibyte_arrives,
    a_message_of_sixteen_mebibytes_arrives,
);

fn messages_sent_before_anyone_came_leave_in_order(on: Transport) {
    let here = on.endpoint();
    let sender = connected(quick(), &here);
    for number in 0..100 {
        sender.send(format!("{number}")).unwrap();
    }
    assert_law(&sender);
    let receiver = bound(quick(), &here);
    for number in 0..100 {
        assert_eq!(next_text(&receiver), format!("{number}"));
    }
    assert_law(&sender);
}

fn messages_published_before_anyone_came_leave_in_order(on: Transport) {
    let here = on.endpoint();
    let sender = bound(quick(), &here);
    for number in 0..100 {
        sender.publish(format!("{number}")).unwrap();
    }
    let receiver = connected(quick(), &here);
    for number in 0..100 {
        assert_eq!(next_text(&receiver), format!("{number}"));
    }
    assert_law(&sender);
}

fn what_waits_for_a_peer_is_bounded(on: Transport) {
    let sender = connected(
        quick().outbox(Limit {
            messages: 3,
            bytes: 1024,
        }),
        &on.endpoint(),
    );
    for _ in 0..3 {
        sender.try_send("waits").unwrap();
    }
    let refused = sender.try_send("too much".to_owned()).unwrap_err();
    assert!(matches!(refused.reason, Error::Full));
    assert_eq!(refused.body.expect("it was given").as_bytes(), b"too much");
    assert_law(&sender);
}

fn a_blocked_send_goes_on_when_a_peer_comes(on: Transport) {
    let here = on.endpoint();
    let sender = connected(
        quick().outbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    sender.send("first").unwrap();
    let blocked = thread::spawn({
        let sender = sender.clone();
        move || sender.send("second").map(|_| ())
    });
    let receiver = bound(quick(), &here);
    assert_eq!(next_text(&receiver), "first");
    assert_eq!(next_text(&receiver), "second");
    blocked.join().unwrap().unwrap();
}

fn publishing_never_waits_for_a_peer(on: Transport) {
    let config = quick().outbox(Limit {
        messages: 2,
        bytes: 1024,
    });
    let sender = connected(config, &on.endpoint());
    for _ in 0..5 {
        sender.publish("news").unwrap();
    }
    let stats = sender.stats();
    assert_eq!((stats.waiting, stats.dropped_waiting_full), (2, 3));
    assert_law(&sender);
}

fn round_robin_takes_turns(on: Transport) {
    let here = on.endpoint();
    let sender = bound(quick(), &here);
    let receivers = [(); 3].map(|()| connected(quick(), &here));
    await_peers(&sender, 3);
    for _ in 0..9 {
        sender.send("turn").unwrap();
    }
    for receiver in &receivers {
        (0..3).for_each(|_| assert_eq!(next_text(receiver), "turn"));
        assert!(matches!(receiver.try_recv(), Err(Error::Empty)));
    }
}

fn a_publish_reaches_every_peer(on: Transport) {
    let here = on.endpoint();
    let sender = bound(quick(), &here);
    let receivers = [(); 3].map(|()| connected(quick(), &here));
    await_peers(&sender, 3);
    assert_eq!(sender.publish("news").unwrap().queued, 3);
    for receiver in &receivers {
        assert_eq!(next_text(receiver), "news");
    }
    assert_eq!(sender.stats().accepted, 3);
    assert_law(&sender);
}

fn round_robin_passes_over_a_peer_without_room(on: Transport) {
    let here = on.endpoint();
    let sender = bound(
        quick().outbox(Limit {
            messages: 2,
            bytes: 1024 * 1024,
        }),
        &here,
    );
    let _stuck = connected(
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    let reader = connected(quick(), &here);
    await_peers(&sender, 2);
    let counted = thread::spawn({
        let reader = reader.clone();
        move || reader.messages().count()
    });
    for number in 0..200 {
        let sent = sender.send_timeout(large(number), SLACK);
        sent.expect("the other peer has room");
    }
    let is_written = |peer: &Peer| peer.identity != reader.identity() || peer.queued == 0;
    eventually("all is written", || sender.peers().iter().all(is_written));
    sender.close_within(Duration::ZERO);
    await_no_peers(&reader);
    reader.close();
    assert!(counted.join().unwrap() > 100);
}

fn try_send_hands_the_message_back_when_every_peer_is_full(on: Transport) {
    let sink = quick().inbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let (sender, _stuck) = pair(
        on,
        quick().outbox(Limit {
            messages: 2,
            bytes: 1024 * 1024,
        }),
        sink,
    );
    fill(&sender, 0);
    let refused = sender.try_send("one more".to_owned()).unwrap_err();
    assert!(matches!(refused.reason, Error::Full));
    assert_eq!(refused.body.expect("it was given").as_bytes(), b"one more");
    assert_law(&sender);
    sender.close_within(Duration::ZERO);
}

fn a_send_that_waits_for_room_gets_it(on: Transport) {
    let sink = quick().inbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let (sender, receiver) = pair(
        on,
        quick().outbox(Limit {
            messages: 2,
            bytes: 1024 * 1024,
        }),
        sink,
    );
    let count = fill(&sender, 0);
    let blocked = thread::spawn({
        let sender = sender.clone();
        move || sender.send(large(count)).map(|_| ())
    });
    for number in 0..=count {
        assert_eq!(number_of(&next(&receiver)), number);
    }
    blocked.join().unwrap().unwrap();
}

fn plain_send_gives_up_after_the_send_timeout(on: Transport) {
    let config = quick()
        .outbox(Limit {
            messages: 1,
            bytes: 1024,
        })
        .send_timeout(Duration::from_millis(50));
    let sender = connected(config, &on.endpoint());
    sender.send("waits").unwrap();
    let (refused, took) = timed(|| sender.send("gives up".to_owned()).unwrap_err());
    assert!(matches!(refused.reason, Error::Timeout));
    assert_eq!(refused.body.expect("it was given").as_bytes(), b"gives up");
    assert!(took >= Duration::from_millis(50), "{took:?}");
}

fn a_message_to_an_identity_reaches_it_alone(on: Transport) {
    let here = on.endpoint();
    let sender = bound(quick(), &here);
    let receivers = [1, 2].map(|byte| connected(quick().identity(identity(byte)), &here));
    await_peers(&sender, 2);
    sender.send_to(identity(2), "for two").unwrap();
    sender.send_to(identity(1), "for one").unwrap();
    assert_eq!(next_text(&receivers[0]), "for one");
    assert_eq!(next_text(&receivers[1]), "for two");
}

fn a_message_to_a_stranger_is_handed_back(on: Transport) {
    let (sender, _other) = pair(on, quick(), quick());
    let refused = sender.send_to(identity(9), "who?".to_owned()).unwrap_err();
    assert!(matches!(refused.reason, Error::NoPeer));
    assert_eq!(refused.body.expect("it was given").as_bytes(), b"who?");
    assert_eq!(sender.stats().accepted, 0);
}

fn a_message_to_a_peer_that_left_is_handed_back(on: Transport) {
    let (sender, other) = pair(on, quick(), quick());
    let who = other.identity();
    other.close();
    await_no_peers(&sender);
    let refused = sender.send_to(who, "still there?").unwrap_err();
    assert!(matches!(refused.reason, Error::NoPeer));
}

fn an_answer_reaches_the_sender(on: Transport) {
    let (server, client) = pair(on, quick(), quick());
    client.send("question").unwrap();
    let question = next(&server);
    assert_eq!(question.sender(), client.identity());
    server.send_to(question.sender(), "answer").unwrap();
    assert_eq!(next_text(&client), "answer");
}

fn ten_thousand_messages_keep_their_order(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    for number in 0_u32..10_000 {
        sender.send(number.to_be_bytes()).unwrap();
    }
    for number in 0_u32..10_000 {
        assert_eq!(next(&receiver).body(), number.to_be_bytes());
    }
    assert_law(&sender);
    assert_eq!(receiver.stats().received, 10_000);
}

fn all_three_verbs_keep_their_order(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    let peer = receiver.identity();
    for number in 0_u32..3_000 {
        let body = number.to_be_bytes();
        let sent = match number % 7 {
            0 | 1 => sender.publish(body),
            2 | 3 => sender.send_to(peer, body),
            _ => sender.send(body),
        };
        sent.unwrap();
    }
    for number in 0_u32..3_000 {
        assert_eq!(next(&receiver).body(), number.to_be_bytes());
    }
    assert_law(&sender);
}

fn an_empty_message_arrives(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    sender.send("").unwrap();
    assert_eq!(next(&receiver).body(), b"");
}

fn a_message_of_a_mebibyte_arrives(on: Transport) {
    arrives_whole(on, 1024 * 1024);
}

fn a_message_of_sixteen_mebibytes_arrives(on: Transport) {
    arrives_whole(on, 16 * 1024 * 1024);
}

fn arrives_whole(on: Transport, len: usize) {
    let here = on.endpoint();
    let (receiver, sender) = (bound(quick(), &here), socket(quick()));
    let body: Vec<u8> = (0..len).map(|at| ((at * 31) >> 3) as u8).collect();
    connect(&sender, &here).unwrap();
    sender.send(&body).unwrap();
    assert!(next(&receiver).body() == body, "other bytes arrived");
}
