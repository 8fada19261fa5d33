//! Traffic: many threads and both directions at once; nothing lost, nothing twice, no deadlock.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use jackfield::{Config, Delivery, Error, Limit, Socket};

use crate::support::{
    SLACK, Transport, assert_law, bound, connected, eventually, next, pair, quick, send,
};

on_every_transport!(
    eight_threads_on_one_handle_lose_nothing,
    eight_threads_on_one_handle_lose_nothing_at_least_once,
    two_ends_in_one_loop_do_not_deadlock_with_a_timeout,
    two_ends_that_stream_at_each_other_both_finish,
    long_messages_come_whole_to_one_who_is_quick_by_turns,
    a_publisher_is_not_held_up_by_a_slow_subscriber,
    the_counters_add_up_while_everything_moves,
);

const THREADS: u32 = 8;
const EACH: u32 = 500;

/// Eight threads of each end send and receive through clones of one handle.
fn assert_nothing_lost(on: Transport, config: impl Fn() -> Config) {
    let (one, other) = pair(on, config(), config());
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| exchange(&one));
        let second = scope.spawn(|| exchange(&other));
        (first.join().unwrap(), second.join().unwrap())
    });
    for received in [first, second] {
        let distinct: HashSet<&Vec<u8>> = received.iter().collect();
        assert_eq!((received.len(), distinct.len()), (4_000, 4_000));
    }
    [&one, &other].into_iter().for_each(assert_law);
    assert!(matches!(one.try_recv(), Err(Error::Empty)));
}

fn exchange(socket: &Socket) -> Vec<Vec<u8>> {
    let exchange_one = |thread: u32| {
        let number = thread * EACH..(thread + 1) * EACH;
        number.map(|number| {
            socket
                .send(number.to_be_bytes())
                .expect("it waits for room");
            next(socket).into_body()
        })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || exchange_one(thread).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn eight_threads_on_one_handle_lose_nothing(on: Transport) {
    assert_nothing_lost(on, quick);
}

fn eight_threads_on_one_handle_lose_nothing_at_least_once(on: Transport) {
    assert_nothing_lost(on, || quick().delivery(Delivery::AtLeastOnce));
}

/// Row 11: both ends send before they receive.
fn two_ends_in_one_loop_do_not_deadlock_with_a_timeout(on: Transport) {
    let small = || {
        let config = quick()
            .outbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
            .inbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            });
        config.send_timeout(Duration::from_millis(5))
    };
    let (one, other) = pair(on, small(), small());
    let in_one_loop = |socket: Socket| {
        thread::spawn(move || {
            let (mut sent, mut received) = (0, 0);
            while sent < 100 || received < 100 {
                sent += u32::from(sent < 100 && socket.send(vec![7; 64 * 1024]).is_ok());
                received += u32::from(socket.recv_timeout(Duration::from_millis(1)).is_ok());
            }
            socket
        })
    };
    let ends = [one, other].map(in_one_loop).map(|end| end.join().unwrap());
    ends.iter().for_each(assert_law);
}

fn two_ends_that_stream_at_each_other_both_finish(on: Transport) {
    let small = || {
        quick()
            .outbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
            .inbox(Limit {
                messages: 2,
                bytes: 64 * 1024,
            })
    };
    let (one, other) = pair(on, small(), small());
    thread::scope(|scope| {
        for socket in [&one, &other] {
            scope.spawn(|| {
                (0..200).for_each(|_| assert!(socket.send_timeout([7; 64 * 1024], SLACK).is_ok()))
            });
            scope.spawn(|| (0..200).for_each(|_| drop(next(socket))));
        }
    });
    [&one, &other].into_iter().for_each(assert_law);
}

/// Whoever is quick reads long messages itself, and leaves them to another thread when it is not.
fn long_messages_come_whole_to_one_who_is_quick_by_turns(on: Transport) {
    let (receiver, sender) = pair(on, quick(), quick());
    let body = |number: u32| {
        let len = if number % 7 == 6 {
            100
        } else {
            300_000 + number as usize
        };
        number
            .to_be_bytes()
            .into_iter()
            .cycle()
            .take(len)
            .collect::<Vec<u8>>()
    };
    thread::scope(|scope| {
        scope.spawn(|| (0..200).for_each(|number| send(&sender, body(number))));
        for number in 0..200_u32 {
            let message = next(&receiver);
            let is_in_a_hurry = number / 20 % 2 == 0;
            match is_in_a_hurry {
                true => assert_eq!(message.body()[..4], number.to_be_bytes()),
                false => assert_eq!(message.body(), body(number)),
            }
        }
    });
    [&receiver, &sender].into_iter().for_each(assert_law);
}

fn a_publisher_is_not_held_up_by_a_slow_subscriber(on: Transport) {
    let here = on.endpoint();
    let publisher = bound(
        quick().outbox(Limit {
            messages: 16,
            bytes: 64 * 1024 * 1024,
        }),
        &here,
    );
    let _slow = connected(
        quick().inbox(Limit {
            messages: 1,
            bytes: 1024,
        }),
        &here,
    );
    let fast = connected(quick(), &here);
    publisher.wait_for_peers(2, SLACK).unwrap();
    for _ in 0..200 {
        let receipt = publisher.publish(vec![7; 256 * 1024]).unwrap();
        assert!(receipt.queued + receipt.dropped == 2);
        next(&fast);
    }
    assert!(publisher.stats().dropped_outbox_full > 0);
    assert_law(&publisher);
    publisher.close_within(Duration::ZERO);
}

fn the_counters_add_up_while_everything_moves(on: Transport) {
    let (sender, receiver) = pair(on, quick(), quick());
    let sending = thread::spawn({
        let sender = sender.clone();
        move || (0..20_000).for_each(|_| send(&sender, [7; 100]))
    });
    let receiving = thread::spawn({
        let receiver = receiver.clone();
        move || (0..20_000).for_each(|_| drop(next(&receiver)))
    });
    while !receiving.is_finished() {
        assert_law(&sender);
        thread::yield_now();
    }
    sending.join().unwrap();
    receiving.join().unwrap();
    eventually("all is written", || sender.stats().written == 20_000);
}
