//! Outboxes: what goes first, what is one writer's, and what gives way.

use super::*;
use crate::contents::Body;

const LIMIT: Limit = Limit {
    messages: 3,
    bytes: 1_000,
};

fn push(outbox: &mut Outbox, text: &str) {
    outbox.push(None, Whose::Published, &text.into());
}

#[test]
fn one_message_always_fits() {
    let mut outbox = Outbox::default();
    assert!(outbox.has_room(LIMIT, 5_000));
    push(&mut outbox, "a");
    assert!(!outbox.has_room(LIMIT, 5_000));
    assert!(outbox.has_room(LIMIT, 10));
}

#[test]
fn control_goes_first_but_never_into_a_begun_frame() {
    let mut outbox = Outbox::default();
    push(&mut outbox, "hello");
    let mut chunk = outbox.poll_chunk(true).unwrap();
    chunk.handle_taken(3);
    outbox.push_heartbeat();
    outbox.handle_back(chunk);
    let mut chunk = outbox.poll_chunk(false).unwrap();
    assert_eq!(chunk.rest().0.len(), 10 - 3);
    chunk.handle_taken(7);
    let left = Left {
        messages: 1,
        untracked: 1,
        bytes: 10,
    };
    assert_eq!(outbox.handle_back(chunk), left);
    assert_eq!(outbox.poll_chunk(true).unwrap().messages(), 0);
}

#[test]
fn acks_count_as_memory_until_the_kernel_has_them() {
    let mut outbox = Outbox::default();
    (0..1_000).for_each(|_| outbox.push_ack(MessageId([7; 16])));
    assert!(outbox.control_bytes() >= 21_000);
    let mut chunk = outbox.poll_chunk(true).unwrap();
    assert!(outbox.control_bytes() >= 21_000);
    chunk.handle_taken(21_000);
    outbox.handle_back(chunk);
    assert!(outbox.control_bytes() < 21_000);
}

#[test]
fn messages_wait_while_the_link_is_not_open() {
    let mut outbox = Outbox::default();
    push(&mut outbox, "a");
    assert!(outbox.poll_chunk(false).is_none());
    assert!(!outbox.is_writable(false));
    assert!(outbox.poll_chunk(true).is_some());
}

#[test]
fn one_writer_at_a_time() {
    let mut outbox = Outbox::default();
    push(&mut outbox, "a");
    let chunk = outbox.poll_chunk(true).unwrap();
    push(&mut outbox, "b");
    assert!(outbox.poll_chunk(true).is_none());
    outbox.handle_back(chunk);
    assert!(outbox.poll_chunk(true).is_some());
}

#[test]
fn what_was_not_written_comes_back_in_order() {
    let mut outbox = Outbox::default();
    let large = Payload::from(Body::from(vec![1; LARGE]));
    push(&mut outbox, "a");
    outbox.push(None, Whose::Peer, &large);
    push(&mut outbox, "b");
    let chunk = outbox.poll_chunk(true).unwrap();
    outbox.handle_back(chunk);
    let back = outbox.take_back();
    assert_eq!(
        back.iter().map(|one| one.body.len()).collect::<Vec<_>>(),
        [1, LARGE, 1]
    );
    assert!(back[1].whose == Whose::Peer && back[0].whose == Whose::Published);
    assert_eq!((outbox.messages(), outbox.bytes()), (0, 0));
}

#[test]
fn the_oldest_queued_message_gives_way() {
    let mut outbox = Outbox::default();
    ["a", "b", "c"]
        .into_iter()
        .for_each(|text| push(&mut outbox, text));
    assert_eq!(&*outbox.remove_oldest().unwrap().body, b"a");
    assert_eq!((outbox.messages(), outbox.bytes()), (2, 12));
    assert_eq!(outbox.untracked(), 2);
}
