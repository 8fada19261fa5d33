//! The wire by hand: frames as bytes, and a peer that sends and reads them over TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use jackfield::{Config, Socket};

use crate::support::{SLACK, Transport, bound};

pub const HELLO: u8 = 0x01;
pub const HEARTBEAT: u8 = 0x02;
pub const DATA: u8 = 0x03;
pub const DATA_REQ: u8 = 0x04;
pub const ACK: u8 = 0x05;
pub const NACK: u8 = 0x06;

pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(1 + body.len()).expect("short");
    [&len.to_be_bytes()[..], &[kind], body].concat()
}

pub fn hello(who: u8) -> Vec<u8> {
    hello_of([who; 16])
}

pub fn hello_of(who: [u8; 16]) -> Vec<u8> {
    frame(HELLO, &[&[0x01][..], &who].concat())
}

pub fn heartbeat() -> Vec<u8> {
    frame(HEARTBEAT, &[])
}

pub fn data(text: &str) -> Vec<u8> {
    frame(DATA, text.as_bytes())
}

pub fn data_req(id: u8, text: &str) -> Vec<u8> {
    frame(DATA_REQ, &[&[id; 16], text.as_bytes()].concat())
}

pub fn ack(id: &[u8]) -> Vec<u8> {
    frame(ACK, id)
}

pub fn nack(id: &[u8]) -> Vec<u8> {
    frame(NACK, id)
}

/// A frame that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    pub kind: u8,
    pub body: Vec<u8>,
}

pub struct RawPeer {
    stream: TcpStream,
}

impl RawPeer {
    /// Connects and says nothing.
    pub fn dial(there: &str) -> RawPeer {
        RawPeer::over(TcpStream::connect(address(there)).expect("it listens"))
    }

    /// Waits for a socket that dials, and says nothing.
    pub fn accept(listener: &TcpListener) -> RawPeer {
        RawPeer::over(listener.accept().expect("a dial").0)
    }

    /// Connects as the peer `who`, up to both ends' heartbeat.
    pub fn join(there: &str, who: u8) -> RawPeer {
        let mut peer = RawPeer::dial(there);
        peer.write(&[hello(who), heartbeat()].concat());
        assert_eq!(peer.read().expect("a HELLO").kind, HELLO);
        assert_eq!(
            peer.read().expect("a sign that it accepted us").kind,
            HEARTBEAT
        );
        peer
    }

    fn over(stream: TcpStream) -> RawPeer {
        stream.set_nodelay(true).expect("an open stream");
        let peer = RawPeer { stream };
        peer.wait_at_most(SLACK);
        peer
    }

    fn wait_at_most(&self, time: Duration) {
        let set = self.stream.set_read_timeout(Some(time));
        set.expect("an open stream");
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the socket reads");
    }

    /// Writes to a socket that may have had enough.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame, or `None` when the socket ended the connection.
    pub fn read(&mut self) -> Option<Frame> {
        let mut len = [0; 4];
        self.fill(&mut len)?;
        let mut envelope = vec![0; u32::from_be_bytes(len) as usize];
        self.fill(&mut envelope)?;
        let body = envelope.split_off(1);
        Some(Frame {
            kind: envelope[0],
            body,
        })
    }

    /// The next frame that is no heartbeat.
    pub fn read_on(&mut self) -> Option<Frame> {
        let mut frame = self.read()?;
        while frame.kind == HEARTBEAT {
            frame = self.read()?;
        }
        Some(frame)
    }

    /// Whether anything comes in that time.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        self.wait_at_most(time);
        let heard = self.stream.peek(&mut [0]).is_ok();
        self.wait_at_most(SLACK);
        heard
    }

    /// What comes up to the end of the stream.
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.read()).collect()
    }

    pub fn end_writing(&self) {
        self.stream
            .shutdown(Shutdown::Write)
            .expect("an open stream");
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
            Err(_) => None,
        }
    }
}

/// A bound socket and where.
pub fn server(config: Config) -> (Socket, String) {
    let here = Transport::Tcp.endpoint();
    (bound(config, &here), here)
}

/// A listener that is no socket of ours, and its endpoint.
pub fn listener() -> (TcpListener, String) {
    let here = Transport::Tcp.endpoint();
    (
        TcpListener::bind(address(&here)).expect("a free port"),
        here,
    )
}

fn address(endpoint: &str) -> SocketAddr {
    let address = endpoint.strip_prefix("tcp://").expect("a TCP endpoint");
    address.parse().expect("an address")
}
