//! Hostile: strangers and strange versions, and what they get for it.

use std::time::{Duration, Instant};

use jackfield::{DownReason, Event, Pauses, Socket};

use crate::support::{await_event, await_peers, connected, eventually, quick};
use crate::wire::{HELLO, RawPeer, frame, heartbeat, hello, listener, server};

const GARBAGE: [&[u8]; 3] = [
    &[0xa5; 1024 * 1024],
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc],
];

fn await_rejected(socket: &Socket, expected: DownReason) {
    await_event(
        socket,
        |event| matches!(event, Event::Rejected { reason, .. } if *reason == expected),
    );
}

/// Row 13: garbage, HTTP and TLS get nothing for all they send but the one HELLO that every
/// connection gets.
#[test]
fn garbage_gets_no_answer() {
    let (server, here) = server(quick());
    for garbage in GARBAGE {
        let mut stranger = RawPeer::dial(&here);
        stranger.try_write(garbage);
        let said = stranger.rest();
        assert!(said.len() <= 1, "{said:?}");
        await_rejected(&server, DownReason::NotAPeer);
    }
    assert_eq!((server.stats().rejected, server.stats().peers_up), (3, 0));
}

/// Row 13: where a hook decides, a stranger gets not even that.
#[test]
fn garbage_gets_not_a_byte_where_a_hook_decides() {
    let (server, here) = server(quick().authorize(|_| true));
    for garbage in GARBAGE {
        let mut stranger = RawPeer::dial(&here);
        stranger.try_write(garbage);
        assert_eq!(stranger.rest(), []);
        await_rejected(&server, DownReason::NotAPeer);
    }
    let _client = connected(quick(), &here);
    await_peers(&server, 1);
    assert_eq!((server.stats().rejected, server.stats().peers_up), (3, 1));
}

/// Row 19: a listener of another version is told of, and dialled ever less often, up to the
/// longest pause and no further; when it is replaced by one of ours, it becomes a peer.
#[test]
fn a_listener_of_another_version_is_dialled_ever_less_often() {
    let (listener, there) = listener();
    let longest = Duration::from_millis(200);
    let client = connected(
        quick().redial(Pauses {
            first: Duration::from_millis(2),
            max: longest,
        }),
        &there,
    );
    let attempts = [(); 20].map(|()| {
        let mut foreign = RawPeer::accept(&listener);
        assert_eq!(foreign.read().expect("its HELLO").kind, HELLO);
        foreign.write(&frame(HELLO, &[&[0x02][..], &[1; 16]].concat()));
        await_rejected(&client, DownReason::Version(2));
        Instant::now()
    });
    // Ten pauses at the bound are a second on average; at the shortest they would be 10 ms.
    assert!(attempts[19] - attempts[9] > longest / 2);
    assert_eq!((client.stats().rejected, client.stats().peers_up), (20, 0));
    let mut ours = RawPeer::accept(&listener);
    ours.write(&[hello(1), heartbeat()].concat());
    await_peers(&client, 1);
}

/// Row 19: to our own dialler, being turned away for its version looks as any refusal does: told,
/// counted, tried again later.
#[test]
fn both_sides_of_a_refused_version_are_told() {
    let (server, here) = server(quick());
    let mut foreign = RawPeer::dial(&here);
    foreign.write(&frame(HELLO, &[&[0x02][..], &[1; 16]].concat()));
    assert!(foreign.rest().len() <= 1);
    await_rejected(&server, DownReason::Version(2));
    let (listener, there) = listener();
    let client = connected(quick(), &there);
    for _ in 0..3 {
        let mut refusing = RawPeer::accept(&listener);
        assert_eq!(refusing.read().expect("its HELLO").kind, HELLO);
    }
    eventually("all are told", || client.stats().rejected >= 3);
    await_event(&client, |event| matches!(event, Event::Rejected { .. }));
    assert_eq!((server.stats().rejected, client.stats().peers_up), (1, 0));
}
