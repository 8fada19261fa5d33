//! What is taken of a write while the stream below keeps some of it.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const SLACK: Duration = Duration::from_secs(10);

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

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
    let upgrade: Upgrade = Arc::new(move |_, _| Ok(Box::new(Shared(shared.clone()))));
    (dialled(upgrade), slow)
}

fn dialled(upgrade: Upgrade) -> Stream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    let raw = RawStream::tcp(tcp, address, Instant::now() + SLACK);
    Stream::dialled(raw, upgrade).unwrap()
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

/// A stream whose last word takes until it hears that the stream is shut down, or for `patience`.
struct Wordy {
    begun: Sender<()>,
    is_shut: Mutex<Receiver<()>>,
    patience: Duration,
    shut: Sender<()>,
    interrupted: Sender<bool>,
}

impl Duplex for Wordy {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(0)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) {
        if how == Shutdown::Both {
            return self.shut.send(()).unwrap();
        }
        self.begun.send(()).unwrap();
        let heard = self.is_shut.lock().unwrap().recv_timeout(self.patience);
        self.interrupted.send(heard.is_ok()).unwrap();
    }
}

/// Whether a last word that takes `patience` is cut short by who ends the stream meanwhile.
fn is_cut_short(patience: Duration) -> bool {
    let (begun, has_begun) = channel();
    let (interrupted, was_interrupted) = channel();
    let upgrade: Upgrade = Arc::new(move |_, _| {
        let (shut, is_shut) = channel();
        Ok(Box::new(Wordy {
            begun: begun.clone(),
            is_shut: Mutex::new(is_shut),
            patience,
            shut,
            interrupted: interrupted.clone(),
        }))
    });
    let stream = dialled(upgrade);
    thread::scope(|scope| {
        scope.spawn(|| stream.shutdown(Shutdown::Write, soon()));
        has_begun.recv_timeout(SLACK).unwrap();
        // Its other end is gone already.
        stream.shutdown(Shutdown::Both, soon()).ok();
        was_interrupted.recv_timeout(SLACK).unwrap()
    })
}

#[test]
fn a_last_word_is_finished_before_the_stream_ends() {
    // Longer than an end takes, and shorter than a last word is heard out, unless the machine is
    // busy, which it is not each time.
    let patience = Duration::from_millis(20);
    assert!((0..10).any(|_| !is_cut_short(patience)));
}

#[test]
fn a_last_word_without_end_is_cut_short() {
    assert!(is_cut_short(SLACK));
}
