//! What a bus leaves behind in its process: nothing. It is alone in its process, because it counts
//! the threads and descriptors of all of it.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Broker, Bus, Error, Job, Service};

const SLACK: Duration = Duration::from_secs(20);

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

#[test]
fn buses_and_brokers_leave_no_thread_and_no_descriptor_behind() {
    live_and_die().expect("it lives");
    let before = held();
    for _ in 0..10 {
        live_and_die().expect("it lives");
    }
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
