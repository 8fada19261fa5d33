//! Attacker: one connection of a peer that keeps no rule, over TCP or a Unix socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use jackfield::Identity;

use crate::support::SLACK;
use crate::wire::{Frame, HEARTBEAT, heartbeat, hello_of};

pub enum Attacker {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Identity number `number` of an attacker; no other socket has one of these.
pub fn forged(number: u32) -> Identity {
    let mut bytes = [0xa5; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Identity::new(bytes)
}

impl Attacker {
    /// Connects and says nothing.
    pub fn dial(there: &str) -> Attacker {
        let attempts = (0..100).find_map(|_| Attacker::try_dial(there));
        attempts.expect("it listens")
    }

    /// As `dial`, but tries once. Where too many wait to be accepted already, the system drops
    /// the attempt, and repeats it only after a second and more.
    pub fn try_dial(there: &str) -> Option<Attacker> {
        let attacker = match there.strip_prefix("unix://") {
            Some(path) => Attacker::Unix(UnixStream::connect(path).ok()?),
            None => {
                let address = there.trim_start_matches("tcp://").parse().ok()?;
                let patience = Duration::from_millis(200);
                Attacker::Tcp(TcpStream::connect_timeout(&address, patience).ok()?)
            }
        };
        attacker.set_timeouts().ok()?;
        Some(attacker)
    }

    /// Connects as a peer of this name, and knows that it was accepted.
    pub fn join(there: &str, who: Identity) -> Attacker {
        let mut attacker = Attacker::dial(there);
        attacker.write(&[hello_of(*who.as_bytes()), heartbeat()].concat());
        let kinds = [(); 2].map(|()| attacker.frame().expect("it is accepted").kind);
        assert_eq!(kinds[1], HEARTBEAT);
        attacker
    }

    /// Tries once to become a peer of this name, and leaves again.
    pub fn try_join(there: &str, who: Identity) -> bool {
        let Some(mut attacker) = Attacker::try_dial(there) else {
            return false;
        };
        attacker.try_write(&[hello_of(*who.as_bytes()), heartbeat()].concat());
        attacker.frame().is_some() && attacker.frame().is_some()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.write_all(bytes).expect("it is read");
    }

    /// Writes to a socket that may have had enough.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.write_all(bytes).is_ok()
    }

    /// The next frame, or `None` at the end of the stream.
    pub fn frame(&mut self) -> Option<Frame> {
        let mut len = [0; 4];
        self.fill(&mut len)?;
        let mut envelope = vec![0; u32::from_be_bytes(len) as usize];
        self.fill(&mut envelope)?;
        let body = envelope.split_off(1);
        let kind = envelope[0];
        Some(Frame { kind, body })
    }

    /// The next frame that is no heartbeat.
    pub fn next(&mut self) -> Option<Frame> {
        let mut frame = self.frame()?;
        while frame.kind == HEARTBEAT {
            frame = self.frame()?;
        }
        Some(frame)
    }

    /// All that comes until the connection is gone, in whatever way.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.read_to_end(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it is left open"),
            _ => bytes,
        }
    }

    /// Goes away with bytes unread, so that the other side sees a reset.
    pub fn reset(mut self) {
        self.fill(&mut [0]);
    }

    /// From now on a write that does not get through gives up so soon.
    pub fn set_patience(&self, patience: Duration) {
        let set = match self {
            Attacker::Tcp(stream) => stream.set_write_timeout(Some(patience)),
            Attacker::Unix(stream) => stream.set_write_timeout(Some(patience)),
        };
        set.expect("an open stream");
    }

    /// Whether the other side has reset the connection.
    pub fn was_reset(&self) -> bool {
        let error = match self {
            Attacker::Tcp(stream) => stream.take_error(),
            Attacker::Unix(stream) => stream.take_error(),
        };
        error.expect("it can be asked").is_some()
    }

    pub fn end_writing(&self) {
        let ended = match self {
            Attacker::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Attacker::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        ended.expect("an open stream");
    }

    /// Another handle to the same connection, to read while one writes.
    pub fn again(&self) -> Attacker {
        match self {
            Attacker::Tcp(stream) => Attacker::Tcp(stream.try_clone().expect("an open stream")),
            Attacker::Unix(stream) => Attacker::Unix(stream.try_clone().expect("an open stream")),
        }
    }

    fn set_timeouts(&self) -> io::Result<()> {
        match self {
            Attacker::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(SLACK))?;
                stream.set_read_timeout(Some(SLACK))
            }
            Attacker::Unix(stream) => {
                stream.set_write_timeout(Some(SLACK))?;
                stream.set_read_timeout(Some(SLACK))
            }
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.read_exact(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
            read => read.ok(),
        }
    }
}

impl Read for Attacker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Attacker::Tcp(stream) => stream.read(buffer),
            Attacker::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Attacker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Attacker::Tcp(stream) => stream.write(bytes),
            Attacker::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
