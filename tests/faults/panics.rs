//! Panics: the user's code fails in our threads, in our calls, or with our messages in its hands.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use jackfield::{AckMode, Delivery, Error, Pauses, Payload, Socket};

use crate::support::{
    SLACK, Transport, assert_law, await_peers, bound, connected, eventually, next, next_text, pair,
    quick, send,
};

/// Both ways, and a close that ends in peace.
fn assert_usable(socket: &Socket, peer: &Socket) {
    for (from, to) in [(socket, peer), (peer, socket)] {
        send(from, "as if nothing had been");
        assert_eq!(next_text(to), "as if nothing had been");
        assert_law(from);
    }
    assert!(socket.close_within(SLACK).unsent.is_empty());
    assert!(matches!(socket.recv(), Err(Error::Closed)));
}

/// Row 32: a consumer that panics with a message in its hands gives it back: another one gets it.
#[test]
fn the_message_of_a_consumer_that_panics_is_delivered_again() {
    let manual = quick().ack_mode(AckMode::Manual);
    let sure = quick().delivery(Delivery::AtLeastOnce);
    let sure = sure.resend(Pauses {
        first: std::time::Duration::from_millis(20),
        max: SLACK,
    });
    let (receiver, sender) = pair(Transport::Tcp, manual, sure);
    send(&sender, "job");
    let consumer = receiver.clone();
    let panics = thread::spawn(move || {
        let job = consumer.messages().next().expect("a message");
        panic!("a consumer's panic, on purpose: {}", job.text());
    });
    assert!(panics.join().is_err());
    let again = next(&receiver);
    assert_eq!(again.body(), b"job");
    again.ack();
    eventually("acknowledged", || sender.stats().acknowledged == 1);
    sender.close();
    assert_law(&sender);
}

/// Row 32: consumers that panic, one after the other, leave a socket that works.
#[test]
fn consumers_that_panic_leave_the_socket_usable() {
    let (receiver, sender) = pair(Transport::Tcp, quick(), quick());
    for _ in 0..10 {
        send(&sender, "too much");
        let consumer = receiver.clone();
        let panics = thread::spawn(move || {
            let message = next(&consumer);
            panic!("a consumer's panic, on purpose: {}", message.text());
        });
        assert!(panics.join().is_err());
    }
    assert_usable(&receiver, &sender);
}

/// A body that cannot be had.
struct Unreadable;

impl From<Unreadable> for Payload<'_> {
    fn from(_: Unreadable) -> Self {
        panic!("a body's panic, on purpose");
    }
}

/// Row 32: a body that panics while it is sent was not accepted, and harms nothing.
#[test]
fn a_body_that_panics_leaves_the_socket_usable() {
    let (receiver, sender) = pair(Transport::Tcp, quick(), quick());
    let result = catch_unwind(AssertUnwindSafe(|| sender.send(Unreadable)));
    assert!(result.is_err());
    assert_eq!(sender.stats().accepted, 0);
    assert_usable(&sender, &receiver);
}

/// Row 32: a hook that panics for one peer refuses that one, told and counted, and no other.
#[test]
fn a_hook_that_panics_refuses_one_peer_and_no_other() {
    let here = Transport::Tcp.endpoint();
    let unlucky = quick().identity(crate::support::identity(13));
    let server = bound(
        quick().authorize(|candidate| {
            let is_unlucky = candidate.identity == crate::support::identity(13);
            assert!(!is_unlucky, "a hook's panic, on purpose");
            true
        }),
        &here,
    );
    let _refused = connected(unlucky, &here);
    eventually("it is refused", || server.stats().rejected >= 3);
    let client = connected(quick(), &here);
    await_peers(&server, 1);
    await_peers(&client, 1);
    assert_eq!(server.stats().peers_up, 1);
    assert_usable(&server, &client);
}
