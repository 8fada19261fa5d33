//! Stream: one message after the other from one process to another, and there and back.

use std::thread;
use std::time::{Duration, Instant};

use jackfield::{Config, Delivery, Error, Socket};

use crate::arguments::{Arguments, Outcome, linger, number, number_of, say, say_rate, say_times};

/// The settings that the options ask for; the library's own defaults without.
pub fn config(arguments: &Arguments) -> Config {
    match arguments.option("delivery") {
        Some("at-least-once") => Config::default().delivery(Delivery::AtLeastOnce),
        _ => Config::default(),
    }
}

fn bound(arguments: &Arguments) -> Result<Socket, Error> {
    let socket = Socket::new(config(arguments))?;
    socket.bind(&arguments.address)?;
    say("READY");
    Ok(socket)
}

fn connected(arguments: &Arguments) -> Result<Socket, Error> {
    let socket = Socket::new(config(arguments))?;
    socket.connect(&arguments.address)?;
    Ok(socket)
}

/// Receives all messages; the clock starts behind those of the warm-up.
pub fn receive(arguments: &Arguments) -> Outcome {
    let socket = bound(arguments)?;
    // Several threads may send, each with numbers of its own.
    let senders = senders(arguments);
    let (mut bad, mut start) = (0, Instant::now());
    for expected in 0..arguments.total() {
        // Looked at where it lies: to move it out at once would stall the processor.
        match &socket.recv() {
            Ok(message) => {
                let is_right = senders > 1 || number_of(message.body()) == expected;
                bad += u64::from(!is_right || message.body().len() != arguments.size);
            }
            Err(error) => return Err(error.to_string().into()),
        }
        if expected + 1 == arguments.warmup {
            start = Instant::now();
        }
    }
    say_rate(arguments.count, start.elapsed(), bad);
    linger();
    Ok(())
}

/// Sends all messages, as fast as they are taken.
pub fn send(arguments: &Arguments) -> Outcome {
    let socket = connected(arguments)?;
    let senders = senders(arguments);
    thread::scope(|scope| {
        for sender in 0..senders {
            let socket = socket.clone();
            scope.spawn(move || {
                let mut body = vec![0; arguments.size];
                for each in (sender..arguments.total()).step_by(senders as usize) {
                    number(&mut body, each);
                    socket.send(&body).expect("the receiver stays");
                }
            });
        }
    });
    say("SENT");
    linger();
    Ok(())
}

fn senders(arguments: &Arguments) -> u64 {
    let told = arguments.option("senders").map(str::parse);
    told.and_then(Result::ok).unwrap_or(1)
}

/// Sends each message back.
pub fn echo(arguments: &Arguments) -> Outcome {
    let socket = bound(arguments)?;
    for _ in 0..arguments.total() {
        let message = socket.recv()?;
        socket.send_to(message.sender(), &message)?;
    }
    linger();
    Ok(())
}

/// Sends a message and waits for it to come back, again and again.
pub fn ping(arguments: &Arguments) -> Outcome {
    let socket = connected(arguments)?;
    let mut body = vec![0; arguments.size];
    let mut times = Vec::with_capacity(arguments.total() as usize);
    for each in 0..arguments.total() {
        number(&mut body, each);
        let start = Instant::now();
        socket.send(&body)?;
        let answer = socket.recv_timeout(Duration::from_secs(20))?;
        times.push(start.elapsed());
        assert_eq!(number_of(answer.body()), each);
    }
    say_times(&mut times[arguments.warmup as usize..]);
    linger();
    Ok(())
}
