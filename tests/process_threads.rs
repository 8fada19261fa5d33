//! Threads and descriptors: a closed socket leaves none behind. Alone in its process, to count.
#![cfg(target_os = "linux")]

#[path = "behaviour/support.rs"]
mod support;

use std::fs;
use std::time::Duration;

use support::{
    Transport, await_event, await_peers, bound, connected, eventually, next, quick, send,
};

fn count(what: &str) -> usize {
    let entries = fs::read_dir(format!("/proc/self/{what}"));
    entries.expect("Linux tells").count()
}

fn use_and_close(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    let clients = [(); 10].map(|()| connected(quick(), &here));
    await_peers(&server, 10);
    clients.iter().for_each(|client| send(client, "hello"));
    (0..10).for_each(|_| drop(next(&server)));
    server
        .send_to(clients[0].identity(), vec![7; 8 * 1024 * 1024])
        .expect("a peer");
    let lost = connected(quick(), &on.endpoint());
    await_event(&lost, |event| {
        matches!(event, jackfield::Event::DialFailed { .. })
    });
    clients.iter().chain([&server, &lost]).for_each(|socket| {
        socket.close_within(Duration::from_millis(100));
    });
}

#[test]
fn closed_sockets_leave_no_thread_and_no_descriptor() {
    use_and_close(Transport::Tcp);
    let before = [count("task"), count("fd")];
    for on in [Transport::Tcp, Transport::Unix, Transport::Mem] {
        use_and_close(on);
        let now = || [count("task"), count("fd")];
        eventually("all are gone", || now() <= before);
        assert!(now() <= before, "{:?}, before: {before:?}", now());
    }
}
