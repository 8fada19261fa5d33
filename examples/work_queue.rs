//! A queue of jobs that survives the death of a worker.
//!
//! Jobs go to the workers in turn and are kept until they are acknowledged. One worker dies in the
//! middle of its first job; the other one gets that job too.

use std::thread;
use std::time::Duration;

use jackfield::{AckMode, Config, Delivery, Endpoint, Error, Socket};

const JOBS: usize = 5;

fn main() -> Result<(), Error> {
    let queue = Socket::new(
        Config::default()
            .delivery(Delivery::AtLeastOnce)
            .unacknowledged(1), // one job at a time for each worker: `send` waits for a free one
    )?;
    let here = queue.bind("tcp://127.0.0.1:0")?;
    let there = here.clone();
    thread::spawn(move || frail_worker(&here));
    thread::spawn(move || steady_worker(&there));
    queue.wait_for_peers(2, Duration::from_secs(5))?;

    for number in 1..=JOBS {
        queue.send(format!("job {number}"))?;
    }
    for result in queue.messages().take(JOBS) {
        println!("queue: {}", result.text());
    }
    Ok(())
}

fn steady_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default().ack_mode(AckMode::Manual))?;
    socket.connect(queue)?;
    for job in socket.messages() {
        println!("steady: working on {}", job.text());
        socket.send(format!("{} is done", job.text()))?;
        job.ack(); // last, so that a crash before this point costs no job
    }
    Ok(())
}

fn frail_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = Socket::new(Config::default().ack_mode(AckMode::Manual))?;
    socket.connect(queue)?;
    let job = socket.recv()?;
    println!("frail: working on {}, and dying", job.text());
    Ok(()) // dropped without `ack`: the queue sends it to another worker
}
