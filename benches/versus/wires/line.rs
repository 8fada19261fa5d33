//! Line: a stream to a broker; what is written goes together, and what is read is cut.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// What is written at once, at least.
const CHUNK: usize = 64 * 1024;

pub struct Line {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
    out: Vec<u8>,
    /// What was read last.
    read: Vec<u8>,
}

impl Line {
    /// Dials until the broker is there.
    pub fn connect(address: &str) -> io::Result<Line> {
        let address = address.trim_start_matches("tcp://");
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(address) {
                Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                result => break result?,
            }
        };
        stream.set_nodelay(true)?;
        Ok(Line {
            reader: BufReader::with_capacity(CHUNK, stream.try_clone()?),
            stream,
            out: Vec::new(),
            read: Vec::new(),
        })
    }

    /// Adds to what is written at the next flush.
    pub fn put(&mut self, parts: &[&[u8]]) {
        parts
            .iter()
            .for_each(|part| self.out.extend_from_slice(part));
    }

    pub fn flush_if_much(&mut self) -> io::Result<()> {
        match self.out.len() >= CHUNK {
            true => self.flush(),
            false => Ok(()),
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// The next line, without its end.
    pub fn next_line(&mut self) -> io::Result<&str> {
        self.read.clear();
        if self.reader.read_until(b'\n', &mut self.read)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = std::str::from_utf8(&self.read).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(line.trim_end())
    }

    /// So many bytes.
    pub fn next_bytes(&mut self, count: usize) -> io::Result<&[u8]> {
        self.read.resize(count, 0);
        self.reader.read_exact(&mut self.read)?;
        Ok(&self.read)
    }

    /// What was read last.
    pub fn last(&self) -> &[u8] {
        &self.read
    }
}

/// Writes to each its word, every two seconds.
pub fn keep_alive(mut pulses: Vec<(TcpStream, &'static [u8])>) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(2));
            pulses.retain_mut(|(stream, beat)| stream.write_all(beat).is_ok());
        }
    });
}
