//! Bus: routing among many subscriptions, calls and news through a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jackfield::Post;
use jackfield::bus::{Broker, Bus, Limits, Subscription};

use crate::Outcome;
use crate::figure::Unit;
use crate::harness::{Plan, Run};

const BODY: [u8; 64] = [7; 64];

/// Subscriptions of one client, of which a broker allows so many at least.
const OF_EACH: usize = 4_000;

/// Deliveries that a publisher is ahead of all subscribers together.
const AHEAD: u64 = 100_000;

/// Those of them that one subscriber may be behind: a broker has room for a few more.
const BEHIND: u64 = 40_000;

pub fn run(run: &Run) -> Outcome {
    for (count, name) in [(1, "1"), (1_000, "1,000"), (100_000, "100,000")] {
        let name = format!("publish in a process, 1 of {name} subscriptions matches");
        run.figure(&name, Unit::Seconds, |plan| routing(count, plan))?;
    }
    for (kind, endpoint) in [("tcp", "tcp://127.0.0.1:0"), ("mem", "mem://own-bus")] {
        run.times(&format!("{kind}, call through the broker, 64 B"), |plan| {
            plan.repeat(|| calls(endpoint, plan))
        })?;
        for receivers in [1, 100] {
            let name = format!("{kind}, publish 64 B through the broker to {receivers}");
            run.figure(&name, Unit::PerSecond, |plan| {
                plan.repeat(|| news(endpoint, receivers, plan.budget))
            })?;
        }
    }
    Ok(())
}

/// Seconds for a publish and its delivery, with so many subscriptions of different topics.
fn routing(count: usize, plan: &Plan) -> Outcome<Vec<f64>> {
    let broker = Broker::new(Broker::config(), Limits::default())?;
    let publisher = broker.bus();
    let mut buses: Vec<Bus> = Vec::new();
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for number in 0..count {
        if number % OF_EACH == 0 {
            buses.push(broker.bus());
        }
        let bus = &buses[number / OF_EACH];
        subscriptions.push(bus.subscribe(format!("room/{number}/*"))?);
    }
    let first = &subscriptions[0];
    plan.repeat(|| {
        let (began, mut published) = (Instant::now(), 0);
        while began.elapsed() < plan.budget {
            for _ in 0..100 {
                publisher.publish("room/0/temp", BODY)?;
                first.try_recv()?;
            }
            published += 100;
        }
        Ok(began.elapsed().as_secs_f64() / f64::from(published))
    })
}

fn calls(endpoint: &str, plan: &Plan) -> Outcome<Vec<Duration>> {
    let broker = Broker::bind(endpoint)?;
    let there = broker.endpoint();
    let (server, client) = (Bus::connect(&there)?, Bus::connect(&there)?);
    let _serving = server.serve("echo", |job| {
        let body = job.body().to_vec();
        job.reply(body);
    })?;
    let call = || {
        client.call("echo", BODY)?;
        Ok(())
    };
    for _ in 0..100 {
        call()?;
    }
    plan.time_each(call)
}

/// Messages a second that come to so many subscribers, each on a bus of its own, in all.
fn news(endpoint: &str, receivers: usize, budget: Duration) -> Outcome<f64> {
    let broker = Broker::bind(endpoint)?;
    let there = broker.endpoint();
    let (mut buses, mut counting) = (Vec::new(), Vec::new());
    let received = Arc::new(AtomicU64::new(0));
    let (counts, all_ended) = mpsc::channel::<()>();
    for _ in 0..receivers {
        let bus = Bus::connect(&there)?;
        let news = bus.subscribe("news")?;
        counting.push(count(news, received.clone(), counts.clone()));
        buses.push(bus);
    }
    drop(counts);
    let publisher = Bus::connect(&there)?;
    let ahead = AHEAD.min(BEHIND * receivers as u64);
    let (began, mut published) = (Instant::now(), 0);
    while began.elapsed() < budget {
        // What is far ahead at the end would be heard for a long time yet.
        if published < received.load(Ordering::Relaxed) + ahead {
            for _ in 0..64 {
                publisher.publish("news", BODY)?;
            }
            published += 64 * receivers as u64;
        } else {
            thread::yield_now();
        }
    }
    tell_the_end(&publisher, &all_ended)?;
    let rate = received.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    for each in counting {
        each.join().expect("it does not panic");
    }
    drop(buses);
    Ok(rate)
}

/// Returns when all have heard the end. Whoever had no room for it is told again; the receipt says
/// nothing of them, because they are none of its receivers.
fn tell_the_end(publisher: &Bus, all_ended: &Receiver<()>) -> Outcome {
    let again = Duration::from_millis(10);
    loop {
        publisher.send(Post::new("news", ""))?;
        if all_ended.recv_timeout(again) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

/// Counts what comes before an empty message; `counts` lives until then.
fn count(
    subscription: Subscription,
    received: Arc<AtomicU64>,
    counts: Sender<()>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let _counts = counts;
        while subscription.recv().is_ok_and(|it| !it.body().is_empty()) {
            received.fetch_add(1, Ordering::Relaxed);
        }
    })
}
