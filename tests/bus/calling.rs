//! Calls: who runs them, what comes back, and what is left behind.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use jackfield::bus::{Call, Error, Job, Service};

use crate::stage::{Road, Stage, Way, broker, call, connected, echo, named, patient};
use crate::support::{SLACK, eventually, timed};

/// Time that nothing here takes by itself: what comes sooner came at once.
const AT_ONCE: Duration = Duration::from_secs(5);

on_all_ways!(
    a_call_is_answered,
    exactly_one_provider_runs_a_call,
    the_provider_with_the_fewest_calls_is_next,
    a_call_to_all_has_one_entry_for_each_provider,
    what_nobody_serves_is_no_service_at_once,
    a_withdrawn_service_is_none,
    an_error_of_the_handler_reaches_the_caller,
    a_handler_that_panics_is_an_error_and_the_service_goes_on,
    a_handler_that_does_not_answer_is_an_error,
    a_call_may_be_answered_in_another_thread,
    a_handler_may_call_on_the_same_bus,
    a_service_of_many_workers_runs_as_many_calls,
    a_call_over_the_backlog_is_busy,
    a_call_that_takes_too_long_times_out,
    a_call_whose_deadline_passed_is_not_run,
    a_timeout_of_zero_is_a_try,
    a_late_answer_is_dropped,
    a_call_has_headers;
    two:
    a_client_is_called_by_its_name,
    a_client_is_pinged_by_its_name;
    broker:
    ten_thousand_timed_out_calls_leave_nothing_behind,
);

fn a_call_is_answered(way: Way) {
    let stage = Stage::new(way);
    let serving = stage.one.serve("/text//echo", echo).expect("accepted");
    assert_eq!(serving.name(), "/text//echo");
    assert_eq!(call(&stage.two, "text/echo", "x").expect("served"), "x");
    assert_eq!(call(&stage.one, "text/echo/", "y").expect("served"), "y");
}

/// Answers with a word of its own.
fn says(word: &'static str) -> impl Fn(Job) + Send + Sync {
    move |job| job.reply(word)
}

fn exactly_one_provider_runs_a_call(way: Way) {
    let stage = Stage::new(way);
    let _one = stage.one.serve("who", says("one")).expect("accepted");
    let _two = stage.two.serve("who", says("two")).expect("accepted");
    let mut answers: Vec<String> = (0..4)
        .map(|_| call(&stage.one, "who", "").expect("served"))
        .collect();
    answers.sort();
    assert_eq!(answers, ["one", "one", "two", "two"]);
}

fn the_provider_with_the_fewest_calls_is_next(way: Way) {
    let stage = Stage::new(way);
    let (said, held) = mpsc::channel();
    let hold = move |job: Job| said.send(job).expect("the test waits");
    let _slow = stage.one.serve("who", hold).expect("accepted");
    let bus = stage.two.clone();
    let asking = std::thread::spawn(move || call(&bus, "who", ""));
    let job = held.recv_timeout(SLACK).expect("it has the call");
    let _idle = stage.two.serve("who", says("idle")).expect("accepted");
    for _ in 0..5 {
        assert_eq!(call(&stage.two, "who", "").expect("served"), "idle");
    }
    job.reply("slow");
    let answer = asking.join().expect("no panic");
    assert_eq!(answer.expect("served"), "slow");
}

fn a_call_to_all_has_one_entry_for_each_provider(way: Way) {
    let stage = Stage::new(way);
    let _one = stage.one.serve("who", says("one")).expect("accepted");
    let _two = stage.two.serve("who", says("two")).expect("accepted");
    let refuse = |job: Job| job.fail("Tired", "not today");
    let _three = stage.two.serve("who", refuse).expect("accepted");
    let answers = stage.two.call_all("who", "").expect("served");
    let text = |answer: &Result<jackfield::bus::Answer, Error>| match answer {
        Ok(answer) => answer.text().into_owned(),
        Err(error) => error.to_string(),
    };
    let mut texts: Vec<String> = answers.iter().map(text).collect();
    texts.sort();
    assert_eq!(texts, ["Tired: not today", "one", "two"]);
}

fn what_nobody_serves_is_no_service_at_once(way: Way) {
    let stage = Stage::new(way);
    let (result, took) = timed(|| stage.two.call("nobody/serves/this", ""));
    assert!(matches!(result, Err(Error::NoService)), "{result:?}");
    let result = stage.one.call_all("nobody/serves/this", "");
    assert!(matches!(result, Err(Error::NoService)), "{result:?}");
    assert!(took < AT_ONCE, "{took:?}");
}

fn a_withdrawn_service_is_none(way: Way) {
    let stage = Stage::new(way);
    drop(stage.one.serve("echo", echo).expect("accepted"));
    // Behind the word that it is withdrawn.
    let _fence = stage.one.serve("fence", echo).expect("accepted");
    let result = stage.two.call("echo", "");
    assert!(matches!(result, Err(Error::NoService)), "{result:?}");
    assert_eq!(stage.one.stats().services, 1);
}

fn an_error_of_the_handler_reaches_the_caller(way: Way) {
    let stage = Stage::new(way);
    let refuse = |job: Job| job.fail("Bad value", "50% of \"x\"\nis no number");
    let _serving = stage.one.serve("number", refuse).expect("accepted");
    match stage.two.call("number", "x") {
        Err(Error::Remote { kind, message }) => {
            assert_eq!(kind, "Bad value");
            assert_eq!(message, "50% of \"x\"\nis no number");
        }
        other => panic!("{other:?}"),
    }
}

fn a_handler_that_panics_is_an_error_and_the_service_goes_on(way: Way) {
    let stage = Stage::new(way);
    let fall = |job: Job| match &*job.text() {
        "fall" => panic!("asked to fall"),
        _ => job.reply("standing"),
    };
    let _serving = stage.one.serve("stand", fall).expect("accepted");
    for _ in 0..2 {
        match stage.two.call("stand", "fall") {
            Err(Error::Remote { kind, message }) => {
                assert_eq!((&*kind, &*message), ("Panic", "asked to fall"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(call(&stage.two, "stand", "").expect("served"), "standing");
    }
}

fn a_handler_that_does_not_answer_is_an_error(way: Way) {
    let stage = Stage::new(way);
    let _serving = stage.one.serve("silence", drop::<Job>).expect("accepted");
    let result = stage.two.call("silence", "");
    assert!(
        matches!(&result, Err(Error::Remote { kind, .. }) if kind == "NoReply"),
        "{result:?}"
    );
}

fn a_call_may_be_answered_in_another_thread(way: Way) {
    let stage = Stage::new(way);
    let (give, jobs) = mpsc::channel::<Job>();
    let answering = std::thread::spawn(move || jobs.into_iter().for_each(|job| job.reply("late")));
    let hand_over = move |job: Job| give.send(job).expect("somebody answers");
    let serving = stage.one.serve("later", hand_over).expect("accepted");
    assert_eq!(call(&stage.two, "later", "").expect("served"), "late");
    drop(serving);
    answering
        .join()
        .expect("the handler is dropped with the service");
}

fn a_handler_may_call_on_the_same_bus(way: Way) {
    let stage = Stage::new(way);
    let _echo = stage.one.serve("echo", echo).expect("accepted");
    let bus = stage.one.clone();
    let relay = move |job: Job| {
        let answer = bus.call("echo", job.body()).expect("it is served");
        job.reply(answer);
    };
    let _relay = stage.one.serve("relay", relay).expect("accepted");
    assert_eq!(call(&stage.two, "relay", "x").expect("served"), "x");
    assert_eq!(call(&stage.one, "relay", "y").expect("served"), "y");
}

fn a_service_of_many_workers_runs_as_many_calls(way: Way) {
    let stage = Stage::new(way);
    let together = std::sync::Barrier::new(3);
    let meet = move |job: Job| {
        together.wait();
        job.reply("met");
    };
    let service = Service::new("meet").workers(3);
    let _serving = stage.one.serve(service, meet).expect("accepted");
    let ask = |_| {
        let bus = stage.two.clone();
        std::thread::spawn(move || call(&bus, "meet", ""))
    };
    let asking: Vec<_> = (0..3).map(ask).collect();
    for one in asking {
        assert_eq!(one.join().expect("no panic").expect("served"), "met");
    }
}

fn a_call_over_the_backlog_is_busy(way: Way) {
    let stage = Stage::new(way);
    let (said, held) = mpsc::channel();
    let hold = move |job: Job| {
        let (go, wait) = mpsc::channel::<()>();
        said.send(go).expect("the test waits");
        wait.recv().ok();
        job.reply("done");
    };
    let service = Service::new("slow").backlog(0);
    let _serving = stage.one.serve(service, hold).expect("accepted");
    let bus = stage.two.clone();
    let asking = std::thread::spawn(move || call(&bus, "slow", ""));
    let go = held.recv_timeout(SLACK).expect("it runs");
    let result = stage.two.call("slow", "");
    assert!(matches!(result, Err(Error::Busy)), "{result:?}");
    assert_eq!(stage.one.stats().busy, 1);
    drop(go);
    assert_eq!(asking.join().expect("no panic").expect("served"), "done");
}

/// A service that keeps its calls.
fn keeper(stage: &Stage) -> (jackfield::bus::Serving, mpsc::Receiver<Job>) {
    let (keep, kept) = mpsc::channel();
    let keep = move |job: Job| drop(keep.send(job));
    (stage.one.serve("keep", keep).expect("accepted"), kept)
}

fn a_call_that_takes_too_long_times_out(way: Way) {
    let stage = Stage::new(way);
    let (_serving, _kept) = keeper(&stage);
    let short = Duration::from_millis(100);
    let (result, took) = timed(|| stage.two.call_timeout("keep", "", short));
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(took >= short, "{took:?}");
    // Where the processor is scarce, it may take longer to hear who is asked.
    let mut timeouts = [1, 10, 100].map(|times| times * short).into_iter();
    let answers = timeouts.find_map(|timeout| {
        let call = Call::new("keep", "").timeout(timeout);
        stage.two.ask_all(call).ok()
    });
    let answers = answers.expect("it is served");
    assert!(matches!(answers[..], [Err(Error::Timeout)]), "{answers:?}");
    assert_eq!(stage.two.stats().waiting, 0);
}

fn a_call_whose_deadline_passed_is_not_run(way: Way) {
    let stage = Stage::new(way);
    let (said, held) = mpsc::channel();
    let hold = move |job: Job| {
        let (go, wait) = mpsc::channel::<()>();
        said.send((job.text().into_owned(), go)).ok();
        wait.recv().ok();
        job.reply("");
    };
    let _serving = stage.one.serve("slow", hold).expect("accepted");
    let _echo = stage.one.serve("echo", echo).expect("accepted");
    let bus = stage.two.clone();
    let asking = std::thread::spawn(move || call(&bus, "slow", "first"));
    let (_, go) = held.recv_timeout(SLACK).expect("it runs");
    let short = Duration::from_millis(50);
    let result = stage.two.call_timeout("slow", "second", short);
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    // An answer to what follows it says that it is there, so its time is over soon.
    assert_eq!(call(&stage.two, "echo", "x").expect("served"), "x");
    let over = Instant::now() + short;
    eventually("the deadline passes", || Instant::now() >= over);
    drop(go);
    asking.join().expect("no panic").expect("served");
    eventually("it is counted", || stage.one.stats().expired == 1);
    assert!(matches!(held.try_recv(), Err(mpsc::TryRecvError::Empty)));
}

fn a_timeout_of_zero_is_a_try(way: Way) {
    let stage = Stage::new(way);
    let (_serving, kept) = keeper(&stage);
    let (result, took) = timed(|| stage.two.call_timeout("keep", "", Duration::ZERO));
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    assert!(took < AT_ONCE, "{took:?}");
    // What follows it is the first that was run.
    let bus = stage.two.clone();
    let asking = std::thread::spawn(move || call(&bus, "keep", "later"));
    let job = kept.recv_timeout(SLACK).expect("it is run");
    assert_eq!(job.text(), "later");
    job.reply("kept");
    assert_eq!(asking.join().expect("no panic").expect("served"), "kept");
}

fn a_late_answer_is_dropped(way: Way) {
    let stage = Stage::new(way);
    let (_serving, kept) = keeper(&stage);
    let _echo = stage.one.serve("echo", echo).expect("accepted");
    // Long enough to get there on a busy machine.
    let short = Duration::from_secs(2);
    let result = stage.two.call_timeout("keep", "", short);
    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
    kept.recv_timeout(SLACK).expect("it is run").reply("late");
    assert_eq!(call(&stage.two, "echo", "x").expect("served"), "x");
    assert_eq!(stage.two.stats().waiting, 0);
}

fn a_client_is_called_by_its_name(way: Way) {
    let stage = Stage::with(way, named("one"), named("two"));
    eventually("the name is known", || {
        !matches!(stage.two.call("@one", ""), Err(Error::NoPeer))
    });
    let result = stage.two.call("@one", "");
    assert!(matches!(result, Err(Error::NoService)), "{result:?}");
    let _one = stage.one.serve("@", says("it is one")).expect("accepted");
    let _two = stage.two.serve("@", says("it is two")).expect("accepted");
    assert_eq!(call(&stage.two, "@one", "").expect("served"), "it is one");
    assert_eq!(call(&stage.two, "@two", "").expect("served"), "it is two");
    let (result, took) = timed(|| stage.two.call("@three", ""));
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
    assert!(took < AT_ONCE, "{took:?}");
}

fn a_client_is_pinged_by_its_name(way: Way) {
    let stage = Stage::with(way, named("one"), patient());
    eventually("the name is known", || stage.two.ping("one").is_ok());
    assert!(stage.two.ping("one").expect("it is there") < SLACK);
    let result = stage.two.ping("nobody");
    assert!(matches!(result, Err(Error::NoPeer)), "{result:?}");
}

fn a_call_has_headers(way: Way) {
    let stage = Stage::new(way);
    let unit = |job: Job| {
        let unit = job.header("unit").unwrap_or_default().to_owned();
        job.reply(unit);
    };
    let _serving = stage.one.serve("unit", unit).expect("accepted");
    let answer = stage.two.ask(Call::new("unit", "").header("Unit", "°C"));
    assert_eq!(answer.expect("served").text(), "°C");
    let bad = stage.two.ask(Call::new("unit", "").header("a b", "c"));
    assert!(matches!(bad, Err(Error::BadHeader { .. })), "{bad:?}");
}

fn ten_thousand_timed_out_calls_leave_nothing_behind(on: Road) {
    let (broker, there) = broker(on);
    let bus = connected(patient(), &there);
    let other = connected(patient(), &there);
    let _serving = other.serve(Service::new("never").backlog(100_000), |job: Job| {
        std::thread::park_timeout(job.time_left());
    });
    // Ten at a time, or most of this test would be waiting.
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let result = bus.call_timeout("never", "", Duration::from_micros(1_001));
                    assert!(matches!(result, Err(Error::Timeout)), "{result:?}");
                }
            });
        }
    });
    eventually("the broker has forgotten them", || {
        broker.stats().calls == 0
    });
    assert_eq!(bus.stats().waiting, 0);
    // The next call finds nothing in its way.
    let _echo = other.serve("echo", echo).expect("accepted");
    assert_eq!(call(&bus, "echo", "x").expect("served"), "x");
}
