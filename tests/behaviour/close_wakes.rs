//! Closing wakes: every call that waits for something ends with `Closed`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use jackfield::{CloseReport, Config, Error, Limit, Socket, recv_any};

use crate::support::{
    SLACK, Transport, bind, connect, connected, eventually, fill, pair, quick, timed,
};

on_every_transport!(
    closing_wakes_a_blocked_recv,
    closing_wakes_a_blocked_recv_timeout,
    closing_wakes_a_blocked_recv_any,
    closing_wakes_a_blocked_send,
    closing_wakes_a_send_that_nobody_came_for,
    closing_wakes_a_blocked_send_to,
    closing_wakes_a_wait_for_peers,
    closing_wakes_a_wait_for_an_event,
    closing_ends_the_messages,
    closing_reads_on_what_was_parked,
    a_wait_for_peers_ends_when_the_close_begins,
    a_second_close_waits_for_the_first,
    a_closed_socket_refuses_everything,
);

/// Closes while `call` is about to block or blocked; `call` must end with `Closed`.
fn assert_closing_ends<T: Send + 'static>(
    socket: &Socket,
    call: impl FnOnce(&Socket) -> Result<T, Error> + Send + 'static,
) {
    let (result, ended) = mpsc::channel();
    let (begins, begun) = mpsc::channel();
    let caller = socket.clone();
    thread::spawn(move || {
        begins.send(()).expect("the test waits");
        result.send(call(&caller).map(|_| ()))
    });
    begun.recv().expect("the caller starts");
    // It holds either way, but shows more when the call is blocked by now.
    thread::park_timeout(Duration::from_millis(20));
    socket.close_within(Duration::from_millis(20));
    let result = ended.recv_timeout(SLACK).expect("the call ends");
    assert!(matches!(result, Err(Error::Closed)), "{result:?}");
}

fn alone(on: Transport) -> Socket {
    connected(quick(), &on.endpoint())
}

/// A sender without room, its peer, and the peer's wish not to hold up the test.
fn stuck(on: Transport) -> (Socket, Socket) {
    let sink = Config::default()
        .inbox(Limit {
            messages: 1,
            bytes: 1024,
        })
        .linger(Duration::ZERO);
    let (sender, peer) = pair(
        on,
        quick().outbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        sink,
    );
    fill(&sender, 0);
    (sender, peer)
}

fn closing_reads_on_what_was_parked(on: Transport) {
    let (sink, source) = pair(
        on,
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        quick(),
    );
    fill(&source, 0);
    let linger = Duration::from_secs(8);
    let (_, took) = timed(|| sink.close_within(linger));
    assert!(took < linger / 2, "{took:?}");
}

fn a_wait_for_peers_ends_when_the_close_begins(on: Transport) {
    let lonely = alone(on);
    lonely.send("waits").expect("there is room");
    let waiter = lonely.clone();
    let waiting = thread::spawn(move || {
        let result = waiter.wait_for_peers(1, SLACK);
        (result, Instant::now())
    });
    thread::park_timeout(Duration::from_millis(20));
    let linger = Duration::from_secs(2);
    let begin = Instant::now();
    lonely.close_within(linger);
    let (result, woken) = waiting.join().expect("it ends");
    assert!(matches!(result, Err(Error::Closed)));
    assert!(woken < begin + linger / 2);
}

fn a_second_close_waits_for_the_first(on: Transport) {
    let linger = Duration::from_secs(1);
    let lonely = alone(on);
    lonely.send("waits").expect("there is room");
    let first = lonely.clone();
    let closing = thread::spawn(move || first.close_within(linger));
    eventually("it closes", || lonely.try_send("no").is_err());
    let (report, took) = timed(|| lonely.close_within(linger));
    assert!(took > linger / 2, "{took:?}");
    assert_eq!(report, CloseReport::default());
    assert_eq!(closing.join().expect("it ends").unsent[0].body, b"waits");
}

fn closing_wakes_a_blocked_recv(on: Transport) {
    assert_closing_ends(&alone(on), Socket::recv);
}

fn closing_wakes_a_blocked_recv_timeout(on: Transport) {
    assert_closing_ends(&alone(on), |socket| socket.recv_timeout(SLACK));
}

fn closing_wakes_a_blocked_recv_any(on: Transport) {
    assert_closing_ends(&alone(on), |socket| recv_any(&[socket], SLACK));
}

fn closing_wakes_a_blocked_send(on: Transport) {
    let (sender, _peer) = stuck(on);
    assert_closing_ends(&sender, |socket| Ok(socket.send("blocked")?));
}

fn closing_wakes_a_send_that_nobody_came_for(on: Transport) {
    let sender = connected(
        quick().outbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &on.endpoint(),
    );
    sender.send("waits").unwrap();
    assert_closing_ends(&sender, |socket| Ok(socket.send_timeout("blocked", SLACK)?));
}

fn closing_wakes_a_blocked_send_to(on: Transport) {
    let (sender, peer) = stuck(on);
    let who = peer.identity();
    assert_closing_ends(&sender, move |socket| Ok(socket.send_to(who, "blocked")?));
}

fn closing_wakes_a_wait_for_peers(on: Transport) {
    assert_closing_ends(&alone(on), |socket| socket.wait_for_peers(1, SLACK));
}

fn closing_wakes_a_wait_for_an_event(on: Transport) {
    assert_closing_ends(&alone(on), |socket| {
        let events = socket.events();
        loop {
            events.recv()?;
        }
        #[expect(unreachable_code, reason = "it gives the closure its type")]
        Ok(())
    });
}

fn closing_ends_the_messages(on: Transport) {
    assert_closing_ends(&alone(on), |socket| match socket.messages().next() {
        None => Err::<(), Error>(Error::Closed),
        Some(_) => Ok(()),
    });
}

fn a_closed_socket_refuses_everything(on: Transport) {
    let socket = alone(on);
    socket.close_within(Duration::ZERO);
    let here = on.endpoint();
    let refusals = [
        socket.send("late").map(|_| ()).map_err(Error::from),
        socket.try_send("late").map(|_| ()).map_err(Error::from),
        socket
            .send_to(socket.identity(), "late")
            .map(|_| ())
            .map_err(Error::from),
        bind(&socket, &here).map(|_| ()),
        connect(&socket, &here),
        socket.try_recv().map(|_| ()),
        socket.wait_for_peers(1, SLACK),
    ];
    let all_closed = refusals
        .iter()
        .all(|result| matches!(result, Err(Error::Closed)));
    assert!(all_closed, "{refusals:?}");
}
