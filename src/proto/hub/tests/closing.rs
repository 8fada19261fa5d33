//! A socket's last work: what leaves, what is cut short, what comes back.

use super::side::{
    Frame, Side, at_least_once, data, id, ids, millis, round_robin, secs, texts, who,
};
use crate::event::DownReason;
use crate::message::Identity;
use crate::proto::hub::{CloseStep, Remains, Shut};
use crate::report::Unsent;

fn strings(list: &[Unsent]) -> Vec<String> {
    let list = list.iter();
    list.map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect()
}

fn peers(list: &[Unsent]) -> Vec<Option<Identity>> {
    list.iter().map(|one| one.peer).collect()
}

/// Ends everything, and checks that nothing is held any more.
fn finish(mut side: Side) -> Remains {
    side.hub.end_all(side.now);
    side.settle();
    assert!(!side.hub.has_links());
    let remains = side.hub.drain();
    side.hub.check_counts();
    let messages = side.hub.memory() - side.hub.window_bytes;
    assert_eq!((messages, side.hub.stats().waiting), (0, 0));
    remains
}

fn take_leave(side: &mut Side) {
    side.hub.begin_close(side.now);
    side.hub.take_leave(side.now, side.now + secs(2));
    side.settle();
}

#[test]
fn a_socket_with_nothing_to_do_is_flushed() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    assert!(side.hub.is_flushed());
    side.send_all(&["a"]);
    assert!(!side.hub.is_flushed());
    side.write(link);
    assert!(side.hub.is_flushed());
    finish(side);
}

#[test]
fn what_waits_or_is_not_acknowledged_is_not_flushed() {
    let mut side = Side::new(at_least_once());
    side.send_all(&["a"]);
    assert!(!side.hub.is_flushed());
    let link = side.up(who(1));
    let sent = ids(&side.write(link));
    assert!(!side.hub.is_flushed());
    side.read(link, &[Frame::Ack(sent[0])]);
    assert!(side.hub.is_flushed());
    finish(side);
}

#[test]
fn a_link_takes_leave_when_all_is_written() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a", "b"]);
    take_leave(&mut side);
    assert!(!side.is_shut(link, Shut::Write));
    assert_eq!(texts(&side.write(link)), ["a", "b"]);
    assert!(side.is_shut(link, Shut::Write) && !side.is_shut(link, Shut::Both));
    side.end(link, DownReason::Closed);
    assert_eq!(side.downs(), [(DownReason::Disconnected, 0)]);
    assert_eq!(side.hub.stats().written, 2);
    finish(side);
}

#[test]
fn a_leave_that_takes_too_long_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a", "b"]);
    side.write_bytes(link, 8);
    take_leave(&mut side);
    side.pass(millis(2_000));
    assert_eq!(side.downs(), [(DownReason::Disconnected, 1)]);
    assert_eq!(strings(&finish(side).unsent), ["b"]);
}

#[test]
fn a_reset_during_the_leave_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    take_leave(&mut side);
    side.end(link, DownReason::Reset);
    assert_eq!(side.downs(), [(DownReason::Disconnected, 1)]);
}

#[test]
fn a_write_that_fails_during_the_leave_is_in_doubt() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    side.send_all(&["b"]);
    take_leave(&mut side);
    side.write_bytes(link, 2);
    side.hub.handle_broken(side.now, link);
    side.end(link, DownReason::Closed);
    assert_eq!(side.hub.stats().in_doubt, 1);
    assert_eq!(strings(&finish(side).unsent), ["b"]);
}

#[test]
fn acknowledgements_leave_and_arrive_while_closing() {
    let mut side = Side::new(at_least_once());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let sent = ids(&side.write(link));
    side.read(link, &[Frame::Tracked(id(1), b"job".to_vec())]);
    side.hub.handle_taken(&[(who(1), id(1))]);
    take_leave(&mut side);
    assert_eq!(side.write(link), [Frame::Ack(id(1))]);
    side.read(link, &[Frame::Ack(sent[0])]);
    assert_eq!(side.hub.stats().acknowledged, 1);
    assert!(finish(side).unacknowledged.is_empty());
}

#[test]
fn new_messages_are_discarded_unacknowledged_while_closing() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.begin_close(side.now);
    let job = Frame::Tracked(id(1), b"job".to_vec());
    assert_eq!(side.read(link, &[job, data("x")]), []);
    assert_eq!(side.write(link), []);
}

#[test]
fn a_closing_socket_accepts_a_peer_only_for_what_waits() {
    let mut side = Side::new(round_robin());
    let [early, late] = [1, 2].map(|_| side.accept());
    side.send_all(&["a"]);
    side.hub.begin_close(side.now);
    side.bring_up(early, who(1));
    assert_eq!(texts(&side.write(early)), ["a"]);
    assert_eq!(side.accept_from(crate::endpoint::Remote::Mem), None);
    side.hello(late, who(2));
    assert!(side.is_gone(late));
}

#[test]
fn half_open_links_end_at_once() {
    let mut side = Side::new(round_robin());
    let link = side.accept();
    take_leave(&mut side);
    assert!(side.is_gone(link));
}

#[test]
fn no_dial_goes_on() {
    let mut side = Side::new(round_robin());
    let dial = side.connect("mem://a").unwrap();
    take_leave(&mut side);
    let step = side.hub.poll_dial(side.now, dial);
    assert_eq!(step, crate::proto::dial::DialStep::Stop);
}

#[test]
fn the_remains_say_what_was_written_and_what_was_not() {
    let mut side = Side::new(at_least_once().unacknowledged(1));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write(link);
    side.end(link, DownReason::Reset);
    side.send_all(&["b", "c"]);
    let remains = finish(side);
    assert_eq!(strings(&remains.unacknowledged), ["a"]);
    assert_eq!(peers(&remains.unacknowledged), [Some(who(1))]);
    assert_eq!(strings(&remains.unsent), ["b", "c"]);
    assert_eq!(peers(&remains.unsent), [None, None]);
}

#[test]
fn the_remains_hold_what_waits_for_absent_peers() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_to(who(1), "a").unwrap();
    side.end(link, DownReason::Reset);
    side.send_all(&["b"]);
    let remains = finish(side);
    assert_eq!(strings(&remains.unsent), ["a", "b"]);
    assert_eq!(peers(&remains.unsent), [Some(who(1)), None]);
}

#[test]
fn the_remains_say_for_whom_an_unwritten_message_was() {
    let mut side = Side::new(at_least_once());
    side.up(who(1));
    side.send_to(who(1), "a").unwrap();
    assert_eq!(peers(&finish(side).unsent), [Some(who(1))]);
}

#[test]
fn the_remains_hold_what_is_queued_behind_a_write_that_does_not_end() {
    for config in [round_robin(), at_least_once()] {
        let mut side = Side::new(config);
        let link = side.up(who(1));
        side.send_all(&["in hand"]);
        let in_hand = side.hub.poll_chunk(link).expect("a message is queued");
        side.send_to(who(1), "a").unwrap();
        side.send_all(&["b"]);
        side.hub.begin_close(side.now);
        side.hub.end_all(side.now);
        side.settle();
        let remains = side.hub.drain();
        let queued: Vec<_> = remains
            .unsent
            .iter()
            .filter(|one| one.body.len() == 1)
            .collect();
        assert_eq!(
            queued.iter().map(|one| &one.body[..]).collect::<Vec<_>>(),
            [b"a", b"b"]
        );
        assert_eq!(queued[0].peer, Some(who(1)));
        side.hub.handle_back(side.now, link, in_hand, false);
        side.settle();
        assert!(!side.hub.has_links());
    }
}

#[test]
fn a_close_waits_for_what_is_queued_then_for_the_peers_to_close_too() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let until = side.now + secs(2);
    side.hub.begin_close(until);
    assert_eq!(side.hub.poll_close(side.now), CloseStep::Wait { until });
    assert_eq!(side.write(link), [data("a")]);
    assert_eq!(side.hub.poll_close(side.now), CloseStep::StopListening);
    assert_eq!(side.hub.poll_close(side.now), CloseStep::Wait { until });
    side.settle();
    assert!(side.is_shut(link, Shut::Write));
    side.end(link, DownReason::Closed);
    assert_eq!(side.hub.poll_close(side.now), CloseStep::Over);
}

#[test]
fn a_close_with_nobody_connected_is_over_at_once() {
    let mut side = Side::new(round_robin());
    side.hub.begin_close(side.now + secs(2));
    assert_eq!(side.hub.poll_close(side.now), CloseStep::StopListening);
    assert_eq!(side.hub.poll_close(side.now), CloseStep::Over);
}

#[test]
fn a_close_ends_what_does_not_end_in_time() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.send_all(&["a"]);
    let until = side.now + secs(2);
    side.hub.begin_close(until);
    assert_eq!(side.hub.poll_close(until), CloseStep::StopListening);
    let CloseStep::Wait { until: last } = side.hub.poll_close(until) else {
        panic!("the peers have a moment to close");
    };
    assert!(last > until && last <= until + millis(400));
    assert_eq!(side.hub.poll_close(last), CloseStep::Over);
    side.settle();
    assert!(side.is_shut(link, Shut::Both));
}
