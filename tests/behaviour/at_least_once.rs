//! At least once: what is acknowledged, when, and what comes again.

use std::collections::HashSet;
use std::time::Duration;

use jackfield::{AckMode, Config, Delivery, Error, Event, Pauses, Socket};

use crate::support::{
    SLACK, Transport, assert_law, await_event, await_no_peers, await_peers, bodies, bound,
    connected, eventually, identity, next, next_text, pair, quick, send,
};

on_every_transport!(
    recv_acknowledges,
    nothing_is_acknowledged_before_recv,
    a_manual_message_is_acknowledged_by_ack_alone,
    a_manual_message_that_is_dropped_comes_again,
    a_job_longer_than_the_resend_time_runs_once,
    unacknowledged_messages_are_bounded,
    an_acknowledgement_makes_room_for_a_blocked_send,
    no_blocked_sender_is_forgotten_while_one_peer_hangs,
    a_dead_workers_jobs_go_to_another,
    a_job_for_an_identity_waits_for_it_alone,
    a_job_that_kills_its_workers_is_handed_back,
    a_job_that_kills_its_handlers_over_live_connections_is_handed_back,
    a_job_that_was_given_back_goes_to_the_other_worker_at_once,
    a_job_that_hangs_goes_to_another_worker_in_time,
    a_job_for_a_peer_that_stays_away_is_handed_back,
    acknowledgements_leave_before_a_socket_closes,
    a_close_waits_for_acknowledgements,
    a_close_reports_what_was_not_acknowledged,
    many_impatient_resends_deliver_nothing_twice,
);

fn sure() -> Config {
    quick().delivery(Delivery::AtLeastOnce)
}

fn impatient() -> Config {
    let soon = Duration::from_millis(20);
    sure().resend(Pauses {
        first: soon,
        max: soon,
    })
}

fn manual() -> Config {
    quick().ack_mode(AckMode::Manual)
}

fn await_acknowledged(sender: &Socket, count: u64) {
    eventually("acknowledged", || sender.stats().acknowledged == count);
    assert_law(sender);
}

fn recv_acknowledges(on: Transport) {
    let (receiver, sender) = pair(on, quick(), sure());
    sender.send("sure").unwrap();
    assert_eq!(next_text(&receiver), "sure");
    await_acknowledged(&sender, 1);
    assert_eq!(sender.stats().waiting, 0);
}

/// Row 10: not acknowledged, however often it is sent again.
fn nothing_is_acknowledged_before_recv(on: Transport) {
    let (receiver, sender) = pair(on, quick(), impatient());
    sender.send("one").unwrap();
    sender.send("two").unwrap();
    eventually("copies arrive", || receiver.stats().duplicates >= 4);
    assert_eq!(sender.stats().acknowledged, 0);
    assert_eq!(next_text(&receiver), "one");
    await_acknowledged(&sender, 1);
}

fn a_manual_message_is_acknowledged_by_ack_alone(on: Transport) {
    let (receiver, sender) = pair(on, manual(), impatient());
    sender.send("job").unwrap();
    let job = next(&receiver);
    eventually("copies arrive", || receiver.stats().duplicates >= 2);
    assert_eq!(sender.stats().acknowledged, 0);
    job.ack();
    await_acknowledged(&sender, 1);
}

fn a_manual_message_that_is_dropped_comes_again(on: Transport) {
    let (receiver, sender) = pair(on, manual(), impatient());
    sender.send("job").unwrap();
    drop(next(&receiver));
    let again = next(&receiver);
    assert_eq!(again.body(), b"job");
    again.ack();
    await_acknowledged(&sender, 1);
}

fn a_job_longer_than_the_resend_time_runs_once(on: Transport) {
    let (receiver, sender) = pair(on, manual(), impatient());
    sender.send("long").unwrap();
    let job = next(&receiver);
    eventually("it is sent again", || sender.stats().resent >= 10);
    job.ack();
    await_acknowledged(&sender, 1);
    sender.send("after").unwrap();
    assert_eq!(next_text(&receiver), "after");
}

fn unacknowledged_messages_are_bounded(on: Transport) {
    let (_receiver, sender) = pair(on, manual(), sure().unacknowledged(2));
    sender.try_send("one").unwrap();
    sender.try_send("two").unwrap();
    let refused = sender.try_send("three").unwrap_err();
    assert!(matches!(refused.reason, Error::Full));
    assert_law(&sender);
    sender.close_within(Duration::ZERO);
}

fn an_acknowledgement_makes_room_for_a_blocked_send(on: Transport) {
    let (receiver, sender) = pair(on, manual(), sure().unacknowledged(1));
    sender.send("one").unwrap();
    let blocked = std::thread::spawn(move || sender.send_timeout("two", SLACK).map(|_| ()));
    next(&receiver).ack();
    let second = next(&receiver);
    second.ack();
    assert_eq!(second.body(), b"two");
    blocked.join().unwrap().unwrap();
}

fn no_blocked_sender_is_forgotten_while_one_peer_hangs(on: Transport) {
    for bound in [1, 8, 8_192] {
        let (here, jobs) = (on.endpoint(), 20 + bound);
        let sender = self::bound(sure().unacknowledged(bound), &here);
        let [worker, hung] = [(); 2].map(|()| connected(quick(), &here));
        await_peers(&sender, 2);
        let senders = [(); 3].map(|()| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                (0..jobs).try_for_each(|_| sender.send_timeout("job", SLACK).map(|_| ()))
            })
        });
        (0..3 * jobs - bound).for_each(|_| assert_eq!(next_text(&worker), "job"));
        for sender in senders {
            sender.join().unwrap().unwrap();
        }
        sender.close_within(Duration::ZERO);
        drop(hung);
    }
}

/// Row 4: in hand or not, they go on.
fn a_dead_workers_jobs_go_to_another(on: Transport) {
    let here = on.endpoint();
    let sender = bound(sure(), &here);
    let first = connected(manual(), &here);
    await_peers(&sender, 1);
    sender.send("one").unwrap();
    sender.send("two").unwrap();
    let in_hand = next(&first);
    first.close_within(Duration::ZERO);
    let second = connected(quick(), &here);
    assert_eq!(next_text(&second), "one");
    assert_eq!(next_text(&second), "two");
    await_acknowledged(&sender, 2);
    drop(in_hand);
}

fn a_job_for_an_identity_waits_for_it_alone(on: Transport) {
    let here = on.endpoint();
    let sender = bound(sure(), &here);
    let first = connected(manual().identity(identity(1)), &here);
    await_peers(&sender, 1);
    sender.send_to(identity(1), "for one").unwrap();
    drop(next(&first));
    first.close_within(Duration::ZERO);
    await_no_peers(&sender);
    let second = connected(quick().identity(identity(2)), &here);
    await_peers(&sender, 1);
    sender.send("for anyone").unwrap();
    assert_eq!(next_text(&second), "for anyone");
    let again = connected(quick().identity(identity(1)), &here);
    assert_eq!(next_text(&again), "for one");
    await_acknowledged(&sender, 2);
}

fn a_job_that_kills_its_workers_is_handed_back(on: Transport) {
    let here = on.endpoint();
    let sender = bound(sure().max_resends(2), &here);
    sender.send("poison").unwrap();
    for _ in 0..3 {
        let worker = connected(manual(), &here);
        drop(next(&worker));
        worker.close_within(Duration::ZERO);
    }
    let event = await_event(&sender, |event| matches!(event, Event::GaveUp { .. }));
    let Event::GaveUp { message, .. } = event else {
        unreachable!("filtered above");
    };
    assert_eq!(message, b"poison");
    assert_eq!(sender.stats().handed_back, 1);
    assert_law(&sender);
}

/// Takes jobs until the socket closes; each is dropped in a panic. Says how many there were.
fn frail(worker: Socket) -> std::thread::JoinHandle<u32> {
    std::thread::spawn(move || {
        let jobs = worker.messages();
        let ends = jobs.map(|job| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _job = job;
                std::panic::resume_unwind(Box::new("poison"));
            }))
        });
        ends.filter(Result::is_err).count() as u32
    })
}

fn a_job_that_kills_its_handlers_over_live_connections_is_handed_back(on: Transport) {
    let here = on.endpoint();
    let sender = bound(impatient().max_resends(3), &here);
    let workers = [0; 2].map(|_| connected(manual(), &here));
    await_peers(&sender, 2);
    let handlers = workers.each_ref().map(|worker| frail(worker.clone()));
    sender.send("poison").unwrap();
    let event = await_event(&sender, |event| matches!(event, Event::GaveUp { .. }));
    let is_poison = matches!(event, Event::GaveUp { message, .. } if message == b"poison");
    assert!(is_poison);
    assert_eq!(sender.peers().len(), 2, "nobody left for it");
    workers.iter().for_each(|worker| _ = worker.close());
    let counts = handlers.map(|handler| handler.join().unwrap());
    assert_eq!(counts.iter().sum::<u32>(), 4, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    assert_law(&sender);
}

fn a_job_that_was_given_back_goes_to_the_other_worker_at_once(on: Transport) {
    let here = on.endpoint();
    let sender = bound(
        sure().resend(Pauses {
            first: SLACK * 10,
            max: SLACK * 10,
        }),
        &here,
    );
    let workers = [0; 2].map(|_| connected(manual(), &here));
    await_peers(&sender, 2);
    let handlers = workers.each_ref().map(|worker| {
        let worker = worker.clone();
        std::thread::spawn(move || {
            let job = next(&worker);
            assert_eq!(
                (job.text().into_owned(), job.redeliveries()),
                ("job".into(), 0)
            );
            job
        })
    });
    sender.send("job").unwrap();
    eventually("one has it", || handlers.iter().any(|it| it.is_finished()));
    let (has_it, other) = handlers
        .into_iter()
        .partition::<Vec<_>, _>(|it| it.is_finished());
    has_it.into_iter().for_each(|it| it.join().unwrap().nack());
    other.into_iter().for_each(|it| it.join().unwrap().ack());
    await_acknowledged(&sender, 1);
    assert_eq!(sender.stats().resent, 1);
}

fn a_job_that_hangs_goes_to_another_worker_in_time(on: Transport) {
    let here = on.endpoint();
    let sender = bound(sure().ack_within(Duration::from_millis(400)), &here);
    let slow = connected(manual(), &here);
    await_peers(&sender, 1);
    sender.send("job").unwrap();
    let hangs = next(&slow);
    let other = connected(manual(), &here);
    let job = next(&other);
    assert_eq!((job.body(), job.id()), (hangs.body(), hangs.id()));
    sender.send("more").unwrap();
    let more = next(&other);
    assert_eq!(more.body(), b"more", "the late one gets no more");
    [job, more].iter().for_each(|job| job.ack());
    await_acknowledged(&sender, 2);
    hangs.ack();
    eventually("a stray ACK", || sender.stats().stray_acks == 1);
    assert_law(&sender);
}

fn a_job_for_a_peer_that_stays_away_is_handed_back(on: Transport) {
    let here = on.endpoint();
    let sender = bound(sure().absent_ttl(Duration::from_millis(20)), &here);
    let worker = connected(manual(), &here);
    await_peers(&sender, 1);
    sender.send_to(worker.identity(), "job").unwrap();
    drop(next(&worker));
    worker.close_within(Duration::ZERO);
    await_event(
        &sender,
        |event| matches!(event, Event::GaveUp { message, .. } if message == b"job"),
    );
    assert_eq!(sender.stats().waiting, 0);
    assert_law(&sender);
}

fn acknowledgements_leave_before_a_socket_closes(on: Transport) {
    let (receiver, sender) = pair(on, quick(), sure());
    (0..100).for_each(|_| send(&sender, "sure"));
    (0..100).for_each(|_| drop(next(&receiver)));
    receiver.close_within(SLACK);
    await_acknowledged(&sender, 100);
}

fn a_close_waits_for_acknowledgements(on: Transport) {
    let (receiver, sender) = pair(on, quick(), sure());
    (0..100).for_each(|_| send(&sender, "sure"));
    let taker = std::thread::spawn(move || (0..100).for_each(|_| drop(next(&receiver))));
    let report = sender.close_within(SLACK);
    taker.join().unwrap();
    assert_eq!((report.unacknowledged.len(), report.unsent.len()), (0, 0));
    assert_eq!(sender.stats().acknowledged, 100);
}

fn a_close_reports_what_was_not_acknowledged(on: Transport) {
    let (receiver, sender) = pair(on, manual(), sure());
    sender.send("job").unwrap();
    let _in_hand = next(&receiver);
    let report = sender.close_within(Duration::from_millis(50));
    assert_eq!(bodies(&report.unacknowledged), [b"job"]);
    assert_eq!(report.unacknowledged[0].peer, Some(receiver.identity()));
    assert!(report.unsent.is_empty());
    assert_eq!(sender.stats().handed_back, 1);
    assert_law(&sender);
}

fn many_impatient_resends_deliver_nothing_twice(on: Transport) {
    let soon = Duration::from_millis(1);
    let (receiver, sender) = pair(
        on,
        quick(),
        sure().resend(Pauses {
            first: soon,
            max: soon,
        }),
    );
    (0_u32..500).for_each(|number| send(&sender, number.to_be_bytes()));
    eventually("copies arrive", || receiver.stats().duplicates >= 500);
    let mut seen = HashSet::new();
    (0..500).for_each(|_| assert!(seen.insert(next(&receiver).into_body())));
    await_acknowledged(&sender, 500);
    assert!(matches!(receiver.try_recv(), Err(Error::Empty)));
}
