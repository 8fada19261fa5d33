//! Framer: what is written to a WebSocket client around the stream, however little is taken at
//! a time: heads of frames, answers to pings, and the close.

use super::frame::{code, opcode, put_head};

/// Two bytes, and eight of length.
const LONGEST_HEAD: usize = 10;

/// The writing side of one connection.
///
/// Each write of the stream is one binary frame. Its head goes out with its first bytes, and what
/// is ours to say goes in front of a head, never into a frame. There is one writer at a time; the
/// reader may call `answer` and `handle_end` in between.
#[derive(Default)]
pub(crate) struct Framer {
    /// What is left of a control frame or of a head that was begun: it goes before all else.
    begun: Vec<u8>,
    /// What the last ping said that was not answered.
    pong: Option<Vec<u8>>,
    /// Bytes of the stream that the frame on its way still lacks.
    left: usize,
    /// The code of our close, where it is not the usual one.
    end: Option<Option<u16>>,
    is_closed: bool,
}

/// One write: the prefix, and so many bytes of the stream behind it.
pub(crate) struct Plan {
    pub(crate) prefix: Vec<u8>,
    pub(crate) len: usize,
    /// Bytes of the prefix that are no head.
    before_head: usize,
    /// The answer in the prefix, and where it starts.
    pong: Option<Vec<u8>>,
    pong_at: usize,
    begins_frame: bool,
}

impl Framer {
    /// Answers a ping as soon as a frame ends. A later ping makes an earlier one void.
    pub(crate) fn answer(&mut self, ping: Vec<u8>) {
        self.pong = Some(ping);
    }

    /// The other side ended the connection: what our close says to that. Says whether ours went
    /// out before.
    pub(crate) fn handle_end(&mut self, code: Option<u16>) -> bool {
        self.end = Some(code);
        self.is_closed
    }

    /// What to write next, when the stream has `len` more bytes; `None` behind our close.
    pub(crate) fn plan(&mut self, len: usize) -> Option<Plan> {
        if self.is_closed {
            return None;
        }
        let mut prefix = Vec::with_capacity(self.begun.len() + LONGEST_HEAD);
        prefix.extend_from_slice(&self.begun);
        let pong_at = prefix.len();
        let begins_frame = self.left == 0;
        let pong = self.pong.take_if(|_| begins_frame);
        if let Some(pong) = &pong {
            put_head(&mut prefix, opcode::PONG, pong.len());
            prefix.extend_from_slice(pong);
        }
        let before_head = prefix.len();
        if begins_frame {
            put_head(&mut prefix, opcode::BINARY, len);
        }
        Some(Plan {
            prefix,
            len: if begins_frame {
                len
            } else {
                len.min(self.left)
            },
            before_head,
            pong,
            pong_at,
            begins_frame,
        })
    }

    /// So many bytes of the plan were taken. Returns how many of the stream's count as taken, the
    /// first of which is `first`; none means that the same must be tried again.
    pub(crate) fn handle_taken(&mut self, plan: Plan, count: usize, first: u8) -> usize {
        let of_stream = count.saturating_sub(plan.prefix.len());
        let rest = plan.prefix.get(count..).unwrap_or_default();
        if !plan.begins_frame {
            self.begun = rest.to_vec();
            self.left -= of_stream;
            return of_stream;
        }
        if count <= plan.pong_at {
            // The answer was not begun, and makes way for a newer one.
            self.pong = self.pong.take().or(plan.pong);
            self.begun.drain(..count);
            return 0;
        }
        if count <= plan.before_head {
            self.begun = plan.prefix[count..plan.before_head].to_vec();
            return 0;
        }
        // A head that was begun promises this very chunk. A byte of it goes with the head, so
        // that whoever owns the chunk knows that it was begun as well.
        self.begun = rest.to_vec();
        let taken = of_stream.max(1);
        if of_stream == 0 {
            self.begun.push(first);
        }
        self.left = plan.len - taken;
        taken
    }

    /// Our last bytes. `None` if they went before, or in the middle of a frame, where a close
    /// would be taken for a part of it.
    pub(crate) fn close(&mut self) -> Option<Vec<u8>> {
        let is_late = std::mem::replace(&mut self.is_closed, true) || self.left > 0;
        if is_late {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.begun);
        let code = self.end.unwrap_or(Some(code::NORMAL));
        put_head(&mut bytes, opcode::CLOSE, code.map_or(0, |_| 2));
        code.inspect(|code| bytes.extend_from_slice(&code.to_be_bytes()));
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel: takes `room` bytes of a write.
    fn write(framer: &mut Framer, bytes: &[u8], room: usize, wire: &mut Vec<u8>) -> usize {
        let plan = framer.plan(bytes.len()).expect("it is open");
        let whole = [&plan.prefix, &bytes[..plan.len]].concat();
        let count = room.min(whole.len());
        wire.extend_from_slice(&whole[..count]);
        framer.handle_taken(plan, count, bytes[0])
    }

    #[test]
    fn a_write_is_one_frame() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        assert_eq!(write(&mut framer, b"hello", 100, &mut wire), 5);
        assert_eq!(write(&mut framer, b"again", 100, &mut wire), 5);
        assert_eq!(wire, b"\x82\x05hello\x82\x05again");
    }

    #[test]
    fn a_frame_has_one_head_however_little_is_taken() {
        for room in 1..8 {
            let (mut framer, mut wire) = (Framer::default(), Vec::new());
            let mut left = &b"hello"[..];
            while !left.is_empty() {
                let taken = write(&mut framer, left, room, &mut wire);
                left = &left[taken..];
            }
            assert_eq!(wire, b"\x82\x05hello", "{room} at a time");
        }
    }

    #[test]
    fn an_answer_waits_for_the_end_of_a_frame() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        assert_eq!(write(&mut framer, b"hello", 4, &mut wire), 2);
        framer.answer(b"old".to_vec());
        framer.answer(b"new".to_vec());
        assert_eq!(write(&mut framer, b"llo", 100, &mut wire), 3);
        assert_eq!(write(&mut framer, b"again", 100, &mut wire), 5);
        assert_eq!(write(&mut framer, b"end", 100, &mut wire), 3);
        assert_eq!(wire, b"\x82\x05hello\x8a\x03new\x82\x05again\x82\x03end");
    }

    #[test]
    fn an_answer_that_was_begun_is_finished_before_a_newer_one() {
        for room in 1..6 {
            let (mut framer, mut wire) = (Framer::default(), Vec::new());
            framer.answer(b"old".to_vec());
            assert_eq!(write(&mut framer, b"hello", room, &mut wire), 0);
            framer.answer(b"new".to_vec());
            assert_eq!(write(&mut framer, b"hello", 100, &mut wire), 5);
            assert_eq!(wire, b"\x8a\x03old\x8a\x03new\x82\x05hello", "{room}");
        }
    }

    #[test]
    fn a_write_that_nothing_is_taken_of_promises_nothing() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        framer.answer(b"old".to_vec());
        assert_eq!(write(&mut framer, b"a long message", 0, &mut wire), 0);
        framer.answer(b"new".to_vec());
        assert_eq!(write(&mut framer, b"short", 100, &mut wire), 5);
        assert_eq!(wire, b"\x8a\x03new\x82\x05short");
    }

    #[test]
    fn a_head_takes_a_byte_of_its_chunk_along() {
        for room in [1, 2] {
            let (mut framer, mut wire) = (Framer::default(), Vec::new());
            assert_eq!(write(&mut framer, b"hello", room, &mut wire), 1);
            assert_eq!(write(&mut framer, b"ello", 100, &mut wire), 4);
            assert_eq!(wire, b"\x82\x05hello");
        }
    }

    #[test]
    fn answers_that_nobody_takes_use_no_memory() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        for _ in 0..1_000 {
            framer.answer(vec![7; 125]);
            write(&mut framer, b"hello", 0, &mut wire);
        }
        assert!(framer.begun.is_empty() && framer.begun.capacity() < 1_000);
    }

    #[test]
    fn a_close_is_the_last_word() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        write(&mut framer, b"hello", 100, &mut wire);
        assert_eq!(framer.close().unwrap(), [0x88, 0x02, 0x03, 0xe8]);
        assert!(framer.plan(5).is_none());
        assert_eq!(framer.close(), None);
        assert!(framer.handle_end(None), "what comes now answers it");
    }

    #[test]
    fn a_close_says_what_the_other_side_said() {
        let close = |code| {
            let mut framer = Framer::default();
            assert!(!framer.handle_end(code));
            framer.close().unwrap()
        };
        assert_eq!(close(None), [0x88, 0x00]);
        assert_eq!(close(Some(1001)), [0x88, 0x02, 0x03, 0xe9]);
    }

    #[test]
    fn a_close_never_goes_into_a_frame() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        write(&mut framer, b"hello", 4, &mut wire);
        assert_eq!(framer.close(), None);
    }

    #[test]
    fn a_close_finishes_an_answer_that_was_begun() {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        framer.answer(b"pong".to_vec());
        write(&mut framer, b"hello", 3, &mut wire);
        wire.extend(framer.close().unwrap());
        assert_eq!(wire, b"\x8a\x04pong\x88\x02\x03\xe8");
    }
}
