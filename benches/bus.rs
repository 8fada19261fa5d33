//! What the bus costs: routing among many subscriptions, calls and news through a broker.
//!
//! `cargo bench --bench bus` measures; `-- --quick` does so briefly.

use std::thread;
use std::time::{Duration, Instant};

use jackfield::bus::{Broker, Bus, Error, Subscription};
use jackfield::{Config, Socket};

/// Repetitions of each measurement; the median is told.
const REPEATS: usize = 5;

const BODY: [u8; 64] = [7; 64];

fn main() -> Result<(), Error> {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let budget = Duration::from_millis(if is_quick { 100 } else { 600 });
    for count in [1, 1_000, 100_000] {
        let each = median(|| routing(count, budget))?;
        println!("publish in a process, 1 of {count:>6} subscriptions matches: {each:>8.0} ns");
    }
    let rounds = if is_quick { 2_000 } else { 20_000 };
    for endpoint in ["tcp://127.0.0.1:0", "mem://bench-bus"] {
        let kind = endpoint.split(':').next().unwrap_or_default();
        let bare = median(|| bare_round_trip(endpoint, rounds))?;
        let called = median(|| call(endpoint, rounds))?;
        println!(
            "{kind} call through the broker {called:.1} us, two bare sockets {bare:.1} us: {:.2}",
            called / bare
        );
        for receivers in [1, 100] {
            let rate = median(|| spread(endpoint, receivers, budget))?;
            println!(
                "{kind} publish 64 B through the broker to {receivers:>3}: {rate:>10.0} deliveries/s"
            );
        }
    }
    Ok(())
}

fn median(mut measure: impl FnMut() -> Result<f64, Error>) -> Result<f64, Error> {
    let mut values = (0..REPEATS)
        .map(|_| measure())
        .collect::<Result<Vec<f64>, Error>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values[REPEATS / 2])
}

/// Nanoseconds for a publish and its delivery, with so many subscriptions of different topics.
fn routing(count: usize, budget: Duration) -> Result<f64, Error> {
    let broker = Broker::new(Broker::config(), jackfield::bus::Limits::default())?;
    let publisher = broker.bus();
    // A client has a bound on its subscriptions, so there are several.
    let mut buses: Vec<Bus> = Vec::new();
    let mut subscriptions: Vec<Subscription> = Vec::new();
    for number in 0..count {
        if number % 4_000 == 0 {
            buses.push(broker.bus());
        }
        let pattern = format!("room/{number}/*");
        let bus = &buses[number / 4_000];
        subscriptions.push(bus.subscribe(pattern)?);
    }
    let first = &subscriptions[0];
    let (began, mut published) = (Instant::now(), 0);
    while began.elapsed() < budget {
        for _ in 0..100 {
            publisher.publish("room/0/temp", BODY)?;
            first.try_recv()?;
        }
        published += 100;
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(published))
}

/// Microseconds, the median of many.
fn middle(rounds: usize, mut round: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    for _ in 0..rounds / 10 {
        round()?;
    }
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        round()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[rounds / 2].as_nanos() as f64 / 1_000.0)
}

fn bare_round_trip(endpoint: &str, rounds: usize) -> Result<f64, Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind(endpoint)?;
    let client = Socket::new(Config::default())?;
    client.connect(&here)?;
    client.wait_for_peers(1, Duration::from_secs(5))?;
    let echoing = {
        let server = server.clone();
        thread::spawn(move || {
            for message in server.messages() {
                server.send_to(message.from(), message.body()).ok();
            }
        })
    };
    let result = middle(rounds, || {
        client.send(BODY).map_err(jackfield::Error::from)?;
        client.recv()?;
        Ok(())
    });
    client.close();
    server.close();
    echoing.join().expect("it does not panic");
    result
}

fn call(endpoint: &str, rounds: usize) -> Result<f64, Error> {
    let broker = Broker::bind(endpoint)?;
    let there = broker.endpoint();
    let (server, client) = (Bus::connect(&there)?, Bus::connect(&there)?);
    let _serving = server.serve("echo", |job| {
        let body = job.body().to_vec();
        job.reply(body);
    })?;
    middle(rounds, || client.call("echo", BODY).map(drop))
}

/// Messages a second that come to so many subscribers, each on a bus of its own, in all.
fn spread(endpoint: &str, receivers: usize, budget: Duration) -> Result<f64, Error> {
    let broker = Broker::bind(endpoint)?;
    let there = broker.endpoint();
    let buses = (0..receivers)
        .map(|_| Bus::connect(&there))
        .collect::<Result<Vec<Bus>, Error>>()?;
    let subscriptions = buses
        .iter()
        .map(|bus| bus.subscribe("news"))
        .collect::<Result<Vec<Subscription>, Error>>()?;
    let publisher = Bus::connect(&there)?;
    let counting: Vec<_> = subscriptions
        .into_iter()
        .map(|subscription| {
            thread::spawn(move || {
                let mut count = 0_u64;
                while subscription
                    .recv()
                    .is_ok_and(|note| !note.body().is_empty())
                {
                    count += 1;
                }
                count
            })
        })
        .collect();
    let began = Instant::now();
    while began.elapsed() < budget {
        for _ in 0..64 {
            publisher.publish("news", BODY)?;
        }
    }
    // A slow one may have missed the end: it is told until it has gone.
    let told = thread::spawn(move || {
        while publisher
            .send(jackfield::Post::new("news", ""))
            .is_ok_and(|it| it.receivers > 0)
        {
            thread::park_timeout(Duration::from_millis(10));
        }
    });
    let count: u64 = counting
        .into_iter()
        .map(|one| one.join().expect("it does not panic"))
        .sum();
    let rate = count as f64 / began.elapsed().as_secs_f64();
    drop(buses);
    told.join().expect("it does not panic");
    Ok(rate)
}
