//! Any: waiting on several sockets at once.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::core::deadline_after;
use crate::engine::watcher::Watcher;
use crate::error::Error;
use crate::message::Message;
use crate::socket::Socket;

/// Waits for a message of any of several sockets: its index and the message.
///
/// [`Error::Timeout`] after `timeout`, [`Error::Closed`] when all of them are closed. Call it with
/// the same sockets again and again; which is looked at first changes from call to call.
pub fn recv_any(sockets: &[&Socket], timeout: Duration) -> Result<(usize, Message), Error> {
    match try_recv_any(sockets) {
        Err(Error::Empty) => {}
        result => return result,
    }
    let deadline = Some(deadline_after(timeout));
    let watcher = Arc::new(Watcher::default());
    let inboxes = || sockets.iter().map(|socket| &socket.core().inbox);
    inboxes().for_each(|inbox| inbox.watch(watcher.clone()));
    let result = loop {
        match try_recv_any(sockets) {
            Err(Error::Empty) => {}
            result => break result,
        }
        if let Err(error) = watcher.wait(deadline) {
            break Err(error);
        }
    };
    inboxes().for_each(|inbox| inbox.unwatch(&watcher));
    result
}

/// Looks at each socket once, each time beginning with another.
fn try_recv_any(sockets: &[&Socket]) -> Result<(usize, Message), Error> {
    thread_local! {
        static CALLS: Cell<usize> = const { Cell::new(0) };
    }
    let first = CALLS.get();
    CALLS.set(first.wrapping_add(1));
    let mut nothing = Error::Closed;
    for step in 0..sockets.len() {
        let index = first.wrapping_add(step) % sockets.len();
        match sockets[index].try_recv() {
            Ok(message) => return Ok((index, message)),
            Err(Error::Empty) => nothing = Error::Empty,
            Err(_) => {}
        }
    }
    Err(nothing)
}
