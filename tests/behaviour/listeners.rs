//! Listeners: to which of a socket's endpoints a peer came.

#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStringExt;
use std::sync::mpsc;

use jackfield::{Candidate, Endpoint, Socket};

use crate::support::{
    SLACK, Transport, await_peers, bind, bound, connect, connected, quick, socket,
};

on_every_transport!(
    a_peer_says_to_which_listener_it_came,
    the_hook_is_told_to_which_listener_a_peer_came,
    a_peer_that_was_dialled_came_to_no_listener,
);

fn a_peer_says_to_which_listener_it_came(on: Transport) {
    let server = socket(quick());
    let [one, two] = [on, on].map(|on| bind(&server, &on.endpoint()).expect("free"));
    let clients = [&one, &two].map(|there| {
        let client = socket(quick());
        connect(&client, &there.to_string()).expect("it is valid");
        client
    });
    await_peers(&server, 2);
    assert_eq!(listener_of(&server, &clients[0]), Some(one));
    assert_eq!(listener_of(&server, &clients[1]), Some(two));
}

fn the_hook_is_told_to_which_listener_a_peer_came(on: Transport) {
    let here = on.endpoint();
    let (tell, told) = mpsc::channel();
    let hook = move |candidate: &Candidate| tell.send(candidate.listener.clone()).is_ok();
    let _server = bound(quick().authorize(hook), &here);
    let _client = connected(quick(), &here);
    let listener = told.recv_timeout(SLACK).expect("the hook is asked");
    assert_eq!(listener, Some(here.parse().expect("it is valid")));
}

fn a_peer_that_was_dialled_came_to_no_listener(on: Transport) {
    let here = on.endpoint();
    let server = bound(quick(), &here);
    let client = connected(quick(), &here);
    await_peers(&client, 1);
    assert_eq!(listener_of(&client, &server), None);
}

#[test]
fn a_listener_that_was_brought_is_one_of_them() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = socket(quick());
    let here = server.bind_listener(listener).expect("it listens");
    let client = socket(quick());
    client.connect(&here).expect("it is valid");
    await_peers(&server, 1);
    assert_eq!(listener_of(&server, &client), Some(here));
}

/// Other systems have no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_no_text_is_bound_dialled_and_unbound() {
    let name = format!("jackfield-{}-", std::process::id()).into_bytes();
    let name = OsString::from_vec([&name[..], b"\xff.sock"].concat());
    let there = Endpoint::unix(std::env::temp_dir().join(name)).expect("it is a path");
    let server = socket(quick());
    let here = server.bind(&there).expect("the path is free");
    let client = socket(quick());
    client.connect(&there).expect("it is valid");
    await_peers(&server, 1);
    assert_eq!(listener_of(&server, &client), Some(here));
    assert!(client.disconnect(&there).expect("it is valid"));
    assert!(server.unbind(there).expect("it is valid"));
}

fn listener_of(socket: &Socket, peer: &Socket) -> Option<Endpoint> {
    let peers = socket.peers().into_iter();
    let mut fitting = peers.filter(|found| found.identity == peer.identity());
    fitting.next().expect("it is connected").listener
}
