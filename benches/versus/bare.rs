//! Bare: clients of the broker that speak its wire through bare streams, so that it is measured alone.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;

/// What is written at once, at least.
const CHUNK: usize = 64 * 1024;

const HELLO: u8 = 1;
const HEARTBEAT: u8 = 2;
const DATA: u8 = 3;

/// A connection to the broker.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    out: Vec<u8>,
    frame: Vec<u8>,
    made: u64,
}

impl Client {
    /// Dials until the broker is there, and says which one of all clients this is.
    pub fn connect(arguments: &Arguments, number: u64) -> io::Result<Client> {
        let address = arguments.address.trim_start_matches("tcp://");
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(address) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                result => break result?,
            }
        };
        stream.set_nodelay(true)?;
        let mut client = Client {
            reader: BufReader::with_capacity(CHUNK, stream.try_clone()?),
            stream,
            out: Vec::new(),
            frame: Vec::new(),
            made: 0,
        };
        client.put(HELLO, &[&[1], &u128::from(number + 1).to_be_bytes()]);
        client.put(HEARTBEAT, &[]);
        client.flush()?;
        Ok(client)
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        self.out.extend_from_slice(&(1 + body as u32).to_be_bytes());
        self.out.push(kind);
        parts
            .iter()
            .for_each(|part| self.out.extend_from_slice(part));
    }

    /// Writes what was put together.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn next_id(&mut self) -> String {
        self.made += 1;
        format!("{:032x}", self.made)
    }

    /// Returns when the broker knows of the subscription.
    pub fn subscribe(&mut self, topic: &str) -> io::Result<()> {
        let words = format!("sub {} {topic}\n\n", self.next_id());
        self.put(DATA, &[words.as_bytes()]);
        self.flush()?;
        while !self.next()?.starts_with(b"ok ") {}
        Ok(())
    }

    /// Adds to what is written at the next flush; many together go by themselves.
    pub fn publish(&mut self, topic: &str, body: &[u8]) -> io::Result<()> {
        let words = format!("pub {} {topic}\n\n", self.next_id());
        self.put(DATA, &[words.as_bytes(), body]);
        match self.out.len() >= CHUNK {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// The next message, its words included.
    pub fn next(&mut self) -> io::Result<&[u8]> {
        loop {
            let mut head = [0; 5];
            self.reader.read_exact(&mut head)?;
            let [a, b, c, d, kind] = head;
            self.frame
                .resize(u32::from_be_bytes([a, b, c, d]) as usize - 1, 0);
            self.reader.read_exact(&mut self.frame)?;
            if kind == DATA {
                return Ok(&self.frame);
            }
        }
    }

    /// The body of the next event.
    pub fn next_event(&mut self) -> io::Result<&[u8]> {
        let message = self.next()?;
        let end = message.windows(2).position(|two| two == b"\n\n");
        let end = end.ok_or(io::ErrorKind::InvalidData)?;
        Ok(&message[end + 2..])
    }

    /// What comes is thrown away, by a thread of its own.
    pub fn ignore_answers(&self) -> io::Result<()> {
        let mut stream = self.stream.try_clone()?;
        thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        Ok(())
    }

    /// A way to let the broker know, now and then, that a client that only listens is there.
    pub fn pulse(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }
}

/// Lets the broker hear of clients that only listen.
pub fn keep_alive(mut pulses: Vec<TcpStream>) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(2));
            let beat = [0, 0, 0, 1, HEARTBEAT];
            pulses.retain_mut(|stream| stream.write_all(&beat).is_ok());
        }
    });
}
