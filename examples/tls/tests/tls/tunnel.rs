//! Tunnel: lets peers by hand, which speak TCP, through to a listener that speaks TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use crate::certificates::NAME;
use crate::ends::asking;

/// How long it listens to one side before it turns to the other.
const TURN: Duration = Duration::from_millis(2);

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection with its handshake through.
pub fn dial(there: &str) -> Tls {
    let (_, address) = there.split_once("://").expect("an endpoint");
    let tcp = TcpStream::connect(address).expect("it listens");
    tcp.set_nodelay(true).expect("it is open");
    let name = NAME.try_into().expect("a name");
    let tls = ClientConnection::new(asking(None), name).expect("it is in order");
    let mut stream = StreamOwned::new(tls, tcp);
    let StreamOwned { conn, sock } = &mut stream;
    conn.complete_io(sock).expect("a handshake");
    stream
}

/// Where to find `there` without TLS, under the same scheme.
pub fn to(there: &str) -> String {
    let (scheme, _) = there.split_once("://").expect("an endpoint");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let here = listener.local_addr().expect("its address");
    let target = there.to_owned();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (near, far) = (near.expect("it listens"), dial(&target));
            thread::spawn(move || carry(near, far));
        }
    });
    format!("{scheme}://{here}")
}

fn carry(mut near: TcpStream, mut far: Tls) {
    near.set_read_timeout(Some(TURN)).expect("it is open");
    far.sock.set_read_timeout(Some(TURN)).expect("it is open");
    let mut bytes = vec![0; 64 * 1024];
    let mut ended = [false; 2];
    while ended != [true; 2] {
        if !ended[0] {
            ended[0] = pass(&mut near, &mut far, &mut bytes).is_err();
            if ended[0] {
                far.conn.send_close_notify();
                far.flush().ok();
                far.sock.shutdown(Shutdown::Write).ok();
            }
        }
        if !ended[1] && pass(&mut far, &mut near, &mut bytes).is_err() {
            ended[1] = true;
            near.shutdown(Shutdown::Write).ok();
        }
    }
}

/// One turn; an error is the end of this direction.
fn pass(from: &mut impl Read, to: &mut impl Write, bytes: &mut [u8]) -> io::Result<()> {
    match from.read(bytes) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(count) => to.write_all(&bytes[..count]).and_then(|()| to.flush()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
