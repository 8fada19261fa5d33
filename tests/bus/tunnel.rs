//! Tunnel: a client of WebSocket by hand, which carries what a socket says over TCP to a `ws://`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const FINAL: u8 = 0x80;

/// Any key will do: these bytes are meant for nobody else.
const MASK: [u8; 4] = [0x3d, 0x00, 0xc2, 0x71];

/// Where a socket that speaks TCP finds `there`, which need not be there yet.
pub fn to(there: &str) -> String {
    let target = there.strip_prefix("ws://").expect("a WebSocket endpoint");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let here = listener.local_addr().expect("its address");
    let target = target.to_owned();
    thread::spawn(move || {
        for near in listener.incoming() {
            let near = near.expect("it listens");
            // Whoever dials where nobody is, is turned away.
            if let Ok(far) = dial(&target) {
                carry(near, far);
            }
        }
    });
    format!("tcp://{here}")
}

/// A connection with its handshake through.
fn dial(target: &str) -> io::Result<TcpStream> {
    let mut far = TcpStream::connect(target)?;
    far.set_nodelay(true)?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {target}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    far.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        far.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{head:?}");
    Ok(far)
}

/// Both directions, until each has ended.
fn carry(near: TcpStream, far: TcpStream) {
    near.set_nodelay(true).ok();
    let copy = |stream: &TcpStream| stream.try_clone().expect("a descriptor is free");
    let (mut from, mut to) = (copy(&near), copy(&far));
    thread::spawn(move || {
        wrap(&mut from, &mut to).ok();
        to.write_all(&frame(CLOSE, &1_000_u16.to_be_bytes())).ok();
        to.shutdown(Shutdown::Write).ok();
    });
    thread::spawn(move || {
        let (mut from, mut to) = (far, near);
        unwrap(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    });
}

fn wrap(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            count => to.write_all(&frame(BINARY, &bytes[..count]))?,
        }
    }
}

/// A masked frame, as RFC 6455 asks for from a client.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![FINAL | opcode];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
    out
}

fn unwrap(from: &mut TcpStream, to: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        from.read_exact(&mut head)?;
        let (mut long, mut short) = ([0; 8], [0; 2]);
        let len = match head[1] {
            126 => from
                .read_exact(&mut short)
                .map(|()| u64::from(u16::from_be_bytes(short)))?,
            127 => from
                .read_exact(&mut long)
                .map(|()| u64::from_be_bytes(long))?,
            len => u64::from(len),
        };
        let mut payload = from.take(len);
        match head[0] & 0x0f {
            BINARY => drop(io::copy(&mut payload, to)?),
            CLOSE => return Ok(()),
            opcode => return Err(io::Error::new(ErrorKind::InvalidData, opcode.to_string())),
        }
    }
}
