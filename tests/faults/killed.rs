//! Killed: a program that dies without a word, at every moment of a connection's life.

use std::time::{Duration, Instant};

use jackfield::{AckMode, Config, Delivery, DownReason, Event, Heartbeat, Limit, Pauses, Socket};

use crate::remote::Remote;
use crate::support::{
    LARGE, SLACK, Transport, assert_law, await_event, await_peers, bound, connected, eventually,
    identity, next, next_text, number_of, quick, send,
};

/// A link that died of a kill and not of a timeout: these times are over long after the test.
fn patient() -> Config {
    let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(600));
    quick()
        .heartbeat(Heartbeat { interval, timeout })
        .handshake_timeout(timeout)
}

fn sure() -> Config {
    patient().delivery(Delivery::AtLeastOnce)
}

/// The kernel closes what a killed program had open, or resets it where bytes were unread.
fn is_end(reason: DownReason) -> bool {
    matches!(reason, DownReason::Closed | DownReason::Reset)
}

fn await_down(socket: &Socket) {
    let event = await_event(socket, |event| matches!(event, Event::PeerDown { .. }));
    assert!(matches!(event, Event::PeerDown { reason, .. } if is_end(reason)));
}

/// Row 1: killed before HELLO: its place is free at once, and it never was a peer.
#[test]
fn a_dialler_killed_before_hello_frees_its_place() {
    let here = Transport::Tcp.endpoint();
    let server = bound(patient().max_connections(1), &here);
    let mut silent = Remote::start("");
    silent.ask(&format!("plain {here}"));
    silent.kill();
    let first = server.events().recv_timeout(SLACK).expect("it is told");
    assert!(matches!(first, Event::Rejected { reason, .. } if is_end(reason)));
    assert_eq!((server.stats().rejected, server.stats().peers_up), (1, 0));
    let _client = connected(quick(), &here);
    await_peers(&server, 1);
}

/// Row 1: the same from the other side: a listener that dies before its HELLO was no peer.
#[test]
fn a_listener_killed_before_hello_is_no_peer_and_is_dialled_again() {
    let here = Transport::Tcp.endpoint();
    let undecided = Remote::bound("undecided", &here);
    let client = connected(patient(), &here);
    assert_eq!(undecided.answer(), "asked");
    undecided.kill();
    let first = client.events().recv_timeout(SLACK).expect("it is told");
    assert!(matches!(first, Event::Rejected { reason, .. } if is_end(reason)));
    // It may have been dialled again, and have died again, by now.
    let stats = client.stats();
    assert!(stats.rejected >= 1 && stats.peers_up == 0);
    let _server = bound(quick(), &here);
    await_peers(&client, 1);
}

/// Row 2: killed while nothing moves: down at once, and dialled until it is back.
#[test]
fn a_peer_killed_when_idle_is_down_at_once_and_is_dialled_until_it_is_back() {
    let here = Transport::Tcp.endpoint();
    let listener = Remote::bound("", &here);
    let client = connected(patient(), &here);
    await_peers(&client, 1);
    listener.kill();
    await_down(&client);
    assert_eq!(client.stats().peers_down, 1);
    eventually("it is dialled", || client.stats().dials_failed >= 3);
    let _again = Remote::bound("", &here);
    await_peers(&client, 1);
    assert_eq!(client.stats().peers_up, 2);
}

/// Row 2: the listener sees its dialler go, whoever else stays.
#[test]
fn a_dialler_killed_when_idle_is_down_at_once() {
    let here = Transport::Tcp.endpoint();
    let server = bound(patient(), &here);
    let other = connected(quick(), &here);
    let mut dialler = Remote::connected("", &here);
    dialler.ask("peers 1");
    await_peers(&server, 2);
    dialler.kill();
    await_down(&server);
    assert_eq!((server.peers().len(), server.stats().peers_down), (1, 1));
    other.send("still here").expect("there is room");
    assert_eq!(next_text(&server), "still here");
}

/// Row 2: the pauses between the attempts are drawn, each anew.
#[test]
fn the_attempts_after_a_kill_are_scattered() {
    let here = Transport::Tcp.endpoint();
    let listener = Remote::bound("", &here);
    let pause = Duration::from_millis(100);
    let client = connected(
        patient().redial(Pauses {
            first: pause,
            max: pause,
        }),
        &here,
    );
    await_peers(&client, 1);
    listener.kill();
    await_down(&client);
    let attempts = [(); 15].map(|()| {
        await_event(&client, |event| matches!(event, Event::DialFailed { .. }));
        Instant::now()
    });
    let pauses = attempts.windows(2).map(|pair| pair[1] - pair[0]);
    let pauses: Vec<Duration> = pauses.collect();
    let (shortest, longest) = (pauses.iter().min(), pauses.iter().max());
    assert!(
        *longest.expect("some") - *shortest.expect("some") > pause / 5,
        "{pauses:?}"
    );
}

/// Row 3: killed in the middle of a frame: what was whole is delivered, the part is not, and
/// others notice nothing.
#[test]
fn a_program_killed_in_mid_frame_leaves_no_part_of_it() {
    let here = Transport::Tcp.endpoint();
    let server = bound(
        patient().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    let other = connected(quick(), &here);
    let mut sender = Remote::connected("identity=1", &here);
    let accepted: usize = sender.ask("fill").parse().expect("a number");
    sender.kill();
    let mut whole = 0;
    eventually("it is down and all is received", || {
        let is_over = server.stats().peers_down == 1;
        while let Ok(message) = server.try_recv() {
            assert_eq!((number_of(&message), message.body().len()), (whole, LARGE));
            whole += 1;
        }
        is_over
    });
    assert!(whole < accepted, "all {accepted} left before the kill");
    other.send("unaffected").expect("there is room");
    assert_eq!(next_text(&server), "unaffected");
}

/// A worker in another process that has one job, taken by its application or not.
fn worker_with_a_job(sender: &Socket, settings: &str, here: &str, is_taken: bool) -> Remote {
    let mut worker = Remote::connected(settings, here);
    await_peers(sender, 1);
    let name = sender.peers()[0].identity;
    match settings.contains("identity") {
        true => sender.send_to(name, "job").expect("it is a peer"),
        false => sender.send("job").expect("there is room"),
    };
    match is_taken {
        true => assert_eq!(worker.ask("recv"), "job"),
        false => drop(worker.ask("received 1")),
    }
    worker
}

/// Row 4: killed with a job that its application has not seen: another worker gets it, once.
#[test]
fn a_job_of_a_killed_worker_goes_to_another_once() {
    let here = Transport::Tcp.endpoint();
    let sender = bound(sure(), &here);
    let worker = worker_with_a_job(&sender, "", &here, false);
    let other = connected(quick(), &here);
    await_peers(&sender, 2);
    worker.kill();
    assert_eq!(next_text(&other), "job");
    eventually("acknowledged", || sender.stats().acknowledged == 1);
    assert_eq!((sender.stats().resent, other.stats().received), (1, 1));
    await_down(&sender);
    assert_law(&sender);
}

/// Row 4: sent by identity, it waits for that identity, however many others are there.
#[test]
fn a_job_of_a_killed_identity_waits_for_that_identity() {
    let here = Transport::Tcp.endpoint();
    let sender = bound(sure(), &here);
    let worker = worker_with_a_job(&sender, "identity=7", &here, false);
    let other = connected(quick(), &here);
    await_peers(&sender, 2);
    worker.kill();
    await_down(&sender);
    send(&sender, "for anyone");
    assert_eq!(next_text(&other), "for anyone");
    let mut again = Remote::connected("identity=7", &here);
    assert_eq!(again.ask("recv"), "job");
    eventually("acknowledged", || sender.stats().acknowledged == 2);
    assert_eq!((sender.stats().resent, again.count("received")), (1, 1));
    assert_law(&sender);
}

/// Row 5: killed with a job in the hands of its application: delivered again, elsewhere.
#[test]
fn a_job_in_the_hands_of_a_killed_worker_is_delivered_again() {
    let here = Transport::Tcp.endpoint();
    let sender = bound(sure(), &here);
    let worker = worker_with_a_job(&sender, "manual", &here, true);
    let other = connected(quick().ack_mode(AckMode::Manual), &here);
    await_peers(&sender, 2);
    worker.kill();
    let copy = next(&other);
    assert_eq!((copy.body(), sender.stats().resent), (&b"job"[..], 1));
    copy.ack();
    eventually("acknowledged", || sender.stats().acknowledged == 1);
    assert_law(&sender);
}

/// Row 6: what a killed sender had not sent is lost with it: it lived in memory.
#[test]
fn a_killed_sender_takes_its_messages_with_it() {
    let here = Transport::Tcp.endpoint();
    let mut sender = Remote::connected("sure identity=1", &here);
    sender.ask("send lost");
    assert_eq!(sender.count("accepted"), 1);
    sender.kill();
    let server = bound(quick(), &here);
    let mut again = Remote::connected("sure identity=1", &here);
    again.ask("send new");
    let message = next(&server);
    assert_eq!(
        (message.sender(), message.body()),
        (identity(1), &b"new"[..])
    );
    eventually("acknowledged", || again.count("acknowledged") == 1);
    assert_eq!(server.stats().received, 1);
}
