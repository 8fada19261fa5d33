//! What a call costs: its own part, however much the socket holds for others.

use std::fs;
use std::time::{Duration, Instant};

use super::side::{at_least_once, here, millis, publish, who};
use crate::config::Config;
use crate::endpoint::Remote;
use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::decoder::Reading;
use crate::proto::frame::MessageId;
use crate::proto::hub::{Accepted, Hub};
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
    while bare.hub.send(b"job").is_ok() {}
    let first = bare.write(links[0]);
    links.iter().for_each(|link| bare.end(*link));
    let again = bare.up(0);
    let took = worked(|| bare.read(again, &first));
    assert_eq!(bare.hub.stats().acknowledged, 8_192);
    assert!(took < millis(200), "{took:?}");
}

#[test]
fn looking_at_the_time_costs_no_look_at_what_waits_for_absent_peers() {
    let mut bare = Bare::new(publish());
    let links: Vec<LinkId> = (0..10).map(|number| bare.up(number)).collect();
    for _ in 0..65_536 {
        bare.hub.send(b"news").expect("a publish never waits");
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
    let mut bare = Bare::new(publish().memory_budget(80_000_000));
    for number in 0..4_000 {
        bare.up(number);
    }
    let publish = |bare: &mut Bare| {
        bare.hub.send(&[7; 100]).expect("a publish never waits");
    };
    while bare.hub.stats().dropped_memory_budget == 0 {
        publish(&mut bare);
    }
    let took = worked(|| (0..20).for_each(|_| publish(&mut bare)));
    assert!(took < millis(100), "{took:?}");
}

#[test]
fn many_that_are_due_in_a_row_are_looked_at_together() {
    let mut bare = Bare::new(publish());
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
    let mut bare = Bare::new(publish());
    let link = bare.up(1);
    for _ in 0..65_536 {
        bare.hub.send(b"news").expect("a publish never waits");
    }
    bare.end(link);
    let took = worked(|| {
        for _ in 0..1_000 {
            assert_eq!(bare.hub.stats().waiting, 65_536);
        }
    });
    assert!(took < millis(20), "{took:?}");
}
