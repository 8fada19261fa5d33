//! Dropping: what the program gave us is dropped under no lock of ours.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use jackfield::{Duplex, Pauses, RawStream, Socket};

use crate::support::{SLACK, Transport, await_peers, quick, socket};
use crate::wire::hello;

/// Asks the socket that it belongs to for something when it is dropped, as a program's own logging
/// or pooling would, and says that it was answered.
struct Asks {
    socket: Arc<OnceLock<Socket>>,
    answered: Sender<()>,
}

impl Drop for Asks {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.get() {
            socket.stats();
            self.answered.send(()).ok();
        }
    }
}

/// Passes bytes on as they are.
struct Plain {
    raw: RawStream,
    _asks: Asks,
}

impl Duplex for Plain {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.raw).read(buffer)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.raw).write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A drain is in a write to a peer that takes nothing, and the peer ends its half.
#[test]
fn a_stream_may_ask_its_socket_when_it_is_dropped() {
    let (answered, answers) = mpsc::channel();
    let (here, held) = (Transport::Tcp.endpoint(), Arc::new(OnceLock::new()));
    let server = socket(quick());
    let asked = held.clone();
    server
        .bind_with(&here, move |raw, _| {
            let (socket, answered) = (asked.clone(), answered.clone());
            let _asks = Asks { socket, answered };
            Ok(Box::new(Plain { raw, _asks }))
        })
        .expect("it is free");
    held.set(server.clone()).expect("it was empty");
    for _ in 0..10 {
        let address = here.trim_start_matches("tcp://");
        let mut peer = TcpStream::connect(address).expect("it listens");
        peer.write_all(&hello(1)).expect("it is read");
        await_peers(&server, 1);
        while server.try_send(vec![7; 256 * 1024]).is_ok() {}
        peer.shutdown(Shutdown::Write).expect("it is open");
        let answer = answers.recv_timeout(SLACK);
        answer.expect("the socket answers");
    }
    server.close();
}

/// An error of the program's own.
struct Refused(#[allow(dead_code, reason = "it is there to be dropped")] Asks);

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Error for Refused {}

/// More dials fail than events are kept, and nobody reads them.
#[test]
fn an_error_may_ask_its_socket_when_it_is_lost() {
    let (answered, answers) = mpsc::channel();
    let soon = Duration::from_millis(1);
    let (client, held) = (
        socket(quick().redial(Pauses {
            first: soon,
            max: soon,
        })),
        Arc::new(OnceLock::new()),
    );
    held.set(client.clone()).expect("it was empty");
    let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || listener.incoming().for_each(drop));
    for host in 1..=32 {
        let (socket, answered) = (held.clone(), answered.clone());
        let there = format!("tcp://127.0.0.{host}:{port}");
        let refuse = move |_, _: std::time::Instant| {
            let (socket, answered) = (socket.clone(), answered.clone());
            Err(io::Error::other(Refused(Asks { socket, answered })))
        };
        client.connect_with(there, refuse).expect("it is valid");
    }
    for _ in 0..100 {
        let answer = answers.recv_timeout(SLACK);
        answer.expect("the socket answers");
    }
    client.close();
}
