//! Raw: the same bytes through a bare stream, without frames, peers or promises; the yardstick.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Outcome, linger, number, number_of, say, say_rate, say_times};

/// What is written at once, at least.
const CHUNK: usize = 64 * 1024;
/// What is read at once, at most.
const ROOM: usize = 256 * 1024;

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

fn accepted(arguments: &Arguments) -> io::Result<Box<dyn Stream>> {
    match address(arguments) {
        Address::Unix(path) => {
            let listener = UnixListener::bind(path)?;
            say("READY");
            Ok(Box::new(listener.accept()?.0))
        }
        Address::Tcp(address) => {
            let listener = TcpListener::bind(address)?;
            say("READY");
            prompt(listener.accept()?.0)
        }
    }
}

fn connected(arguments: &Arguments) -> io::Result<Box<dyn Stream>> {
    match address(arguments) {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path)?)),
        Address::Tcp(address) => prompt(TcpStream::connect(address)?),
    }
}

fn prompt(stream: TcpStream) -> io::Result<Box<dyn Stream>> {
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

enum Address<'a> {
    Unix(&'a str),
    Tcp(&'a str),
}

fn address(arguments: &Arguments) -> Address<'_> {
    match arguments.address.split_once("://") {
        Some(("unix", path)) => Address::Unix(path),
        Some((_, address)) => Address::Tcp(address),
        None => Address::Tcp(&arguments.address),
    }
}

/// Receives all messages; the clock starts behind those of the warm-up.
pub fn receive(arguments: &Arguments) -> Outcome {
    let mut stream = accepted(arguments)?;
    let mut buffer = vec![0; ROOM.max(2 * arguments.size)];
    let (mut held, mut heard, mut bad, mut start) = (0, 0, 0, Instant::now());
    while heard < arguments.total() {
        held += match stream.read(&mut buffer[held..])? {
            0 => return Err("the sender is gone".into()),
            count => count,
        };
        let whole = held - held % arguments.size;
        for body in buffer[..whole].chunks_exact(arguments.size) {
            bad += u64::from(number_of(body) != heard);
            heard += 1;
            if heard == arguments.warmup {
                start = Instant::now();
            }
        }
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
    say_rate(arguments.count, start.elapsed(), bad);
    linger();
    Ok(())
}

/// Sends all messages, many at a time.
pub fn send(arguments: &Arguments) -> Outcome {
    let mut stream = connected(arguments)?;
    let together = (CHUNK / arguments.size).max(1);
    let mut buffer = vec![0; together * arguments.size];
    let mut next = 0;
    while next < arguments.total() {
        let count = together.min((arguments.total() - next) as usize);
        let chunk = &mut buffer[..count * arguments.size];
        for body in chunk.chunks_exact_mut(arguments.size) {
            number(body, next);
            next += 1;
        }
        stream.write_all(chunk)?;
    }
    say("SENT");
    linger();
    Ok(())
}

/// Sends each message back.
pub fn echo(arguments: &Arguments) -> Outcome {
    let mut stream = accepted(arguments)?;
    let mut body = vec![0; arguments.size];
    for _ in 0..arguments.total() {
        stream.read_exact(&mut body)?;
        stream.write_all(&body)?;
    }
    linger();
    Ok(())
}

/// Sends a message and waits for it to come back, again and again.
pub fn ping(arguments: &Arguments) -> Outcome {
    let mut stream = connected(arguments)?;
    let mut body = vec![0; arguments.size];
    let mut times: Vec<Duration> = Vec::with_capacity(arguments.total() as usize);
    for each in 0..arguments.total() {
        number(&mut body, each);
        let start = Instant::now();
        stream.write_all(&body)?;
        stream.read_exact(&mut body)?;
        times.push(start.elapsed());
    }
    say_times(&mut times[arguments.warmup as usize..]);
    linger();
    Ok(())
}
