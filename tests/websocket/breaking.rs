//! Breaking the rules of RFC 6455: told with a code, and the end of that peer alone.

use jackfield::DownReason;

use crate::browser::{
    BINARY, Browser, CLOSE, CONTINUATION, FINAL, PING, TEXT, await_down, await_rejected, frame,
    server,
};
use crate::support::{next_text, quick};
use crate::wire::{data, hello};

/// These bytes end the peer with a close of this code, and nobody else.
fn assert_breaks(bytes: &[u8], code: u16) {
    let (server, here) = server(quick());
    let mut other = Browser::join(&here, 2);
    let mut page = Browser::join(&here, 1);
    page.write(&data("before it"));
    assert_eq!(next_text(&server), "before it");
    page.write_raw(bytes);
    page.try_write_raw(&crate::browser::binary(&data("behind it")));
    page.rest();
    assert_eq!(page.closed_with(), Some(&code.to_be_bytes()[..]));
    drop(page);
    await_down(&server, DownReason::Malformed);
    other.write(&data("unaffected"));
    assert_eq!(next_text(&server), "unaffected");
}

#[test]
fn text_is_told_1003() {
    assert_breaks(&frame(FINAL | TEXT, b"hello"), 1003);
}

#[test]
fn unmasked_frames_are_told_1002() {
    let mut bytes = vec![FINAL | BINARY, 7];
    bytes.extend(data("hi"));
    assert_breaks(&bytes, 1002);
}

#[test]
fn reserved_bits_are_told_1002() {
    assert_breaks(&frame(FINAL | BINARY | 0x40, b"compressed"), 1002);
}

#[test]
fn unknown_opcodes_are_told_1002() {
    assert_breaks(&frame(FINAL | 0x3, b"?"), 1002);
    assert_breaks(&frame(FINAL | 0xb, b"?"), 1002);
}

#[test]
fn long_control_frames_are_told_1002() {
    assert_breaks(&frame(FINAL | PING, &[0; 126]), 1002);
}

#[test]
fn fragmented_control_frames_are_told_1002() {
    assert_breaks(&frame(PING, b"half"), 1002);
    assert_breaks(&frame(CLOSE, b""), 1002);
}

#[test]
fn a_wrong_continuation_is_told_1002() {
    assert_breaks(&frame(FINAL | CONTINUATION, b"of nothing"), 1002);
    let nested = [frame(BINARY, b""), frame(FINAL | BINARY, b"")];
    assert_breaks(&nested.concat(), 1002);
}

#[test]
fn a_length_of_64_bits_is_told_1002() {
    assert_breaks(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002);
}

#[test]
fn a_close_of_one_byte_is_told_1002() {
    assert_breaks(&frame(FINAL | CLOSE, &[3]), 1002);
}

#[test]
fn rules_hold_before_hello_as_well() {
    let (server, here) = server(quick());
    let mut page = Browser::open(&here);
    page.write_raw(&frame(FINAL | TEXT, b"{\"hello\": 1}"));
    page.write(&hello(1));
    assert_eq!(page.rest(), []);
    assert_eq!(page.closed_with(), Some(&1003_u16.to_be_bytes()[..]));
    drop(page);
    await_rejected(&server, DownReason::Malformed);
}

#[test]
fn a_frame_that_is_longer_than_anything_takes_no_memory() {
    let (server, here) = server(quick());
    let mut page = Browser::join(&here, 1);
    let head = [
        0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0,
    ];
    page.write_raw(&head);
    page.write_raw(&data("inside it"));
    assert_eq!(next_text(&server), "inside it");
}
