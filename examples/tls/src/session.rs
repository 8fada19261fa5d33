//! Session: TLS between a raw stream and the protocol.
//!
//! The state of the cipher is behind a lock that nobody holds while bytes are read or written: one
//! thread reads from the network while another writes to it, and they meet only to have something
//! encrypted or decrypted.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jackfield::{Candidate, Credentials, Duplex, RawStream};
use ring::digest::{SHA256, digest};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

/// Bytes that are read from the network at once: a few records.
const PORTION: usize = 64 * 1024;

/// The SHA-256 of a certificate, which names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// Makes TLS of accepted connections, with this side's settings.
pub fn accepting(
    config: Arc<ServerConfig>,
) -> impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static {
    move |raw, _| {
        let tls = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Session::open(tls.into(), raw)
    }
}

/// Makes TLS of dialled connections: the other side must have a certificate for `name`.
pub fn dialling(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> impl Fn(RawStream, Instant) -> io::Result<Box<dyn Duplex>> + Send + Sync + 'static {
    move |raw, _| {
        let tls = ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
        Session::open(tls.into(), raw)
    }
}

/// Which certificate a peer has shown, for an `authorize` hook to decide by.
pub fn fingerprint_of(candidate: &Candidate) -> Option<Fingerprint> {
    candidate.credentials.as_ref()?.downcast_ref().copied()
}

struct Session {
    raw: RawStream,
    /// The state of the cipher: locked for a moment, never across a read or a write.
    tls: Mutex<Connection>,
    /// What came and is not decrypted; the reading thread takes it out while it is at it.
    incoming: Mutex<Incoming>,
    /// What is encrypted and did not go out; the writing thread takes it out in the same way.
    outgoing: Mutex<Vec<u8>>,
    certificate: Option<Fingerprint>,
}

#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// What the lock around the cipher was taken for.
enum Step {
    /// Bytes of the stream, or its end.
    Read(usize),
    /// The cipher has something to say of its own.
    Prompt,
    /// It needs more bytes.
    Hungry,
}

impl Session {
    /// Shakes hands. The raw stream keeps the deadline: each read and write ends with it.
    fn open(mut tls: Connection, raw: RawStream) -> io::Result<Box<dyn Duplex>> {
        let mut wire = &raw;
        while tls.is_handshaking() {
            tls.complete_io(&mut wire)?;
        }
        // The last of it, such as a server's tickets.
        while tls.wants_write() {
            tls.write_tls(&mut wire)?;
        }
        let shown = tls.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|it| Fingerprint::of(it));
        Ok(Box::new(Session {
            raw,
            tls: Mutex::new(tls),
            incoming: Mutex::default(),
            outgoing: Mutex::default(),
            certificate,
        }))
    }

    fn read_on(&self, incoming: &mut Incoming, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let step = incoming.decrypt(&mut lock(&self.tls), buffer)?;
            match step {
                Step::Read(count) => return Ok(count),
                Step::Prompt => return Err(io::ErrorKind::WouldBlock.into()),
                Step::Hungry => {}
            }
            if incoming.fill(&self.raw)? == 0 {
                // The stream ends without TLS having said so: somebody may have cut it off.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Until the system has all of it.
    fn write_out(&self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        loop {
            encrypted(&mut lock(&self.tls), outgoing)?;
            if outgoing.is_empty() {
                return Ok(());
            }
            let mut done = 0;
            let written = loop {
                match (&self.raw).write(&outgoing[done..]) {
                    Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => done += count,
                    Err(error) => break Err(error),
                }
                if done == outgoing.len() {
                    break Ok(());
                }
            };
            outgoing.drain(..done);
            written?;
        }
    }
}

impl Duplex for Session {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut incoming = std::mem::take(&mut *lock(&self.incoming));
        let read = self.read_on(&mut incoming, buffer);
        *lock(&self.incoming) = incoming;
        read
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        // As much as rustls keeps for us, 64 KiB; it is all out before the next call.
        lock(&self.tls).writer().write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        let mut outgoing = std::mem::take(&mut *lock(&self.outgoing));
        let flushed = self.write_out(&mut outgoing);
        *lock(&self.outgoing) = outgoing;
        flushed
    }

    fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Write {
            lock(&self.tls).send_close_notify();
            // Where there is no room for it, the other side finds the stream cut off.
            self.flush().ok();
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        let certificate = self.certificate?;
        Some(Arc::new(certificate))
    }
}

impl Incoming {
    /// Decrypts what came, up to what `buffer` has room for.
    fn decrypt(&mut self, tls: &mut Connection, buffer: &mut [u8]) -> io::Result<Step> {
        let had_to_write = tls.wants_write();
        let mut filled = 0;
        loop {
            match tls.reader().read(&mut buffer[filled..]) {
                Ok(0) if filled < buffer.len() => return Ok(Step::Read(filled)),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if filled == buffer.len() || self.start == self.end {
                break;
            }
            let mut rest = &self.bytes[self.start..self.end];
            let before = rest.len();
            tls.read_tls(&mut rest)?;
            self.start += before - rest.len();
            let processed = tls.process_new_packets();
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(match filled {
            0 if tls.wants_write() && !had_to_write => Step::Prompt,
            0 => Step::Hungry,
            filled => Step::Read(filled),
        })
    }

    /// Reads from the network, when all that came is decrypted.
    fn fill(&mut self, mut raw: &RawStream) -> io::Result<usize> {
        self.bytes.resize(PORTION, 0);
        self.start = 0;
        self.end = 0;
        self.end = raw.read(&mut self.bytes)?;
        Ok(self.end)
    }
}

/// Takes out what the cipher has for the network.
fn encrypted(tls: &mut Connection, out: &mut Vec<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(out)?;
    }
    Ok(())
}

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Fingerprint {
        let hash = digest(&SHA256, certificate);
        Fingerprint(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A panic of another thread leaves the cipher as it was: the connection ends by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
