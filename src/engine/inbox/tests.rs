//! The inbox: readers that wait for room, and ACKs that wait for each other.

use std::thread;
use std::time::Duration;

use super::*;
use crate::contents::Contents;
use crate::proto::batch::Span;

const PEER: Identity = Identity::new([1; 16]);
const OTHER: Identity = Identity::new([2; 16]);
const SLACK: Duration = Duration::from_secs(10);

/// Messages of one byte each.
fn batch(text: &str) -> Batch {
    let span = |start: usize| Span {
        start: start as u32,
        len: 1,
        wants_ack: false,
    };
    Batch {
        bytes: text.into(),
        spans: (0..text.len()).map(span).collect(),
        ..Batch::default()
    }
}

/// An inbox with room for about this many bytes, in which both peers have a lane.
fn inbox(hard_limit: usize) -> Inbox {
    let inbox = Inbox::new(&Config::default().memory_budget(4 * hard_limit));
    inbox.open_lane(PEER);
    inbox.open_lane(OTHER);
    inbox
}

/// The next message.
fn take(inbox: &Inbox) -> Result<(Arrived, Acks), Error> {
    match inbox.try_take_next()? {
        Taken::Message(arrived, acks) => Ok((arrived, acks)),
        Taken::Presence(presence) => panic!("{presence:?}"),
    }
}

fn text(inbox: &Inbox) -> String {
    let bodies = std::iter::from_fn(|| take(inbox).ok()).map(|one| one.0.body.bytes().to_vec());
    String::from_utf8(bodies.collect::<Vec<_>>().concat()).expect("it was text")
}

/// Waits until so many readers sleep.
fn await_sleepers(inbox: &Inbox, count: usize) {
    let deadline = Instant::now() + SLACK;
    while inbox.back().rooms.len() != count {
        assert!(Instant::now() < deadline, "nobody waits for room");
        thread::yield_now();
    }
}

/// A panic in the middle of a change leaves something that nobody can go on with.
#[test]
fn what_a_panic_has_left_is_thrown_away() {
    let inbox = inbox(1_000);
    assert!(inbox.push(PEER, batch("abc")).is_ok());
    let panics = std::panic::AssertUnwindSafe(|| {
        let _locks = (inbox.front(), inbox.back());
        panic!("on purpose");
    });
    assert!(std::panic::catch_unwind(panics).is_err());
    inbox.fail(&Config::default());
    assert!(matches!(take(&inbox), Err(Error::Closed)));
}

/// A reader may be lent to a sender only where that keeps nobody waiting for messages.
#[test]
fn who_waits_for_messages_is_known() {
    let inbox = inbox(10);
    assert!(inbox.is_unattended());
    let watcher = Arc::new(Watcher::default());
    inbox.watch(watcher.clone());
    assert!(!inbox.is_unattended());
    inbox.unwatch(&watcher);
    assert!(inbox.is_unattended());
    let deadline = Instant::now() + SLACK;
    thread::scope(|scope| {
        let receiver = scope.spawn(|| inbox.await_arrival(Some(deadline)).is_ok());
        while inbox.is_unattended() {
            assert!(Instant::now() < deadline, "nobody waits for messages");
            thread::yield_now();
        }
        assert!(inbox.push(PEER, batch("a")).is_ok());
        assert!(receiver.join().unwrap());
    });
    assert!(inbox.is_unattended());
}

#[test]
fn a_peer_with_much_lets_one_with_little_have_its_turn() {
    let inbox = inbox(1_000_000);
    let much = "m".repeat(1_000);
    assert!(inbox.push(PEER, batch(&much)).is_ok());
    assert_eq!(take(&inbox).unwrap().0.body.bytes(), b"m");
    assert!(inbox.push(OTHER, batch("l")).is_ok());
    assert!(inbox.push(PEER, batch("n")).is_ok());
    let order = text(&inbox);
    assert!(order.find('l').unwrap() < 100, "{order}");
    assert_eq!(order.replace('l', ""), format!("{}n", &much[1..]));
}

#[test]
fn what_finds_no_room_goes_in_when_there_is_some() {
    let inbox = inbox(10_000);
    let large = "x".repeat(500);
    assert!(inbox.push(PEER, batch(&large)).is_ok());
    let late = inbox.push(OTHER, batch(&large)).expect_err("no room");
    thread::scope(|scope| {
        let pushed = scope.spawn(|| inbox.push_in_turn(OTHER, late));
        await_sleepers(&inbox, 1);
        assert!(inbox.push(PEER, batch("too early")).is_err());
        assert!(take(&inbox).is_ok());
        assert!(pushed.join().unwrap().is_ok());
    });
    assert_eq!(text(&inbox).len(), 999);
}

#[test]
fn what_finds_no_room_comes_back_when_its_link_ends() {
    let inbox = inbox(10);
    assert!(inbox.push(PEER, batch("more than ten bytes")).is_ok());
    let late = inbox.push(OTHER, batch("late")).expect_err("no room");
    thread::scope(|scope| {
        let pushed = scope.spawn(|| inbox.push_in_turn(OTHER, late));
        await_sleepers(&inbox, 1);
        inbox.end_lane(OTHER);
        assert_eq!(pushed.join().unwrap(), Err(batch("late")));
    });
    await_sleepers(&inbox, 0);
}

#[test]
fn what_finds_no_room_goes_in_when_the_socket_closes() {
    let inbox = inbox(10);
    assert!(inbox.push(PEER, batch("more than ten bytes")).is_ok());
    let late = inbox.push(OTHER, batch("late")).expect_err("no room");
    thread::scope(|scope| {
        let pushed = scope.spawn(|| inbox.push_in_turn(OTHER, late));
        await_sleepers(&inbox, 1);
        inbox.close();
        assert!(pushed.join().unwrap().is_ok());
    });
    assert_eq!(text(&inbox), "more than ten byteslate");
}

/// Messages of `len` bytes that want an ACK, with the ids from 0 on. All that is said is the id.
fn tracked(count: u32, len: u32) -> Batch {
    let span = |n: u32| Span {
        start: 16 + (16 + len) * n,
        len,
        wants_ack: true,
    };
    let said = |n: u32| vec![n as u8; 16 + len as usize];
    Batch {
        bytes: (0..count).map(said).collect::<Vec<_>>().concat(),
        spans: (0..count).map(span).collect(),
        ..Batch::default()
    }
}

#[test]
fn acks_of_what_is_taken_wait_for_the_end_of_the_batch_but_not_for_long() {
    let inbox = inbox(1_000_000);
    assert!(inbox.push(PEER, tracked(4, 0)).is_ok());
    // The first one makes the batch the one that is served.
    let first = take(&inbox);
    assert!(first.is_ok_and(|(first, acks)| first.id.is_some() && acks == Acks::Soon));
    let acks = || inbox.take_plain().map(|plain| plain.acks);
    assert_eq!(acks(), Some(Acks::Nothing));
    assert_eq!(acks(), Some(Acks::Nothing));
    assert_eq!(acks(), Some(Acks::Now));
    let taken = inbox.drain_taken();
    assert!(taken.iter().map(|(_, id)| id.0[0]).eq(0..=3));
    assert!(inbox.drain_taken().is_empty());
}

#[test]
fn acks_do_not_wait_for_the_end_of_a_long_batch() {
    let inbox = inbox(1_000_000);
    assert!(inbox.push(PEER, tracked(3_000, 0)).is_ok());
    let acks = || take(&inbox).expect("there are more").1;
    assert_eq!(acks(), Acks::Soon);
    let waiting = (0..3_000).take_while(|_| acks() == Acks::Nothing).count();
    assert_eq!(waiting, 1_022);
    assert_eq!(inbox.drain_taken().len(), 1_024);
}

#[test]
fn what_wants_an_ack_is_not_taken_after_a_close() {
    let inbox = inbox(1_000_000);
    assert!(inbox.push(PEER, tracked(4, 0)).is_ok());
    assert!(take(&inbox).is_ok());
    inbox.close();
    assert!(inbox.take_plain().is_none());
    assert!(take(&inbox).is_err());
    // What was taken before has its ACK.
    assert!(inbox.drain_taken().iter().map(|(_, id)| id.0[0]).eq([0]));
}

/// How the next message comes: `true` if it lies in the buffer that it was read into.
fn is_part(inbox: &Inbox, said: u8) -> (bool, Contents) {
    let body = match inbox.take_part() {
        Some(served) => Contents::Part(served.body),
        None => take(inbox).expect("there is one").0.body,
    };
    assert_eq!(body.bytes(), [said; 700]);
    (matches!(body, Contents::Part(_)), body)
}

#[test]
fn who_keeps_messages_keeps_a_bounded_number_of_buffers() {
    // A 64th of the budget: two of the batches below.
    let inbox = inbox(2 * 64 * 2148 / 4);
    let push = || assert!(inbox.push(PEER, tracked(3, 700)).is_ok());
    let mut kept = Vec::new();
    for is_bounded in [false, false, true] {
        push();
        for said in 0..3 {
            let (is_part, body) = is_part(&inbox, said);
            assert_eq!(is_part, !is_bounded);
            // One of three, and all of those that keep nothing else.
            kept.extend((said == 1 || is_bounded).then_some(body));
        }
    }
    kept.remove(0);
    push();
    assert!(is_part(&inbox, 0).0, "a buffer has come home");
    assert!(kept.iter().all(|body| body.bytes().len() == 700));
}

#[test]
fn what_is_not_copied_is_acknowledged_like_the_rest() {
    let inbox = inbox(1_000_000);
    assert!(inbox.push(PEER, tracked(40, 700)).is_ok());
    let acks = || match inbox.take_part() {
        Some(part) => part.acks,
        // The first, and the first of the next turn.
        None => take(&inbox).expect("there are more").1,
    };
    assert_eq!(acks(), Acks::Soon);
    assert!((1..39).all(|_| acks() == Acks::Nothing));
    assert!(inbox.take_plain().is_none());
    assert_eq!(acks(), Acks::Now);
    assert!(inbox.drain_taken().iter().map(|(_, id)| id.0[0]).eq(0..40));
    assert_eq!(text(&inbox), "");

    assert!(inbox.push(PEER, tracked(2, 700)).is_ok());
    assert!(take(&inbox).is_ok());
    inbox.close();
    assert!(inbox.take_part().is_none());
    assert!(take(&inbox).is_err());
}
