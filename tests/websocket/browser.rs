//! A browser by hand: the client side of RFC 6455, written here from the RFC alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use jackfield::{Config, DownReason, Event, Socket};

use crate::support::{SLACK, Transport, await_event, bound};
use crate::wire::{Frame, HEARTBEAT, HELLO, heartbeat, hello};

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;
pub const FINAL: u8 = 0x80;

/// A bound socket that takes browsers, and where.
pub fn server(config: Config) -> (Socket, String) {
    let here = Transport::Tcp.endpoint().replace("tcp:", "ws:");
    (bound(config, &here), here)
}

/// The same place for raw peers.
pub fn raw(here: &str) -> String {
    here.replace("ws:", "tcp:")
}

pub fn host(here: &str) -> &str {
    here.strip_prefix("ws://").expect("a WebSocket endpoint")
}

/// Waits for the end of a connection that never became a peer.
pub fn await_rejected(socket: &Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
    );
}

pub fn await_down(socket: &Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::PeerDown { reason, .. } if *reason == expected),
    );
}

/// A request that is in order, with `lines` besides.
pub fn request(here: &str, lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n",
        host(here)
    )
}

/// A frame as a client sends it; `first` is its first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x11, 0xe0, 0x00, 0x5c];
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
    out
}

pub fn binary(payload: &[u8]) -> Vec<u8> {
    frame(FINAL | BINARY, payload)
}

pub fn close(code: u16) -> Vec<u8> {
    frame(FINAL | CLOSE, &code.to_be_bytes())
}

/// A connection to a listener, before and after its handshake.
pub struct Browser {
    stream: TcpStream,
    /// Bytes of binary messages that were read and are no whole frame of the protocol yet.
    bytes: Vec<u8>,
    /// What was read besides: control frames, in order.
    pub controls: Vec<(u8, Vec<u8>)>,
    /// Binary messages that were read.
    pub messages: usize,
}

impl Browser {
    /// Connects and says nothing.
    pub fn dial(here: &str) -> Browser {
        let stream = TcpStream::connect(host(here)).expect("it listens");
        stream.set_nodelay(true).expect("an open stream");
        let patience = Some(SLACK);
        stream.set_read_timeout(patience).expect("an open stream");
        stream.set_write_timeout(patience).expect("an open stream");
        Browser {
            stream,
            bytes: Vec::new(),
            controls: Vec::new(),
            messages: 0,
        }
    }

    /// Connects and shakes hands.
    pub fn open(here: &str) -> Browser {
        let mut browser = Browser::dial(here);
        browser.write_raw(request(here, "").as_bytes());
        assert_eq!(browser.status(), 101);
        browser
    }

    /// Connects as the peer `who`, up to both ends' heartbeat.
    pub fn join(here: &str, who: u8) -> Browser {
        let mut browser = Browser::open(here);
        browser.write(&[hello(who), heartbeat()].concat());
        assert_eq!(browser.read().expect("a HELLO").kind, HELLO);
        let sign = browser.read().expect("a sign that it accepted us");
        assert_eq!(sign.kind, HEARTBEAT);
        browser
    }

    /// Sends bytes as one message.
    pub fn write(&mut self, bytes: &[u8]) {
        self.write_raw(&binary(bytes));
    }

    /// Sends bytes as they are.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the socket reads");
    }

    /// As `write_raw`, to a socket that may have had enough.
    pub fn try_write_raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The head of an HTTP response, with the empty line, or what came of it.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && self.fill(&mut byte).is_some() {
            head.push(byte[0]);
        }
        String::from_utf8(head).expect("an ASCII head")
    }

    /// The status of an HTTP response; 0 if there is none.
    pub fn status(&mut self) -> u16 {
        let head = self.head();
        let status = head.split(' ').nth(1).map(|it| it.parse().expect(&head));
        status.unwrap_or(0)
    }

    /// The next frame of WebSocket: its opcode and payload. All of them are whole and unmasked.
    pub fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.fill(&mut head)?;
        assert_eq!(head[0] & 0xf0, FINAL, "whole, and nothing reserved");
        let mut len = [0; 8];
        let extra = match head[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        self.fill(&mut len[8 - extra..])?;
        let len = match extra {
            0 => usize::from(head[1]),
            _ => usize::try_from(u64::from_be_bytes(len)).expect("it fits"),
        };
        assert!(head[1] < 0x80, "a server does not mask");
        let mut payload = vec![0; len];
        self.fill(&mut payload)?;
        Some((head[0] & 0x0f, payload))
    }

    /// The next frame of the protocol, from as many messages as it takes.
    pub fn read(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.cut_frame() {
                return Some(frame);
            }
            match self.next()? {
                (BINARY, payload) => {
                    self.bytes.extend_from_slice(&payload);
                    self.messages += 1;
                }
                control => self.controls.push(control),
            }
        }
    }

    fn cut_frame(&mut self) -> Option<Frame> {
        let len = u32::from_be_bytes(self.bytes.get(..4)?.try_into().expect("four"));
        let envelope = self.bytes.get(4..4 + len as usize)?.to_vec();
        self.bytes.drain(..4 + len as usize);
        let (kind, body) = (envelope[0], envelope[1..].to_vec());
        Some(Frame { kind, body })
    }

    /// The next frame that is no heartbeat.
    pub fn read_on(&mut self) -> Option<Frame> {
        let mut frame = self.read()?;
        while frame.kind == HEARTBEAT {
            frame = self.read()?;
        }
        Some(frame)
    }

    /// Reads to the end of the stream; what came of the protocol.
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.read()).collect()
    }

    /// What the close said that was read; empty for one without a code.
    pub fn closed_with(&self) -> Option<&[u8]> {
        let last = self.controls.last()?;
        (last.0 == CLOSE).then_some(&last.1)
    }

    pub fn end_writing(&self) {
        let ended = self.stream.shutdown(Shutdown::Write);
        ended.expect("an open stream");
    }

    /// Everything up to the end of the stream, as it is.
    pub fn raw_rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no end"),
            _ => bytes,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
            Err(_) => None,
        }
    }
}
