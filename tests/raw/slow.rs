//! Slow: a peer that takes a little at a time holds up nobody but itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use jackfield::Limit;

use crate::support::{Transport, await_peers, bound, connected, next_text, publish, quick, timed};
use crate::wire::{heartbeat, hello};

/// Longer than any pause of ours, shorter than the slow peer takes.
const A_MOMENT: Duration = Duration::from_secs(10);

/// A peer that reads 4 KiB in ten milliseconds, so that 16 MiB take it forty seconds.
fn dripping(there: &str, who: u8) {
    let path = there.trim_start_matches("unix://");
    let mut stream = UnixStream::connect(path).expect("it listens");
    stream
        .write_all(&[hello(who), heartbeat()].concat())
        .expect("it is up");
    thread::spawn(move || {
        let mut portion = [0; 4 * 1024];
        while stream.read(&mut portion).is_ok_and(|count| count > 0) {
            thread::park_timeout(Duration::from_millis(10));
        }
    });
}

#[test]
fn a_peer_that_takes_a_little_at_a_time_holds_up_no_caller() {
    let here = Transport::Unix.endpoint();
    let server = bound(quick(), &here);
    dripping(&here, 1);
    await_peers(&server, 1);
    let large = vec![7; 16 * 1024 * 1024];
    let (sent, took) = timed(|| server.try_send(&large).map(|_| ()));
    sent.expect("there is room");
    assert!(took < A_MOMENT, "{took:?}");
}

#[test]
fn a_peer_that_takes_a_little_at_a_time_holds_up_no_other_peer() {
    let here = Transport::Unix.endpoint();
    let server = bound(
        quick().outbox(Limit {
            messages: 10,
            bytes: 64 * 1024 * 1024,
        }),
        &here,
    );
    (1..=3).for_each(|who| dripping(&here, who));
    let quick_one = connected(quick(), &here);
    await_peers(&server, 4);
    publish(&server, vec![7; 16 * 1024 * 1024]);
    publish(&server, "news");
    let (first, took) = timed(|| crate::support::next(&quick_one));
    assert_eq!(first.body().len(), 16 * 1024 * 1024);
    assert_eq!(next_text(&quick_one), "news");
    assert!(took < A_MOMENT, "{took:?}");
}
