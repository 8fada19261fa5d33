//! What is taken of a write while the stream below keeps some of it.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;

/// Takes `most` bytes at once, and is rid of all that it keeps each time that `turns` are over.
#[derive(Default)]
struct Slow {
    kept: Vec<u8>,
    gone: Vec<u8>,
    most: usize,
    turns: usize,
    left: usize,
}

struct Shared(Arc<Mutex<Slow>>);

impl Duplex for Shared {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut slow = self.0.lock().unwrap();
        assert!(slow.kept.is_empty(), "it was flushed");
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let count = bytes.len().min(slow.most);
        slow.kept.extend_from_slice(&bytes[..count]);
        slow.left = slow.turns;
        Ok(count)
    }

    fn flush(&self) -> io::Result<()> {
        let mut slow = self.0.lock().unwrap();
        if slow.left > 0 {
            slow.left -= 1;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let kept = std::mem::take(&mut slow.kept);
        slow.gone.extend_from_slice(&kept);
        Ok(())
    }
}

fn stream(most: usize, turns: usize) -> (Stream, Arc<Mutex<Slow>>) {
    let slow = Arc::new(Mutex::new(Slow {
        most,
        turns,
        ..Slow::default()
    }));
    let shared = slow.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    let raw = RawStream::tcp(tcp, address, Instant::now() + Duration::from_secs(10));
    let upgrade: Upgrade = Arc::new(move |_, _| Ok(Box::new(Shared(shared.clone()))));
    (Stream::dialled(raw, upgrade).unwrap(), slow)
}

/// Writes as the engine does: until all is taken. How often it was held up.
fn write_all(mut stream: &Stream, mut bytes: &[u8]) -> usize {
    let mut pauses = 0;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                pauses += 1;
            }
        }
    }
    pauses
}

#[test]
fn whoever_believes_that_all_is_taken_leaves_nothing_behind() {
    for most in 1..8 {
        for turns in 0..4 {
            let (stream, slow) = stream(most, turns);
            for message in [&b"hello"[..], b"again", b"and again"] {
                write_all(&stream, message);
                assert!(slow.lock().unwrap().kept.is_empty(), "{most} {turns}");
            }
            assert_eq!(slow.lock().unwrap().gone, b"helloagainand again");
        }
    }
}

#[test]
fn what_goes_out_at_once_is_taken_at_once() {
    let (stream, _) = stream(100, 0);
    assert_eq!((&stream).write(b"hello").unwrap(), 5);
    let parts = [&b"to"[..], b"", b"gether"].map(IoSlice::new);
    assert_eq!((&stream).write_vectored(&parts).unwrap(), 8);
}

#[test]
fn a_byte_is_held_back_until_nothing_is_kept() {
    let (stream, slow) = stream(100, 2);
    assert_eq!((&stream).write(b"hello").unwrap(), 4);
    assert_eq!(write_all(&stream, b"o"), 1);
    assert_eq!(slow.lock().unwrap().gone, b"hello");
}

/// What was taken of nothing may be offered again as something else.
#[test]
fn a_write_that_is_held_up_from_the_start_takes_some_of_it_or_nothing() {
    for most in 1..8 {
        let (stream, slow) = stream(most, 3);
        let taken = (&stream).write(b"hello").unwrap();
        assert!((1..5).contains(&taken), "{taken}");
        assert_eq!(slow.lock().unwrap().kept, b"hello"[..most.min(5)]);
    }
}
