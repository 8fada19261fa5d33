//! Any: one thread that waits on several sockets.

use std::thread;
use std::time::Duration;

use jackfield::{Error, recv_any};

use crate::support::{SLACK, Transport, eventually, pair, quick, send};

on_every_transport!(
    a_message_of_any_socket_is_found,
    a_blocked_recv_any_wakes_for_a_message,
    a_busy_socket_does_not_hide_another,
    recv_any_times_out,
    recv_any_goes_on_until_all_are_closed,
);

fn a_message_of_any_socket_is_found(on: Transport) {
    let pairs = [(); 3].map(|()| pair(on, quick(), quick()));
    let sockets = [&pairs[0].0, &pairs[1].0, &pairs[2].0];
    for (index, (_, sender)) in pairs.iter().enumerate() {
        sender.send("here").unwrap();
        let (found, message) = recv_any(&sockets, SLACK).unwrap();
        assert_eq!((found, message.body()), (index, b"here".as_slice()));
    }
}

fn a_blocked_recv_any_wakes_for_a_message(on: Transport) {
    let ((one, _quiet), (other, sender)) = (pair(on, quick(), quick()), pair(on, quick(), quick()));
    let waiting = thread::spawn(move || recv_any(&[&one, &other], SLACK).map(|(index, _)| index));
    sender.send("wake").unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 1);
}

fn a_busy_socket_does_not_hide_another(on: Transport) {
    let pairs = [(); 2].map(|()| pair(on, quick(), quick()));
    let [(busy, sender), (quiet, other)] = &pairs;
    (0..100).for_each(|_| send(sender, "much"));
    (0..10).for_each(|_| send(other, "little"));
    eventually("all arrive", || {
        busy.stats().received == 100 && quiet.stats().received == 10
    });
    let found = (0..40).map(|_| recv_any(&[busy, quiet], SLACK).unwrap().0);
    assert!(found.filter(|index| *index == 1).count() >= 5);
}

fn recv_any_times_out(on: Transport) {
    let (one, other) = pair(on, quick(), quick());
    let result = recv_any(&[&one, &other], Duration::from_millis(10));
    assert!(matches!(result, Err(Error::Timeout)));
}

fn recv_any_goes_on_until_all_are_closed(on: Transport) {
    let ((one, _quiet), (other, sender)) = (pair(on, quick(), quick()), pair(on, quick(), quick()));
    one.close();
    sender.send("still").unwrap();
    assert_eq!(recv_any(&[&one, &other], SLACK).unwrap().0, 1);
    other.close();
    assert!(matches!(
        recv_any(&[&one, &other], SLACK),
        Err(Error::Closed)
    ));
}
