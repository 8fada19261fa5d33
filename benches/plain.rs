//! Where we stand: throughput 1 to 1 and round trips, two threads of one process over loopback.
//!
//! `cargo bench --bench plain` measures; `-- --quick` does so briefly.

use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, Error, SendMode, Socket};

/// Repetitions of each measurement; the median is told.
const REPEATS: usize = 5;

fn main() -> Result<(), Error> {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let budget = Duration::from_millis(if is_quick { 100 } else { 600 });
    let dir = std::env::temp_dir().join(format!("jackfield-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory for the Unix socket");
    let unix = format!("unix://{}/s", dir.display());
    for endpoint in ["tcp://127.0.0.1:0", &unix, "mem://bench"] {
        println!("{}", endpoint.split(':').next().unwrap_or_default());
        for size in [16, 64, 1_024, 8 * 1_024, 64 * 1_024, 1_024 * 1_024] {
            let rate = median(|| throughput(endpoint, size, Delivery::AtMostOnce, budget))?;
            let bytes = rate * size as f64 / 1e9;
            println!("  {size:>8} B  {rate:>12.0} messages/s  {bytes:>6.2} GB/s");
        }
        let rate = median(|| throughput(endpoint, 64, Delivery::AtLeastOnce, budget))?;
        println!("        64 B  {rate:>12.0} messages/s  at least once");
        let (p50, p99) = round_trips(endpoint, if is_quick { 2_000 } else { 20_000 })?;
        println!("        64 B  round trip p50 {p50:.1} us, p99 {p99:.1} us");
    }
    for peers in [10, 100] {
        let rate = median(|| fan_out("tcp://127.0.0.1:0", peers, budget))?;
        println!("publish 64 B to {peers}: {rate:.0} deliveries/s");
    }
    std::fs::remove_dir_all(&dir).ok();
    Ok(())
}

fn median(mut measure: impl FnMut() -> Result<f64, Error>) -> Result<f64, Error> {
    let mut rates = (0..REPEATS)
        .map(|_| measure())
        .collect::<Result<Vec<f64>, Error>>()?;
    rates.sort_by(f64::total_cmp);
    Ok(rates[REPEATS / 2])
}

/// Messages a second at the receiver, from the first to the last that came within the budget.
fn throughput(
    endpoint: &str,
    size: usize,
    delivery: Delivery,
    budget: Duration,
) -> Result<f64, Error> {
    let receiver = Socket::new(Config::default())?;
    let here = receiver.bind(endpoint)?;
    let sender = Socket::new(Config::default().delivery(delivery))?;
    sender.connect(&here)?;
    sender.wait_for_peers(1, Duration::from_secs(5))?;
    let sending = thread::spawn(move || -> Result<(), Error> {
        let body = vec![7; size];
        let until = Instant::now() + budget;
        while Instant::now() < until {
            for _ in 0..(64 * 1_024 / size).clamp(1, 256) {
                sender.send(&body)?;
            }
        }
        sender.send("")?;
        sender.close();
        Ok(())
    });
    receiver.recv()?;
    let start = Instant::now();
    let mut count = 0;
    while !receiver.recv()?.body().is_empty() {
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    sending.join().expect("the sender does not panic")?;
    Ok(rate)
}

fn round_trips(endpoint: &str, count: usize) -> Result<(f64, f64), Error> {
    let server = Socket::new(Config::default())?;
    let here = server.bind(endpoint)?;
    let echo = server.clone();
    let echoing = thread::spawn(move || {
        for message in echo.messages() {
            // The client is gone at the end.
            echo.send_to(message.from(), &message).ok();
        }
    });
    let client = Socket::new(Config::default())?;
    client.connect(&here)?;
    client.wait_for_peers(1, Duration::from_secs(5))?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        client.send([7; 64])?;
        client.recv()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    client.close();
    server.close();
    echoing.join().expect("the echo does not panic");
    times.sort_by(f64::total_cmp);
    Ok((times[count / 2], times[count * 99 / 100]))
}

fn fan_out(endpoint: &str, peers: usize, budget: Duration) -> Result<f64, Error> {
    let publisher = Socket::new(Config::default().send_mode(SendMode::Publish))?;
    let here = publisher.bind(endpoint)?;
    let subscribers = (0..peers).map(|_| {
        let subscriber = Socket::new(Config::default())?;
        subscriber.connect(&here)?;
        Ok(subscriber)
    });
    let subscribers = subscribers.collect::<Result<Vec<Socket>, Error>>()?;
    publisher.wait_for_peers(peers, Duration::from_secs(10))?;
    let counting = thread::spawn(move || {
        let all: Vec<&Socket> = subscribers.iter().collect();
        let mut count = 0_u64;
        let mut open = all.len();
        while open > 0 {
            // Wait for one, then take what each has.
            let first = jackfield::recv_any(&all, Duration::from_secs(10)).map(|(_, first)| first);
            let rest = all
                .iter()
                .flat_map(|each| std::iter::from_fn(|| each.try_recv().ok()));
            for message in first.into_iter().chain(rest) {
                match message.body() {
                    [] => open -= 1,
                    _ => count += 1,
                }
            }
        }
        count
    });
    let start = Instant::now();
    let body = [7; 64];
    while start.elapsed() < budget {
        // At the pace of the slowest, so that nothing is dropped.
        for _ in 0..64 {
            publisher.send(body)?;
        }
        while publisher.peers().iter().any(|peer| peer.queued > 4_096) {
            thread::yield_now();
        }
    }
    publisher.send("")?;
    let count = counting.join().expect("the counter does not panic");
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
