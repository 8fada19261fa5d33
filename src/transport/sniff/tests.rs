//! What one thread says while another hears the end.

use std::io::IoSlice;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::stream::{Duplex, RawStream, Upgrade};
use crate::transport::brought;

const SLACK: Duration = Duration::from_secs(10);

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

/// A close with the code 1001, as a browser sends it.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// Longer than an end takes, and shorter than a last word is heard out, unless the machine is busy.
const PATIENCE: Duration = Duration::from_millis(20);

/// A page that shakes hands, and closes as soon as our close is on its way. The write of ours goes
/// on until it hears that the stream was ended, or for long enough to show that it was not.
struct Gate {
    request: Mutex<Option<Vec<u8>>>,
    ready: Sender<()>,
    closing: Mutex<Receiver<()>>,
    begun: Sender<()>,
    over: Mutex<Receiver<()>>,
    was_overtaken: Sender<bool>,
}

impl Duplex for Gate {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.request.lock().unwrap().take().unwrap_or_else(|| {
            self.ready.send(()).unwrap();
            let closing = self.closing.lock().unwrap();
            closing.recv_timeout(SLACK).unwrap();
            CLOSE.to_vec()
        });
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if parts[0][0] == CLOSE[0] {
            self.begun.send(()).unwrap();
            let heard = self.over.lock().unwrap().recv_timeout(PATIENCE);
            self.was_overtaken.send(heard.is_ok()).unwrap();
        }
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a page that closes at the same moment makes our close come too late.
fn is_cut_short() -> bool {
    let listener = Listener::bind("127.0.0.1", 0, &Config::default()).unwrap();
    let address = listener.tcp.local();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let (ready, is_ready) = channel();
    let (begun, closing) = channel();
    let (ended, over) = channel();
    let (was_overtaken, overtaken) = channel();
    let gate = Mutex::new(Some(Box::new(Gate {
        request: Mutex::new(Some(request.into_bytes())),
        ready,
        closing: Mutex::new(closing),
        begun,
        over: Mutex::new(over),
        was_overtaken,
    })));
    let upgrade: Upgrade =
        Arc::new(move |_, _| Ok(gate.lock().unwrap().take().expect("one handshake")));
    let _page = TcpStream::connect(address).unwrap();
    let stream = listener.accept().unwrap().rebased(|tcp, remote| {
        let raw = RawStream::tcp(tcp, remote, Instant::now() + SLACK);
        Base::Brought(brought::Stream::accepted(raw, upgrade))
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(stream.read(&mut [0; 1024]).unwrap(), 0, "the page closed");
            stream.shutdown(Shutdown::Both, soon()).unwrap();
            ended.send(()).ok();
        });
        is_ready.recv_timeout(SLACK).unwrap();
        stream.owe_last_word();
        stream.shutdown(Shutdown::Write, soon()).unwrap();
        overtaken.recv_timeout(SLACK).unwrap()
    })
}

#[test]
fn a_websocket_ends_when_our_close_is_written() {
    assert!((0..10).any(|_| !is_cut_short()));
}
