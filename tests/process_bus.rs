//! What a bus takes of its process, and leaves behind: little, and nothing. These tests are alone in
//! their process, one at a time, because they count the threads and descriptors of all of it.
#![cfg(target_os = "linux")]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Broker, Bus, Error, Job, Service};

const SLACK: Duration = Duration::from_secs(20);

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads and descriptors of this process.
fn held() -> (usize, usize) {
    let count = |path| fs::read_dir(path).expect("Linux has it").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Everything that a bus can have, used and dropped.
fn live_and_die() -> Result<(), Error> {
    let broker = Broker::bind("tcp://127.0.0.1:0")?;
    let one = Bus::options().name("one").connect(broker.endpoint())?;
    let two = broker.bus();
    let all = one.subscribe("**")?;
    let watch = one.on("a/*", |_| {})?;
    let echo = |job: Job| {
        let body = job.body().to_vec();
        job.reply(body);
    };
    let serving = one.serve(Service::new("echo").workers(4), echo)?;
    let _own = two.serve("@", echo)?;
    two.publish("a/b", "x")?;
    assert_eq!(all.recv_timeout(SLACK)?.text(), "x");
    assert_eq!(two.call("echo", "y")?.text(), "y");
    drop((watch, serving));
    Ok(())
}

/// Waits until there are no more of both than before.
fn await_no_more_than(before: (usize, usize)) {
    let deadline = Instant::now() + SLACK;
    let is_more = |now: (usize, usize)| now.0 > before.0 || now.1 > before.1;
    while is_more(held()) {
        assert!(
            Instant::now() < deadline,
            "{:?}, and before {before:?}",
            held()
        );
        thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn buses_and_brokers_leave_no_thread_and_no_descriptor_behind() {
    let _alone = alone();
    live_and_die().expect("it lives");
    let before = held();
    for _ in 0..10 {
        live_and_die().expect("it lives");
    }
    await_no_more_than(before);
}

/// Processor time of this process so far.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux has it");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(|field| field.parse::<u64>().expect("a number"));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

#[test]
fn a_hundred_topics_of_an_idle_bus_take_one_connection_and_no_processor() {
    let _alone = alone();
    let broker = Broker::bind("tcp://127.0.0.1:0").expect("a broker");
    let bus = Bus::connect(broker.endpoint()).expect("a bus");
    let subscribe = |number| bus.subscribe(format!("topic/{number}")).expect("accepted");
    let _first = subscribe(0);
    let before = held();
    let _others: Vec<_> = (1..100).map(subscribe).collect();
    await_no_more_than(before);
    let stats = broker.stats();
    assert_eq!((stats.clients, stats.subscriptions), (1, 100));
    // What has just been said is dealt with, and then there is nothing to do.
    bus.call("$sys/stats", "").expect("it is answered");
    let (began, before) = (Instant::now(), busy());
    while began.elapsed() < Duration::from_secs(2) {
        thread::park_timeout(Duration::from_secs(2));
    }
    let took = busy() - before;
    assert!(took < began.elapsed() / 40, "{took:?}");
}
