//! Streams whose last word hangs until they are shut down, as it never should.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use jackfield::{Duplex, RawStream};

use crate::support::{SLACK, Transport, await_peers, quick, socket, timed};
use crate::wire::{heartbeat, hello};

/// A lone `#` cannot be right, and is what brings on the last word.
struct Hanging {
    raw: RawStream,
    begun: Sender<()>,
    is_shut: Mutex<bool>,
    shut: Condvar,
}

impl Duplex for Hanging {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&self.raw).read(buffer)?;
        match &buffer[..count] {
            b"#" => Err(io::ErrorKind::InvalidData.into()),
            _ => Ok(count),
        }
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.raw).write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Both {
            *self.is_shut.lock().unwrap() = true;
            return self.shut.notify_all();
        }
        self.begun.send(()).unwrap();
        let is_shut = self.is_shut.lock().unwrap();
        drop(self.shut.wait_timeout_while(is_shut, SLACK, |it| !*it));
    }
}

#[test]
fn however_many_last_words_hang_a_close_waits_once() {
    const PEERS: u8 = 100;
    let (server, here) = (socket(quick()), Transport::Tcp.endpoint());
    let (begun, has_begun) = mpsc::channel();
    let hanging = move |raw, _| -> io::Result<Box<dyn Duplex>> {
        Ok(Box::new(Hanging {
            raw,
            begun: begun.clone(),
            is_shut: Mutex::default(),
            shut: Condvar::new(),
        }))
    };
    server.bind_with(&here, hanging).unwrap();
    let address = here.trim_start_matches("tcp://");
    let dial = |n| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(&[hello(n), heartbeat()].concat()).unwrap();
        stream
    };
    let mut peers: Vec<TcpStream> = (1..=PEERS).map(dial).collect();
    await_peers(&server, PEERS.into());
    for peer in &mut peers {
        peer.write_all(b"#").unwrap();
        has_begun.recv_timeout(SLACK).expect("it takes its leave");
    }
    let (_, took) = timed(|| server.close_within(Duration::ZERO));
    assert!(took < Duration::from_secs(2), "{took:?}");
}
