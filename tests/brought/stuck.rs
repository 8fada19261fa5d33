//! A stream whose write waits until it is told to go on, as a kernel that takes nothing does.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex};

use jackfield::{Duplex, Error, Limit, RawStream};

use crate::support::{SLACK, Transport, await_peers, next_text, quick, socket};

#[derive(Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap() = is_closed;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let is_closed = self.is_closed.lock().unwrap();
        drop(self.opened.wait_timeout_while(is_closed, SLACK, |it| *it));
    }
}

struct Stuck {
    raw: RawStream,
    gate: Arc<Gate>,
}

impl Duplex for Stuck {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.raw).read(buffer)
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.gate.pass();
        (&self.raw).write_vectored(parts)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) {
        self.gate.set(false);
    }
}

#[test]
fn try_send_does_not_wait_for_the_system() {
    let (server, here) = (
        socket(quick().outbox(Limit {
            messages: 2,
            bytes: 1_000_000,
        })),
        Transport::Tcp.endpoint(),
    );
    let gate = Arc::new(Gate::default());
    let theirs = gate.clone();
    let stuck = move |raw, _| -> io::Result<Box<dyn Duplex>> {
        let gate = theirs.clone();
        Ok(Box::new(Stuck { raw, gate }))
    };
    server.bind_with(&here, stuck).unwrap();
    let client = socket(quick());
    client.connect(&here).unwrap();
    await_peers(&server, 1);
    gate.set(true);
    // A write on this thread would wait until the gate opens, which only this thread does.
    server.try_send("a").unwrap();
    server.try_send_to(client.identity(), "b").unwrap();
    let refused = server.try_send("c").unwrap_err();
    assert!(matches!(refused.reason, Error::Full));
    gate.set(false);
    assert_eq!([(); 2].map(|()| next_text(&client)), ["a", "b"]);
}
