//! Heartbeats, silence, and time that is not the peer's fault.

use std::time::Duration;

use super::side::{Frame, Side, data, id, millis, round_robin, secs, who};
use crate::event::DownReason;
use crate::policy::{Heartbeat, Overflow};

#[test]
fn a_quiet_link_gets_a_heartbeat_soon_after_the_interval() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    for _ in 0..5 {
        side.pass(millis(4_990));
        assert_eq!(side.write(link), []);
        side.pass(millis(260));
        assert_eq!(side.write(link), [Frame::Heartbeat]);
        side.read(link, &[Frame::Heartbeat]);
    }
}

#[test]
fn many_links_get_their_heartbeats_in_time() {
    let mut side = Side::new(round_robin());
    let mut wrote = Vec::new();
    for n in 1..=40 {
        wrote.push((side.up(who(n)), side.now));
        side.pass(millis(77));
    }
    for _ in 0..300 {
        side.pass(millis(50));
        for (link, last) in &mut wrote {
            side.read(*link, &[]);
            let quiet = side.now - *last;
            assert!(quiet <= millis(5_300), "{quiet:?}");
            if side.write(*link) == [Frame::Heartbeat] {
                assert!(quiet >= secs(5), "{quiet:?}");
                *last = side.now;
            }
        }
    }
}

#[test]
fn a_heartbeat_is_answered_with_one_that_is_due_before_long() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(2_490));
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.take_frames(link), []);
    side.pass(millis(10));
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.take_frames(link), [Frame::Heartbeat]);
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.take_frames(link), [], "the next one is not due");
    side.pass(millis(5_240));
    assert_eq!(side.write(link), []);
    side.pass(millis(10));
    assert_eq!(side.write(link), [Frame::Heartbeat]);
}

/// Two ends that are far from each other would answer answers, as fast as they can read.
#[test]
fn however_short_the_interval_answers_keep_their_distance() {
    let mut side = Side::new(round_robin().heartbeat(Heartbeat {
        interval: millis(6),
        timeout: millis(60),
    }));
    let link = side.up(who(1));
    side.now += millis(4);
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.take_frames(link), []);
    side.now += millis(1);
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.take_frames(link), [Frame::Heartbeat]);
}

#[test]
fn nothing_but_a_heartbeat_is_answered_with_one() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(secs(3));
    for frame in [data("a"), Frame::Ack(id(9))] {
        side.read(link, &[Frame::Heartbeat, frame]);
        assert_eq!(side.take_frames(link), []);
    }
    side.send("a").unwrap();
    side.read(link, &[Frame::Heartbeat]);
    assert_eq!(side.write(link), [data("a")], "that says it as well");
}

/// Of two ends that say nothing, one sends its heartbeat first, and the other answers.
#[test]
fn who_was_dialled_sends_its_heartbeat_first() {
    let (mut dialler, mut listener) = (Side::new(round_robin()), Side::new(round_robin()));
    let accepted = listener.up(who(1));
    let dial = dialler.connect("mem://a").unwrap();
    let dialled = dialler.dial(dial);
    dialler.bring_up(dialled, who(2));
    listener.pass(millis(5_250));
    assert_eq!(listener.write(accepted), [Frame::Heartbeat]);
    dialler.pass(millis(5_340));
    assert_eq!(dialler.write(dialled), []);
    dialler.pass(millis(10));
    assert_eq!(dialler.write(dialled), [Frame::Heartbeat]);
}

#[test]
fn whoever_sends_needs_no_heartbeat() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    for _ in 0..20 {
        side.send_all(&["a"]);
        side.read(link, &[Frame::Heartbeat]);
        assert_eq!(side.write(link).len(), 1);
        side.pass(secs(1));
    }
}

/// Row 7: to the moment.
#[test]
fn silence_for_the_timeout_ends_a_link() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(14_900));
    assert!(!side.is_gone(link));
    side.pass(millis(350));
    assert_eq!(side.downs(), [(DownReason::Silent, 0)]);
}

/// Row 17: any byte counts.
#[test]
fn any_byte_is_life() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    for _ in 0..10 {
        side.pass(secs(14));
        side.read(link, &[]);
    }
    assert!(!side.is_gone(link));
}

#[test]
fn a_parked_reader_hears_no_silence() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.handle_parked(side.now, link, true);
    side.pass(secs(100));
    assert!(!side.is_gone(link));
    side.hub.handle_parked(side.now, link, false);
    side.pass(millis(14_900));
    assert!(!side.is_gone(link));
    side.pass(millis(350));
    assert_eq!(side.downs(), [(DownReason::Silent, 0)]);
}

/// Row 12: a minute.
#[test]
fn a_suspended_process_blames_nobody_for_the_silence() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(secs(2));
    side.oversleep(secs(60));
    assert!(!side.is_gone(link));
    side.pass(secs(16));
    assert_eq!(side.downs(), [(DownReason::Silent, 0)]);
}

/// Row 12: the verdict was next.
#[test]
fn a_verdict_that_was_next_waits_for_what_the_kernel_holds() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(millis(14_900));
    let opening = side.accept();
    side.oversleep(secs(60));
    assert!(!side.is_gone(link) && !side.is_gone(opening));
    side.read(link, &[Frame::Heartbeat]);
    side.pass(secs(6));
    assert!(!side.is_gone(link) && side.is_gone(opening));
}

#[test]
fn a_keeper_that_is_late_moves_no_deadline_beyond_the_timeout() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(secs(1));
    side.now += secs(60);
    side.read(link, &[Frame::Heartbeat]);
    side.oversleep(millis(1));
    side.pass(secs(16));
    assert_eq!(side.downs(), [(DownReason::Silent, 0)]);
}

/// Row 12: writes that stood still with us.
#[test]
fn a_suspended_process_finds_nobody_slow() {
    let mut side = Side::new(round_robin().overflow(Overflow::Disconnect));
    let link = side.up(who(1));
    side.send_all(&["a"]);
    side.write_bytes(link, 1);
    side.pass(secs(1));
    side.oversleep(secs(60));
    assert!(!side.is_gone(link));
    side.read(link, &[Frame::Heartbeat]);
    side.pass(secs(10));
    assert_eq!(side.downs(), [(DownReason::SlowPeer, 0)]);
}

/// Row 12: a successor that comes first.
#[test]
fn after_a_suspension_a_second_link_does_not_evict_a_peer_that_was_alive() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.pass(secs(1));
    side.now += secs(60);
    let second = side.accept();
    side.hello(second, who(1));
    assert!(side.is_gone(second) && !side.is_gone(link));
}

#[test]
fn a_late_hello_is_no_suspension() {
    let config = round_robin().heartbeat(Heartbeat {
        interval: secs(1),
        timeout: secs(3),
    });
    let mut side = Side::new(config.handshake_timeout(secs(10)));
    let late = side.accept();
    side.write(late);
    side.pass(secs(3));
    let silent = side.up(who(1));
    side.pass(millis(2_500));
    side.hello(late, who(2));
    side.read(late, &[Frame::Heartbeat]);
    side.pass(millis(600));
    assert!(side.is_gone(silent));
}

/// How often the keeper is called within that time.
fn timeouts(side: &mut Side, time: Duration) -> usize {
    let until = side.now + time;
    let dues = std::iter::from_fn(|| {
        let due = side.hub.poll_timeout().filter(|due| *due <= until)?;
        side.now = side.now.max(due);
        side.hub.handle_timeout(side.now);
        side.settle();
        Some(())
    });
    let count = dues.count();
    side.now = until;
    count
}

#[test]
fn the_keeper_is_not_called_for_marks_that_have_no_room() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    side.hub.handle_parked(side.now, link, true);
    for _ in 0..100 {
        side.send_all(&["a"]);
        side.write(link);
        assert!(timeouts(&mut side, secs(1)) <= 2);
    }
}

#[test]
fn an_idle_link_is_one_call_of_the_keeper_for_each_heartbeat() {
    let mut side = Side::new(round_robin());
    let link = side.up(who(1));
    let (mut calls, mut heartbeats) = (0, 0);
    for _ in 0..600 {
        calls += timeouts(&mut side, millis(100));
        heartbeats += side.write(link).len();
        side.read(link, &[]);
    }
    assert_eq!(heartbeats, 11);
    assert!(calls <= 12, "{calls}, one of them for the handshake");
}
