//! Receiving: taking messages, in turn, and what happens when nobody takes them.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jackfield::{Error, Event, Heartbeat, Limit};

use crate::support::{
    SLACK, Transport, assert_law, await_peers, bind, bound, connected, eventually, fill, next,
    next_text, number_of, pair, quick, send, socket,
};

on_every_transport!(
    an_empty_socket_has_nothing_to_receive,
    recv_timeout_gives_up,
    messages_iterates_until_the_close,
    a_talkative_peer_does_not_hide_a_quiet_one,
    a_full_inbox_holds_the_sender_back,
    time_in_which_we_do_not_read_is_not_counted_against_the_peer,
    two_blocked_receivers_share_what_comes_together,
);

fn an_empty_socket_has_nothing_to_receive(on: Transport) {
    let socket = bound(quick(), &on.endpoint());
    assert!(matches!(socket.try_recv(), Err(Error::Empty)));
}

fn recv_timeout_gives_up(on: Transport) {
    let socket = bound(quick(), &on.endpoint());
    let result = socket.recv_timeout(Duration::from_millis(10));
    assert!(matches!(result, Err(Error::Timeout)));
}

fn messages_iterates_until_the_close(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    let counted = thread::spawn({
        let receiver = receiver.clone();
        move || receiver.messages().count()
    });
    (0..10).for_each(|_| send(&sender, "one"));
    eventually("all arrive", || receiver.stats().received == 10);
    receiver.close();
    assert_eq!(counted.join().unwrap(), 10);
}

fn a_talkative_peer_does_not_hide_a_quiet_one(on: Transport) {
    let here = on.endpoint();
    let receiver = bound(quick(), &here);
    let (talkative, quiet) = (connected(quick(), &here), connected(quick(), &here));
    await_peers(&receiver, 2);
    (0..100).for_each(|_| send(&talkative, vec![0; 100_000]));
    eventually("much arrived", || receiver.stats().received >= 20);
    quiet.send("excuse me").unwrap();
    eventually("all arrived", || receiver.stats().received == 101);
    let position = (0..101).position(|_| next(&receiver).body() == b"excuse me");
    assert!(position.unwrap() < 50, "{position:?}");
}

/// Row 10: the reader parks, the sender is held back, memory is bounded.
fn a_full_inbox_holds_the_sender_back(on: Transport) {
    let sink = quick().inbox(Limit {
        messages: 4,
        bytes: 1024 * 1024,
    });
    let (sender, receiver) = pair(
        on,
        quick().outbox(Limit {
            messages: 4,
            bytes: 1024 * 1024,
        }),
        sink,
    );
    let count = fill(&sender, 0);
    assert!(count < 200, "{count} messages of a quarter mebibyte");
    let received = receiver.stats().received;
    assert!(
        received <= 13,
        "{received} in an inbox of 1 MiB, and 1 MiB on top"
    );
    assert_law(&sender);
    for number in 0..count {
        assert_eq!(number_of(&next(&receiver)), number);
    }
}

/// Row 10: nobody is found silent while we do not read.
fn time_in_which_we_do_not_read_is_not_counted_against_the_peer(on: Transport) {
    let (interval, timeout) = (Duration::from_millis(100), Duration::from_millis(600));
    let config = || {
        quick()
            .heartbeat(Heartbeat { interval, timeout })
            .inbox(Limit {
                messages: 1,
                bytes: 1024,
            })
    };
    let (sender, receiver) = pair(
        on,
        config().outbox(Limit {
            messages: 4,
            bytes: 1024 * 1024,
        }),
        config(),
    );
    let count = fill(&sender, 0);
    for socket in [&sender, &receiver] {
        let events = socket.events();
        let down = std::iter::from_fn(|| events.recv_timeout(timeout * 3 / 2).ok())
            .find(|event| matches!(event, Event::PeerDown { .. }));
        assert!(down.is_none(), "{down:?}");
    }
    for number in 0..count {
        assert_eq!(number_of(&next(&receiver)), number);
    }
}

/// The first receiver is busy with the first message; the second must get the other.
fn two_blocked_receivers_share_what_comes_together(on: Transport) {
    let here = on.endpoint();
    let sender = connected(quick(), &here);
    sender.send("one").unwrap();
    sender.send("two").unwrap();
    let receiver = socket(quick());
    let (taken, takes) = mpsc::channel();
    for _ in 0..2 {
        let (receiver, taken) = (receiver.clone(), taken.clone());
        thread::spawn(move || {
            taken.send(receiver.recv().map(|message| message.text().into_owned()))
        });
    }
    bind(&receiver, &here).unwrap();
    let mut texts = [(); 2].map(|()| takes.recv_timeout(SLACK).expect("both are woken").unwrap());
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
    sender.send("three").unwrap();
    assert_eq!(next_text(&receiver), "three");
}
