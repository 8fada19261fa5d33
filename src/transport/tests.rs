//! What every kind of stream and listener has in common, tried on each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use super::*;
use crate::stream::Duplex;

const DEADLINE: Duration = Duration::from_secs(20);

/// One endpoint of each kind, of this call alone.
fn endpoints() -> Vec<Endpoint> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut texts = vec![
        "tcp://127.0.0.1:0".to_owned(),
        format!("mem://transport-{unique}"),
    ];
    if cfg!(unix) {
        let name = format!("jf-transport-{}-{unique}", std::process::id());
        texts.push(format!(
            "unix://{}",
            std::env::temp_dir().join(name).display()
        ));
    }
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A connected pair of each kind, and of each with a stream of the program's own on top, where it
/// takes one. The first of each has dialled.
fn pairs() -> Vec<(Stream, Stream)> {
    let pairs = || {
        let endpoints = endpoints().into_iter();
        endpoints.map(|endpoint| pair(&bind(&endpoint).unwrap()))
    };
    let upgrade: Upgrade = Arc::new(|raw, _| Ok(Box::new(Plain(raw))));
    let brought = pairs().map(|(near, far)| {
        let deadline = Instant::now() + DEADLINE;
        let near = near.dial_with(&upgrade, deadline).unwrap();
        (near, far.accept_with(&upgrade, deadline))
    });
    pairs().chain(brought).collect()
}

/// It adds nothing and keeps nothing.
struct Plain(RawStream);

impl Duplex for Plain {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn bind(endpoint: &Endpoint) -> Result<Listener, Error> {
    Listener::bind(endpoint, &Config::default())
}

fn pair(listener: &Listener) -> (Stream, Stream) {
    (
        connect(&listener.endpoint(), DEADLINE, 6).unwrap(),
        listener.accept().unwrap(),
    )
}

/// Runs `call` on a thread of its own; its answer must come before the deadline.
fn spawn<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (answer, answered) = mpsc::channel();
    thread::spawn(move || answer.send(call()));
    answered
}

fn fill(stream: &Stream) -> io::ErrorKind {
    let chunk = vec![0; 64 * 1024];
    loop {
        if let Err(error) = stream.write(&chunk, &[]) {
            return error.kind();
        }
    }
}

fn read_exactly(stream: &Stream, count: usize) -> Vec<u8> {
    let (mut bytes, mut done) = (vec![0; count], 0);
    while done < count {
        match stream.read(&mut bytes[done..]).unwrap() {
            0 => panic!("ended after {done} of {count} bytes"),
            more => done += more,
        }
    }
    bytes
}

#[test]
fn head_and_body_arrive_in_order_both_ways() {
    for (near, far) in pairs() {
        for (from, to) in [(&near, &far), (&far, &near)] {
            assert_eq!(from.write(b"ab", b"cde").unwrap(), 5);
            assert_eq!(from.write(b"f", b"").unwrap(), 1);
            assert_eq!(from.write(b"", b"g").unwrap(), 1);
            assert_eq!(read_exactly(to, 7), b"abcdefg");
        }
    }
}

#[test]
fn shutting_the_writing_half_ends_the_stream_behind_what_was_written() {
    for (near, far) in pairs() {
        near.write(b"last", b"").unwrap();
        near.shutdown(Shutdown::Write, Instant::now() + DEADLINE);
        assert_eq!(read_exactly(&far, 4), b"last");
        assert_eq!(far.read(&mut [0; 9]).unwrap(), 0);
        far.write(b"back", b"").unwrap();
        assert_eq!(read_exactly(&near, 4), b"back");
        assert_eq!(
            near.write(b"x", b"").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}

#[test]
fn dropping_a_stream_ends_it() {
    for (near, far) in pairs() {
        drop(near);
        assert_eq!(far.read(&mut [0; 9]).unwrap(), 0);
        far.set_write_timeout(Some(DEADLINE)).unwrap();
        assert_ne!(fill(&far), io::ErrorKind::WouldBlock);
    }
}

#[test]
fn shutting_both_halves_wakes_a_blocked_reader() {
    for (near, _far) in pairs() {
        let near = Arc::new(near);
        let reader = Arc::clone(&near);
        let woken = spawn(move || reader.read(&mut [0]));
        near.shutdown(Shutdown::Both, Instant::now() + DEADLINE);
        assert_eq!(woken.recv_timeout(DEADLINE).unwrap().unwrap(), 0);
    }
}

#[test]
fn shutting_both_halves_wakes_a_blocked_writer() {
    for (near, _far) in pairs() {
        near.set_write_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        assert_eq!(fill(&near), io::ErrorKind::WouldBlock);
        near.set_write_timeout(None).unwrap();
        let near = Arc::new(near);
        let writer = Arc::clone(&near);
        let woken = spawn(move || fill(&writer));
        near.shutdown(Shutdown::Both, Instant::now() + DEADLINE);
        assert_ne!(
            woken.recv_timeout(DEADLINE).unwrap(),
            io::ErrorKind::WouldBlock
        );
    }
}

#[test]
fn a_write_that_nobody_reads_gives_up_at_its_timeout() {
    for (near, far) in pairs() {
        near.set_write_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let start = Instant::now();
        assert_eq!(fill(&near), io::ErrorKind::WouldBlock);
        assert!(start.elapsed() < DEADLINE);
        let reader = spawn(move || while far.read(&mut [0; 4096]).unwrap() > 0 {});
        near.set_write_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(
            near.write(b"on", b"ward").unwrap(),
            6,
            "a stalled stream goes on"
        );
        drop(near);
        reader.recv_timeout(DEADLINE).unwrap();
    }
}

#[test]
fn a_write_timeout_of_zero_is_an_error() {
    for (near, _far) in pairs() {
        let error = near.set_write_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn each_side_knows_the_other() {
    for (near, far) in pairs() {
        match (near.remote(), far.remote()) {
            (Remote::Tcp(listener), Remote::Tcp(dialler)) => assert_ne!(listener, dialler),
            (near, far) => assert_eq!(near, far),
        }
    }
}

#[test]
fn closing_wakes_a_blocked_accept() {
    for endpoint in endpoints() {
        let listener = Arc::new(bind(&endpoint).unwrap());
        let acceptor = Arc::clone(&listener);
        let woken = spawn(move || acceptor.accept().map(|_| ()));
        listener.close();
        let answer = woken.recv_timeout(DEADLINE).unwrap();
        assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::NotConnected);
        listener.close();
        assert_eq!(
            listener.accept().err().unwrap().kind(),
            io::ErrorKind::NotConnected
        );
    }
}

#[test]
fn a_closed_endpoint_can_be_bound_again() {
    for endpoint in endpoints() {
        let first = bind(&endpoint).unwrap();
        let streams = pair(&first);
        first.close();
        if !cfg!(target_os = "linux") {
            drop(first);
        }
        let second = bind(&far_endpoint(&endpoint, &streams.0)).unwrap();
        pair(&second);
    }
}

/// The endpoint at the far end of `stream`, where there is one to tell from that which was `asked`.
fn far_endpoint(asked: &Endpoint, stream: &Stream) -> Endpoint {
    match stream.remote() {
        Remote::Tcp(address) => format!("tcp://{address}").parse().unwrap(),
        _ => asked.clone(),
    }
}

#[test]
fn a_live_endpoint_is_not_bound_twice() {
    for endpoint in endpoints() {
        let first = bind(&endpoint).unwrap();
        match bind(&first.endpoint()) {
            Err(Error::Io { op, source }) => {
                assert_eq!(op, format!("bind {}", first.endpoint()));
                assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
            }
            _ => panic!("{} was bound twice", first.endpoint()),
        }
    }
}

#[test]
fn connecting_to_a_closed_endpoint_fails() {
    for endpoint in endpoints() {
        let listener = bind(&endpoint).unwrap();
        // Over TCP the dialler's own port: nobody listens there, and no other test can take it.
        let (_near, far) = pair(&listener);
        let bound = far_endpoint(&endpoint, &far);
        drop(listener);
        let error = connect(&bound, DEADLINE, 6).err().expect("a refusal");
        let gone = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound];
        assert!(gone.contains(&error.kind()), "{bound}: {error}");
    }
}
