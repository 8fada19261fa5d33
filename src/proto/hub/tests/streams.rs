//! Streams with words of their own: when we may begin, what they prompt, and how they take leave.

use super::side::{Frame, Side, data, here, id, millis, round_robin, secs, texts, who};
use crate::endpoint::Remote;
use crate::event::DownReason;
use crate::policy::HalfOpen;
use crate::proto::chunk::{Chunk, FULL};
use crate::proto::hub::{Accepted, Shut, Verdict};
use crate::proto::link::LinkId;

/// A connection on which the other side has to begin.
fn accept_quietly(side: &mut Side) -> LinkId {
    let accepted = side
        .hub
        .handle_accepted(side.now, Remote::Mem, here(), false);
    side.settle();
    match accepted {
        Accepted::Link(id) => id,
        Accepted::Refused => panic!("there is no room"),
    }
}

fn farewell(side: &mut Side, link: LinkId, reason: DownReason) {
    side.hub.handle_farewell(side.now, link, reason);
    side.settle();
}

#[test]
fn where_the_other_side_begins_our_hello_waits_for_its_own() {
    let mut side = Side::new(round_robin());
    let link = accept_quietly(&mut side);
    assert_eq!(side.write(link), []);
    side.hub.handle_authorized(link);
    assert_eq!(side.hello(link, who(1)), Verdict::Accepted);
    assert_eq!(side.write(link), [Frame::Hello(who(100)), Frame::Heartbeat]);
}

#[test]
fn where_the_other_side_begins_silence_ends_without_a_word() {
    let mut side = Side::new(round_robin());
    let link = accept_quietly(&mut side);
    side.pass(secs(5));
    assert_eq!(side.write(link), []);
    assert_eq!(side.rejections(), [DownReason::HandshakeTimeout]);
}

#[test]
fn a_prompt_is_a_heartbeat_for_the_keeper_to_write() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.handle_prompt(link);
    assert_eq!(side.hub.poll_dirty(), Some(link));
    assert_eq!(side.write(link), [Frame::Heartbeat]);
}

#[test]
fn many_prompts_are_one_heartbeat() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    (0..100).for_each(|_| side.hub.handle_prompt(link));
    assert_eq!(side.write(link), [Frame::Heartbeat]);
}

#[test]
fn a_prompt_before_hello_waits_for_it() {
    let mut side = Side::new(round_robin());
    let link = accept_quietly(&mut side);
    side.hub.handle_prompt(link);
    assert_eq!(side.write(link), []);
    side.hub.handle_authorized(link);
    side.hello(link, who(1));
    assert_eq!(side.write(link), [Frame::Hello(who(100)), Frame::Heartbeat]);
}

#[test]
fn a_prompt_goes_behind_a_frame_that_was_begun() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["message"]);
    side.write_bytes(link, 3);
    side.hub.handle_prompt(link);
    assert_eq!(side.write(link), [data("message"), Frame::Heartbeat]);
}

#[test]
fn a_farewell_finishes_the_chunk_that_was_begun_and_nothing_else() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let long = "x".repeat(FULL);
    side.send_all(&[&long]);
    side.write_bytes(link, 3);
    side.send_all(&["waits"]);
    farewell(&mut side, link, DownReason::Closed);
    assert!(!side.is_shut(link, Shut::Write) && !side.is_up(who(1)));
    assert_eq!(texts(&side.write(link)), [long]);
    assert!(side.is_shut(link, Shut::Write));
    side.end(link, DownReason::Closed);
    let other = side.up(who(2));
    assert_eq!(texts(&side.write(other)), ["waits"]);
}

#[test]
fn what_was_written_before_a_farewell_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["perhaps"]);
    side.write(link);
    farewell(&mut side, link, DownReason::Closed);
    assert!(side.is_shut(link, Shut::Write));
    side.end(link, DownReason::Closed);
    assert_eq!(side.downs(), [(DownReason::Closed, 1)]);
}

#[test]
fn a_peer_that_stays_behind_its_farewell_is_put_out() {
    let mut side = Side::new(round_robin().linger(secs(2)));
    let link = side.up(who(1));
    farewell(&mut side, link, DownReason::Malformed);
    side.pass(millis(1_999));
    assert!(!side.is_gone(link));
    side.pass(millis(1));
    assert!(side.is_gone(link));
    assert_eq!(side.downs(), [(DownReason::Malformed, 0)]);
}

#[test]
fn a_peer_that_is_back_does_not_wait_for_its_farewell() {
    let mut side = Side::new(round_robin());
    let old = side.up(who(1));
    farewell(&mut side, old, DownReason::Closed);
    let new = side.accept();
    assert_eq!(side.hello(new, who(1)), Verdict::Wait);
    assert!(side.is_gone(old) && !side.hub.is_succeeding(new));
}

#[test]
fn a_farewell_before_hello_is_a_rejection_and_stays_half_open() {
    let mut side = Side::new(round_robin().half_open(HalfOpen {
        total: 1,
        per_address: 1,
    }));
    let link = accept_quietly(&mut side);
    farewell(&mut side, link, DownReason::ForeignOrigin);
    assert_eq!(side.write(link), []);
    assert!(side.is_shut(link, Shut::Write) && !side.is_gone(link));
    side.accept();
    assert!(side.is_gone(link), "it gives way to a new one");
    assert_eq!(side.rejections(), [DownReason::ForeignOrigin]);
}

/// However long this socket lingers: there is nothing that a stranger could still get.
#[test]
fn a_stranger_that_stays_behind_its_farewell_is_put_out_soon() {
    let mut side = Side::new(round_robin().linger(secs(60)));
    let link = accept_quietly(&mut side);
    farewell(&mut side, link, DownReason::ForeignOrigin);
    side.pass(millis(999));
    assert!(!side.is_gone(link));
    side.pass(millis(1));
    assert!(side.is_gone(link));
}

#[test]
fn a_farewell_does_not_cut_off_what_we_finish_on_our_own_leave() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["last"]);
    side.hub.begin_close(side.now);
    side.hub.take_leave(side.now, side.now + secs(2));
    farewell(&mut side, link, DownReason::Closed);
    assert_eq!(texts(&side.write(link)), ["last"]);
    assert!(side.is_shut(link, Shut::Write));
}

fn part(side: &mut Side, link: LinkId, reason: DownReason) {
    side.hub.handle_parted(side.now, link, reason);
    side.settle();
}

/// A writer that is about to come back, with a link whose peer has gone meanwhile.
fn gone_in_a_write(peer_is_slow: bool) -> (Side, LinkId, Chunk) {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["last"]);
    if peer_is_slow {
        side.write_bytes(link, 1);
    }
    let chunk = side.hub.poll_chunk(link).unwrap();
    part(&mut side, link, DownReason::Closed);
    assert!(!side.is_up(who(1)) && !side.is_gone(link));
    assert_eq!(side.is_shut(link, Shut::Both), peer_is_slow);
    (side, link, chunk)
}

#[test]
fn the_last_word_waits_for_a_write_that_is_going_on() {
    for takes_all in [true, false] {
        let (mut side, link, mut chunk) = gone_in_a_write(false);
        chunk.handle_taken(if takes_all { 9 } else { 8 });
        side.hub.handle_back(side.now, link, chunk, true);
        side.settle();
        assert!(side.is_shut(link, Shut::Both) && side.is_gone(link));
        let in_doubt = u64::from(takes_all);
        assert_eq!(side.downs(), [(DownReason::Closed, in_doubt)]);
    }
}

#[test]
fn the_last_word_waits_for_a_write_that_never_begins() {
    let (mut side, link, chunk) = gone_in_a_write(false);
    side.hub.handle_unwritten(link, chunk);
    side.settle();
    assert!(side.is_shut(link, Shut::Both) && side.is_gone(link));
}

#[test]
fn the_last_word_waits_for_no_write_that_hangs() {
    gone_in_a_write(true);
    let (mut side, link, _chunk) = gone_in_a_write(false);
    side.pass(secs(1));
    assert!(side.is_shut(link, Shut::Both));
}

#[test]
fn who_is_refused_during_a_write_hears_the_last_word_as_well() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    let hello = side.hub.poll_chunk(link).unwrap();
    part(&mut side, link, DownReason::Refused);
    assert!(!side.is_shut(link, Shut::Both) && side.rejections().is_empty());
    side.hub.handle_unwritten(link, hello);
    side.settle();
    assert!(side.is_shut(link, Shut::Both) && side.is_gone(link));
    assert_eq!(side.rejections(), [DownReason::Refused]);
}

#[test]
fn the_last_word_waits_no_longer_for_a_link_that_lingers() {
    let mut side = Side::new(round_robin().linger(secs(60)));
    let link = side.up(who(1));
    side.send_all(&["last"]);
    let chunk = side.hub.poll_chunk(link).unwrap();
    side.hub.handle_expelled(side.now, who(1));
    part(&mut side, link, DownReason::Closed);
    assert!(!side.is_shut(link, Shut::Both));
    side.pass(secs(1));
    assert!(side.is_shut(link, Shut::Both) && !side.is_gone(link));
    side.hub.handle_unwritten(link, chunk);
    side.settle();
    assert!(side.is_gone(link));
}

/// Plain streams have no last word, and what was not begun goes to another peer.
#[test]
fn a_plain_stream_ends_in_the_middle_of_a_write() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["another's"]);
    let chunk = side.hub.poll_chunk(link).unwrap();
    side.end(link, DownReason::Closed);
    assert!(side.is_shut(link, Shut::Both));
    side.hub.handle_back(side.now, link, chunk, false);
    side.settle();
    assert_eq!(side.downs(), [(DownReason::Closed, 0)]);
    let other = side.up(who(2));
    assert_eq!(texts(&side.write(other)), ["another's"]);
}

/// What is still written there has no reader.
#[test]
fn an_ack_waits_for_the_successor_of_a_peer_that_went_in_a_write() {
    let mut side = Side::new(round_robin());
    let old = side.up(who(1));
    side.read(old, &[Frame::Tracked(id(1), b"job".to_vec())]);
    side.send_all(&["last"]);
    let chunk = side.hub.poll_chunk(old).unwrap();
    part(&mut side, old, DownReason::Closed);
    let new = side.accept();
    assert_eq!(side.hello(new, who(1)), Verdict::Wait);
    side.hub.handle_taken(&[(who(1), id(1))]);
    side.hub.handle_unwritten(old, chunk);
    side.settle();
    assert!(side.write(new).contains(&Frame::Ack(id(1))));
}
