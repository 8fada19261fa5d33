//! The parser: the vectors of RFC 6455, every chunking, and everything that breaks a rule.

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it; `first` is its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(MASKED | len as u8),
        len @ 126..=65_535 => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
    out
}

/// Everything that `bytes` mean, read in pieces of `cut` bytes.
fn read(bytes: &[u8], cut: usize) -> (Vec<u8>, Vec<Vec<u8>>, Option<End>) {
    let mut parser = Parser::default();
    let (mut stream, mut pings, mut end) = (Vec::new(), Vec::new(), None);
    for piece in bytes.chunks(cut) {
        let mut buffer = piece.to_vec();
        let parsed = parser.parse(&mut buffer);
        stream.extend_from_slice(&buffer[..parsed.len]);
        pings.extend(parsed.ping);
        end = parsed.end;
    }
    (stream, pings, end)
}

/// What `bytes` mean, which is the same however they are cut.
fn meaning(bytes: &[u8]) -> (Vec<u8>, Option<End>) {
    let (stream, _, end) = read(bytes, bytes.len());
    for cut in 1..bytes.len() {
        let (again, _, end_again) = read(bytes, cut);
        assert_eq!((&again, end_again), (&stream, end), "cut every {cut}");
    }
    (stream, end)
}

fn assert_broken(bytes: &[u8], code: u16) {
    let good = frame(0x82, b"before");
    let expected = (b"before".to_vec(), Some(End::Broken(code)));
    assert_eq!(
        meaning(&[&good, bytes, &good].concat()),
        expected,
        "{bytes:x?}"
    );
}

fn assert_ends(payload: &[u8], end: End) {
    let behind = frame(0x82, b"behind");
    let bytes = [frame(0x88, payload), behind].concat();
    assert_eq!(meaning(&bytes), (Vec::new(), Some(end)), "{payload:x?}");
}

/// RFC 6455, section 5.7: as binary, with the masking key and the masked bytes that stand there.
#[test]
fn the_vector_of_rfc_6455_holds() {
    let bytes = [
        0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(meaning(&bytes), (b"Hello".to_vec(), None));
    assert_eq!(frame(0x82, b"Hello"), bytes);
}

#[test]
fn where_a_message_or_fragment_ends_means_nothing() {
    let frames = [
        frame(0x02, b"one "),
        frame(0x00, b""),
        frame(0x00, b"two "),
        frame(0x80, b"three "),
        frame(0x82, b""),
        frame(0x82, b"four"),
    ];
    let expected = b"one two three four".to_vec();
    assert_eq!(meaning(&frames.concat()), (expected, None));
}

#[test]
fn lengths_of_all_forms_are_read() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
        let payload: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let bytes = [frame(0x82, &payload), frame(0x82, b"!")].concat();
        for cut in [1, 7, 4_096, bytes.len()] {
            let (stream, _, end) = read(&bytes, cut);
            assert_eq!(end, None);
            assert!(stream == [&payload[..], b"!"].concat(), "{len}, cut {cut}");
        }
    }
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_read() {
    let long = [&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], b"x"].concat();
    let longer = [&[0x82, 0xfe, 0, 1, 0, 0, 0, 0][..], b"y"].concat();
    assert_eq!(meaning(&[long, longer].concat()), (b"xy".to_vec(), None));
}

#[test]
fn control_frames_come_between_fragments_and_are_no_part_of_the_stream() {
    let frames = [
        frame(0x02, b"one "),
        frame(0x89, b"ping"),
        frame(0x8a, b"pong"),
        frame(0x80, b"two"),
        frame(0x89, &[7; 125]),
        frame(0x8a, b""),
        frame(0x89, b""),
    ];
    let bytes = frames.concat();
    assert_eq!(meaning(&bytes), (b"one two".to_vec(), None));
    let (_, pings, _) = read(&bytes, 1);
    assert_eq!(pings, [b"ping".to_vec(), vec![7; 125], Vec::new()]);
    let (_, pings, _) = read(&bytes, bytes.len());
    assert_eq!(pings, [Vec::new()], "only the last one of a read is told");
}

#[test]
fn unmasked_frames_break_the_rules() {
    assert_broken(&[0x82, 0x02, b'h', b'i'], 1002);
    assert_broken(&[0x81, 0x02, b'h', b'i'], 1002);
    assert_broken(&[0x89, 0x00], 1002);
    assert_broken(&[0x88, 0x00], 1002);
}

#[test]
fn reserved_bits_break_the_rules() {
    for bit in [0x40, 0x20, 0x10] {
        assert_broken(&frame(0x82 | bit, b"hi"), 1002);
        assert_broken(&frame(0x89 | bit, b"hi"), 1002);
    }
}

#[test]
fn unknown_opcodes_break_the_rules() {
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        assert_broken(&frame(FINAL | opcode, b"hi"), 1002);
    }
}

#[test]
fn fragmented_or_long_control_frames_break_the_rules() {
    for opcode in [opcode::CLOSE, opcode::PING, opcode::PONG] {
        assert_broken(&frame(opcode, b""), 1002);
        assert_broken(&frame(FINAL | opcode, &[b'x'; 126]), 1002);
        assert_broken(&frame(FINAL | opcode, &[b'x'; 65_536])[..20], 1002);
    }
}

#[test]
fn a_continuation_of_nothing_breaks_the_rules() {
    assert_broken(&frame(0x80, b"hi"), 1002);
    assert_broken(&frame(0x00, b"hi"), 1002);
}

#[test]
fn a_message_inside_a_message_breaks_the_rules() {
    for first in [0x82, 0x02, 0x81, 0x01] {
        let bytes = [frame(0x02, b""), frame(first, b"hi")].concat();
        assert_broken(&bytes, 1002);
    }
}

#[test]
fn a_length_of_more_than_63_bits_breaks_the_rules() {
    assert_broken(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], 1002);
    let longest = [
        0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, b'x',
    ];
    assert_eq!(meaning(&longest), (b"x".to_vec(), None));
}

#[test]
fn text_is_refused() {
    assert_broken(&frame(0x81, b"hi"), 1003);
    assert_broken(&frame(0x01, b"hi"), 1003);
}

#[test]
fn a_close_says_its_code() {
    assert_ends(b"", End::Closed(None));
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1014, 3000, 4999] {
        assert_ends(&code.to_be_bytes(), End::Closed(Some(code)));
        let reason = [&code.to_be_bytes(), "gr\u{fc}n".as_bytes()].concat();
        assert_ends(&reason, End::Closed(Some(code)));
    }
}

#[test]
fn a_close_with_what_no_close_may_say_breaks_the_rules() {
    assert_ends(&[3], End::Broken(1002));
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_ends(&code.to_be_bytes(), End::Broken(1002));
    }
    assert_ends(&[0x03, 0xe8, 0xff], End::Broken(1002));
}

#[test]
fn after_an_end_nothing_means_anything() {
    let mut parser = Parser::default();
    let end = Some(End::Closed(None));
    parser.parse(&mut frame(0x88, b""));
    for mut bytes in [frame(0x82, b"more"), frame(0x89, b"ping"), vec![0; 100]] {
        let parsed = parser.parse(&mut bytes);
        assert_eq!((parsed.len, parsed.ping, parsed.end), (0, None, end));
    }
}

#[test]
fn a_payload_is_unmasked_from_any_byte_of_its_key_on() {
    let payload: Vec<u8> = (0..100).collect();
    let bytes = frame(0x82, &payload);
    for first in 1..bytes.len() {
        let mut parser = Parser::default();
        let (mut front, mut back) = (bytes[..first].to_vec(), bytes[first..].to_vec());
        let lens = [parser.parse(&mut front).len, parser.parse(&mut back).len];
        assert_eq!([&front[..lens[0]], &back[..lens[1]]].concat(), payload);
    }
}
