//! Returning: what was queued for a link that ended, and who gets it then.

use std::time::Duration;

use jackfield::{Config, DropReason, Event, Limit, Socket};

use crate::support::{
    Transport, assert_law, await_event, await_peers, bound, connected, fill, identity, large, next,
    next_text, number_of, quick, send,
};

on_every_transport!(
    what_did_not_leave_goes_to_the_next_peer_in_order_and_in_front,
    a_published_copy_never_goes_to_another_peer,
    a_published_copy_waits_for_its_peer,
    a_message_for_an_identity_waits_for_it_alone,
    what_waits_for_a_peer_that_stays_away_is_dropped_and_told,
);

fn stuck(who: u8) -> Config {
    quick()
        .inbox(Limit {
            messages: 1,
            bytes: 1024,
        })
        .identity(identity(who))
}

/// A sender whose only peer, number 1, took what it could and left; and how much it accepted.
/// A peer reads on while it leaves, and may take everything: then once more.
fn abandoned(config: &Config, here: &str, accepts: impl Fn(&Socket) -> usize) -> (Socket, usize) {
    let rounds = std::iter::repeat_with(|| {
        let sender = bound(
            config.clone().outbox(Limit {
                messages: 6,
                bytes: 64 * 1024 * 1024,
            }),
            here,
        );
        let first = connected(stuck(1), here);
        await_peers(&sender, 1);
        let count = accepts(&sender);
        assert_law(&sender);
        first.close_within(Duration::ZERO);
        let down = |event: &Event| matches!(event, Event::PeerDown { .. });
        await_event(&sender, down);
        assert_law(&sender);
        (sender, count)
    });
    let is_left = |(sender, _): &(Socket, usize)| {
        let stats = sender.stats();
        stats.waiting + stats.dropped_peer_gone > 0
    };
    rounds.take(20).find(is_left).expect("something is left")
}

fn fill_any(sender: &Socket) -> usize {
    fill(sender, 0)
}

/// As `fill`, with what is published by a socket that waits for room.
fn fill_by_publishing(sender: &Socket) -> usize {
    let accepts = |number: &usize| sender.publish(large(*number)).is_ok();
    (0..).take_while(accepts).count()
}

/// The rest that `receiver` gets is what came last, in order and without a gap.
fn assert_gets_the_rest(receiver: &Socket, count: usize) {
    let first = number_of(&next(receiver));
    assert!(
        first > 0 && first < count,
        "the first was {first} of {count}"
    );
    for number in first + 1..count {
        assert_eq!(number_of(&next(receiver)), number);
    }
}

fn what_did_not_leave_goes_to_the_next_peer_in_order_and_in_front(on: Transport) {
    let here = on.endpoint();
    let (sender, count) = abandoned(&quick(), &here, fill_any);
    let second = connected(quick(), &here);
    await_peers(&sender, 1);
    sender.send("the newest").unwrap();
    assert_gets_the_rest(&second, count);
    assert_eq!(next_text(&second), "the newest");
    assert_law(&sender);
}

fn publisher() -> Config {
    let block = jackfield::Overflow::Block;
    quick()
        .overflow(block)
        .send_timeout(Duration::from_millis(300))
}

fn a_published_copy_never_goes_to_another_peer(on: Transport) {
    let here = on.endpoint();
    let (sender, _) = abandoned(&publisher(), &here, fill_by_publishing);
    let second = connected(quick().identity(identity(2)), &here);
    await_peers(&sender, 1);
    sender.publish("news").unwrap();
    assert_eq!(next_text(&second), "news");
    assert_law(&sender);
}

fn a_published_copy_waits_for_its_peer(on: Transport) {
    let here = on.endpoint();
    let (sender, count) = abandoned(&publisher(), &here, fill_by_publishing);
    let again = connected(quick().identity(identity(1)), &here);
    assert_gets_the_rest(&again, count);
    sender.publish("news").unwrap();
    assert_eq!(next_text(&again), "news");
    assert_law(&sender);
}

fn a_message_for_an_identity_waits_for_it_alone(on: Transport) {
    let here = on.endpoint();
    let (sender, count) = abandoned(&quick(), &here, |sender| {
        let patience = Duration::from_millis(300);
        let accepts = |number: &usize| {
            let sent = sender.send_to_timeout(identity(1), large(*number), patience);
            sent.is_ok()
        };
        (0..).take_while(accepts).count()
    });
    let second = connected(quick().identity(identity(2)), &here);
    await_peers(&sender, 1);
    send(&sender, "for anyone");
    assert_eq!(next_text(&second), "for anyone");
    let again = connected(quick().identity(identity(1)), &here);
    assert_gets_the_rest(&again, count);
    assert_law(&sender);
}

fn what_waits_for_a_peer_that_stays_away_is_dropped_and_told(on: Transport) {
    let here = on.endpoint();
    let config = publisher().absent_ttl(Duration::from_millis(20));
    let (sender, _) = abandoned(&config, &here, fill_by_publishing);
    await_event(&sender, |event| {
        let gone = DropReason::PeerGone;
        matches!(event, Event::Dropped { peer, reason, .. } if *peer == Some(identity(1)) && *reason == gone)
    });
    assert!(sender.stats().dropped_peer_gone > 0);
    assert_eq!(sender.stats().waiting, 0);
    assert_law(&sender);
}
