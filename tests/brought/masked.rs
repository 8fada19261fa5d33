//! Masked: a stream that changes every byte by its place, so that none can be lost or doubled
//! unseen, and that keeps what it takes until it is flushed.

use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jackfield::{Credentials, Duplex, Endpoint, Error, RawStream, Socket};

/// It takes no more than this at once.
const MOST: usize = 100_000;

pub fn bind(socket: &Socket, here: &str) -> Result<Endpoint, Error> {
    socket.bind_with(here, |raw, deadline| masked(raw, deadline, 1))
}

pub fn connect(socket: &Socket, there: &str) -> Result<(), Error> {
    socket.connect_with(there, |raw, deadline| masked(raw, deadline, 2))
}

struct Masked {
    raw: RawStream,
    incoming: Mutex<Mask>,
    outgoing: Mutex<Outgoing>,
    their_key: u8,
}

struct Outgoing {
    mask: Mask,
    kept: Vec<u8>,
}

struct Mask {
    key: u8,
    place: usize,
}

impl Mask {
    fn apply(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte ^= self.key.wrapping_add((self.place % 251) as u8);
            self.place += 1;
        }
    }
}

/// Both sides say their key; the other's is its credentials.
pub fn masked(raw: RawStream, _: Instant, key: u8) -> io::Result<Box<dyn Duplex>> {
    let mut their_key = [0];
    (&raw).write_all(&[key])?;
    (&raw).read_exact(&mut their_key)?;
    let [their_key] = their_key;
    let mask = |key| Mask { key, place: 0 };
    Ok(Box::new(Masked {
        raw,
        incoming: Mutex::new(mask(their_key)),
        outgoing: Mutex::new(Outgoing {
            mask: mask(key),
            kept: Vec::new(),
        }),
        their_key,
    }))
}

impl Duplex for Masked {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.raw).read(buffer)?;
        self.incoming.lock().unwrap().apply(&mut buffer[..count]);
        Ok(count)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let all = parts.iter().flat_map(|part| part.iter().copied());
        let mut bytes: Vec<u8> = all.take(MOST).collect();
        let mut outgoing = self.outgoing.lock().unwrap();
        assert!(outgoing.kept.is_empty(), "it was flushed");
        outgoing.mask.apply(&mut bytes);
        let count = bytes.len();
        outgoing.kept = bytes;
        Ok(count)
    }

    fn flush(&self) -> io::Result<()> {
        let mut kept = std::mem::take(&mut self.outgoing.lock().unwrap().kept);
        let mut flushed = Ok(());
        while !kept.is_empty() && flushed.is_ok() {
            flushed = (&self.raw)
                .write(&kept)
                .map(|count| drop(kept.drain(..count)));
        }
        self.outgoing.lock().unwrap().kept = kept;
        flushed
    }

    fn credentials(&self) -> Option<Credentials> {
        Some(Arc::new(self.their_key))
    }
}
