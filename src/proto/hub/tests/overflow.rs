//! What gives way when a queue is full, and when the socket holds too much in all.

use super::side::{Frame, Side, at_least_once, ids, millis, round_robin, secs, texts, who};
use crate::event::{DownReason, DropReason, Event};
use crate::policy::{Heartbeat, Limit, Overflow};
use crate::proto::hub::{Refusal, Verdict};
use crate::proto::link::LinkId;

#[test]
fn a_slow_subscriber_loses_the_newest_and_nobody_else_does() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    }));
    let [slow, quick] = [1, 2].map(|n| side.up(who(n)));
    let mut got = Vec::new();
    for text in ["a", "b", "c"] {
        let sent = side.send(text).unwrap();
        assert_eq!(sent.queued + sent.dropped, 2);
        got.extend(texts(&side.write(quick)));
    }
    assert_eq!(got, ["a", "b", "c"]);
    assert_eq!(texts(&side.write(slow)), ["a", "b"]);
    assert_eq!(side.hub.stats().dropped_outbox_full, 1);
}

#[test]
fn drops_are_told_in_one_event() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    }));
    side.up(who(1));
    side.send_all(&["a", "b", "c", "d"]);
    side.pass(millis(100));
    let told: Vec<&Event> = side.events.iter().skip(1).collect();
    assert!(
        matches!(told[..], [Event::Dropped { peer, reason: DropReason::OutboxFull, count: 3 }]
            if *peer == Some(who(1)))
    );
}

#[test]
fn drop_oldest_keeps_the_newest() {
    let config = round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    });
    let mut side = Side::publisher(config.overflow(Overflow::DropOldest));
    let link = side.up(who(1));
    side.send_all(&["a", "b", "c", "d"]);
    assert_eq!(texts(&side.write(link)), ["c", "d"]);
    assert_eq!(side.hub.stats().dropped_outbox_full, 2);
}

#[test]
fn what_was_sent_does_not_give_way_to_what_is_published() {
    for config in [round_robin(), at_least_once()] {
        let config = config
            .outbox(Limit {
                messages: 3,
                bytes: 1_000,
            })
            .overflow(Overflow::DropOldest);
        let mut side = Side::publisher(config);
        let link = side.up(who(1));
        side.send("a").unwrap();
        side.send_to(who(1), "b").unwrap();
        side.send("c").unwrap();
        // The oldest may give way, and then what was sent is the oldest.
        assert_eq!(side.send("d").unwrap().dropped, 0);
        assert_eq!(side.send("e").unwrap().dropped, 1);
        assert_eq!(texts(&side.write(link)), ["b", "c", "d"]);
        assert_eq!(side.hub.stats().dropped_outbox_full, 2);
    }
}

#[test]
fn what_is_sent_waits_whatever_a_publish_does() {
    for overflow in [
        Overflow::DropNewest,
        Overflow::DropOldest,
        Overflow::Disconnect,
    ] {
        let mut side = Side::new(
            round_robin()
                .outbox(Limit {
                    messages: 1,
                    bytes: 1_000,
                })
                .overflow(overflow),
        );
        side.send_all(&["a"]);
        assert_eq!(side.send("b"), Err(Refusal::Full));
        assert_eq!(side.publish("c").unwrap().dropped, 1);
        let link = side.up(who(1));
        assert_eq!(side.send("d"), Err(Refusal::Full));
        assert_eq!(side.send_to(who(1), "e"), Err(Refusal::Full));
        assert_eq!(side.publish("f").unwrap().dropped, 1);
        assert_eq!(texts(&side.write(link)), ["a"]);
    }
}

#[test]
fn drop_oldest_leaves_a_frame_that_is_begun() {
    let config = round_robin().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    });
    let mut side = Side::publisher(config.overflow(Overflow::DropOldest));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write_bytes(link, 2);
    assert_eq!(side.send("b").unwrap().dropped, 1);
    assert_eq!(texts(&side.write(link)), ["a"]);
}

#[test]
fn drop_newest_never_refuses() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 1,
        bytes: 1_000,
    }));
    side.send_all(&["a", "b"]);
    assert_eq!(side.hub.stats().dropped_waiting_full, 1);
    let link = side.up(who(1));
    assert_eq!(side.send("c").unwrap().dropped, 1);
    assert_eq!(texts(&side.write(link)), ["a"]);
}

#[test]
fn what_waits_for_anyone_drops_its_oldest() {
    let config = round_robin().outbox(Limit {
        messages: 2,
        bytes: 1_000,
    });
    let mut side = Side::publisher(config.overflow(Overflow::DropOldest));
    side.send_all(&["a", "b", "c"]);
    let link = side.up(who(1));
    assert_eq!(texts(&side.write(link)), ["b", "c"]);
    assert_eq!(side.hub.stats().dropped_waiting_full, 1);
}

#[test]
fn a_publish_that_blocks_waits_for_the_slowest() {
    let mut side = Side::publisher(
        round_robin()
            .outbox(Limit {
                messages: 1,
                bytes: 1_000,
            })
            .overflow(Overflow::Block),
    );
    let [slow, quick] = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["a"]);
    side.write(quick);
    assert_eq!(side.send("b"), Err(Refusal::Full));
    side.write(slow);
    assert_eq!(side.send("b").unwrap().queued, 2);
}

/// Row 9: all settings, to the second.
#[test]
fn disconnect_ends_a_peer_that_takes_nothing_and_no_other_setting_does() {
    for (overflow, ends) in [(Overflow::Disconnect, true), (Overflow::Block, false)] {
        let mut side = Side::new(round_robin().overflow(overflow));
        let link = side.up(who(1));
        side.send_all(&["a"]);
        side.write_bytes(link, 3);
        for _ in 0..11 {
            side.pass(millis(1_000));
            side.read(link, &[Frame::Heartbeat]);
        }
        assert_eq!(side.is_gone(link), ends);
        let expected: &[_] = if ends {
            &[(DownReason::SlowPeer, 0)]
        } else {
            &[]
        };
        assert_eq!(side.downs(), expected);
    }
}

#[test]
fn a_peer_that_takes_nothing_ends_in_time_however_rare_heartbeats_are() {
    let config = round_robin().overflow(Overflow::Disconnect);
    let config = config.slow_peer_timeout(secs(1));
    let mut side = Side::new(config.heartbeat(Heartbeat {
        interval: secs(20),
        timeout: secs(60),
    }));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write_bytes(link, 3);
    side.pass(secs(2));
    assert_eq!(side.downs(), [(DownReason::SlowPeer, 0)]);
}

#[test]
fn a_subscriber_that_comes_and_goes_unread_piles_up_no_more_than_twice_its_bound() {
    let mut side = Side::publisher(round_robin().outbox(Limit {
        messages: 4,
        bytes: 1_000,
    }));
    for _ in 0..10 {
        side.send_all(&["a", "b", "c", "d"]);
        let link = side.up(who(1));
        side.end(link, DownReason::Closed);
    }
    let link = side.up(who(1));
    assert_eq!(side.write(link).len(), 8);
    assert_eq!(side.hub.stats().dropped_outbox_full, 32);
}

#[test]
fn a_peer_that_comes_back_unread_piles_up_no_more_than_its_bound() {
    let mut side = Side::new(round_robin().outbox(Limit {
        messages: 4,
        bytes: 1_000,
    }));
    let mut link = side.up(who(1));
    for _ in 0..10 {
        link = fill_and_replace(&mut side, link);
    }
    assert_eq!(side.write(link).len(), 4);
}

#[test]
fn a_peer_that_comes_back_and_acknowledges_nothing_piles_up_no_more_than_its_bound() {
    let config = at_least_once().unacknowledged(4).max_resends(100);
    let mut side = Side::new(config);
    let mut link = side.up(who(1));
    for _ in 0..10 {
        link = fill_and_replace(&mut side, link);
        side.write(link);
    }
    assert_eq!(side.hub.stats().waiting, 4);
}

/// The peer of `link` gets all that it may, before and while it is replaced by a new link.
fn fill_and_replace(side: &mut Side, link: LinkId) -> LinkId {
    while side.send_to(who(1), "a").is_ok() {}
    side.absent_readers.insert(link);
    side.pass(secs(8));
    let next = side.accept();
    assert_eq!(side.hello(next, who(1)), Verdict::Wait);
    while side.send_to(who(1), "a").is_ok() {}
    side.end(link, DownReason::Closed);
    side.write_bytes(next, 22 + 5);
    side.take_frames(next);
    side.read(next, &[Frame::Heartbeat]);
    next
}

#[test]
fn progress_keeps_a_slow_peer() {
    let mut side = Side::new(round_robin().overflow(Overflow::Disconnect));
    let link = side.up(who(1));
    side.send_all(&["a message that takes its time"]);
    for _ in 0..30 {
        side.write_bytes(link, 1);
        side.pass(millis(1_000));
        side.read(link, &[Frame::Heartbeat]);
    }
    assert!(!side.is_gone(link));
}

#[test]
fn at_the_memory_budget_round_robin_is_refused() {
    let mut side = Side::new(round_robin().memory_budget(2_000));
    let link = side.up(who(1));
    let text = "x".repeat(400);
    side.send_all(&[&text, &text]);
    assert_eq!(side.send(&text), Err(Refusal::Full));
    side.write(link);
    assert!(side.send(&text).is_ok());
}

/// Row 40: the largest gives way.
#[test]
fn at_the_memory_budget_a_publish_takes_from_the_largest_outbox() {
    let mut side = Side::publisher(round_robin().memory_budget(2_000));
    let [slow, quick] = [1, 2].map(|n| side.up(who(n)));
    let text = "x".repeat(300);
    for _ in 0..5 {
        assert_eq!(side.send(&text).unwrap().dropped, 0);
        assert_eq!(side.write(quick).len(), 1);
    }
    let kept = side.write(slow).len() as u64;
    assert_eq!(side.hub.stats().dropped_memory_budget, 5 - kept);
    assert!(kept >= 2);
}

#[test]
fn what_waits_for_absent_peers_gives_way_to_those_who_are_there() {
    let mut side = Side::publisher(round_robin().memory_budget(20_000));
    let deaf: Vec<LinkId> = (1..=5).map(|n| side.up(who(n))).collect();
    let text = "x".repeat(1_000);
    (0..20).for_each(|_| side.send_all(&[&text]));
    deaf.into_iter()
        .for_each(|link| side.end(link, DownReason::Reset));
    let good = side.up(who(9));
    let longer = "y".repeat(5_000);
    for _ in 0..3 {
        assert_eq!(side.send(&longer).unwrap().dropped, 0);
        assert_eq!(texts(&side.write(good)), [longer.as_str()]);
    }
    assert!(side.hub.memory() <= 10_000, "{}", side.hub.memory());
}

#[test]
fn peers_that_take_nothing_leave_memory_for_one_that_does() {
    let deaf = at_least_once().unacknowledged(1_000_000);
    for config in [round_robin(), deaf] {
        let mut side = Side::new(config.memory_budget(200_000));
        let links = [1, 2, 3].map(|n| side.up(who(n)));
        let text = "x".repeat(500);
        for _ in 0..1_000 {
            // The last one reads and acknowledges, the others do neither.
            if side.send(&text).is_err() {
                break;
            }
            let acks = ids(&side.write(links[2])).into_iter().map(Frame::Ack);
            side.read(links[2], &acks.collect::<Vec<Frame>>());
        }
        let before = side.hub.stats().accepted;
        for _ in 0..1_000 {
            side.send(&text).expect("one of them takes what it is sent");
            let acks = ids(&side.write(links[2])).into_iter().map(Frame::Ack);
            side.read(links[2], &acks.collect::<Vec<Frame>>());
        }
        assert_eq!(side.hub.stats().accepted, before + 1_000);
        assert!(side.hub.memory() <= 100_000, "{}", side.hub.memory());
    }
}

#[test]
fn a_short_message_that_waits_counts_with_all_its_memory() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config.memory_budget(200_000));
        let accepted = (0..100_000)
            .take_while(|_| side.hub.send(&b"x".into()).is_ok())
            .count();
        let item = size_of::<crate::proto::peer::Item>();
        assert!(accepted * item < 100_000, "{accepted} times {item}");
    }
}

#[test]
fn what_waited_leaves_however_near_the_memory_budget_is() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config.memory_budget(6_000));
        let text = "x".repeat(150);
        let accepted = (0..100).take_while(|_| side.send(&text).is_ok()).count();
        assert!(accepted >= 3);
        let link = side.up(who(1));
        assert_eq!(side.write(link).len(), accepted);
    }
}

#[test]
fn what_a_lost_link_gave_back_leaves_however_near_the_memory_budget_is() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config.memory_budget(2_000));
        let link = side.up(who(1));
        let text = "x".repeat(150);
        let accepted = (0..100).take_while(|_| side.send(&text).is_ok()).count();
        side.end(link, DownReason::Reset);
        let other = side.up(who(2));
        assert_eq!(side.write(other).len(), accepted);
    }
}
