//! Starved: the system has no thread left to give.
#![cfg(target_os = "linux")]

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jackfield::{DownReason, Error, Event, Limit, Socket};

use crate::again::{is_prepared, run_prepared};
use crate::support::{
    SLACK, Transport, assert_law, await_event, await_peers, bound, connected, next_text, quick,
    send, socket, timed,
};
use crate::watch::Watch;
use crate::wire::RawPeer;

/// A user of its own, who may have few threads. Root may have any number, and so become somebody
/// else; others become themselves in a world of their own, where only these threads count.
const FEW_THREADS: &str = r#"
    if [ "$(id -u)" = 0 ]; then
        user=$((20000 + $$ % 40000))
        exec setpriv --reuid=$user --regid=$user --clear-groups prlimit --nproc=40:40 -- "$@"
    fi
    exec unshare -U prlimit --nproc=40:40 -- "$@""#;

/// All the threads that the system still gives.
struct Hoard {
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
}

impl Hoard {
    fn all() -> Hoard {
        let threads: Vec<_> = std::iter::from_fn(|| one_more().ok()).take(1_000).collect();
        assert!(
            threads.len() < 1_000,
            "the system gives as many as one likes"
        );
        Hoard { threads }
    }

    fn release(self) {
        let (wishes, threads): (Vec<_>, Vec<_>) = self.threads.into_iter().unzip();
        drop(wishes);
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("it ends"));
    }
}

fn one_more() -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (sender, wish) = mpsc::channel::<()>();
    let waits = move || wish.recv().unwrap_or_default();
    Ok((sender, thread::Builder::new().spawn(waits)?))
}

fn assert_nothing_starts(idle: &Socket, there: &str) {
    let bound = idle.bind(Transport::Tcp.endpoint()).map(drop);
    let made = Socket::new(quick()).map(drop);
    for result in [bound, made, idle.connect(there)] {
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }
}

/// Row 26: without threads a connection is refused, told and counted, `bind`, `connect` and a new
/// socket are errors, peers stay, nothing panics; with threads again the listener goes on.
#[test]
fn without_threads_connections_are_refused_and_the_listener_lives() {
    let name = "starved::without_threads_connections_are_refused_and_the_listener_lives";
    if !is_prepared() {
        return run_prepared(name, FEW_THREADS);
    }
    let here = Transport::Tcp.endpoint();
    let server = bound(quick(), &here);
    let friend = connected(quick(), &here);
    await_peers(&server, 1);
    let idle = socket(quick());
    let hoard = Hoard::all();

    let mut refused = RawPeer::dial(&here);
    await_event(&server, |event| {
        let starved = DownReason::NoThread;
        matches!(event, Event::Rejected { reason, .. } if *reason == starved)
    });
    assert!(refused.rest().is_empty() && server.stats().rejected == 1);
    assert_nothing_starts(&idle, &here);
    send(&friend, "still here");
    assert_eq!(next_text(&server), "still here");

    hoard.release();
    let _raw = RawPeer::join(&here, 1);
    await_peers(&server, 2);
    idle.connect(&here).expect("there is a thread");
    await_peers(&server, 3);
    assert_law(&server);
}

/// Row 26: without a thread for it, a stalled link is written all the same, by those there are.
#[test]
fn without_a_thread_for_it_a_stalled_link_is_written_all_the_same() {
    let name = "starved::without_a_thread_for_it_a_stalled_link_is_written_all_the_same";
    if !is_prepared() {
        return run_prepared(name, FEW_THREADS);
    }
    let here = Transport::Tcp.endpoint();
    let receiver = bound(
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    let sender = connected(quick(), &here);
    await_peers(&receiver, 1);
    await_peers(&sender, 1);
    let hoard = Hoard::all();
    let count = crate::support::fill(&sender, 0);
    for number in 0..count {
        let message = crate::support::next(&receiver);
        assert_eq!(crate::support::number_of(&message), number);
    }
    hoard.release();
    assert_law(&sender);
}

/// Row 33: a close without threads ends in time as well.
#[test]
fn a_close_without_threads_ends_in_time() {
    if !is_prepared() {
        let name = "starved::a_close_without_threads_ends_in_time";
        return run_prepared(name, FEW_THREADS);
    }
    let here = Transport::Tcp.endpoint();
    let server = bound(quick(), &here);
    let client = connected(
        quick().outbox(Limit {
            messages: 4,
            bytes: 1024 * 1024,
        }),
        &here,
    );
    await_peers(&client, 1);
    let watch = Watch::start();
    let hoard = Hoard::all();
    crate::support::fill(&client, 0);
    let linger = Duration::from_millis(100);
    for socket in [&client, &server] {
        let (_, took) = timed(|| socket.close_within(linger));
        let bound = linger + Duration::from_secs(1) + watch.lost();
        assert!(took < bound, "{took:?}");
        assert_law(socket);
    }
    assert!(matches!(
        server.recv_timeout(SLACK),
        Ok(_) | Err(Error::Closed)
    ));
    hoard.release();
}
