//! A queue of jobs that survives workers that die, hang or give up.
//!
//! Jobs go to the workers in turn and are kept until they are acknowledged. One worker dies in the
//! middle of its first job, one never comes to an end of it, and one gives all jobs back. Each of
//! these jobs goes to another worker, and none is lost.

use std::thread;
use std::time::Duration;

use jackfield::{AckMode, Config, Delivery, Endpoint, Error, Socket};

const JOBS: usize = 8;

fn main() -> Result<(), Error> {
    let queue = Socket::new(
        Config::default()
            .delivery(Delivery::AtLeastOnce)
            .ack_within(Duration::from_millis(500)) // a job that takes longer goes to another as well
            .unacknowledged(1), // one job at a time for each worker: `send` waits for a free one
    )?;
    let here = queue.bind("tcp://127.0.0.1:0")?;
    for work in [steady_worker, picky_worker, hanging_worker, frail_worker] {
        let there = here.clone();
        thread::spawn(move || work(&there));
    }
    queue.wait_for_peers(4, Duration::from_secs(5))?;

    for number in 1..=JOBS {
        queue.send(format!("job {number}"))?;
    }
    for result in queue.messages().take(JOBS) {
        println!("queue: {}", result.text());
    }
    Ok(())
}

fn worker(queue: &Endpoint) -> Result<Socket, Error> {
    let socket = Socket::new(Config::default().ack_mode(AckMode::Manual))?;
    socket.connect(queue)?;
    Ok(socket)
}

fn steady_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = worker(queue)?;
    for job in socket.messages() {
        println!("steady: working on {}", job.text());
        socket.send(format!("{} is done", job.text()))?;
        job.ack(); // last, so that a crash before this point costs no job
    }
    Ok(())
}

fn picky_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = worker(queue)?;
    for job in socket.messages() {
        println!("picky: not {}", job.text());
        job.nack(); // another worker gets it at once; so does a handler that panics
    }
    Ok(())
}

fn hanging_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = worker(queue)?;
    let job = socket.recv()?;
    println!("hanging: working on {}, for ever", job.text());
    loop {
        thread::park(); // connected, and late: the queue gives it no other job
    }
}

fn frail_worker(queue: &Endpoint) -> Result<(), Error> {
    let socket = worker(queue)?;
    let job = socket.recv()?;
    println!("frail: working on {}, and dying", job.text());
    socket.close_within(Duration::ZERO); // the connection ends with the job in hand
    Ok(())
}
