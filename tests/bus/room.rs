//! Room: what does not fit on its way to a client waits, or is refused to whoever asked for it.

use std::thread;
use std::time::Duration;

use jackfield::bus::{Error, Job, Post};
use jackfield::{Limit, Socket};

use crate::stage::{broker, call, connected, patient, stranger};
use crate::support::{self, SLACK, Transport, eventually};

/// Eight of them are more than a broker's outbox holds.
const LARGE: usize = 6 * 1024 * 1024;

/// A client that takes nothing until somebody asks.
fn pausing(there: &str) -> Socket {
    let inbox = Limit {
        messages: 1,
        bytes: 1,
    };
    let socket = support::connected(support::quick().inbox(inbox), there);
    support::await_peers(&socket, 1);
    socket
}

#[test]
fn large_answers_to_many_threads_all_arrive_and_nobody_is_sent_away() {
    let (broker, there) = broker(Transport::Tcp);
    let (caller, provider) = (connected(patient(), &there), connected(patient(), &there));
    let large = |job: Job| job.reply(vec![7; LARGE]);
    let service = jackfield::bus::Service::new("large").workers(8);
    let _serving = provider.serve(service, large).expect("accepted");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = caller.call_timeout("large", "", 4 * SLACK);
                assert_eq!(answer.expect("served").body().len(), LARGE);
            });
        }
    });
    assert_eq!(broker.stats().expelled, 0);
}

#[test]
fn large_calls_at_once_are_run_or_busy_and_nobody_is_sent_away() {
    let (broker, there) = broker(Transport::Tcp);
    let (caller, provider) = (connected(patient(), &there), connected(patient(), &there));
    let length = |job: Job| {
        let length = job.body().len().to_string();
        job.reply(length);
    };
    let _serving = provider.serve("length", length).expect("accepted");
    let body = vec![7; LARGE];
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| match caller.call_timeout("length", &body, 4 * SLACK) {
                Ok(answer) => assert_eq!(answer.text(), LARGE.to_string()),
                Err(error) => assert!(matches!(error, Error::Busy), "{error:?}"),
            });
        }
    });
    assert_eq!(broker.stats().expelled, 0);
    assert_eq!(call(&caller, "length", "abc").expect("served"), "3");
}

#[test]
fn a_provider_that_pauses_under_many_calls_stays() {
    const CALLS: usize = 4_000;
    let (broker, there) = broker(Transport::Tcp);
    let slow = pausing(&there);
    support::send(&slow, "serve 00000000000000000000000000000001 slow\n\n");
    eventually("it serves", || broker.stats().services == 1);
    let caller = stranger(&there);
    let body = "x".repeat(16_000);
    for number in 0..CALLS {
        support::send(&caller, format!("call {number:032x} slow 600000\n\n{body}"));
    }
    // What did not fit is back at once; what did is in hand.
    let (mut busy, mut runs) = (0, 0);
    eventually("all are given or refused", || {
        while let Ok(message) = caller.try_recv() {
            busy += usize::from(message.text().contains(" Busy"));
        }
        broker.stats().called == CALLS as u64 && broker.stats().calls + busy == CALLS
    });
    assert!(busy > 0, "all of it fitted");
    assert_eq!(broker.stats().expelled, 0);
    while runs < CALLS - busy {
        let message = slow.recv_timeout(SLACK).expect("the rest are run");
        runs += usize::from(message.body().starts_with(b"run "));
    }
}

#[test]
fn a_late_reader_gets_every_value_of_before() {
    const VALUES: usize = 60_000;
    let (broker, there) = broker(Transport::Tcp);
    let well = connected(patient(), &there);
    let keeper = stranger(&there);
    let value = "x".repeat(500);
    for number in 0..VALUES {
        let words = format!("pub {number:032x} value/{number} retain\n\n{value}");
        support::send(&keeper, words);
    }
    eventually("they are kept", || broker.stats().retained == VALUES);
    let late = pausing(&there);
    support::send(&late, "sub 00000000000000000000000000000001 **\n\n");
    eventually("it is subscribed", || broker.stats().subscriptions == 1);
    // Others go on meanwhile.
    for _ in 0..100 {
        well.send(Post::new("news", "")).expect("accepted");
    }
    let (mut values, mut probes) = (0, 0);
    while values < VALUES {
        let message = late.recv_timeout(SLACK).expect("they come");
        let text = message.text();
        values += usize::from(text.contains(" retained "));
        if let Some(probe) = text.strip_prefix("probe ") {
            probes += 1;
            support::send(&late, format!("done {}\n\n", &probe[..32]));
        }
    }
    assert!(probes > 10, "they come at once");
    assert_eq!(broker.stats().lost, 0);
}

#[test]
fn a_provider_that_hangs_gets_one_call_and_the_idle_one_the_rest() {
    let (_broker, there) = broker(Transport::Tcp);
    let hanging = stranger(&there);
    support::send(&hanging, "serve 00000000000000000000000000000001 who\n\n");
    while !support::next_text(&hanging).starts_with("ok ") {}
    let (idle, caller) = (connected(patient(), &there), connected(patient(), &there));
    let _serving = idle.serve("who", |job: Job| job.reply("idle"));
    let asked = (0..20).map(|_| caller.call_timeout("who", "", Duration::from_millis(500)));
    let answers: Vec<bool> = asked.map(|answer| answer.is_ok()).collect();
    let failed = answers.iter().filter(|is_ok| !**is_ok).count();
    assert_eq!(failed, 1, "{answers:?}");
}

#[test]
fn a_slow_subscription_gets_every_value_of_before_through_a_small_queue() {
    const VALUES: usize = 5_000;
    let (broker, there) = broker(Transport::Tcp);
    let keeper = stranger(&there);
    for number in 0..VALUES {
        let words = format!("pub {number:032x} value/{number} retain\n\nx");
        support::send(&keeper, words);
    }
    eventually("they are kept", || broker.stats().retained == VALUES);
    let queue = Limit {
        messages: 1_100,
        bytes: 1 << 20,
    };
    let late = connected(patient().queue(queue), &there);
    let values = late.subscribe("value/*").expect("accepted");
    // What is there is not taken yet, and others are served meanwhile.
    late.peers().expect("it answers");
    for _ in 0..VALUES {
        let note = values.recv_timeout(SLACK).expect("they come");
        assert!(note.is_retained());
    }
    assert_eq!((values.lost(), broker.stats().lost), (0, 0));
}

#[test]
fn a_call_that_was_not_begun_is_given_back_when_its_caller_is_gone() {
    let (broker, there) = broker(Transport::Tcp);
    let provider = connected(patient(), &there);
    let (say, held) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let hold = move |job: Job| {
        say.send(()).expect("the test waits");
        wait.lock().expect("nobody panics").recv().ok();
        job.reply("");
    };
    let _serving = provider.serve("hold", hold).expect("accepted");
    let (stays, leaves) = (stranger(&there), stranger(&there));
    let call = "call 00000000000000000000000000000001 hold 86400000\n\n";
    support::send(&stays, call);
    held.recv_timeout(SLACK).expect("it is begun");
    support::send(&leaves, call);
    eventually("both are in hand", || broker.stats().calls == 2);
    leaves.close_within(Duration::ZERO);
    eventually("the one that waits is free", || broker.stats().calls == 1);
    drop(go);
    while !support::next_text(&stays).starts_with("answer ") {}
    assert!(held.try_recv().is_err(), "it was not run");
}
