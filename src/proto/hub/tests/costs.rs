//! What a call costs: its own part, however much the socket holds for others.

use std::fs;
use std::time::{Duration, Instant};

use super::side::{at_least_once, here, millis, round_robin, who};
use crate::config::Config;
use crate::endpoint::Remote;
use crate::event::DownReason;
use crate::message::Identity;
use crate::policy::{Absent, Limit};
use crate::proto::decoder::Reading;
use crate::proto::frame::MessageId;
use crate::proto::hub::{Accepted, Hub, Wake};
use crate::proto::link::LinkId;

/// A hub without the checks of a side, which cost more than what is measured here.
struct Bare {
    hub: Hub,
    now: Instant,
}

fn peer(number: u32) -> Identity {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Identity::new(bytes)
}

impl Bare {
    fn new(config: Config) -> Bare {
        let now = <Instant>::now();
        let hub = Hub::new(now, config, who(100), 7, 8);
        Bare { hub, now }
    }

    /// A link whose peer has said HELLO and no more.
    fn confirming(&mut self, number: u32) -> LinkId {
        let Accepted::Link(link) = self
            .hub
            .handle_accepted(self.now, Remote::Mem, here(), true)
        else {
            panic!("there is room for a link");
        };
        self.hub.handle_hello(self.now, link, peer(number));
        link
    }

    fn up(&mut self, number: u32) -> LinkId {
        let link = self.confirming(number);
        self.read(link, &[]);
        link
    }

    /// One read of `link` brought these ACKs, or a heartbeat.
    fn read(&mut self, link: LinkId, acks: &[MessageId]) {
        let mut reading = Reading {
            frames: 1,
            acks: acks.to_vec(),
            ..Reading::default()
        };
        self.hub.handle_reading(self.now, link, &mut reading, 0);
        self.hub.take_effects();
    }

    /// Who is woken because these ACKs came on `link`.
    fn wakes_of_acks(&mut self, link: LinkId, acks: &[MessageId]) -> Wake {
        self.hub.take_effects();
        let mut reading = Reading {
            frames: 1,
            acks: acks.to_vec(),
            ..Reading::default()
        };
        self.hub.handle_reading(self.now, link, &mut reading, 0);
        let effects = self.hub.take_effects();
        effects.map_or(Wake::default(), |effects| effects.wake)
    }

    /// The ids of all that is written to `link`.
    fn write(&mut self, link: LinkId) -> Vec<MessageId> {
        let mut ids = Vec::new();
        while let Some(mut chunk) = self.hub.poll_chunk(link) {
            ids.extend(chunk.ids());
            let (head, body) = chunk.rest();
            let count = head.len() + body.len();
            chunk.handle_taken(count);
            self.hub.handle_back(self.now, link, chunk, true);
        }
        ids
    }

    fn end(&mut self, link: LinkId) {
        self.hub.handle_gone(self.now, link, DownReason::Reset);
    }

    /// Who is woken because `link` ends.
    fn wakes_of_end(&mut self, link: LinkId) -> Wake {
        self.hub.take_effects();
        self.end(link);
        let effects = self.hub.take_effects();
        effects.map_or(Wake::default(), |effects| effects.wake)
    }
}

/// The time that the processor works for this thread; other processes make that no longer.
fn worked(work: impl FnOnce()) -> Duration {
    let before = on_processor();
    work();
    on_processor() - before
}

fn on_processor() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    let nanos = times.split(' ').next().expect("a first field");
    Duration::from_nanos(nanos.parse().expect("a number"))
}

#[test]
fn acks_of_what_waits_for_another_peer_cost_no_search() {
    let mut bare = Bare::new(at_least_once());
    let links: Vec<LinkId> = (0..8).map(|number| bare.up(number)).collect();
    while bare.hub.send(&b"job".into()).is_ok() {}
    let first = bare.write(links[0]);
    links.iter().for_each(|link| bare.end(*link));
    let again = bare.up(0);
    let took = worked(|| bare.read(again, &first));
    assert_eq!(bare.hub.stats().acknowledged, 8_192);
    assert!(took < millis(200), "{took:?}");
}

#[test]
fn looking_at_the_time_costs_no_look_at_what_waits_for_absent_peers() {
    let mut bare = Bare::new(round_robin());
    let links: Vec<LinkId> = (0..10).map(|number| bare.up(number)).collect();
    for _ in 0..65_536 {
        bare.hub
            .publish(&b"news".into())
            .expect("a publish never waits");
    }
    links.iter().for_each(|link| bare.end(*link));
    assert_eq!(bare.hub.stats().waiting, 655_360);
    let took = worked(|| {
        for _ in 0..100 {
            bare.now += millis(1);
            bare.hub.handle_timeout(bare.now);
        }
    });
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn a_publish_at_the_memory_budget_costs_no_search_for_each_peer() {
    let mut bare = Bare::new(round_robin().memory_budget(80_000_000));
    for number in 0..4_000 {
        bare.up(number);
    }
    let publish = |bare: &mut Bare| {
        bare.hub
            .publish(&(&[7; 100]).into())
            .expect("a publish never waits");
    };
    while bare.hub.stats().dropped_memory_budget == 0 {
        publish(&mut bare);
    }
    let took = worked(|| (0..20).for_each(|_| publish(&mut bare)));
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn a_publish_into_memory_that_is_full_of_what_was_sent_costs_no_search_each_time() {
    let mut bare = Bare::new(round_robin().memory_budget(40_000_000));
    for number in 0..1_000 {
        bare.up(number);
    }
    while bare.hub.send(&[7; 10_000].into()).is_ok() {}
    let mut publish = || {
        bare.hub
            .publish(&[7; 100_000].into())
            .expect("it never waits")
    };
    while publish().queued > 0 {}
    let took = worked(|| (0..50).for_each(|_| assert_eq!(publish().queued, 0)));
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn many_that_are_due_in_a_row_are_looked_at_together() {
    let mut bare = Bare::new(round_robin());
    for number in 0..1_000 {
        bare.now += Duration::from_micros(50);
        bare.confirming(number);
    }
    let until = bare.now + millis(60);
    let mut looks = 0;
    while let Some(due) = bare.hub.poll_timeout().filter(|due| *due <= until) {
        bare.now = due;
        bare.hub.handle_timeout(due);
        looks += 1;
    }
    assert_eq!(bare.hub.peer_count(), 1_000);
    assert!(looks <= 50, "{looks} times at every link");
}

#[test]
fn counting_costs_no_look_at_each_message() {
    let mut bare = Bare::new(round_robin());
    let link = bare.up(1);
    for _ in 0..65_536 {
        bare.hub
            .publish(&b"news".into())
            .expect("a publish never waits");
    }
    bare.end(link);
    let took = worked(|| {
        for _ in 0..1_000 {
            assert_eq!(bare.hub.stats().waiting, 65_536);
        }
    });
    assert!(took < millis(20), "{took:?}");
}

#[test]
fn the_end_of_a_link_wakes_nobody_to_whom_it_is_nothing() {
    let mut bare = Bare::new(round_robin());
    let endpoint = "mem://a".parse().expect("a valid endpoint");
    bare.hub.handle_connect(bare.now, endpoint);
    let peer = bare.up(1);
    let wake = bare.wakes_of_end(peer);
    assert!(!wake.dials && !wake.readers, "{wake:?}");
    assert!(wake.room && wake.peers && wake.events, "{wake:?}");
    let Accepted::Link(stranger) = bare
        .hub
        .handle_accepted(bare.now, Remote::Mem, here(), true)
    else {
        panic!("there is room for a link");
    };
    let wake = bare.wakes_of_end(stranger);
    let expected = Wake {
        events: true,
        ..Wake::default()
    };
    assert_eq!(wake, expected);
}

#[test]
fn a_departure_costs_no_look_at_all_who_left_before() {
    const AWAY: u32 = 20_000;
    let mut bare = Bare::new(round_robin().absent_peers(Absent {
        peers: AWAY as usize,
        remembered: Duration::from_secs(600),
    }));
    let come_and_go = |bare: &mut Bare, number| {
        let link = bare.up(number);
        bare.hub
            .publish(&b"news".into())
            .expect("a publish never waits");
        bare.end(link);
        bare.hub.take_effects();
    };
    (0..AWAY).for_each(|number| come_and_go(&mut bare, number));
    let took = worked(|| (AWAY..AWAY + 500).for_each(|number| come_and_go(&mut bare, number)));
    assert_eq!(bare.hub.stats().dropped_peer_gone, 500);
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn a_hello_costs_no_look_at_other_links() {
    let mut bare = Bare::new(round_robin());
    (0..8_000).for_each(|number| {
        bare.up(number);
    });
    let took = worked(|| {
        let mut former = bare.up(9_000);
        for _ in 0..4_000 {
            // Its reader is not through with it when the next one comes.
            bare.hub.handle_broken(bare.now, former);
            let link = bare.up(9_000);
            bare.end(former);
            former = link;
        }
    });
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn acks_wake_senders_for_a_quarter_of_what_a_peer_may_have() {
    for bound in [1, 2, 3, 8, 64, 8_192] {
        let mut bare = Bare::new(at_least_once().unacknowledged(bound));
        let link = bare.up(1);
        while bare.hub.send(&b"job".into()).is_ok() {}
        let ids = bare.write(link);
        assert_eq!(ids.len(), bound);
        let many = (bound / 4).max(1);
        for (count, id) in (1..).zip(&ids[..many]) {
            let wakes = bare.wakes_of_acks(link, &[*id]);
            assert_eq!(wakes.room, count == many, "{count} of {bound}");
        }
        assert!(bare.hub.send(&b"job".into()).is_ok());
    }
}

/// A peer may acknowledge no more before it gets more.
#[test]
fn acks_of_a_few_wake_senders_soon() {
    let mut bare = Bare::new(at_least_once().unacknowledged(64));
    let link = bare.up(1);
    while bare.hub.send(&b"job".into()).is_ok() {}
    let ids = bare.write(link);
    assert!(!bare.wakes_of_acks(link, &ids[..1]).room);
    let due = bare.hub.poll_timeout().expect("somebody is to be woken");
    assert!(due <= bare.now + millis(5));
    bare.hub.handle_timeout(due);
    let effects = bare.hub.take_effects().expect("somebody is woken");
    assert!(effects.wake.room);
}

#[test]
fn acks_below_the_bound_wake_nobody_who_waits_for_room() {
    let mut bare = Bare::new(at_least_once().unacknowledged(64));
    let link = bare.up(1);
    (0..63).for_each(|_| assert!(bare.hub.send(&b"job".into()).is_ok()));
    let ids = bare.write(link);
    assert!(!bare.wakes_of_acks(link, &ids).room);
}

#[test]
fn acks_of_one_peer_wake_senders_while_another_hangs() {
    let mut bare = Bare::new(at_least_once().unacknowledged(8));
    let [link, hung] = [bare.up(1), bare.up(2)];
    while bare.hub.send(&b"job".into()).is_ok() {}
    let (ids, others) = (bare.write(link), bare.write(hung));
    assert_eq!((ids.len(), others.len()), (8, 8));
    assert!(bare.wakes_of_acks(link, &ids[..2]).room);
    (0..2).for_each(|_| assert!(bare.hub.send(&b"job".into()).is_ok()));
    assert!(bare.hub.send(&b"job".into()).is_err());
    assert!(bare.wakes_of_acks(link, &ids[2..4]).room);
}

#[test]
fn acks_wake_senders_at_once_where_memory_is_short() {
    let config = at_least_once().max_message(1_000).memory_budget(100_000);
    let mut bare = Bare::new(config.outbox(Limit {
        messages: 10_000,
        bytes: 1_000_000,
    }));
    let link = bare.up(1);
    let mut ids = Vec::new();
    while bare.hub.send(&(&[7; 1_000]).into()).is_ok() {
        ids.extend(bare.write(link));
    }
    assert!(ids.len() < 64, "memory is the bound");
    assert!(bare.wakes_of_acks(link, &ids[..1]).room);
}
