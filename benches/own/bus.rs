//! Bus: routing among many subscriptions, calls and news through a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    for _ in 0..receivers {
        let bus = Bus::connect(&there)?;
        counting.push(count(bus.subscribe("news")?, received.clone()));
        buses.push(bus);
    }
    let publisher = Bus::connect(&there)?;
    let (began, mut published) = (Instant::now(), 0);
    while began.elapsed() < budget {
        // What is far ahead at the end would be heard for a long time yet.
        if published < received.load(Ordering::Relaxed) + AHEAD {
            for _ in 0..64 {
                publisher.publish("news", BODY)?;
            }
            published += 64 * receivers as u64;
        } else {
            thread::yield_now();
        }
    }
    // A slow one may have missed the end: it is told until it has gone.
    let telling = thread::spawn(move || {
        while publisher
            .send(Post::new("news", ""))
            .is_ok_and(|it| it.receivers > 0)
        {
            thread::park_timeout(Duration::from_millis(10));
        }
    });
    for each in counting {
        each.join().expect("it does not panic");
    }
    let rate = received.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    drop(buses);
    telling.join().expect("it does not panic");
    Ok(rate)
}

/// Counts what comes before an empty message.
fn count(subscription: Subscription, received: Arc<AtomicU64>) -> JoinHandle<()> {
    thread::spawn(move || {
        while subscription.recv().is_ok_and(|it| !it.body().is_empty()) {
            received.fetch_add(1, Ordering::Relaxed);
        }
    })
}
