//! Bare: peers that speak the protocol by hand, so that many of them cost this process little.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jackfield::{Config, Endpoint, Heartbeat, Identity, Socket};

use crate::Outcome;

pub const HEARTBEAT: [u8; 5] = [0, 0, 0, 1, 2];

/// Bytes of a whole HELLO frame.
const HELLO_LEN: usize = 22;

/// Bytes in front of a payload: length and type.
pub const HEADER: usize = 5;

/// So many peers are many.
const MANY: usize = 1_000;

/// So many shake hands at once, which is less than a socket puts up with.
const TOGETHER: usize = 64;

/// Descriptors that are kept for everything but streams of peers.
const RESERVED: usize = 64;

/// How long peers may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings for peers that say nothing by themselves.
pub fn quiet() -> Config {
    Config::default().heartbeat(Heartbeat {
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(600),
    })
}

/// As many peers as this process has descriptors for, with both ends in it, and what they are
/// called.
pub fn many() -> (usize, String) {
    match (descriptors().saturating_sub(RESERVED) / 2).max(1) {
        MANY.. => (MANY, "1,000 peers".to_owned()),
        fewer => (fewer, format!("{fewer} peers (few descriptors)")),
    }
}

/// How many descriptors the system allows this process, or what every system allows.
fn descriptors() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let mut lines = limits.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    soft.unwrap_or(256)
}

/// A socket, bound to a port of loopback, and so many peers of it.
pub fn gathered(config: Config, count: usize) -> Outcome<(Socket, Vec<TcpStream>)> {
    let socket = Socket::new(config)?;
    let here = socket.bind("tcp://127.0.0.1:0")?;
    let peers = connect(&here, count)?;
    socket.wait_for_peers(count, PATIENCE)?;
    Ok((socket, peers))
}

/// So many peers of the socket that is bound there.
pub fn connect(here: &Endpoint, count: usize) -> io::Result<Vec<TcpStream>> {
    let port = here.port().expect("a TCP endpoint has a port");
    let dial = || {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    Ok(greeted(dial, count)?.0)
}

/// So many peers, dialled and greeted a few at a time, and who they are.
pub fn greeted<S: Read + Write>(
    dial: impl Fn() -> io::Result<S>,
    count: usize,
) -> io::Result<(Vec<S>, Vec<Identity>)> {
    let (mut streams, mut identities) = (Vec::new(), Vec::new());
    while streams.len() < count {
        let from = streams.len();
        for _ in from..count.min(from + TOGETHER) {
            let mut stream = dial()?;
            identities.push(say_hello(&mut stream)?);
            streams.push(stream);
        }
        let mut answer = [0; HELLO_LEN + HEARTBEAT.len()];
        for stream in &mut streams[from..] {
            stream.read_exact(&mut answer)?;
        }
    }
    Ok((streams, identities))
}

/// HELLO of somebody new, and the heartbeat that confirms the answer.
fn say_hello(stream: &mut impl Write) -> io::Result<Identity> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let identity = Identity::new(u128::from(number).to_be_bytes());
    let mut hello = vec![0, 0, 0, 18, 1, 1];
    hello.extend_from_slice(identity.as_bytes());
    hello.extend_from_slice(&HEARTBEAT);
    stream.write_all(&hello)?;
    Ok(identity)
}

/// A message as it is on the wire.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = (1 + body.len() as u32).to_be_bytes().to_vec();
    frame.push(3);
    frame.extend_from_slice(body);
    frame
}
