//! Overflow: what each policy does with a message that nobody has room for.

use std::time::Duration;

use jackfield::{Config, DownReason, DropReason, Error, Event, Limit, Overflow, Socket};

use crate::support::{
    Transport, assert_law, await_event, bound, connected, eventually, large, next, next_text,
    number_of, pair, quick,
};

on_every_transport!(
    what_is_sent_is_handed_back_and_never_dropped,
    block_makes_a_publish_wait,
    drop_newest_drops_what_is_sent_last,
    drop_oldest_keeps_what_is_sent_last,
    drop_oldest_keeps_what_was_sent_last_to_nobody,
    drop_newest_keeps_what_was_sent_first_to_nobody,
    disconnect_ends_a_peer_that_takes_nothing,
    drops_are_told_with_peer_and_reason,
    a_publish_over_the_memory_budget_drops_the_oldest,
);

/// A sender and a peer that does not take what it sends, after `count` large messages.
fn flooded(on: Transport, config: Config, count: usize) -> (Socket, Socket) {
    let sink = quick().inbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let (sender, stuck) = pair(
        on,
        config.outbox(Limit {
            messages: 4,
            bytes: 1024 * 1024 * 1024,
        }),
        sink,
    );
    for number in 0..count {
        sender.publish(large(number)).unwrap();
        assert_law(&sender);
    }
    (sender, stuck)
}

/// More than the kernel and the inbox hold.
const FLOOD: usize = 200;

fn what_is_sent_is_handed_back_and_never_dropped(on: Transport) {
    let config = quick().overflow(Overflow::DropOldest).outbox(Limit {
        messages: 2,
        bytes: 1024,
    });
    let sender = connected(config, &on.endpoint());
    sender.try_send("one").unwrap();
    sender.try_send("two").unwrap();
    let refused = sender.try_send("three").unwrap_err();
    assert!(matches!(refused.reason, Error::Full));
    assert_eq!((sender.stats().accepted, sender.stats().dropped()), (2, 0));
    assert_law(&sender);
}

fn block_makes_a_publish_wait(on: Transport) {
    let config = quick().send_timeout(Duration::from_millis(10));
    let config = config.overflow(Overflow::Block).outbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let sender = connected(config, &on.endpoint());
    sender.publish("one").unwrap();
    let refused = sender.publish("two").unwrap_err();
    assert!(matches!(refused.reason, Error::Timeout));
    assert_law(&sender);
}

fn drop_newest_drops_what_is_sent_last(on: Transport) {
    let (sender, stuck) = flooded(on, quick().overflow(Overflow::DropNewest), FLOOD);
    let dropped = sender.stats().dropped_outbox_full as usize;
    assert!(dropped > 0);
    let mut last = None;
    for _ in 0..FLOOD - dropped {
        let number = number_of(&next(&stuck));
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
    }
    assert!(matches!(stuck.try_recv(), Err(Error::Empty)));
    assert_law(&sender);
}

fn drop_oldest_keeps_what_is_sent_last(on: Transport) {
    let (sender, stuck) = flooded(on, quick().overflow(Overflow::DropOldest), FLOOD);
    assert!(sender.stats().dropped_outbox_full > 0);
    let mut number = number_of(&next(&stuck));
    while number < FLOOD - 1 {
        let following = number_of(&next(&stuck));
        assert!(following > number, "{following} after {number}");
        number = following;
    }
    eventually("all is written", || sender.stats().waiting == 0);
    assert_law(&sender);
}

fn waiting_with(overflow: Overflow, on: Transport) -> [String; 2] {
    let here = on.endpoint();
    let sender = connected(
        quick().overflow(overflow).outbox(Limit {
            messages: 2,
            bytes: 1024,
        }),
        &here,
    );
    for number in 0..5 {
        sender.publish(format!("{number}")).unwrap();
        assert_law(&sender);
    }
    assert_eq!(sender.stats().dropped_waiting_full, 3);
    let receiver = bound(quick(), &here);
    [(); 2].map(|()| next_text(&receiver))
}

fn drop_oldest_keeps_what_was_sent_last_to_nobody(on: Transport) {
    assert_eq!(waiting_with(Overflow::DropOldest, on), ["3", "4"]);
}

fn drop_newest_keeps_what_was_sent_first_to_nobody(on: Transport) {
    assert_eq!(waiting_with(Overflow::DropNewest, on), ["0", "1"]);
}

fn disconnect_ends_a_peer_that_takes_nothing(on: Transport) {
    let config = quick().overflow(Overflow::Disconnect);
    let config = config.slow_peer_timeout(Duration::from_millis(100));
    let (sender, _stuck) = flooded(on, config, 1);
    let events = sender.events();
    eventually("it ends as a slow peer", || {
        sender.publish(large(1)).unwrap();
        let slow = DownReason::SlowPeer;
        matches!(events.try_recv(), Ok(Event::PeerDown { reason, .. }) if reason == slow)
    });
    assert_law(&sender);
    sender.close_within(Duration::ZERO);
    assert_law(&sender);
}

fn drops_are_told_with_peer_and_reason(on: Transport) {
    let (sender, stuck) = flooded(on, quick(), FLOOD);
    let who = Some(stuck.identity());
    await_event(&sender, |event| {
        let full = DropReason::OutboxFull;
        matches!(event, Event::Dropped { peer, reason, count } if *peer == who && *reason == full && *count > 0)
    });
    assert_law(&sender);
}

fn a_publish_over_the_memory_budget_drops_the_oldest(on: Transport) {
    let sink = quick().inbox(Limit {
        messages: 1,
        bytes: 1024,
    });
    let (sender, _stuck) = pair(
        on,
        quick()
            .max_message(1024 * 1024)
            .memory_budget(4 * 1024 * 1024),
        sink,
    );
    for number in 0..FLOOD {
        sender.publish(large(number)).unwrap();
        assert_law(&sender);
    }
    assert!(sender.stats().dropped_memory_budget > 0);
    sender.close_within(Duration::ZERO);
    assert_law(&sender);
}
