//! What an idle peer costs the socket that it is connected to: memory, threads, processor time.
//!
//! `cargo bench --bench idle` measures 1,000 peers; `-- COUNT` another number. The peers are bare
//! streams that speak the protocol by hand, so that the process holds one jackfield socket only.
//! Reads `/proc`, so Linux only.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Error, Socket};

/// How long processor time is watched: three heartbeats of ours to each peer.
const WATCHED: Duration = Duration::from_secs(15);

fn main() -> Result<(), Error> {
    let count = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000);
    let socket = Socket::new(Config::default())?;
    let here = socket.bind("tcp://127.0.0.1:0")?;
    let port = here.port().expect("a TCP endpoint has a port");
    let before = resident();
    let start = Instant::now();
    let mut peers: Vec<TcpStream> = (0..count).map(|number| peer(port, number)).collect();
    socket.wait_for_peers(count, Duration::from_secs(30))?;
    println!(
        "{count} peers up after {:.2} s",
        start.elapsed().as_secs_f64()
    );
    thread::sleep(Duration::from_secs(1));
    println!(
        "resident memory: {:.1} KiB a peer",
        (resident() - before) / count as f64
    );
    println!(
        "threads: {}",
        fs::read_dir("/proc/self/task").expect("Linux").count()
    );
    let used = processor_time();
    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        // The peers' side: one heartbeat each, then silence again.
        peers
            .iter_mut()
            .for_each(|peer| peer.write_all(&[0, 0, 0, 1, 2]).expect("it is up"));
        thread::sleep(Duration::from_secs(5));
    }
    let per_minute = (processor_time() - used) * 60.0 / WATCHED.as_secs_f64();
    println!("processor time: {per_minute:.2} s a minute, heartbeats of both sides included");
    assert_eq!(socket.peers().len(), count, "all peers are still up");
    drop(peers);
    let start = Instant::now();
    socket.close();
    println!("close: {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// A peer that speaks by hand: HELLO, then a heartbeat that confirms it.
fn peer(port: u16, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the listener is there");
    let mut hello = vec![0, 0, 0, 18, 1, 1];
    hello.extend_from_slice(&(number as u128 + 1).to_be_bytes());
    hello.extend_from_slice(&[0, 0, 0, 1, 2]);
    stream.write_all(&hello).expect("it is up");
    let mut answer = [0; 22];
    stream
        .read_exact(&mut answer)
        .expect("the socket says HELLO");
    stream
}

/// Resident memory in KiB.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: f64 = pages
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .expect("a number");
    pages * 4.0
}

/// Seconds of processor time, of user and system together.
fn processor_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a process has a name");
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
