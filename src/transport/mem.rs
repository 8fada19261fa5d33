//! In-process connections: a registry of names, and streams made of two pipes.

mod pipe;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::pipe::Pipe;
use super::closed;
use crate::endpoint::{Address, Endpoint};

/// Connections that wait to be accepted; further ones are refused. As many as TCP's in std.
const BACKLOG: usize = 128;

/// Who listens, by name.
static LISTENERS: Mutex<BTreeMap<String, Arc<Queue>>> = Mutex::new(BTreeMap::new());

/// One end of an in-process connection; dropping it ends both directions.
pub(crate) struct Stream {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl Stream {
    fn pair() -> (Stream, Stream) {
        let (one, other) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        let near = Stream {
            incoming: Arc::clone(&one),
            outgoing: Arc::clone(&other),
        };
        (
            near,
            Stream {
                incoming: other,
                outgoing: one,
            },
        )
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        self.incoming.read(buffer)
    }

    pub(super) fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.outgoing.write(head, body)
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.outgoing.set_write_timeout(timeout);
        Ok(())
    }

    pub(super) fn shutdown(&self, how: Shutdown) {
        if how != Shutdown::Read {
            self.outgoing.end();
        }
        if how != Shutdown::Write {
            self.incoming.abandon();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shutdown(Shutdown::Both);
    }
}

pub(crate) struct Listener {
    name: String,
    queue: Arc<Queue>,
}

impl Listener {
    pub(super) fn bind(name: &str) -> io::Result<Listener> {
        let mut listeners = lock(&LISTENERS);
        if listeners.contains_key(name) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let queue = Arc::new(Queue::default());
        listeners.insert(name.to_owned(), Arc::clone(&queue));
        Ok(Listener {
            name: name.to_owned(),
            queue,
        })
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::new(Address::Mem(self.name.clone()))
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        let waiting = lock(&self.queue.waiting);
        let mut waiting = self
            .queue
            .arrived
            .wait_while(waiting, |waiting| {
                !waiting.closed && waiting.streams.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
        waiting.streams.pop_front().ok_or_else(closed)
    }

    pub(super) fn close(&self) {
        let mut listeners = lock(&LISTENERS);
        if listeners
            .get(&self.name)
            .is_some_and(|queue| Arc::ptr_eq(queue, &self.queue))
        {
            listeners.remove(&self.name);
        }
        drop(listeners);
        self.queue.close();
    }
}

/// Connects at once or is refused: there is nothing to wait for.
pub(super) fn connect(name: &str) -> io::Result<Stream> {
    let queue = lock(&LISTENERS).get(name).cloned();
    queue.ok_or(io::ErrorKind::ConnectionRefused)?.connect()
}

/// The connections of one listener that nobody has accepted yet.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Default)]
struct Waiting {
    streams: VecDeque<Stream>,
    closed: bool,
}

impl Queue {
    fn connect(&self) -> io::Result<Stream> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed || waiting.streams.len() == BACKLOG {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = Stream::pair();
        waiting.streams.push_back(far);
        drop(waiting);
        self.arrived.notify_one();
        Ok(near)
    }

    /// Ends the connections that were never accepted.
    fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        let unaccepted = std::mem::take(&mut waiting.streams);
        drop(waiting);
        self.arrived.notify_all();
        drop(unaccepted);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn nobody_listens_under_an_unknown_name() {
        assert_eq!(
            connect("unknown").err().unwrap().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn a_name_is_bound_once_until_it_is_freed() {
        let first = Listener::bind("once").unwrap();
        assert_eq!(
            Listener::bind("once").err().unwrap().kind(),
            io::ErrorKind::AddrInUse
        );
        first.close();
        let second = Listener::bind("once").unwrap();
        first.close();
        assert!(
            connect("once").is_ok(),
            "closing the first again frees nothing of the second"
        );
        second.close();
        assert!(connect("once").is_err());
    }

    #[test]
    fn connections_beyond_the_backlog_are_refused() {
        let listener = Listener::bind("backlog").unwrap();
        let kept: Vec<Stream> = (0..BACKLOG).map(|_| connect("backlog").unwrap()).collect();
        assert_eq!(
            connect("backlog").err().unwrap().kind(),
            io::ErrorKind::ConnectionRefused
        );
        listener.accept().unwrap();
        assert!(connect("backlog").is_ok());
        listener.close();
        assert!(kept.iter().all(|stream| stream.read(&mut [0]) == 0));
    }

    #[test]
    fn ten_mebibytes_stream_both_ways_at_once() {
        const TOTAL: usize = 10 * 1024 * 1024;
        let (near, far) = Stream::pair();
        let byte = |at: usize| (at % 251) as u8;
        let write = |stream: &Stream| {
            let bytes: Vec<u8> = (0..TOTAL).map(byte).collect();
            let mut done = 0;
            while done < TOTAL {
                let (head, body) = bytes[done..].split_at((TOTAL - done).min(77));
                done += stream.write(head, body).unwrap();
            }
            stream.shutdown(Shutdown::Write);
        };
        let read = |stream: &Stream| {
            let (mut buffer, mut at) = (vec![0; 10_007], 0);
            loop {
                let count = stream.read(&mut buffer);
                assert!(
                    buffer[..count]
                        .iter()
                        .enumerate()
                        .all(|(i, b)| *b == byte(at + i))
                );
                at += count;
                if count == 0 {
                    return assert_eq!(at, TOTAL);
                }
            }
        };
        thread::scope(|scope| {
            for stream in [&near, &far] {
                scope.spawn(move || write(stream));
                scope.spawn(move || read(stream));
            }
        });
    }
}
