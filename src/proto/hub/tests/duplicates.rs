//! Two links of one identity: which stays, and that both ends agree.

use super::side::{Frame, Side, data, millis, round_robin, secs, texts, who};
use crate::event::DownReason;
use crate::policy::Heartbeat;
use crate::proto::hub::{Shut, Verdict};
use crate::proto::link::LinkId;

/// Row 20: alive, to the moment.
#[test]
fn a_peer_that_is_alive_keeps_its_link() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(7_500));
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Rejected);
    assert_eq!(side.rejections(), [DownReason::Duplicate]);
    assert!(side.is_gone(second) && !side.is_gone(link));
}

/// Row 20: stale, to the moment.
#[test]
fn a_peer_that_is_silent_for_more_than_7_5_seconds_is_replaced() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(7_501));
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Wait);
    assert_eq!(side.downs(), [(DownReason::Replaced, 0)]);
    assert!(side.is_gone(link) && !side.hub.is_succeeding(second));
}

#[test]
fn a_parked_reader_never_counts_as_silence() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.handle_parked(side.now, link, true);
    side.pass(secs(60));
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Rejected);
    side.hub.handle_parked(side.now, link, false);
    let third = side.accept();
    assert_eq!(side.hello(third, who(1)), Verdict::Rejected);
}

#[test]
fn a_stalled_write_alone_never_evicts() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write_bytes(link, 1);
    side.pass(secs(7));
    side.read(link, &[Frame::Heartbeat]);
    side.pass(secs(7));
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Rejected);
}

#[test]
fn what_a_replaced_link_still_had_goes_out_on_the_new_one() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_to(who(1), "a").unwrap();
    side.write_bytes(link, 2);
    side.pass(secs(8));
    let second = side.accept();
    side.hello(second, who(1));
    side.write(second);
    side.read(second, &[Frame::Heartbeat]);
    assert_eq!(side.write(second), [data("a")]);
}

#[test]
fn a_successor_waits_until_the_old_link_is_gone() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_to(who(1), "a").unwrap();
    side.absent_readers.insert(link);
    side.pass(secs(8));
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Wait);
    assert!(side.is_shut(link, Shut::Both) && side.hub.is_succeeding(second));
    side.send_to(who(1), "b").unwrap();
    side.end(link, DownReason::Closed);
    assert!(!side.hub.is_succeeding(second));
    side.write(second);
    side.read(second, &[Frame::Heartbeat]);
    assert_eq!(side.write(second), [data("a"), data("b")]);
}

#[test]
fn a_successor_that_waits_is_kept_alive() {
    let mut side = Side::new(round_robin().heartbeat(Heartbeat {
        interval: millis(100),
        timeout: millis(300),
    }));
    let link = side.up(who(1));
    side.absent_readers.insert(link);
    side.pass(millis(500));
    let second = side.accept();
    side.write(second);
    assert_eq!(side.hello(second, who(1)), Verdict::Wait);
    side.pass(millis(100));
    assert_eq!(side.write(second), [Frame::Heartbeat]);
}

#[test]
fn a_broken_link_makes_way() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.handle_broken(side.now, link);
    let second = side.accept();
    assert_eq!(side.hello(second, who(1)), Verdict::Wait);
    side.pass(secs(1));
    assert!(side.is_gone(link) && !side.hub.is_succeeding(second));
}

#[test]
fn the_end_of_a_duplicate_takes_no_message_with_it() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let second = side.accept();
    side.hello(second, who(1));
    assert_eq!(texts(&side.write(link)), ["a"]);
    assert!(side.is_up(who(1)));
}

/// Two sides that dialled each other: `links[i][j]` is side `i`'s end of connection `j`, which
/// side `j` dialled.
struct Pair {
    sides: [Side; 2],
    links: [[LinkId; 2]; 2],
    /// HELLOs and ends of stream on their way: to which side, on which connection.
    hellos: Vec<(usize, usize)>,
    ends: Vec<(usize, usize)>,
}

impl Pair {
    fn new() -> Pair {
        let mut sides = [1, 2].map(|n| Side::named(n, round_robin()));
        let dials = [0, 1].map(|i| sides[i].connect("mem://other").unwrap());
        let dialled = [0, 1].map(|i| sides[i].dial(dials[i]));
        let accepted = [0, 1].map(|i| sides[i].accept());
        let links = [[dialled[0], accepted[0]], [accepted[1], dialled[1]]];
        let hellos = vec![(0, 0), (0, 1), (1, 0), (1, 1)];
        Pair {
            sides,
            links,
            hellos,
            ends: Vec::new(),
        }
    }

    /// Lets what is on its way arrive, chosen by `order`, until nothing is.
    fn run(&mut self, mut order: usize) {
        loop {
            let count = self.hellos.len() + self.ends.len();
            if count == 0 {
                return;
            }
            let index = order % count;
            order /= count;
            self.step(index);
            self.look_for_ends();
        }
    }

    fn step(&mut self, index: usize) {
        if index < self.hellos.len() {
            let (to, on) = self.hellos.remove(index);
            let from = self.sides[1 - to].me;
            self.sides[to].hello(self.links[to][on], from);
        } else {
            let (to, on) = self.ends.remove(index - self.hellos.len());
            // A connection ends behind its HELLO.
            if let Some(at) = self.hellos.iter().position(|hello| *hello == (to, on)) {
                self.hellos.remove(at);
                let from = self.sides[1 - to].me;
                self.sides[to].hello(self.links[to][on], from);
            }
            self.sides[to].end(self.links[to][on], DownReason::Closed);
        }
        for side in 0..2 {
            for link in self.links[side] {
                self.sides[side].write(link);
            }
        }
    }

    fn look_for_ends(&mut self) {
        for side in 0..2 {
            for (link, _) in std::mem::take(&mut self.sides[side].shut) {
                let on = self.links[side].iter().position(|one| *one == link);
                self.ends.push((1 - side, on.expect("one of two links")));
            }
        }
    }
}

#[test]
fn simultaneous_dials_settle_on_the_link_of_the_smaller_identity() {
    for order in 0..5_000 {
        let mut pair = Pair::new();
        pair.run(order);
        for side in 0..2 {
            pair.sides[side].pass(millis(50));
            let up: Vec<bool> = pair.links[side]
                .iter()
                .map(|link| {
                    pair.sides[side]
                        .hub
                        .link(*link)
                        .is_some_and(|it| it.is_up())
                })
                .collect();
            assert_eq!(up, [true, false], "side {side}, order {order}");
        }
    }
}

#[test]
fn dials_that_are_more_than_a_second_apart_leave_the_first_link() {
    let mut side = Side::named(1, round_robin());
    let link = side.up(who(2));
    let dial = side.connect("mem://other").unwrap();
    side.pass(secs(1));
    let second = side.dial(dial);
    assert_eq!(side.hello(second, who(2)), Verdict::Rejected);
    assert!(!side.is_gone(link));
}

#[test]
fn messages_move_from_the_link_that_loses_to_the_one_that_stays() {
    let mut side = Side::named(1, round_robin());
    let dial = side.connect("mem://other").unwrap();
    let ours = side.dial(dial);
    let theirs = side.up(who(2));
    side.send_to(who(2), "a").unwrap();
    side.write_bytes(theirs, 3);
    side.send_to(who(2), "b").unwrap();
    assert_eq!(side.hello(ours, who(2)), Verdict::Wait);
    let begun = texts(&side.write(theirs));
    assert_eq!(begun[0], "a");
    assert!(side.is_shut(theirs, Shut::Write));
    side.end(theirs, DownReason::Closed);
    side.write(ours);
    side.read(ours, &[Frame::Heartbeat]);
    let rest = texts(&side.write(ours));
    assert_eq!([begun, rest].concat(), ["a", "b"]);
    assert_eq!(side.downs(), [(DownReason::Duplicate, 0)]);
}
