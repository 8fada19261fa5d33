//! Binding: ports and paths that others have, had, or left behind.

use std::io::ErrorKind;
use std::time::Duration;

use jackfield::{Error, Event, Socket};

use crate::remote::Remote;
use crate::support::{
    Transport, await_event, await_peers, bound, connected, next_text, quick, send, socket,
};

/// Binding is refused, now, because somebody else is there.
fn assert_in_use(socket: &Socket, endpoint: &str) {
    match socket.bind(endpoint) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AddrInUse => {}
        other => panic!("{endpoint}: {other:?}"),
    }
}

/// Row 29: a second program is refused a port at once, under every name that the port has, even
/// while the first one is stopped; the first one keeps its peers.
#[test]
fn two_programs_never_hold_one_port() {
    let here = Transport::Tcp.endpoint();
    let mut first = Remote::bound("", &here);
    let second = socket(quick());
    let port = here.rsplit(':').next().expect("a port");
    let names = [
        here.clone(),
        format!("tcp://*:{port}"),
        format!("tcp://0.0.0.0:{port}"),
    ];
    names.iter().for_each(|name| assert_in_use(&second, name));
    first.stop();
    names.iter().for_each(|name| assert_in_use(&second, name));
    first.go_on();
    let client = connected(quick(), &here);
    send(&client, "to the first");
    assert_eq!(first.ask("recv"), "to the first");
    assert!(second.peers().is_empty());
}

/// Row 29: the port of a program that was killed with connections is free at once, and those who
/// dialled it come back.
#[test]
fn the_port_of_a_killed_program_is_free_at_once() {
    let here = Transport::Tcp.endpoint();
    let mut first = Remote::bound("", &here);
    let client = connected(quick(), &here);
    send(&client, "to the first");
    assert_eq!(first.ask("recv"), "to the first");
    first.kill();
    await_event(&client, |event| matches!(event, Event::PeerDown { .. }));
    let second = bound(quick(), &here);
    send(&client, "to the second");
    assert_eq!(next_text(&second), "to the second");
}

/// Row 29: our own side closed first, so the kernel keeps the connections for a while after us.
#[test]
fn a_port_whose_connections_linger_in_the_kernel_is_free_at_once() {
    let here = Transport::Tcp.endpoint();
    let client = connected(quick(), &here);
    for round in 0..5 {
        let server = bound(quick(), &here);
        send(&client, format!("{round}"));
        assert_eq!(next_text(&server), format!("{round}"));
        server.close_within(Duration::ZERO);
        await_event(&client, |event| matches!(event, Event::PeerDown { .. }));
    }
}

/// Row 30: a path that a killed program left is taken over, and its diallers come back.
#[test]
fn the_path_of_a_killed_program_is_taken_over() {
    let here = Transport::Unix.endpoint();
    let first = Remote::bound("", &here);
    let client = connected(quick(), &here);
    await_peers(&client, 1);
    first.kill();
    let second = bound(quick(), &here);
    send(&client, "to the second");
    assert_eq!(next_text(&second), "to the second");
}

/// Row 30: the path of a program that lives is its own, even while it is stopped.
#[test]
fn the_path_of_a_living_program_is_refused() {
    let here = Transport::Unix.endpoint();
    let mut first = Remote::bound("", &here);
    let second = socket(quick());
    assert_in_use(&second, &here);
    first.stop();
    assert_in_use(&second, &here);
    first.go_on();
    let client = connected(quick(), &here);
    send(&client, "to the first");
    assert_eq!(first.ask("recv"), "to the first");
}
