//! Wires: bare clients of brokers, written by hand, so that a broker is measured and not a library.

mod line;
mod nats;
mod ours;
mod redis;

use std::io;
use std::thread;

use crate::arguments::{Arguments, Outcome};
use line::Line;

/// What a client can say, in the words of its broker.
pub trait Wire: Send {
    /// Asks for all of these. Returns when the broker knows of them.
    fn subscribe(&mut self, topics: &[String]) -> io::Result<()>;

    /// Adds to what is written at the next flush; many together go by themselves.
    fn publish(&mut self, topic: &str, body: &[u8]) -> io::Result<()>;

    /// The body of the next message of a subscription.
    fn next_event(&mut self) -> io::Result<&[u8]>;

    /// Answers calls of that name with what they ask.
    fn serve(&mut self, name: &str) -> io::Result<()>;

    /// Waits for a call, and answers it.
    fn answer_next(&mut self) -> io::Result<()>;

    /// Calls, and waits for the answer.
    fn call(&mut self, name: &str, body: &[u8]) -> io::Result<&[u8]>;

    /// What it writes to, and what its broker wants to hear now and then.
    fn line(&mut self) -> (&mut Line, &'static [u8]);
}

/// The client `number` of the broker that is meant, once it is reached.
pub fn connect(arguments: &Arguments, number: u64) -> io::Result<Box<dyn Wire>> {
    let line = || Line::connect(&arguments.address);
    Ok(match arguments.option("clients") {
        Some("nats") => Box::new(nats::Client::greet(line()?)?),
        Some("redis") => Box::new(redis::Client::new(line()?, line()?)?),
        _ => Box::new(ours::Client::greet(line()?, number)?),
    })
}

impl dyn Wire {
    /// Writes what was put together.
    pub fn flush(&mut self) -> io::Result<()> {
        self.line().0.flush()
    }

    /// What comes is thrown away, by a thread of its own.
    pub fn ignore_answers(&mut self) -> io::Result<()> {
        let mut stream = self.line().0.stream.try_clone()?;
        thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        Ok(())
    }
}

/// Lets the broker hear of clients that only listen.
pub fn keep_alive(clients: &mut [Box<dyn Wire>]) -> Outcome {
    let mut pulses = Vec::new();
    for client in clients {
        let (line, beat) = client.line();
        pulses.push((line.stream.try_clone()?, beat));
    }
    line::keep_alive(pulses);
    Ok(())
}
