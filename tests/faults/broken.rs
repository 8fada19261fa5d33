//! Broken: writes that are interrupted, cut short or reset, and what becomes of their messages.

use std::time::Duration;

use jackfield::{Config, Delivery, DownReason, Event, Heartbeat, Limit, Socket};

use crate::chaos::{BOTH, Cut, Proxy, Way};
use crate::network::through_a_network;
use crate::remote::Remote;
use crate::support::{
    LARGE, SLACK, Transport, assert_law, await_event, bound, eventually, fill, large, next,
    number_of, quick, send,
};

/// Enough messages to fill what the kernel and the proxy hold, many times.
const MANY: usize = 60;

const BEAT: Duration = Duration::from_millis(50);

/// Row 27: a program that is stopped and continued in the middle of its writes, which interrupts
/// them, goes on where it was: every message arrives, whole, once, in order.
#[test]
fn interrupted_writes_go_on_where_they_were() {
    let here = Transport::Tcp.endpoint();
    let server = bound(
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    let mut sender = Remote::connected("", &here);
    sender.ask(&format!("stream {MANY}"));
    for number in 0..MANY {
        sender.stop();
        sender.go_on();
        let message = next(&server);
        assert_eq!((number_of(&message), message.body().len()), (number, LARGE));
    }
    assert_eq!((server.stats().peers_up, server.stats().peers_down), (1, 0));
}

/// Row 27: writes that are taken in small pieces and at a slow pace are stalls and no faults.
#[test]
fn writes_that_are_taken_in_pieces_arrive_whole() {
    let (receiver, network, sender) = through_a_network(quick(), quick());
    network.split(BOTH, 2_000);
    network.throttle(BOTH, 40 * LARGE as u64);
    let sending = std::thread::spawn(move || {
        (0..20).for_each(|number| send(&sender, large(number)));
        sender
    });
    (0..20).for_each(|number| assert_eq!(number_of(&next(&receiver)), number));
    let sender = sending.join().expect("it sends");
    assert_eq!(sender.stats().peers_down, 0);
    assert_law(&sender);
}

/// A sender with much under way when its connection is reset; and how much it accepted.
fn reset_in_full_flow(sender: Config) -> (Socket, Proxy, Socket, usize) {
    // The other end sees the reset with its next heartbeat.
    let beating = quick().heartbeat(Heartbeat {
        interval: BEAT,
        timeout: SLACK,
    });
    let (receiver, network, sender) = through_a_network(
        beating,
        sender.outbox(Limit {
            messages: 16,
            bytes: 64 * LARGE,
        }),
    );
    network.stall([Way::Out]);
    let count = fill(&sender, 0);
    network.cut(Cut::Reset);
    (receiver, network, sender, count)
}

/// Row 28: reset while it sends: what had not left goes out on the next connection in order, and
/// what had left is counted as in doubt.
#[test]
fn after_a_reset_what_had_not_left_follows_in_order() {
    let (receiver, network, sender, count) = reset_in_full_flow(quick());
    let event = await_event(&sender, |event| matches!(event, Event::PeerDown { .. }));
    let Event::PeerDown {
        reason, in_doubt, ..
    } = event
    else {
        unreachable!("filtered above");
    };
    assert_eq!(
        (reason, sender.stats().in_doubt),
        (DownReason::Reset, in_doubt)
    );
    network.heal();
    let mut numbers = vec![number_of(&next(&receiver))];
    while *numbers.last().expect("one at least") < count - 1 {
        numbers.push(number_of(&next(&receiver)));
    }
    let lost = count - numbers.len();
    assert!(
        in_doubt > 0 && lost > 0 && lost as u64 <= in_doubt,
        "{numbers:?}, {in_doubt}"
    );
    let gaps = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1);
    assert!(gaps.count() <= 1 && numbers.is_sorted(), "{numbers:?}");
    assert_law(&sender);
}

/// Row 28: with at least once, nothing is lost to a reset and nothing is delivered twice.
#[test]
fn after_a_reset_what_was_not_acknowledged_is_sent_again() {
    let sure = quick().delivery(Delivery::AtLeastOnce);
    let (receiver, network, sender, count) = reset_in_full_flow(sure);
    await_event(&sender, |event| matches!(event, Event::PeerDown { .. }));
    network.heal();
    let mut numbers: Vec<usize> = (0..count).map(|_| number_of(&next(&receiver))).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    eventually("acknowledged", || {
        sender.stats().acknowledged == count as u64
    });
    assert!(sender.stats().resent > 0);
    assert!(sender.close_within(SLACK).unacknowledged.is_empty());
}
