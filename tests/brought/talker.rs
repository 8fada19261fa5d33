//! Talker: a stream that passes bytes on as they are, and has a few words of its own.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Mutex;
use std::time::Instant;

use jackfield::{Config, Duplex, RawStream, Socket};

use crate::support::{Transport, socket};

/// What it says last.
pub const BYE: &[u8] = b"bye";

/// To a `?` that comes alone it answers `!`. A lone `#` cannot be right, a lone `*` makes it panic.
struct Talker {
    raw: RawStream,
    kept: Mutex<Vec<u8>>,
}

pub fn talker(raw: RawStream, _: Instant) -> io::Result<Box<dyn Duplex>> {
    let kept = Mutex::default();
    Ok(Box::new(Talker { raw, kept }))
}

/// A socket that talks so, and where.
pub fn server(config: Config) -> (Socket, String) {
    let (server, here) = (socket(config), Transport::Tcp.endpoint());
    server.bind_with(&here, talker).expect("it is free");
    (server, here)
}

impl Talker {
    fn keep(&self, bytes: &[u8]) {
        self.kept.lock().unwrap().extend_from_slice(bytes);
    }
}

impl Duplex for Talker {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.raw).read(buffer)?;
        match &buffer[..count] {
            b"?" => {
                self.keep(b"!");
                Err(io::ErrorKind::WouldBlock.into())
            }
            b"#" => Err(io::ErrorKind::InvalidData.into()),
            b"*" => panic!("a stream's panic, on purpose"),
            _ => Ok(count),
        }
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        parts.iter().for_each(|part| self.keep(part));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn flush(&self) -> io::Result<()> {
        let mut kept = std::mem::take(&mut *self.kept.lock().unwrap());
        let mut flushed = Ok(());
        while !kept.is_empty() && flushed.is_ok() {
            flushed = (&self.raw)
                .write(&kept)
                .map(|count| drop(kept.drain(..count)));
        }
        self.kept.lock().unwrap().splice(..0, kept);
        flushed
    }

    fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Write {
            self.keep(BYE);
            self.flush().ok();
        }
    }
}
