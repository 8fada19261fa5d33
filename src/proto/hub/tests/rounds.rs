//! Rounds of writes to several peers, and what the keeper waits for before it begins one.

use std::time::Duration;

use super::side::{Side, millis, round_robin, who};
use crate::config::Config;
use crate::message::Identity;
use crate::policy::Limit;
use crate::proto::link::LinkId;

fn side_with(config: Config, peers: usize) -> (Side, Vec<LinkId>) {
    let mut side = Side::publisher(config);
    let me = side.me;
    let others = (1..).map(who).filter(|it| *it != me).take(peers);
    let links = others.map(|it| side.up(it)).collect();
    while side.hub.poll_dirty().is_some() {}
    (side, links)
}

fn side_of(peers: usize) -> (Side, Vec<LinkId>) {
    side_with(round_robin(), peers)
}

fn publish_messages(side: &mut Side, count: usize) {
    (0..count).for_each(|_| side.send_all(&["little"]));
}

/// A round of so many more messages, all of it written.
fn write_round(side: &mut Side, links: &[LinkId], messages: usize) {
    publish_messages(side, messages);
    for link in links {
        assert!(side.write(*link).len() >= messages);
    }
    while side.hub.poll_dirty().is_some() {}
}

/// The link that the keeper writes next, to which it has written.
fn claim(side: &mut Side) -> Option<LinkId> {
    let (link, mut chunk) = side.hub.claim_next()?;
    chunk.handle_taken(chunk.len());
    side.hub.handle_back(side.now, link, chunk, true);
    Some(link)
}

/// How long the keeper waits for more, whether or not that comes.
fn rest(side: &Side) -> Duration {
    let moment = side.hub.moment_before_writing(side.now);
    let patient = moment.filter(|moment| moment.is_patient);
    patient.map_or(Duration::ZERO, |moment| moment.nap)
}

#[test]
fn the_keeper_waits_for_more_before_a_round_of_writes_and_not_within_it() {
    let (mut side, links) = side_of(3);
    side.send_all(&["a"]);
    assert!(side.hub.moment_before_writing(side.now).is_some());
    for link in &links {
        assert_eq!(claim(&mut side), Some(*link));
        let is_last = *link == links[2];
        // What comes meanwhile is for the next round.
        side.send_all(&["b"]);
        assert_eq!(side.hub.moment_before_writing(side.now).is_some(), is_last);
    }
}

#[test]
fn before_it_writes_to_very_many_the_keeper_naps() {
    let (mut side, _) = side_of(200);
    while side.hub.poll_dirty().is_some() {}
    side.send_all(&["a"]);
    let moment = side
        .hub
        .moment_before_writing(side.now)
        .expect("there is little");
    assert!(moment.nap > Duration::from_micros(10));
    assert!(claim(&mut side).is_some());
    assert_eq!(side.hub.moment_before_writing(side.now), None);
}

#[test]
fn the_keeper_waits_until_many_peers_get_as_much_as_lately() {
    let (mut side, links) = side_of(100);
    write_round(&mut side, &links, 400);
    assert_eq!(rest(&side), Duration::ZERO, "nothing is to be written");
    publish_messages(&mut side, 1);
    assert_eq!(rest(&side), Duration::from_micros(200));
    publish_messages(&mut side, 398);
    assert_eq!(rest(&side), Duration::from_micros(200));
    publish_messages(&mut side, 1);
    assert_eq!(rest(&side), Duration::ZERO);
}

#[test]
fn what_was_once_published_at_once_is_soon_not_waited_for() {
    let (mut side, links) = side_of(50);
    write_round(&mut side, &links, 320);
    let waits = (0..20).take_while(|_| {
        publish_messages(&mut side, 1);
        let waits = rest(&side) > Duration::ZERO;
        write_round(&mut side, &links, 0);
        waits
    });
    assert_eq!(waits.count(), 17, "from 320 to less than 32");
}

#[test]
fn the_keeper_does_not_wait_where_little_was_published_at_once() {
    for (messages, waits) in [(31, false), (32, true)] {
        let (mut side, links) = side_of(50);
        write_round(&mut side, &links, messages);
        publish_messages(&mut side, 1);
        assert_eq!(rest(&side) > Duration::ZERO, waits, "{messages}");
    }
}

#[test]
fn the_keeper_does_not_wait_for_who_pauses_for_as_long_as_a_round_takes() {
    for (pause, waits) in [(1_990, true), (2_000, false)] {
        let (mut side, links) = side_of(100);
        write_round(&mut side, &links, 400);
        side.now += Duration::from_micros(pause);
        publish_messages(&mut side, 1);
        assert_eq!(rest(&side) > Duration::ZERO, waits, "{pause}");
    }
}

#[test]
fn the_keeper_waits_where_there_are_neither_few_nor_very_many() {
    for (peers, waits) in [(24, false), (25, true), (127, true), (128, false)] {
        let (mut side, links) = side_of(peers);
        write_round(&mut side, &links, 100);
        publish_messages(&mut side, 1);
        assert_eq!(rest(&side) > Duration::ZERO, waits, "{peers}");
    }
}

#[test]
fn the_keeper_does_not_wait_beyond_a_chunk() {
    let (mut side, links) = side_of(50);
    write_round(&mut side, &links, 10_000);
    publish_messages(&mut side, 64 * 1024 / 11);
    assert!(rest(&side) > Duration::ZERO);
    publish_messages(&mut side, 1);
    assert_eq!(rest(&side), Duration::ZERO);
}

#[test]
fn the_keeper_does_not_wait_for_who_has_no_room() {
    let (mut side, links) = side_with(
        round_robin().outbox(Limit {
            messages: 100,
            bytes: 1 << 20,
        }),
        50,
    );
    write_round(&mut side, &links, 100);
    side.send_to(who(50), "to one").unwrap();
    publish_messages(&mut side, 98);
    assert!(rest(&side) > Duration::ZERO);
    publish_messages(&mut side, 1);
    assert_eq!(rest(&side), Duration::ZERO, "one peer has a message more");
}

/// What some get says nothing about what others will.
#[test]
fn what_others_got_at_once_is_not_waited_for() {
    let (mut side, links) = side_of(90);
    let [some, others] = [1..=40, 41..=80].map(|n| n.map(who).collect::<Vec<_>>());
    let send_to = |side: &mut Side, peers: &[Identity], messages| {
        // The first time that they are named, nothing is gathered for them.
        (0..=messages).for_each(|_| drop(side.hub.send_to_each(peers, 75, &b"little".into())));
        let waits = rest(side) > Duration::ZERO;
        write_round(side, &links, 0);
        waits
    };
    send_to(&mut side, &some, 400);
    assert!(send_to(&mut side, &some, 1));
    send_to(&mut side, &others, 0);
    assert!(!send_to(&mut side, &others, 1), "others are named");
    send_to(&mut side, &others, 400);
    publish_messages(&mut side, 1);
    assert_eq!(rest(&side), Duration::ZERO, "everybody");
}

#[test]
fn the_keeper_does_not_wait_with_something_else_to_write() {
    let (mut side, links) = side_of(50);
    write_round(&mut side, &links, 100);
    publish_messages(&mut side, 1);
    side.hub.handle_prompt(links[0]);
    assert_eq!(rest(&side), Duration::ZERO);
}

#[test]
fn the_keeper_does_not_wait_for_more_at_the_end() {
    let (mut side, links) = side_of(50);
    write_round(&mut side, &links, 100);
    publish_messages(&mut side, 1);
    assert!(rest(&side) > Duration::ZERO);
    side.hub.begin_close(side.now + millis(100));
    assert_eq!(rest(&side), Duration::ZERO);
}
