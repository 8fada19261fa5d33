//! Messages that are not acknowledged in time, and who gets them as well.

use super::returning::{burst, nack, workers};
use super::side::{Frame, Side, at_least_once, ids, millis, secs, texts, who};
use crate::config::Config;
use crate::event::DownReason;

fn in_time() -> Config {
    at_least_once().ack_within(secs(1))
}

#[test]
fn what_is_not_acknowledged_in_time_goes_to_another_peer_as_well() {
    let (mut side, [one, two], job) = workers(in_time().max_resends(0));
    side.pass(millis(900));
    assert!(side.write(two).is_empty());
    side.pass(millis(200));
    assert_eq!(ids(&side.write(two)), [job]);
    assert!(side.write(one).is_empty(), "it has it already");
    assert!(side.given_up().is_empty(), "it does not count");
}

#[test]
fn whoever_acknowledges_first_ends_it() {
    for first in [0, 1] {
        let (mut side, links, job) = workers(in_time());
        side.pass(millis(1_100));
        side.write(links[1]);
        side.read(links[first], &[Frame::Ack(job)]);
        let stats = side.hub.stats();
        assert_eq!((stats.acknowledged, stats.waiting), (1, 0));
        side.read(links[1 - first], &[Frame::Ack(job)]);
        assert_eq!(side.hub.stats().stray_acks, 1);
        assert!(texts(&side.pass_alive(9, &links)).is_empty());
    }
}

#[test]
fn a_peer_that_is_late_gets_nothing_new_before_it_answers() {
    for answer in [Frame::Ack, Frame::Nack] {
        let (mut side, [one, two], job) = workers(in_time());
        side.pass(millis(1_100));
        let copy = ids(&side.write(two));
        side.read(two, &[Frame::Ack(copy[0])]);
        burst(&mut side, 4);
        assert_eq!(
            (side.write(one).len(), texts(&side.write(two)).len()),
            (0, 4)
        );
        assert!(side.send_to(who(1), "to it").is_err());
        assert_eq!(
            side.hub
                .send_to_each(&[who(1)], 75, &b"to it".into())
                .missed,
            [who(1)]
        );
        side.read(one, &[answer(job)]);
        side.send_to(who(1), "to it").unwrap();
        assert_eq!(texts(&side.write(one)), ["to it"]);
    }
}

#[test]
fn where_nobody_else_can_take_it_a_late_message_stays_owed() {
    let mut side = Side::new(in_time());
    let one = side.up(who(1));
    side.send_all(&["job"]);
    let job = ids(&side.write(one))[0];
    assert!(texts(&side.pass_alive(60, &[one])).is_empty());
    assert_eq!(side.hub.stats().waiting, 1);
    side.read(one, &[Frame::Ack(job)]);
    assert_eq!(side.hub.stats().acknowledged, 1);
}

#[test]
fn every_message_of_a_late_sheet_goes_to_the_other() {
    let mut side = Side::new(in_time());
    let one = side.up(who(1));
    burst(&mut side, 100);
    let sent = ids(&side.write(one));
    let two = side.up(who(2));
    side.pass(millis(1_100));
    let mut moved = ids(&side.write(two));
    moved.sort_unstable();
    assert!(moved == sent);
    side.read(one, &[Frame::Ack(sent[7])]);
    assert_eq!(side.hub.stats().acknowledged, 1);
}

#[test]
fn a_late_peer_that_leaves_has_nothing_more_to_do_with_it() {
    let (mut side, [one, two], job) = workers(in_time());
    side.pass(millis(1_100));
    side.write(two);
    side.end(one, DownReason::Reset);
    side.read(two, &[Frame::Ack(job)]);
    assert_eq!(side.hub.stats().acknowledged, 1);
}

#[test]
fn what_is_sent_by_identity_is_sent_again_to_it_alone() {
    let mut side = Side::new(in_time());
    let [one, two] = [1, 2].map(|n| side.up(who(n)));
    side.send_to(who(1), "job").unwrap();
    let job = ids(&side.write(one));
    assert_eq!(ids(&side.pass_alive(6, &[two, one])), job);
    assert_eq!(side.hub.stats().resent, 1);
}

/// Each worker is killed when it has been late for a while, and another one has the job by then.
#[test]
fn a_job_that_hangs_and_then_kills_is_given_up() {
    let mut side = Side::new(in_time().max_resends(2));
    let mut links = vec![side.up(who(1))];
    side.send_all(&["poison"]);
    let mut killed = 0;
    for n in 2..20 {
        links.push(side.up(who(n)));
        let with_job = |link: &_| !ids(&side.write(*link)).is_empty();
        let Some(at) = links.iter().position(with_job) else {
            break;
        };
        side.pass(millis(1_100));
        side.end(links.remove(at), DownReason::Reset);
        killed += 1;
    }
    // Three count, and the fourth has its copy already when the third ends.
    assert_eq!(killed, 4);
    assert_eq!(side.given_up().len(), 1);
    assert_eq!(side.hub.stats().waiting, 0);
}

#[test]
fn a_job_that_all_give_back_late_is_given_up() {
    let mut side = Side::new(in_time().max_resends(2));
    let links = [1, 2].map(|n| side.up(who(n)));
    side.send_all(&["poison"]);
    let mut deliveries = 0;
    for _ in 0..60 {
        for link in links {
            side.read(link, &[Frame::Heartbeat]);
            for id in ids(&side.write(link)) {
                deliveries += 1;
                side.pass(millis(1_100));
                nack(&mut side, link, id);
            }
        }
        side.pass(secs(1));
    }
    // The other one has its copy already when the third comes back.
    assert!(deliveries <= 4, "{deliveries} deliveries");
    assert_eq!(side.given_up().len(), 1);
    assert_eq!(side.hub.stats().waiting, 0);
}

#[test]
fn a_late_worker_that_comes_anew_gets_it_at_once() {
    let mut side = Side::new(in_time());
    let one = side.up(who(1));
    side.send_all(&["job"]);
    let job = ids(&side.write(one));
    side.pass(millis(1_100));
    side.end(one, DownReason::Reset);
    let again = side.up(who(1));
    assert_eq!(ids(&side.write(again)), job);
}

#[test]
fn what_is_given_back_late_counts_once_and_comes_back_after_the_pause() {
    let (mut side, [one, two], job) = workers(in_time().max_resends(1));
    side.pass(millis(1_100));
    assert_eq!(ids(&side.write(two)), [job]);
    nack(&mut side, one, job);
    nack(&mut side, one, job);
    assert_eq!(side.hub.stats().stray_acks, 1, "it was answered");
    side.end(one, DownReason::Reset);
    assert!(side.given_up().is_empty(), "it counted once");
    side.end(two, DownReason::Reset);
    assert_eq!(side.given_up(), [(Some(who(2)), "job".to_string())]);
}

#[test]
fn what_waits_for_whoever_comes_is_given_up_where_it_is() {
    let (mut side, [one, two], _) = workers(in_time().max_resends(0));
    side.send_all(&["other"]);
    side.pass(millis(1_100));
    assert!(side.given_up().is_empty(), "nothing has come to nothing");
    let copy = ids(&side.write(two));
    assert_eq!(copy.len(), 2, "its own, and that of the other");
    side.end(one, DownReason::Reset);
    assert_eq!(side.given_up(), [(Some(who(2)), "job".to_string())]);
    side.read(two, &[Frame::Ack(copy[0])]);
    assert_eq!(side.hub.stats().waiting + side.hub.stats().acknowledged, 1);
}
