//! Messages that come back with a NACK, and who gets them next.

use super::side::{Frame, Side, at_least_once, id, ids, millis, secs, texts, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::frame::MessageId;
use crate::proto::link::LinkId;

pub(super) fn nack(side: &mut Side, link: LinkId, id: MessageId) {
    side.read(link, &[Frame::Nack(id)]);
}

/// Links of peers 1 and 2, the first of which has a message.
pub(super) fn workers(config: Config) -> (Side, [LinkId; 2], MessageId) {
    let mut side = Side::new(config);
    let links = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["job"]);
    let sent = ids(&side.write(links[0]));
    assert!(side.write(links[1]).is_empty());
    (side, links, sent[0])
}

#[test]
fn what_is_given_back_goes_to_the_other_peer_at_once_under_the_same_id() {
    let (mut side, [one, two], job) = workers(at_least_once());
    nack(&mut side, one, job);
    assert_eq!(ids(&side.write(two)), [job]);
    assert_eq!(side.hub.link(one).unwrap().unacknowledged, 0);
    side.read(two, &[Frame::Ack(job)]);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.resent, stats.waiting), (1, 1, 0));
    assert!(texts(&side.pass_alive(60, &[one, two])).is_empty());
}

#[test]
fn what_both_have_given_back_waits_for_the_pause() {
    let (mut side, [one, two], job) = workers(at_least_once());
    nack(&mut side, one, job);
    side.write(two);
    nack(&mut side, two, job);
    side.send_all(&["other"]);
    let others = [one, two].map(|link| texts(&side.write(link))).concat();
    assert_eq!(others, ["other"], "new messages do not wait for it");
    assert!(texts(&side.pass_alive(4, &[one, two])).is_empty());
    let frames = side.pass_alive(2, &[one, two]);
    assert_eq!(ids(&frames).iter().filter(|id| **id == job).count(), 1);
}

#[test]
fn a_peer_that_comes_anew_gets_what_all_others_have_given_back() {
    let (mut side, [one, two], job) = workers(at_least_once());
    nack(&mut side, one, job);
    side.write(two);
    nack(&mut side, two, job);
    let three = side.up(who(3));
    assert_eq!(ids(&side.write(three)), [job]);
}

#[test]
fn what_nobody_takes_holds_the_others_up_for_one_pause_at_most() {
    let (mut side, [one, two], job) = workers(at_least_once().unacknowledged(1));
    nack(&mut side, one, job);
    side.write(two);
    side.send_all(&["next"]);
    let next = ids(&side.write(one))[0];
    nack(&mut side, two, job);
    nack(&mut side, one, next);
    // Peer 2 might have the second, which waits behind the first.
    assert!(side.write(one).is_empty() && side.write(two).is_empty());
    let frames = side.pass_alive(6, &[one, two]);
    assert_eq!(texts(&frames).len(), 2);
}

#[test]
fn what_waits_for_room_with_the_only_other_peer_goes_there_with_its_next_ack() {
    let (mut side, [one, two], job) = workers(at_least_once().unacknowledged(1));
    side.send_all(&["next"]);
    let next = ids(&side.write(two))[0];
    nack(&mut side, one, job);
    assert_eq!(side.hub.router.stuck, Some(job));
    side.read(one, &[Frame::Heartbeat]);
    assert_eq!(side.hub.router.stuck, Some(job), "nothing has changed");
    side.read(two, &[Frame::Ack(next)]);
    assert_eq!(ids(&side.write(two)), [job]);
}

#[test]
fn a_message_is_given_up_when_it_came_back_too_often() {
    let (mut side, links, job) = workers(at_least_once().max_resends(2));
    nack(&mut side, links[0], job);
    side.write(links[1]);
    nack(&mut side, links[1], job);
    assert!(side.given_up().is_empty());
    side.pass_alive(6, &[]);
    side.pass(secs(6));
    let last = links
        .into_iter()
        .find(|link| !ids(&side.write(*link)).is_empty());
    nack(&mut side, last.expect("the pause is over"), job);
    assert_eq!(side.given_up().len(), 1);
    let stats = side.hub.stats();
    assert_eq!((stats.handed_back, stats.waiting), (1, 0));
}

#[test]
fn links_that_ended_and_nacks_count_together() {
    let (mut side, [one, two], job) = workers(at_least_once().max_resends(1));
    nack(&mut side, one, job);
    side.write(two);
    side.end(two, DownReason::Reset);
    assert_eq!(side.given_up(), [(Some(who(2)), "job".to_string())]);
}

#[test]
fn a_nack_of_a_stranger_is_a_stray() {
    let (mut side, [one, two], job) = workers(at_least_once());
    nack(&mut side, two, job);
    nack(&mut side, one, id(9));
    assert_eq!(side.hub.stats().stray_acks, 2);
    nack(&mut side, one, job);
    nack(&mut side, one, job);
    assert_eq!(side.hub.stats().stray_acks, 3);
    assert_eq!(ids(&side.write(two)), [job]);
    side.read(two, &[Frame::Ack(job)]);
    nack(&mut side, two, job);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.stray_acks), (1, 4));
}

#[test]
fn a_copy_in_the_outbox_of_whoever_gave_it_back_leaves_and_counts_for_nothing() {
    let (mut side, [one, two], job) = workers(at_least_once());
    side.pass(secs(5));
    side.read(one, &[Frame::Heartbeat]);
    nack(&mut side, one, job);
    assert_eq!(ids(&side.write(one)), [job], "a resend was on its way");
    let other = side.hub.ledger.get(job).unwrap();
    assert!(!other.is_written(), "the one of the other peer");
    assert_eq!(ids(&side.write(two)), [job]);
    // The other worker may do it, and acknowledge that copy.
    side.read(one, &[Frame::Ack(job)]);
    assert_eq!(side.hub.stats().acknowledged, 1);
    nack(&mut side, two, job);
    assert_eq!(side.hub.stats().stray_acks, 1);
}

#[test]
fn an_ack_ends_what_was_given_back_and_waits() {
    let (mut side, [one, two], job) = workers(at_least_once());
    nack(&mut side, one, job);
    side.write(two);
    nack(&mut side, two, job);
    side.read(one, &[Frame::Ack(job)]);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.waiting), (1, 0));
    assert!(texts(&side.pass_alive(20, &[one, two])).is_empty());
}

#[test]
fn what_was_sent_to_one_peer_comes_to_it_again_after_the_pause() {
    let mut side = Side::new(at_least_once());
    let [one, two] = [1, 2].map(|n| side.up(who(n)));
    side.send_to(who(1), "job").unwrap();
    let job = ids(&side.write(one))[0];
    nack(&mut side, one, job);
    assert!(side.write(one).is_empty() && side.write(two).is_empty());
    side.pass(millis(5_100));
    let frames = [one, two].map(|link| ids(&side.write(link)));
    assert_eq!(frames, [vec![job], vec![]]);
    nack(&mut side, one, job);
    side.end(one, DownReason::Reset);
    side.pass_alive(6, &[two]);
    let again = side.up(who(1));
    assert_eq!(ids(&side.write(again)), [job]);
}

#[test]
fn what_one_peer_gave_back_takes_up_its_room_there() {
    let mut side = Side::new(at_least_once().unacknowledged(2));
    let one = side.up(who(1));
    for text in ["job", "next"] {
        side.send_to(who(1), text).unwrap();
    }
    let [job, next] = ids(&side.write(one))[..] else {
        panic!("two were sent");
    };
    nack(&mut side, one, job);
    assert!(side.send_to(who(1), "other").is_err(), "it owes two");
    side.read(one, &[Frame::Ack(next)]);
    side.send_to(who(1), "other").unwrap();
    assert_eq!(side.hub.link(one).unwrap().unacknowledged, 2);
}

/// Its sender always has something more for its peer, which acknowledges one after the other.
#[test]
fn what_was_sent_to_one_peer_and_given_back_is_not_overtaken_for_ever() {
    let mut side = Side::new(at_least_once().unacknowledged(4));
    let one = side.up(who(1));
    side.send_to(who(1), "job").unwrap();
    let job = ids(&side.write(one))[0];
    nack(&mut side, one, job);
    let mut came = false;
    for _ in 0..200 {
        while side.send_to(who(1), "next").is_ok() {}
        let got = ids(&side.write(one));
        came |= got.contains(&job);
        side.pass(millis(50));
        for id in got {
            side.read(one, &[Frame::Ack(id)]);
            while side.send_to(who(1), "next").is_ok() {}
        }
    }
    assert!(came, "two pauses have passed");
}

#[test]
fn one_delivery_to_one_peer_counts_once() {
    let mut side = Side::new(at_least_once().max_resends(1));
    let one = side.up(who(1));
    side.send_to(who(1), "job").unwrap();
    let job = ids(&side.write(one))[0];
    nack(&mut side, one, job);
    nack(&mut side, one, job);
    assert_eq!(side.hub.stats().stray_acks, 1, "it has been given back");
    side.end(one, DownReason::Reset);
    assert!(side.given_up().is_empty(), "it was lost once");
    let again = side.up(who(1));
    assert_eq!(ids(&side.write(again)), [job]);
    nack(&mut side, again, job);
    assert_eq!(side.given_up(), [(Some(who(1)), "job".to_string())]);
    assert_eq!(side.hub.link(again).unwrap().unacknowledged, 0);
}

#[test]
fn a_copy_that_follows_what_was_given_back_counts_when_it_was_written() {
    for is_written in [false, true] {
        let mut side = Side::new(at_least_once().max_resends(1));
        let one = side.up(who(1));
        side.send_to(who(1), "job").unwrap();
        let job = ids(&side.write(one))[0];
        nack(&mut side, one, job);
        side.pass(millis(5_100));
        if is_written {
            assert_eq!(ids(&side.write(one)), [job]);
        }
        side.end(one, DownReason::Reset);
        assert_eq!(side.given_up().len(), usize::from(is_written));
    }
}

/// Enough of them for a sheet.
pub(super) fn burst(side: &mut Side, count: usize) {
    (0..count).for_each(|n| side.send_all(&[&format!("{n}")]));
}

#[test]
fn messages_of_a_sheet_are_given_back_one_by_one() {
    let mut side = Side::new(at_least_once());
    let one = side.up(who(1));
    burst(&mut side, 100);
    let sent = ids(&side.write(one));
    let two = side.up(who(2));
    for id in sent.iter().step_by(2) {
        nack(&mut side, one, *id);
    }
    let odd: Vec<Frame> = sent
        .iter()
        .skip(1)
        .step_by(2)
        .map(|id| Frame::Ack(*id))
        .collect();
    side.read(one, &odd);
    let moved = ids(&side.write(two));
    assert_eq!(moved, sent.iter().copied().step_by(2).collect::<Vec<_>>());
    side.read(two, &moved.into_iter().map(Frame::Ack).collect::<Vec<_>>());
    assert_eq!(side.hub.stats().acknowledged, 100);
}

/// The first messages are there, and come back, while the last ones are still being written.
#[test]
fn messages_of_a_chunk_on_its_way_are_given_back() {
    let mut side = Side::new(at_least_once());
    let one = side.up(who(1));
    burst(&mut side, 100);
    side.write_bytes(one, 1_000);
    let sent = ids(&side.take_frames(one));
    assert!(sent.len() > 20, "those on a sheet are among them");
    nack(&mut side, one, sent[20]);
    let rest = ids(&side.write(one));
    assert_eq!(sent.len() + rest.len(), 100);
    // Each of the others is sent again when it is late.
    let late = ids(&side.pass_alive(6, &[one]));
    assert!(rest.iter().chain(&sent).all(|id| late.contains(id)));
    assert_eq!(late.len(), 100);
}

#[test]
fn a_peer_that_gives_everything_back_is_not_sent_more_than_an_outbox_holds() {
    let mut side = Side::new(at_least_once().outbox(Limit {
        messages: 10,
        bytes: 10_000,
    }));
    let one = side.up(who(1));
    for _ in 0..10 {
        side.send_all(&["job"]);
        let sent = ids(&side.write(one));
        nack(&mut side, one, sent[0]);
    }
    assert!(side.send("job").is_err());
    side.pass(secs(6));
    assert_eq!(ids(&side.write(one)).len(), 10);
    side.send_all(&["job"]);
}

/// A socket of two peers, the first of which has given back as much as an outbox holds, all sent to
/// it by its identity.
fn with_one_that_gives_all_back() -> (Side, [LinkId; 2]) {
    let mut side = Side::new(at_least_once().outbox(Limit {
        messages: 10,
        bytes: 10_000,
    }));
    let links = [1, 2].map(|n| side.up(who(n)));
    for _ in 0..10 {
        side.send_to(who(1), "job").unwrap();
        let sent = ids(&side.write(links[0]));
        nack(&mut side, links[0], sent[0]);
    }
    (side, links)
}

#[test]
fn who_gives_back_what_was_sent_to_it_does_not_keep_others_from_being_sent_to() {
    let (mut side, [one, two]) = with_one_that_gives_all_back();
    side.send_to(who(2), "other").unwrap();
    side.end(one, DownReason::Reset);
    side.send_to(who(2), "one more").unwrap();
    assert_eq!(texts(&side.write(two)), ["other", "one more"]);
    let again = side.up(who(1));
    assert_eq!(ids(&side.write(again)).len(), 10);
}

#[test]
fn what_was_acknowledged_does_not_pile_up_behind_what_waits() {
    let mut side = Side::new(at_least_once());
    let one = side.up(who(1));
    for n in 0..1_000 {
        side.send_all(&["job"]);
        let id = ids(&side.write(one))[0];
        nack(&mut side, one, id);
        if n > 0 {
            side.read(one, &[Frame::Ack(id)]);
        }
    }
    assert_eq!(side.hub.ledger.given_back(), 1);
    let queued = side.hub.router.given_back.len();
    assert!(queued <= 100, "{queued} are queued");
}
