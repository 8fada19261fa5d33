//! Mutual: who may come in, by certificate.

use std::io;
use std::sync::{Arc, Mutex};

use jackfield::{DownReason, Event, Socket};
use jackfield_tls::{Fingerprint, accepting, fingerprint_of};

use crate::certificates::certificates;
use crate::ends::{bind, connect, serving};
use crate::support::{await_event, next_text, quick, send, socket};

/// A socket that lets in those of the authority whose certificate is the client's.
fn choosy() -> (Socket, String, Arc<Mutex<Vec<Option<Fingerprint>>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let server = socket(quick().authorize(move |candidate| {
        let fingerprint = fingerprint_of(candidate);
        notes.lock().unwrap().push(fingerprint);
        fingerprint == Some(certificates().client)
    }));
    let here = bind(&server, "tcp://127.0.0.1:0", true).expect("a free port");
    (server, here.to_string(), seen)
}

fn await_rejected(socket: &Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
    );
}

#[test]
fn the_fingerprint_of_a_peer_reaches_the_hook() {
    let (server, here, seen) = choosy();
    let client = socket(quick());
    connect(&client, &here, Some("client")).unwrap();
    send(&client, "it is me");
    assert_eq!(next_text(&server), "it is me");
    assert_eq!(*seen.lock().unwrap(), [Some(certificates().client)]);
}

#[test]
fn a_dialler_sees_the_fingerprint_of_its_server() {
    let (server, seen) = (socket(quick()), Arc::new(Mutex::new(None)));
    let here = bind(&server, "tcp://127.0.0.1:0", false).unwrap();
    let note = seen.clone();
    let client = socket(quick().authorize(move |candidate| {
        *note.lock().unwrap() = fingerprint_of(candidate);
        true
    }));
    connect(&client, &here.to_string(), None).unwrap();
    send(&client, "hello");
    assert_eq!(next_text(&server), "hello");
    assert!(
        seen.lock()
            .unwrap()
            .is_some_and(|it| it != certificates().client)
    );
}

#[test]
fn a_certificate_that_the_hook_does_not_know_is_refused() {
    let (server, here, _) = choosy();
    let client = socket(quick());
    connect(&client, &here, Some("other")).unwrap();
    await_rejected(&server, DownReason::Refused);
}

#[test]
fn a_certificate_of_another_authority_and_none_at_all_are_bad_streams() {
    for who in [Some("stranger"), None] {
        let (server, here, seen) = choosy();
        let client = socket(quick());
        connect(&client, &here, who).unwrap();
        await_rejected(&server, DownReason::BadStream);
        // It has seen the server's finish and believes itself connected, until it is told.
        await_rejected(&client, DownReason::BadStream);
        assert!(seen.lock().unwrap().is_empty());
    }
}

#[test]
fn a_server_of_another_authority_is_not_dialled_through() {
    let (server, client) = (socket(quick()), socket(quick()));
    let tls = accepting(serving("stranger", false));
    let here = server.bind_with("tcp://127.0.0.1:0", tls).unwrap();
    connect(&client, &here.to_string(), None).unwrap();
    await_event(&client, |event| {
        let wrong = io::ErrorKind::InvalidData;
        matches!(event, Event::DialFailed { error, .. } if error.kind() == wrong)
    });
    await_rejected(&server, DownReason::BadStream);
    assert_eq!(client.stats().peers_up, 0);
}

#[test]
fn who_speaks_no_tls_stays_outside() {
    let (server, client) = (socket(quick()), socket(quick()));
    let here = bind(&server, "tcp://127.0.0.1:0", false).unwrap();
    client.connect(&here).unwrap();
    await_rejected(&server, DownReason::BadStream);
    assert_eq!(client.stats().peers_up, 0);
}
