//! Acknowledgements, sent and received: who may give one, where ours go, and copies.

use super::side::{Frame, Side, at_least_once, id, ids, round_robin, secs, texts, who};
use crate::event::DownReason;

fn job(n: u8) -> Frame {
    Frame::Tracked(id(n), b"job".to_vec())
}

#[test]
fn an_ack_settles_a_message() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let sent = ids(&side.write(link));
    assert_eq!(side.hub.stats().waiting, 1);
    side.read(link, &[Frame::Ack(sent[0])]);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.waiting), (1, 0));
    side.pass_alive(20, &[link]);
    assert_eq!(side.hub.stats().resent, 0);
}

#[test]
fn an_ack_of_a_stranger_means_nothing() {
    let mut side = Side::new(at_least_once());
    let [link, other] = [1, 2].map(|n| side.up(who(n)));
    side.send_to(who(1), "a").unwrap();
    let sent = ids(&side.write(link));
    side.read(other, &[Frame::Ack(sent[0]), Frame::Ack(id(9))]);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.stray_acks), (0, 2));
    side.read(link, &[Frame::Ack(sent[0]), Frame::Ack(sent[0])]);
    let stats = side.hub.stats();
    assert_eq!((stats.acknowledged, stats.stray_acks), (1, 3));
}

#[test]
fn a_late_ack_of_an_earlier_holder_settles_what_another_has() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let sent = ids(&side.write(link));
    side.end(link, DownReason::Reset);
    let other = side.up(who(2));
    assert_eq!(ids(&side.write(other)), sent);
    let again = side.up(who(1));
    side.read(again, &[Frame::Ack(sent[0])]);
    assert_eq!(side.hub.stats().acknowledged, 1);
}

#[test]
fn a_late_ack_makes_a_waiting_resend_needless() {
    for direct in [true, false] {
        let mut side = Side::new(at_least_once());
        let link = side.up(who(1));
        match direct {
            true => side.send_to(who(1), "a").unwrap(),
            false => side.send("a").unwrap(),
        };
        let sent = ids(&side.write(link));
        side.end(link, DownReason::Reset);
        let again = side.accept();
        side.hello(again, who(1));
        side.write(again);
        // What counts is that the ACK is there, not that it is a frame: the gate stays shut.
        let mut acks = super::side::decode(&[Frame::Ack(sent[0])]);
        acks.frames = 0;
        side.take(again, &mut acks);
        assert_eq!(side.hub.stats().waiting, 0);
        side.pass_alive(1, &[again]);
        assert!(side.is_up(who(1)) && side.write(again).is_empty());
    }
}

#[test]
fn an_ack_goes_out_when_the_application_has_the_message() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    assert_eq!(side.read(link, &[job(1)]), [job(1)]);
    assert_eq!(side.write(link), []);
    side.hub.handle_taken(&[(who(1), id(1))]);
    assert_eq!(side.write(link), [Frame::Ack(id(1))]);
}

#[test]
fn a_copy_in_hand_is_neither_delivered_nor_acknowledged() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    assert_eq!(side.read(link, &[job(1), job(2), job(2)]), [job(2)]);
    assert_eq!(side.write(link), []);
    assert_eq!(side.hub.stats().duplicates, 2);
}

#[test]
fn a_copy_of_what_is_done_is_acknowledged_at_once() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.write(link);
    assert_eq!(side.read(link, &[job(1)]), []);
    assert_eq!(side.write(link), [Frame::Ack(id(1))]);
}

#[test]
fn copies_are_recognised_across_reconnects() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.end(link, DownReason::Reset);
    side.pass(secs(500));
    let again = side.up(who(1));
    assert_eq!(side.read(again, &[job(1)]), []);
    assert_eq!(side.write(again), [Frame::Ack(id(1))]);
}

#[test]
fn the_same_id_from_another_peer_is_another_message() {
    let mut side = Side::new(round_robin());
    let [one, two] = [1, 2].map(|n| side.up(who(n)));
    assert_eq!(side.read(one, &[job(1)]), [job(1)]);
    assert_eq!(side.read(two, &[job(1)]), [job(1)]);
}

#[test]
fn the_ack_goes_to_the_link_of_the_latest_copy() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.end(link, DownReason::Reset);
    let again = side.up(who(1));
    assert_eq!(side.read(again, &[job(1)]), []);
    side.hub.handle_taken(&[(who(1), id(1))]);
    assert_eq!(side.write(again), [Frame::Ack(id(1))]);
}

#[test]
fn the_ack_of_a_lost_link_goes_to_the_peers_next_one() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.end(link, DownReason::Reset);
    let again = side.up(who(1));
    side.hub.handle_taken(&[(who(1), id(1))]);
    assert_eq!(side.write(again), [Frame::Ack(id(1))]);
}

#[test]
fn a_message_that_was_given_back_is_answered_with_a_nack_and_delivered_again() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.hub.handle_given_back(who(1), id(1));
    side.hub.handle_given_back(who(1), id(1));
    assert_eq!(side.write(link), [Frame::Nack(id(1))]);
    assert_eq!(side.read(link, &[job(1)]), [job(1)]);
}

#[test]
fn the_nack_goes_where_the_ack_would_go() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1), job(2)]);
    side.end(link, DownReason::Reset);
    side.hub.handle_given_back(who(1), id(1));
    let again = side.up(who(1));
    assert_eq!(side.read(again, &[job(1), job(2)]), [job(1)]);
    side.hub.handle_given_back(who(1), id(2));
    assert_eq!(side.write(again), [Frame::Nack(id(2))]);
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.end(link, DownReason::Reset);
    let again = side.up(who(1));
    side.hub.handle_given_back(who(1), id(1));
    assert_eq!(side.write(again), [Frame::Nack(id(1))]);
}

#[test]
fn a_message_that_never_reached_the_application_is_not_given_back() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.hub.handle_returned(who(1), id(1));
    assert_eq!(side.write(link), []);
    let mut reading = super::side::decode(&[job(1)]);
    side.take(link, &mut reading);
    assert_eq!(
        (reading.batch.spans.len(), &reading.batch.returns[..]),
        (1, &[][..])
    );
}

#[test]
fn a_message_says_how_often_it_was_given_back() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    for count in 0..3 {
        let mut reading = super::side::decode(&[job(9 + count as u8), job(2), job(1)]);
        side.take(link, &mut reading);
        let batch = &reading.batch;
        let last = batch.spans.len() - 1;
        assert_eq!((batch.returns_of(0), batch.returns_of(last)), (0, count));
        side.hub.handle_given_back(who(1), id(1));
        side.hub.handle_taken(&[(who(1), id(9 + count as u8))]);
    }
    side.end(link, DownReason::Reset);
    let link = side.up(who(1));
    let mut again = super::side::decode(&[job(1)]);
    side.take(link, &mut again);
    assert_eq!(again.batch.returns_of(0), 3, "across a reconnect");
    side.hub.handle_taken(&[(who(1), id(1))]);
    assert!(!side.hub.peers[&who(1)].window.has_returns());
}

#[test]
fn a_message_is_acknowledged_or_returned_once() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.read(link, &[job(1)]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.hub.handle_given_back(who(1), id(1));
    assert_eq!(side.write(link), [Frame::Ack(id(1))]);
    assert_eq!(side.read(link, &[job(1)]), []);
}

#[test]
fn acks_pass_messages_that_the_link_does_not_take() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.read(link, &[job(1)]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    let frames = side.write(link);
    assert_eq!(frames[0], Frame::Ack(id(1)));
    assert_eq!(texts(&frames), ["a"]);
}

#[test]
fn a_peer_is_not_read_while_too_many_acks_wait_for_it() {
    let mut side = Side::new(round_robin().duplicate_window(4));
    let link = side.up(who(1));
    for n in 0..65_537_u128 {
        let id = crate::proto::frame::MessageId(n.to_be_bytes());
        let mut reading = super::side::decode(&[Frame::Tracked(id, Vec::new())]);
        side.hub.handle_reading(side.now, link, &mut reading, 0);
        side.hub.handle_taken(&[(who(1), id)]);
    }
    assert!(side.hub.is_crowded_by_acks(link));
    side.write(link);
    assert!(!side.hub.is_crowded_by_acks(link));
}

#[test]
fn who_took_messages_writes_their_acks_unless_the_keeper_is_on_its_way() {
    let mut side = Side::new(round_robin());
    let links = [1, 2].map(|n| side.up(who(n)));
    links.iter().for_each(|link| {
        side.read(*link, &[job(1), job(2)]);
        side.write(*link);
    });
    side.settle();
    while side.hub.poll_dirty().is_some() {}
    let (link, chunk) = side
        .hub
        .claim_acks(&[(who(1), id(1))])
        .expect("all is quiet");
    assert_eq!(link, links[0]);
    assert!(!side.hub.has_effects(), "nobody is woken for it");
    side.hub.handle_unwritten(link, chunk);
    side.settle();
    assert!(side.hub.claim_acks(&[(who(2), id(1))]).is_none());
    assert_eq!(side.write(links[0]), [Frame::Ack(id(1))]);
    assert_eq!(side.write(links[1]), [Frame::Ack(id(1))]);
    assert!(
        side.hub
            .claim_acks(&[(who(1), id(2)), (who(2), id(2))])
            .is_none()
    );
    assert_eq!(side.write(links[0]), [Frame::Ack(id(2))]);
}
