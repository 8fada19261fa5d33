//! Closing: in the middle of a fault, it ends in time, with a report, and once.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use jackfield::{CloseReport, Config, Delivery, Error, Event, Limit, Socket};

use crate::chaos::{BOTH, Cut, Way};
use crate::network::through_a_network;
use crate::remote::Remote;
use crate::support::{
    LARGE, SLACK, Transport, assert_law, await_event, await_peers, bound, connected, eventually,
    fill, large, quick, send, socket, timed,
};
use crate::watch::Watch;
use crate::wire::{RawPeer, data, heartbeat, hello};

const LINGER: Duration = Duration::from_millis(100);

/// What a close may take beyond its linger.
const GRACE: Duration = Duration::from_secs(1);

fn sure() -> Config {
    quick().delivery(Delivery::AtLeastOnce)
}

/// Closes within linger and a second, accounts for everything, and once: again is nothing.
fn close(socket: &Socket) -> CloseReport {
    let watch = Watch::start();
    let (report, took) = timed(|| socket.close_within(LINGER));
    assert!(took < LINGER + GRACE + watch.lost(), "{took:?}");
    assert_law(socket);
    assert_eq!(socket.stats().waiting, 0);
    let (again, took) = timed(|| socket.close_within(LINGER));
    assert!(took < LINGER + GRACE, "{took:?}");
    assert_eq!(again, CloseReport::default());
    report
}

/// Row 33: over a connection that swallows everything.
#[test]
fn a_close_over_a_half_open_connection_ends_in_time() {
    let (binder, network, dialler) = through_a_network(quick(), sure());
    network.swallow(BOTH);
    (0..10).for_each(|number| send(&dialler, format!("{number}")));
    assert_eq!(close(&dialler).unacknowledged.len(), 10);
    close(&binder);
}

/// Row 33: with a peer that stands still, and more for it than fits.
#[test]
fn a_close_with_a_stopped_peer_ends_in_time() {
    let here = Transport::Tcp.endpoint();
    let server = bound(
        quick().outbox(Limit {
            messages: 4,
            bytes: 64 * LARGE,
        }),
        &here,
    );
    let stopped = Remote::connected("", &here);
    await_peers(&server, 1);
    stopped.stop();
    let count = fill(&server, 0);
    let report = close(&server);
    assert!(!report.unsent.is_empty() && report.unsent.len() < count);
}

/// Row 33: while senders are blocked, readers are parked, and nobody receives.
#[test]
fn a_close_in_full_flow_ends_in_time() {
    let small = || {
        quick()
            .outbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
            .inbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
    };
    let (one, _network, other) = through_a_network(small(), small());
    let senders = [&one, &other].map(|socket| {
        let socket = socket.clone();
        thread::spawn(move || while socket.send(large(0)).is_ok() {})
    });
    eventually("all is full", || one.try_send(large(0)).is_err());
    for socket in [&one, &other] {
        close(socket);
    }
    for sender in senders {
        sender.join().expect("it ends");
    }
}

/// Row 33: over a network that takes its time.
#[test]
fn a_close_over_a_slow_network_ends_in_time() {
    let (binder, network, dialler) = through_a_network(quick(), quick());
    network.throttle(BOTH, 10_000);
    network.delay(BOTH, SLACK);
    send(&binder, large(0));
    send(&dialler, large(0));
    close(&binder);
    close(&dialler);
}

/// Row 33: after a reset, with what came back and nobody to give it to.
#[test]
fn a_close_after_a_reset_reports_what_came_back() {
    let (_binder, network, dialler) = through_a_network(
        quick(),
        quick().outbox(Limit {
            messages: 16,
            bytes: 64 * LARGE,
        }),
    );
    network.stall([Way::Out]);
    let count = fill(&dialler, 0);
    network.refuse();
    network.cut(Cut::Reset);
    await_event(&dialler, |event| matches!(event, Event::PeerDown { .. }));
    let report = close(&dialler);
    let accounted = report.unsent.len() as u64 + dialler.stats().in_doubt;
    assert_eq!((accounted, report.unsent.is_empty()), (count as u64, false));
}

/// Row 33: while its hook does not come back.
#[test]
fn a_close_while_a_hook_does_not_come_back_ends_in_time() {
    let here = Transport::Tcp.endpoint();
    let (is_over, over) = mpsc::channel::<()>();
    let (asked, asks) = mpsc::channel();
    let over = Mutex::new(over);
    let hook = move |_: &jackfield::Candidate| {
        asked.send(()).ok();
        over.lock().is_ok_and(|over| over.recv().is_ok())
    };
    let server = bound(quick().authorize(hook), &here);
    let client = connected(quick(), &here);
    asks.recv_timeout(SLACK).expect("it is asked");
    close(&server);
    close(&client);
    drop(is_over);
}

/// Row 33: while peers come and go without a pause.
#[test]
fn a_close_while_peers_come_and_go_ends_in_time() {
    let here = Transport::Tcp.endpoint();
    let server = bound(quick(), &here);
    let is_over = AtomicBool::new(false);
    let address = here.trim_start_matches("tcp://");
    thread::scope(|scope| {
        for who in 1..=4 {
            let bytes = [hello(who), heartbeat(), data("x")].concat();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let stream = TcpStream::connect(address);
                    stream.and_then(|mut stream| stream.write_all(&bytes)).ok();
                }
            });
        }
        eventually("they come", || server.stats().peers_down >= 20);
        close(&server);
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Row 33: all of it at once, on one socket.
#[test]
fn a_close_in_the_middle_of_everything_ends_in_time() {
    let here = Transport::Tcp.endpoint();
    let everything = bound(
        sure()
            .outbox(Limit {
                messages: 4,
                bytes: 64 * LARGE,
            })
            .inbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            }),
        &here,
    );
    let stopped = Remote::connected("", &here);
    await_peers(&everything, 1);
    stopped.stop();
    let _silent = RawPeer::dial(&here);
    let mut partial = RawPeer::join(&here, 1);
    partial.write(&[0x00, 0x10, 0x00, 0x00, 0x03]);
    let flooding = connected(
        quick().outbox(Limit {
            messages: 4,
            bytes: 64 * LARGE,
        }),
        &here,
    );
    await_peers(&flooding, 1);
    fill(&flooding, 0);
    everything
        .connect(Transport::Tcp.endpoint())
        .expect("an endpoint");
    everything.connect(&here).expect("an endpoint");
    await_peers(&everything, 3);
    let sender = everything.clone();
    let blocked = thread::spawn(move || while sender.send(large(0)).is_ok() {});
    eventually("all is full", || everything.try_send(large(0)).is_err());
    let report = close(&everything);
    assert!(!report.unacknowledged.is_empty() || !report.unsent.is_empty());
    blocked.join().expect("it ends");
    assert!(matches!(everything.recv(), Ok(_) | Err(Error::Closed)));
    close(&flooding);
}

/// Row 33: a socket that never did anything closes as any other.
#[test]
fn a_close_of_nothing_ends_at_once() {
    let idle = socket(quick());
    assert_eq!(close(&idle), CloseReport::default());
}
