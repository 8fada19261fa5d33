//! Turns at hearing: callers and workers hear for themselves, and nobody notices but by the time.

use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Bus, Error, Job, Service};

use crate::stage::{Home, Road, broker, call, connected, echo, next_text, patient};
use crate::support::{SLACK, eventually, timed};

on_all_ways!(;
    broker:
    what_comes_when_nobody_calls_any_more_is_heard,
    a_caller_that_hears_has_its_deadline,
    a_caller_that_hears_has_its_deadline_in_a_flood,
    a_caller_that_hears_is_told_when_the_bus_is_closed,
    a_broker_that_goes_while_a_caller_hears_is_found_back,
    a_service_that_is_withdrawn_while_its_worker_hears_is_gone,
    a_handler_may_call_over_the_bus_that_its_thread_hears,
    callers_workers_and_subscribers_of_one_bus_take_turns,
);

/// After these a caller and a worker have taken their turns.
fn warm_up(bus: &Bus) {
    for _ in 0..50 {
        assert_eq!(call(bus, "echo", "x").expect("served"), "x");
    }
}

/// Serves `never`, and gives the jobs out, which are not answered.
fn serve_never(bus: &Bus) -> (jackfield::bus::Serving, mpsc::Receiver<Job>) {
    let (keep, kept) = mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    (bus.serve("never", keep).expect("accepted"), kept)
}

fn what_comes_when_nobody_calls_any_more_is_heard(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let news = one.subscribe("news").expect("accepted");
    let round = || {
        for number in 0..200 {
            warm_up_once(&one);
            two.publish("news", number.to_string()).expect("accepted");
            assert_eq!(next_text(&news), number.to_string());
        }
    };
    let (_, took) = timed(round);
    assert!(took < SLACK, "{took:?}");
}

fn warm_up_once(bus: &Bus) {
    assert_eq!(call(bus, "echo", "x").expect("served"), "x");
}

fn a_caller_that_hears_has_its_deadline(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let (_serving, _kept) = serve_never(&two);
    for milliseconds in [1, 60, 250] {
        warm_up(&one);
        let limit = Duration::from_millis(milliseconds);
        let (result, took) = timed(|| one.call_timeout("never", "", limit));
        assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
        assert!(took >= limit && took < limit + SLACK, "{took:?}");
    }
}

fn a_caller_that_hears_has_its_deadline_in_a_flood(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let (_serving, _kept) = serve_never(&two);
    let subscribe = |_| one.subscribe("flood").expect("accepted");
    let _subscriptions: Vec<_> = (0..500).map(subscribe).collect();
    warm_up(&one);
    let (over, is_over) = mpsc::channel::<()>();
    let flooding = thread::spawn(move || {
        let began = Instant::now();
        while began.elapsed() < 2 * SLACK && is_over.try_recv() == Err(TryRecvError::Empty) {
            two.publish("flood", "x").expect("accepted");
        }
    });
    let limit = Duration::from_millis(250);
    let (result, took) = timed(|| one.call_timeout("never", "", limit));
    drop(over);
    flooding.join().expect("no panic");
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(took < SLACK, "{took:?}");
}

fn a_caller_that_hears_is_told_when_the_bus_is_closed(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let (_serving, kept) = serve_never(&two);
    let bus = one.clone();
    let asking = thread::spawn(move || {
        warm_up(&bus);
        bus.call("never", "")
    });
    let _job = kept.recv_timeout(SLACK).expect("the call came");
    let (_, took) = timed(|| one.close());
    assert!(took < SLACK, "{took:?}");
    let answered = asking.join().expect("no panic");
    assert!(matches!(answered, Err(Error::Closed)), "{answered:?}");
}

fn a_broker_that_goes_while_a_caller_hears_is_found_back(on: Road) {
    let home = Home::new(on);
    let there = &home.there;
    let mut broker = home.start();
    let (one, two) = (connected(patient(), there), connected(patient(), there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let _own = one.serve("own", echo).expect("accepted");
    let (_serving, kept) = serve_never(&two);
    for _ in 0..3 {
        let bus = one.clone();
        let asking = thread::spawn(move || {
            warm_up(&bus);
            bus.call("never", "")
        });
        let _job = kept.recv_timeout(SLACK).expect("the call came");
        broker.close();
        let (answered, took) = timed(|| asking.join().expect("no panic"));
        assert!(matches!(answered, Err(Error::NoPeer)), "{answered:?}");
        assert!(took < SLACK, "{took:?}");
        broker = home.start();
        eventually("all services are back", || broker.stats().services == 3);
        assert_eq!(call(&two, "own", "y").expect("served"), "y");
    }
}

fn a_service_that_is_withdrawn_while_its_worker_hears_is_gone(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    for _ in 0..5 {
        let serving = two.serve("echo", echo).expect("accepted");
        warm_up(&one);
        drop(serving);
        eventually("nobody serves it", || {
            matches!(call(&one, "echo", "x"), Err(Error::NoService))
        });
    }
    let news = two.subscribe("news").expect("accepted");
    one.publish("news", "x").expect("accepted");
    assert_eq!(next_text(&news), "x");
}

fn a_handler_may_call_over_the_bus_that_its_thread_hears(on: Road) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = one.serve("echo", echo).expect("accepted");
    let bus = two.clone();
    let pass_on = move |job: Job| match call(&bus, "echo", &job.text()) {
        Ok(answer) => job.reply(answer),
        Err(error) => job.fail("Echo", error),
    };
    let _passing = two.serve("pass", pass_on).expect("accepted");
    for number in 0..200 {
        let answer = call(&one, "pass", &number.to_string());
        assert_eq!(answer.expect("served"), number.to_string());
    }
}

/// Threads that call, serve, and listen to one bus at a time, each as fast as it can.
fn take_turns(on: Road, calls: usize) {
    let (_broker, there) = broker(on);
    let (one, two) = (connected(patient(), &there), connected(patient(), &there));
    let _echo = two.serve("echo", echo).expect("accepted");
    let several = Service::new("several").workers(3);
    let _several = one.serve(several, echo).expect("accepted");
    let news = one.subscribe("news").expect("accepted");
    let listening = thread::spawn(move || {
        let (mut others, mut ends) = (0, 0);
        while ends < 2 {
            match next_text(&news).as_str() {
                "the end" => ends += 1,
                _ => others += 1,
            }
        }
        (others, news.lost() as usize)
    });
    let callers: Vec<_> = (0..6)
        .map(|number| {
            let bus = [&one, &two][number % 2].clone();
            thread::spawn(move || {
                for turn in 0..calls {
                    let (name, body) = (["echo", "several"][turn % 2], turn.to_string());
                    assert_eq!(call(&bus, name, &body).expect("served"), body);
                    bus.publish("news", body).expect("accepted");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no panic");
    }
    // What a bus has published comes before its end.
    one.send(jackfield::Post::new("news", "the end"))
        .expect("accepted");
    two.send(jackfield::Post::new("news", "the end"))
        .expect("accepted");
    let (heard, lost) = listening.join().expect("no panic");
    assert_eq!(heard + lost, 6 * calls);
    assert_eq!((one.stats().waiting, two.stats().waiting), (0, 0));
}

fn callers_workers_and_subscribers_of_one_bus_take_turns(on: Road) {
    let ((), took) = timed(|| take_turns(on, 300));
    assert!(took < 2 * SLACK, "{took:?}");
}
