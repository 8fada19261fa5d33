//! Hooked: what a program's hook is told, and what it may do.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jackfield::{Event, Limit, Pauses, Socket};

use crate::support::{
    SLACK, Transport, await_event, await_no_peers, await_peers, bound, connected, eventually,
    next_text, quick, send, socket, timed,
};

/// Both ends of a pair of which the first has this hook.
fn hooked(hook: impl Fn(&Event) + Send + Sync + 'static) -> (Socket, Socket) {
    let here = Transport::Tcp.endpoint();
    let socket = bound(quick().on_event(hook), &here);
    let peer = connected(quick(), &here);
    await_peers(&socket, 1);
    await_peers(&peer, 1);
    (socket, peer)
}

fn is_down(event: &Event) -> bool {
    matches!(event, Event::PeerDown { .. })
}

#[test]
fn a_hook_is_told_the_same_as_a_reader_in_the_same_order() {
    let (tells, told) = mpsc::channel();
    let here = Transport::Tcp.endpoint();
    let socket = bound(
        quick().on_event(move |event| tells.send(format!("{event:?}")).expect("it is read")),
        &here,
    );
    for _ in 0..20 {
        let peer = connected(quick(), &here);
        await_peers(&socket, 1);
        peer.close();
        await_no_peers(&socket);
    }
    socket.close();
    let read: Vec<String> = socket.events().map(|event| format!("{event:?}")).collect();
    assert!(read.len() >= 40, "{read:?}");
    assert_eq!(told.try_iter().collect::<Vec<String>>(), read);
    assert_eq!(socket.stats().events_lost, 0);
}

#[test]
fn a_hook_is_told_what_a_close_brings_before_it_returns() {
    let (tells, told) = mpsc::channel();
    let (socket, peer) = hooked(move |event| tells.send(is_down(event)).expect("it is read"));
    socket.close_within(SLACK);
    assert_eq!(told.try_iter().last(), Some(true));
    peer.close();
}

#[test]
fn a_hook_is_told_the_last_drops_of_a_close() {
    let (tells, told) = mpsc::channel();
    let tell = move |event: &Event| tells.send(format!("{event:?}")).expect("it is read");
    let outbox = Limit {
        messages: 1,
        bytes: 1 << 20,
    };
    let socket = socket(quick().outbox(outbox).on_event(tell));
    for _ in 0..5 {
        socket.publish("news").expect("nobody is there");
    }
    socket.close_within(Duration::ZERO);
    let read: Vec<String> = socket.events().map(|event| format!("{event:?}")).collect();
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(told.try_iter().collect::<Vec<String>>(), read);
}

#[test]
fn a_hook_may_call_its_socket() {
    let own = Arc::new(OnceLock::<Socket>::new());
    let (tells, told) = mpsc::channel();
    let hook = {
        let own = own.clone();
        move |event: &Event| {
            let Some(socket) = own.get() else { return };
            if is_down(event) {
                let answers = (socket.stats().peers_down, socket.peers().len());
                tells.send(answers).expect("it is read");
                socket.close();
            }
        }
    };
    let (socket, peer) = hooked(hook);
    own.set(socket.clone()).expect("it was empty");
    peer.close();
    assert_eq!(told.recv_timeout(SLACK), Ok((1, 0)));
    eventually("it is closed", || socket.try_send("x").is_err());
}

#[test]
fn a_hook_that_panics_is_told_of_the_next_event() {
    let (tells, told) = mpsc::channel();
    let (socket, peer) = hooked(move |event| {
        tells.send(is_down(event)).expect("it is read");
        panic!("a hook's panic, on purpose");
    });
    peer.close();
    assert_eq!(told.recv_timeout(SLACK), Ok(false));
    assert_eq!(told.recv_timeout(SLACK), Ok(true));
    await_event(&socket, is_down);
    socket.close();
}

#[test]
fn a_hook_that_blocks_holds_up_nobody_but_itself() {
    let (releases, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let (socket, peer) = hooked(move |_| {
        let release = release.lock().expect("no panic");
        release.recv_timeout(2 * SLACK).ok();
    });
    send(&peer, "hello");
    assert_eq!(next_text(&socket), "hello");
    peer.close();
    await_event(&socket, is_down);
    let linger = Duration::from_millis(50);
    let (_, took) = timed(|| socket.close_within(linger));
    assert!(took < linger + Duration::from_secs(1), "{took:?}");
    drop(releases);
}

#[test]
fn a_hook_that_is_late_loses_the_oldest_counted() {
    let (releases, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let soon = Duration::from_millis(1);
    let (first, max) = (soon, soon);
    let config = quick().redial(Pauses { first, max }).on_event(move |_| {
        let release = release.lock().expect("no panic");
        release.recv_timeout(2 * SLACK).ok();
    });
    let socket = socket(config);
    for number in 0..16 {
        let nowhere = format!("mem://nowhere-{number}-{}", std::process::id());
        socket.connect(nowhere).expect("it is valid");
    }
    let events = socket.events();
    for _ in 0..1_200 {
        events.recv_timeout(SLACK).expect("dials fail");
    }
    assert!(socket.stats().events_lost > 0);
    drop(releases);
    socket.close();
}
