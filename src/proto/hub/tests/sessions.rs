//! What is sent in a session goes to that connection, or comes back, and nowhere else.

use super::side::{Frame, Side, at_least_once, round_robin, texts, who};
use crate::config::Config;
use crate::event::DownReason;
use crate::policy::Limit;
use crate::proto::chunk::LARGE;
use crate::proto::delivery::Presence;
use crate::proto::hub::{Refusal, Sent};
use crate::proto::link::LinkId;
use crate::session::Session;

const BODIES: [&str; 3] = ["one", "two", "three"];

/// A side whose inbox is told who comes and goes, and the session of a peer that is up.
fn in_session(config: Config) -> (Side, LinkId, Session) {
    let mut side = Side::new(config);
    assert!(side.hub.tell_inbox().is_empty());
    let link = side.up(who(1));
    let session = begun(&mut side);
    (side, link, session)
}

fn begun(side: &mut Side) -> Session {
    match side.take_presences()[..] {
        [Presence::Up(session)] => session,
        ref others => panic!("one session begins: {others:?}"),
    }
}

fn send_in(side: &mut Side, session: Session, text: &str) -> Result<Sent, Refusal> {
    let sent = side.hub.send_in(session, &(text.as_bytes()).into());
    side.settle();
    sent
}

fn send_all_in(side: &mut Side, session: Session) {
    for text in BODIES {
        send_in(side, session, text).expect("there is room");
    }
}

/// What came back with the end of `session`, which is all that happened.
fn ended(side: &mut Side, session: Session) -> Vec<String> {
    let presences = side.take_presences();
    let [Presence::Down(down, unsent)] = &presences[..] else {
        panic!("one session ends: {presences:?}");
    };
    assert_eq!(*down, session);
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    unsent.iter().map(|body| text(body)).collect()
}

/// How many messages are written whole when the kernel has taken so many bytes.
fn whole(taken: usize) -> usize {
    [8, 16, 26].iter().filter(|end| **end <= taken).count()
}

#[test]
fn who_is_there_already_has_a_session() {
    let mut side = Side::new(round_robin());
    let links = [1, 2].map(|n| side.up(who(n)));
    let sessions = side.hub.tell_inbox();
    let peers: Vec<_> = sessions.iter().map(Session::peer).collect();
    assert_eq!(peers, [who(1), who(2)]);
    send_in(&mut side, sessions[1], "here").expect("it is up");
    assert_eq!(side.write(links[0]), []);
    assert_eq!(texts(&side.write(links[1])), ["here"]);
}

#[test]
fn it_is_sent_at_most_once_whatever_the_socket_does_else() {
    let (mut side, link, session) = in_session(at_least_once());
    send_all_in(&mut side, session);
    let frames = side.write(link);
    assert!(frames.iter().all(|it| matches!(it, Frame::Data(_))));
    assert_eq!(texts(&frames), BODIES);
    assert_eq!(side.hub.stats().written, 3);
}

#[test]
fn a_session_that_has_ended_is_refused() {
    let (mut side, link, session) = in_session(round_robin());
    side.hub.handle_expelled(side.now, who(1));
    side.settle();
    let refused = Err(Refusal::NoPeer);
    assert_eq!(send_in(&mut side, session, "it leaves"), refused);
    side.end(link, DownReason::Closed);
    assert_eq!(send_in(&mut side, session, "it is gone"), refused);
    assert_eq!(ended(&mut side, session), [""; 0]);
    let again = side.up(who(1));
    assert_eq!(send_in(&mut side, session, "it is another"), refused);
    let next = begun(&mut side);
    assert_ne!(next, session);
    let link = next.link();
    let of_other = Session::new(who(2), link, None);
    assert_eq!(send_in(&mut side, of_other, "whose is it?"), refused);
    send_in(&mut side, next, "the first").expect("it is up");
    assert_eq!(texts(&side.write(again)), ["the first"]);
    assert_eq!(side.hub.stats().accepted, 1);
}

#[test]
fn who_waits_for_room_is_called_at_the_end() {
    let room = Limit {
        messages: 1,
        bytes: 100,
    };
    let (mut side, link, session) = in_session(round_robin().outbox(room));
    send_in(&mut side, session, "one").expect("there is room");
    assert_eq!(send_in(&mut side, session, "two"), Err(Refusal::Full));
    assert!(!side.hub.calls_for_room());
    side.hub.handle_gone(side.now, link, DownReason::Reset);
    assert!(side.hub.calls_for_room());
    side.settle();
    assert_eq!(send_in(&mut side, session, "two"), Err(Refusal::NoPeer));
    assert_eq!(ended(&mut side, session), ["one"]);
}

#[test]
fn what_a_peer_has_to_acknowledge_does_not_hold_up_its_session() {
    let (mut side, link, session) = in_session(at_least_once().unacknowledged(1));
    side.send("a job").expect("there is room");
    assert_eq!(side.send_to(who(1), "another"), Err(Refusal::Full));
    send_in(&mut side, session, "an answer").expect("there is room");
    assert_eq!(texts(&side.write(link)), ["a job", "an answer"]);
}

#[test]
fn what_was_not_written_comes_back_in_order_and_goes_nowhere_else() {
    for config in [round_robin(), at_least_once()] {
        for taken in 0..=26 {
            let (mut side, link, session) = in_session(config.clone());
            send_all_in(&mut side, session);
            side.write_bytes(link, taken);
            side.end(link, DownReason::Reset);
            let written = whole(taken);
            assert_eq!(side.downs(), [(DownReason::Reset, written as u64)]);
            assert_eq!(ended(&mut side, session), BODIES[written..]);
            let stats = side.hub.stats();
            let fates = (stats.in_doubt, stats.handed_back, stats.waiting);
            assert_eq!(fates, (written as u64, 3 - written as u64, 0));
            let [other, again] = [2, 1].map(|n| side.up(who(n)));
            assert_eq!(side.write(other), []);
            assert_eq!(side.write(again), [], "{taken} taken");
        }
    }
}

#[test]
fn only_what_is_for_the_session_comes_back() {
    let (mut side, link, session) = in_session(round_robin());
    side.send("anyone").unwrap();
    send_in(&mut side, session, "one").unwrap();
    side.send_to(who(1), "peer").unwrap();
    send_in(&mut side, session, "two").unwrap();
    side.publish("all").unwrap();
    side.end(link, DownReason::Reset);
    assert_eq!(ended(&mut side, session), ["one", "two"]);
    let again = side.up(who(1));
    assert_eq!(texts(&side.write(again)), ["peer", "all", "anyone"]);
}

#[test]
fn the_order_of_what_is_sent_to_a_link_is_kept_across_verbs() {
    let (mut side, link, session) = in_session(round_robin());
    let mut expected = Vec::new();
    for round in 0..5 {
        for _ in 0..=round {
            let text = |n: usize| format!("{n}");
            side.send(&text(expected.len())).unwrap();
            expected.push(text(expected.len()));
            send_in(&mut side, session, &text(expected.len())).unwrap();
            expected.push(text(expected.len()));
            side.publish(&text(expected.len())).unwrap();
            expected.push(text(expected.len()));
            side.publish(&text(expected.len())).unwrap();
            expected.push(text(expected.len()));
            send_in(&mut side, session, &text(expected.len())).unwrap();
            expected.push(text(expected.len()));
            side.send_to(who(1), &text(expected.len())).unwrap();
            expected.push(text(expected.len()));
        }
    }
    assert_eq!(texts(&side.write(link)), expected);
}

#[test]
fn a_successor_begins_with_what_is_for_it() {
    let (mut side, old, session) = in_session(round_robin());
    send_all_in(&mut side, session);
    side.pass(super::side::secs(8));
    let new = side.accept();
    side.hello(new, who(1));
    assert_eq!(send_in(&mut side, session, "late"), Err(Refusal::NoPeer));
    assert!(side.is_gone(old));
    assert_eq!(ended(&mut side, session), BODIES);
    side.bring_up(new, who(1));
    let next = begun(&mut side);
    send_in(&mut side, next, "first").unwrap();
    assert_eq!(texts(&side.write(new)), ["first"]);
}

#[test]
fn what_came_back_is_memory_until_it_is_taken() {
    let body = "x".repeat(1_000);
    let config = round_robin().max_message(1_000).memory_budget(64 * 1024);
    let (mut side, link, session) = in_session(config);
    while send_in(&mut side, session, &body).is_ok() {}
    side.end(link, DownReason::Reset);
    side.up(who(2));
    assert_eq!(side.send_to(who(2), &body), Err(Refusal::Full));
    assert!(side.hub.memory() > 30 * 1_000);
    let presences = side.take_presences();
    assert_eq!(presences.len(), 2);
    assert_eq!(side.hub.memory(), 0);
    side.send_to(who(2), &body).expect("there is room again");
}

#[test]
fn a_large_message_is_lent_in_a_session_too() {
    let body = [b'L'; LARGE];
    for config in [round_robin(), at_least_once()] {
        let (mut side, link, session) = in_session(config);
        let (id, mut chunk) = side.hub.lend_in(session, &body).expect("it is idle");
        assert_eq!(id, link);
        chunk.handle_taken(100);
        chunk.keep(&body);
        side.hub.handle_back(side.now, id, chunk, true);
        side.end(link, DownReason::Reset);
        assert!(side.hub.lend_in(session, &body).is_none());
        assert_eq!(ended(&mut side, session)[0].as_bytes(), body);
        let again = side.up(who(1));
        assert_eq!(side.write(again), []);
    }
}

#[test]
fn a_close_reports_what_is_left_in_sessions() {
    for is_held_up in [false, true] {
        let (mut side, link, session) = in_session(round_robin());
        send_in(&mut side, session, "taken").unwrap();
        // A writer has it and does not come back.
        let chunk = is_held_up.then(|| side.hub.poll_chunk(link));
        send_all_in(&mut side, session);
        side.hub.begin_close(side.now);
        side.hub.end_all(side.now);
        side.settle();
        let remains = side.hub.drain();
        side.hub.check_counts();
        let unsent = remains.unsent.iter();
        let unsent: Vec<_> = unsent.map(|it| (it.peer, it.body.as_slice())).collect();
        let first = ["taken"].into_iter().filter(|_| !is_held_up);
        let expected = first.chain(BODIES).map(|it| (Some(who(1)), it.as_bytes()));
        assert_eq!(unsent, expected.collect::<Vec<_>>());
        let waiting = usize::from(is_held_up);
        assert_eq!(side.hub.stats().waiting, waiting as u64);
        if let Some(chunk) = chunk.flatten() {
            side.hub.handle_back(side.now, link, chunk, false);
        }
        side.settle();
        assert_eq!(ended(&mut side, session), [""; 0], "it is in the report");
    }
}
