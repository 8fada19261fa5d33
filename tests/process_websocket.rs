//! WebSocket peers come and go in every way, and leave no thread and no descriptor behind. Alone
//! in its process, to count.
#![cfg(target_os = "linux")]

#[path = "websocket/browser.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod browser;
#[path = "behaviour/support.rs"]
mod support;
#[path = "raw/wire.rs"]
#[allow(dead_code, reason = "each test crate uses its part")]
mod wire;

use std::fs;
use std::time::Duration;

use browser::{Browser, FINAL, TEXT, close, frame, request, server};
use support::{await_no_peers, await_peers, eventually, large, quick};
use wire::data;

fn count(what: &str) -> usize {
    let entries = fs::read_dir(format!("/proc/self/{what}"));
    entries.expect("Linux tells").count()
}

fn counts() -> [usize; 2] {
    [count("task"), count("fd")]
}

/// Everything that a client can do wrong or leave undone before it is a peer.
fn knock_in_vain(here: &str) {
    let evil = request(here, "Origin: http://evil.example\r\n");
    let whole = request(here, "");
    for text in ["GET", "\x16\x03\x01", &evil, &whole[..50], &whole] {
        Browser::dial(here).write_raw(text.as_bytes());
    }
    let mut broken = Browser::open(here);
    broken.write_raw(&frame(FINAL | TEXT, b"text"));
    let mut refused = Browser::dial(here);
    refused.write_raw(evil.as_bytes());
    refused.raw_rest();
}

/// Every way for a peer to leave; each is another one, since the last may not be gone yet.
fn come_and_go(here: &str, first: u8) {
    let leave: [fn(&mut Browser); 5] = [
        |page| page.write_raw(&close(1001)),
        |page| page.write_raw(&frame(FINAL | TEXT, b"text")),
        |page| page.write(&data("half a frame")[..7]),
        |page| page.end_writing(),
        |_| {},
    ];
    for (who, leave) in (first..).zip(leave) {
        leave(&mut Browser::join(here, who));
    }
}

#[test]
fn websocket_peers_leave_no_thread_and_no_descriptor() {
    // The harness has its own; the thread of this test is one of them.
    let before = counts();
    let (server, here) = server(quick().handshake_timeout(Duration::from_millis(300)));
    Browser::join(&here, 0xff);
    await_no_peers(&server);
    let idle = counts();
    for round in 0..20 {
        knock_in_vain(&here);
        come_and_go(&here, round * 5);
    }
    eventually("all connections are gone", || counts() <= idle);
    let page = Browser::join(&here, 0xff);
    await_peers(&server, 1);
    server.try_send(large(0)).expect("there is room");
    server.close_within(Duration::from_millis(100));
    drop(page);
    eventually("the socket is gone as well", || counts() <= before);
}
