//! How many connections may come in, and what a peer's faults cost others.

use std::net::{IpAddr, SocketAddr};

use super::side::{Side, at_least_once, data, here, millis, round_robin, secs, who};
use crate::endpoint::Remote;
use crate::event::DownReason;
use crate::policy::HalfOpen;
use crate::proto::frame::Violation;
use crate::proto::hub::{Next, Shut};

fn from(address: [u8; 4]) -> Remote {
    Remote::Tcp(SocketAddr::new(IpAddr::from(address), 9))
}

#[test]
fn over_the_bound_a_connection_is_refused() {
    let mut side = Side::new(round_robin().max_connections(2));
    side.up(who(1));
    let second = side.up(who(2));
    assert_eq!(side.accept_from(Remote::Mem), None);
    assert_eq!(side.rejections(), [DownReason::Crowded]);
    side.end(second, DownReason::Closed);
    assert!(side.accept_from(Remote::Mem).is_some());
}

#[test]
fn the_oldest_half_open_connection_gives_way() {
    let mut side = Side::new(round_robin().half_open(HalfOpen {
        total: 3,
        per_address: 64,
    }));
    let links = [1, 2, 3].map(|_| {
        side.pass(millis(1));
        side.accept()
    });
    let newest = side.accept();
    assert!(side.is_gone(links[0]) && !side.is_gone(links[1]));
    assert!(!side.is_gone(newest));
    assert_eq!(side.rejections(), [DownReason::Crowded]);
}

/// Row 16: whoever takes most places loses one.
#[test]
fn the_address_that_has_most_gives_way() {
    let mut side = Side::new(round_robin().half_open(HalfOpen {
        total: 3,
        per_address: 64,
    }));
    let quiet = side.accept_from(from([10, 0, 0, 1])).unwrap();
    side.pass(millis(1));
    let greedy = [1, 2].map(|_| {
        side.pass(millis(1));
        side.accept_from(from([10, 0, 0, 2])).unwrap()
    });
    side.accept_from(from([10, 0, 0, 3])).unwrap();
    assert!(side.is_gone(greedy[0]) && !side.is_gone(quiet));
}

/// Row 16: places of one address.
#[test]
fn one_address_has_its_own_bound_and_loopback_has_none() {
    for (address, ended) in [([10, 0, 0, 1], 1), ([127, 0, 0, 1], 0)] {
        let mut side = Side::new(round_robin().half_open(HalfOpen {
            total: 100,
            per_address: 2,
        }));
        (0..3).for_each(|_| {
            side.accept_from(from(address)).unwrap();
        });
        assert_eq!(side.rejections().len(), ended);
    }
}

#[test]
fn peers_are_not_half_open() {
    let mut side = Side::new(round_robin().half_open(HalfOpen {
        total: 1,
        per_address: 1,
    }));
    let peers = [1, 2, 3].map(|n| side.up(who(n)));
    side.accept();
    assert!(peers.iter().all(|link| !side.is_gone(*link)));
}

#[test]
fn a_violation_ends_its_own_link_and_no_other() {
    let mut side = Side::new(round_robin());
    let [bad, good] = [1, 2].map(|n| side.up(who(n)));
    let mut reading = super::side::decode(&[data("last")]);
    reading.violation = Some(Violation::TooLarge { len: 99, max: 9 });
    assert_eq!(side.take(bad, &mut reading), Next::Stop);
    assert_eq!(reading.batch.spans.len(), 1);
    assert!(side.is_gone(bad) && !side.is_gone(good));
    assert_eq!(side.downs(), [(DownReason::TooLarge { len: 99 }, 0)]);
}

/// Row 19: told with its number.
#[test]
fn a_wrong_version_is_rejected_with_its_number() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    side.end(link, Violation::Version(2).into());
    assert_eq!(side.rejections(), [DownReason::Version(2)]);
}

/// Row 23: the registry is as before.
#[test]
fn a_flapping_peer_leaves_nothing_behind() {
    let mut side = Side::new(round_robin());
    for _ in 0..1_000 {
        let link = side.up(who(1));
        side.pass(millis(100));
        side.end(link, DownReason::Closed);
        while side.hub.poll_dirty().is_some() {}
    }
    assert!(side.hub.links.len() <= 1 && side.hub.peers.is_empty());
    assert!(side.hub.dirty.is_empty() && side.hub.queued_bytes == 0);
}

#[test]
fn the_name_of_a_link_that_is_gone_names_no_other() {
    let mut side = Side::new(round_robin());
    let old = side.up(who(1));
    side.end(old, DownReason::Closed);
    let new = side.up(who(2));
    assert_eq!(old.slot(), new.slot());
    side.end(old, DownReason::Closed);
    side.hub.handle_parked(side.now, old, true);
    assert!(side.hub.poll_chunk(old).is_none() && side.is_up(who(2)));
}

#[test]
fn a_candidate_says_to_which_listener_it_came() {
    let mut side = Side::new(round_robin());
    let accepted = side.accept();
    let candidate = side.hub.candidate(accepted, who(1)).expect("it is there");
    assert_eq!(
        (candidate.dialled, candidate.listener),
        (false, Some(here()))
    );
    let dial = side.connect("mem://there").expect("it is new");
    let dialled = side.dial(dial);
    let candidate = side.hub.candidate(dialled, who(2)).expect("it is there");
    assert_eq!((candidate.dialled, candidate.listener), (true, None));
}

#[test]
fn events_are_bounded_and_the_lost_ones_counted() {
    let mut side = Side::new(round_robin());
    for _ in 0..1_030 {
        let link = side
            .hub
            .handle_accepted(side.now, Remote::Mem, here(), true);
        let crate::proto::hub::Accepted::Link(link) = link else {
            panic!("there is room");
        };
        side.hub.handle_gone(side.now, link, DownReason::Closed);
    }
    assert_eq!(side.hub.stats().events_lost, 6);
    side.settle();
    assert_eq!(side.events.len(), 1_024);
}

#[test]
fn strangers_do_not_push_out_what_is_handed_back() {
    let mut side = Side::new(at_least_once().absent_ttl(secs(1)));
    let link = side.up(who(1));
    side.send_to(who(1), "job").unwrap();
    side.end(link, DownReason::Closed);
    side.hub.handle_timeout(side.now + secs(2));
    for _ in 0..2_000 {
        let link = side
            .hub
            .handle_accepted(side.now, Remote::Mem, here(), true);
        let crate::proto::hub::Accepted::Link(link) = link else {
            panic!("there is room");
        };
        side.hub.handle_gone(side.now, link, DownReason::Closed);
    }
    side.settle();
    assert_eq!(side.given_up(), [(Some(who(1)), "job".to_string())]);
}

#[test]
fn a_reader_that_is_elsewhere_holds_only_its_own_link() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.absent_readers.insert(link);
    side.pass(secs(16));
    assert!(side.is_shut(link, Shut::Both) && !side.is_gone(link));
    let other = side.up(who(2));
    side.send_all(&["a"]);
    assert_eq!(side.write(other), [data("a")]);
}

/// Row 40: frames without an end.
#[test]
fn unfinished_frames_over_the_budget_cost_the_largest_its_link() {
    let mut side = Side::new(round_robin().memory_budget(400_000).max_message(1_000));
    let [small, first, second] = [1, 2, 3].map(|n| side.up(who(n)));
    // The reader of the first is slow to see that its stream is shut down.
    side.absent_readers.insert(first);
    for (link, held) in [(small, 10), (first, 110_000), (second, 105_000)] {
        let mut reading = super::side::decode(&[]);
        side.hub.handle_reading(side.now, link, &mut reading, held);
        side.settle();
    }
    assert!(side.is_shut(first, Shut::Both) && side.is_shut(second, Shut::Both));
    assert!(!side.is_shut(small, Shut::Both));
}

#[test]
fn the_smallest_memory_budget_has_room_for_the_largest_message() {
    let mut side = Side::new(round_robin().max_message(1 << 20).memory_budget(2 << 20));
    let link = side.up(who(1));
    // A reader's allocation is a little longer than the message.
    side.hub.handle_held(link, (1 << 20) + 4_096);
    assert!(side.is_up(who(1)));
    side.hub.handle_held(link, 3 << 19);
    assert!(!side.is_up(who(1)));
}

#[test]
fn what_is_handed_back_and_not_read_does_not_keep_the_largest_message_out() {
    let config = at_least_once().absent_ttl(secs(1));
    let mut side = Side::new(config.max_message(1 << 16).memory_budget(1 << 17));
    let link = side.up(who(1));
    side.send_to(who(1), "job").unwrap();
    side.end(link, DownReason::Closed);
    side.hub.handle_timeout(side.now + secs(2));
    assert!(side.hub.send(&(&[0; 1 << 16]).into()).is_ok());
    assert_eq!(side.hub.stats().events_lost, 1);
}
