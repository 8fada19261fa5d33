//! Sharing: how calls are shared out among providers, and among the workers of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jackfield::bus::{Bus, Call, Error, Job, Service, Serving};

use crate::stage::{Stage, Way, call};
use crate::support::{SLACK, timed};

on_all_ways!(
    a_hundred_calls_to_two_providers_are_a_hundred_runs,
    silent_providers_of_a_call_to_all_take_one_deadline_together,
    no_more_calls_run_at_once_than_there_are_workers,
);

fn a_hundred_calls_to_two_providers_are_a_hundred_runs(way: Way) {
    let stage = Stage::new(way);
    let runs: [Arc<AtomicUsize>; 2] = Default::default();
    let serve = |bus: &Bus, runs: &Arc<AtomicUsize>| -> Serving {
        let runs = runs.clone();
        let count = move |job: Job| {
            runs.fetch_add(1, Ordering::Relaxed);
            let body = job.body().to_vec();
            job.reply(body);
        };
        bus.serve("count", count).expect("accepted")
    };
    let _servings = [serve(&stage.one, &runs[0]), serve(&stage.two, &runs[1])];
    thread::scope(|scope| {
        for (caller, bus) in [&stage.one, &stage.two, &stage.one, &stage.two]
            .into_iter()
            .enumerate()
        {
            scope.spawn(move || {
                for number in 0..25 {
                    let body = format!("{caller} {number}");
                    assert_eq!(call(bus, "count", &body).expect("served"), body);
                }
            });
        }
    });
    let runs = runs.map(|runs| runs.load(Ordering::Relaxed));
    assert_eq!(runs[0] + runs[1], 100, "{runs:?}");
    assert!(runs[0] > 0 && runs[1] > 0, "{runs:?}");
}

fn silent_providers_of_a_call_to_all_take_one_deadline_together(way: Way) {
    let stage = Stage::new(way);
    let (keep, _kept) = mpsc::channel::<Job>();
    let serve_silent = |_| {
        let keep = keep.clone();
        let silent = move |job: Job| drop(keep.send(job));
        stage.one.serve("who", silent).expect("accepted")
    };
    let _silent: Vec<Serving> = (0..8).map(serve_silent).collect();
    let answers = |job: Job| job.reply("I");
    let _speaking = stage.two.serve("who", answers).expect("accepted");
    let ask = |timeout| {
        let call = Call::new("who", "").timeout(timeout);
        timed(|| stage.two.ask_all(call))
    };
    // Where the processor is scarce, it may take longer to hear who is asked.
    let mut timeouts = [1, 8, 64]
        .map(|times| times * Duration::from_millis(250))
        .into_iter();
    let asked = timeouts.find_map(|timeout| match ask(timeout) {
        (Ok(answers), took) => Some((answers, took, timeout)),
        (Err(_), _) => None,
    });
    let (answers, took, timeout) = asked.expect("it is served");
    let spoken = answers.iter().filter_map(|one| one.as_ref().ok());
    let texts: Vec<_> = spoken.map(|answer| answer.text().into_owned()).collect();
    assert_eq!(texts, ["I"]);
    let is_silent = |one: &&Result<_, Error>| matches!(one, Err(Error::Timeout));
    assert_eq!(answers.iter().filter(is_silent).count(), 8, "{answers:?}");
    assert!(took >= timeout && took < 4 * timeout, "{took:?}");
}

fn no_more_calls_run_at_once_than_there_are_workers(way: Way) {
    const WORKERS: usize = 3;
    const CALLS: usize = 12;
    let stage = Stage::new(way);
    let (entered, entries) = mpsc::channel();
    let running = AtomicUsize::new(0);
    let stay = move |job: Job| {
        let count = 1 + running.fetch_add(1, Ordering::SeqCst);
        let (leave, left) = mpsc::channel::<()>();
        entered.send((count, leave)).expect("the test waits");
        left.recv().ok();
        running.fetch_sub(1, Ordering::SeqCst);
        job.reply("");
    };
    let service = Service::new("stay").workers(WORKERS);
    let _serving = stage.one.serve(service, stay).expect("accepted");
    let ask = |_| {
        let bus = stage.two.clone();
        thread::spawn(move || call(&bus, "stay", ""))
    };
    let asking: Vec<_> = (0..CALLS).map(ask).collect();
    let enter = || entries.recv_timeout(SLACK).expect("a worker is free");
    // All workers are busy from here on: one is let go when all have entered.
    let mut inside: Vec<_> = (0..WORKERS).map(|_| enter()).collect();
    let mut counts: Vec<usize> = inside.iter().map(|(count, _)| *count).collect();
    for _ in WORKERS..CALLS {
        drop(inside.remove(0));
        inside.push(enter());
        counts.push(inside[WORKERS - 1].0);
    }
    drop(inside);
    for one in asking {
        one.join().expect("no panic").expect("served");
    }
    assert_eq!(counts.iter().max(), Some(&WORKERS), "{counts:?}");
}
