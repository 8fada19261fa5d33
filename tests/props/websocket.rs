//! WebSocket framing: against a reading of RFC 6455 that takes everything at once, whatever is
//! cut, taken or asked in between.

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::transport::websocket::framer::Framer;
use crate::transport::websocket::parser::{End, Parser};

/// A frame as a client sends it.
#[derive(Clone, Debug)]
struct Frame {
    first: u8,
    mask: [u8; 4],
    payload: Vec<u8>,
}

impl Frame {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.first);
        match self.payload.len() {
            len @ 0..=125 => out.push(0x80 | len as u8),
            len @ 126..=65_535 => {
                out.extend([0x80 | 126, (len >> 8) as u8, len as u8]);
            }
            len => {
                out.push(0x80 | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(self.mask);
        let masked = self.payload.iter().enumerate();
        out.extend(masked.map(|(at, byte)| byte ^ self.mask[at % 4]));
    }
}

/// What a stream of bytes means: its payload, its last ping, and its end.
#[derive(Default, PartialEq, Debug)]
struct Meaning {
    stream: Vec<u8>,
    ping: Option<Vec<u8>>,
    end: Option<End>,
}

/// All at once, with no state but where it is; an unfinished frame counts as far as it is there.
fn read_naively(bytes: &[u8]) -> Meaning {
    let mut meaning = Meaning::default();
    let (mut at, mut is_in_message) = (0, false);
    while let Some([first, second]) = bytes.get(at..at + 2) {
        let (opcode, is_final) = (first & 0x0f, first & 0x80 != 0);
        let is_control = matches!(opcode, 8..=10);
        let fits = match opcode {
            0 => is_in_message,
            1 | 2 => !is_in_message,
            8..=10 => is_final && second & 0x7f <= 125,
            _ => false,
        };
        if !fits || first & 0x70 != 0 || second & 0x80 == 0 {
            meaning.end = Some(End::Broken(1002));
            return meaning;
        }
        if opcode == 1 {
            meaning.end = Some(End::Broken(1003));
            return meaning;
        }
        let extra = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if extra == 8 && bytes.get(at + 2).is_some_and(|high| high & 0x80 != 0) {
            meaning.end = Some(End::Broken(1002));
            return meaning;
        }
        let Some(head) = bytes.get(at..at + 2 + extra + 4) else {
            break;
        };
        let len = match extra {
            0 => u64::from(second & 0x7f),
            _ => head[2..2 + extra]
                .iter()
                .fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let mask = &head[2 + extra..];
        at += head.len();
        let there = len.min((bytes.len() - at) as u64) as usize;
        let masked = bytes[at..at + there].iter().enumerate();
        let payload: Vec<u8> = masked.map(|(at, byte)| byte ^ mask[at % 4]).collect();
        at += there;
        if !is_control {
            meaning.stream.extend(&payload);
            is_in_message = !is_final;
        }
        if (there as u64) < len {
            break;
        }
        match opcode {
            8 => {
                meaning.end = Some(close(&payload));
                return meaning;
            }
            9 => meaning.ping = Some(payload),
            _ => {}
        }
    }
    meaning
}

fn close(payload: &[u8]) -> End {
    if payload.is_empty() {
        return End::Closed(None);
    }
    let code = payload
        .get(..2)
        .map(|it| u16::from(it[0]) << 8 | u16::from(it[1]));
    let is_sent = |code: &u16| {
        let reserved = [1004, 1005, 1006, 1015].contains(code);
        (1000..=1014).contains(code) && !reserved || (3000..5000).contains(code)
    };
    let code = code.filter(|code| is_sent(code) && String::from_utf8(payload[2..].into()).is_ok());
    code.map_or(End::Broken(1002), |code| End::Closed(Some(code)))
}

fn read(bytes: &[u8], cuts: &[usize]) -> Meaning {
    let (mut parser, mut meaning) = (Parser::default(), Meaning::default());
    let (mut at, mut turns) = (0, cuts.iter().cycle());
    while at < bytes.len() {
        let cut = turns.next().expect("there is a cut");
        let end = bytes.len().min(at.saturating_add((*cut).max(1)));
        let mut buffer = bytes[at..end].to_vec();
        let parsed = parser.parse(&mut buffer);
        meaning.stream.extend(&buffer[..parsed.len]);
        meaning.ping = parsed.ping.or(meaning.ping);
        meaning.end = parsed.end;
        at = end;
    }
    meaning
}

fn some_frame() -> impl Strategy<Value = Frame> {
    let first = prop_oneof![
        6 => Just(0x82_u8), 3 => Just(0x02), 3 => Just(0x00), 3 => Just(0x80),
        2 => Just(0x89), 2 => Just(0x8a), 1 => Just(0x88), 1 => any::<u8>(),
    ];
    let short = prop::collection::vec(any::<u8>(), 0..130);
    let long = (any::<u8>(), 100..70_000_usize).prop_map(|(byte, len)| vec![byte; len]);
    let payload = prop_oneof![12 => short, 1 => long];
    (first, any::<[u8; 4]>(), payload).prop_map(|(first, mask, payload)| {
        let len = if first & 8 == 8 {
            payload.len().min(125)
        } else {
            payload.len()
        };
        let payload = payload[..len].to_vec();
        Frame {
            first,
            mask,
            payload,
        }
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    let cut = prop_oneof![Just(1_usize), 1..20_usize, 1..5_000_usize, Just(usize::MAX)];
    prop::collection::vec(cut, 1..8)
}

/// What happens to a writer.
#[derive(Clone, Debug)]
enum Step {
    /// The reader has seen a ping.
    Ping(Vec<u8>),
    /// The kernel has room for so many bytes, and a chunk of so many is to be written.
    Write { room: usize, len: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let room =
        prop_oneof![2 => Just(0_usize), 4 => 1..12_usize, 2 => 1..300_usize, 1 => Just(usize::MAX)];
    let len = prop_oneof![4 => 5..40_usize, 2 => 100..300_usize, 1 => 65_000..66_000_usize];
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..126).prop_map(Step::Ping),
        4 => (room, len).prop_map(|(room, len)| Step::Write { room, len }),
    ]
}

/// The frames that a client finds in `bytes`: opcode and payload. All of them are whole.
fn frames_of(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(first & 0xf0, 0x80, "whole, and nothing reserved");
        let (len, rest) = match second {
            126 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            127 => {
                let len = u64::from_be_bytes(rest[..8].try_into().expect("eight"));
                (len as usize, &rest[8..])
            }
            len => (usize::from(*len), rest),
        };
        frames.push((first & 0x0f, rest[..len].to_vec()));
        bytes = &rest[len..];
    }
    frames
}

proptest! {
    #![proptest_config(super::cases(2_000))]

    #[test]
    fn frames_mean_what_rfc_6455_says_however_they_are_cut(
        frames in prop::collection::vec(some_frame(), 0..12),
        cuts in cuts(),
        part in 0.5..1.5_f64,
    ) {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.put(&mut bytes));
        let end = (bytes.len() as f64 * part) as usize;
        let bytes = &bytes[..end.min(bytes.len())];
        prop_assert_eq!(read(bytes, &cuts), read_naively(bytes));
    }

    #[test]
    fn garbage_means_the_same_however_it_is_cut(
        garbage in prop::collection::vec(
            prop_oneof![3 => Just(0x82_u8), 2 => 0x80..0x90_u8, 1 => 0..8_u8, 1 => any::<u8>()],
            0..400,
        ),
        cuts in cuts(),
    ) {
        prop_assert_eq!(read(&garbage, &cuts), read_naively(&garbage));
    }

    #[test]
    fn what_is_written_arrives_in_whole_frames_however_little_is_taken(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (mut framer, mut wire) = (Framer::default(), Vec::new());
        let (mut sent, mut pings, mut chunk) = (Vec::new(), Vec::new(), Vec::new());
        let (mut chunks, mut is_begun) = (0, false);
        let mut write = |framer: &mut Framer, chunk: &mut Vec<u8>, room: usize| {
            let plan = framer.plan(chunk.len()).expect("it is open");
            let bytes = [&plan.prefix, &chunk[..plan.len]].concat();
            let count = room.min(bytes.len());
            wire.extend(&bytes[..count]);
            let taken = framer.handle_taken(plan, count, chunk[0]);
            sent.extend(chunk.drain(..taken));
            taken > 0
        };
        for step in steps {
            match step {
                Step::Ping(payload) => {
                    framer.answer(payload.clone());
                    pings.push(payload);
                }
                Step::Write { room, len } => {
                    // A chunk that was not begun may give way to another one.
                    if !is_begun {
                        chunk = (0..len).map(|at| (at + chunks) as u8).collect();
                    }
                    is_begun |= write(&mut framer, &mut chunk, room);
                    if chunk.is_empty() {
                        (chunks, is_begun) = (chunks + 1, false);
                    }
                }
            }
        }
        while is_begun && !chunk.is_empty() {
            write(&mut framer, &mut chunk, usize::MAX);
            chunks += usize::from(chunk.is_empty());
        }
        let last = framer.close();
        prop_assert!(last.is_some(), "no frame is in progress");
        wire.extend(last.expect("looked at above"));
        let mut frames = frames_of(&wire);
        prop_assert_eq!(frames.pop(), Some((8, vec![0x03, 0xe8])));
        let of = |opcode| frames.iter().filter(move |(it, _)| *it == opcode).map(|(_, it)| it);
        prop_assert_eq!(of(2).count(), chunks, "a chunk is a frame");
        prop_assert!(of(2).flatten().eq(&sent));
        let mut unanswered = pings.iter();
        for pong in of(10) {
            prop_assert!(unanswered.any(|ping| ping == pong), "in order, and each once");
        }
        prop_assert_eq!(of(2).count() + of(10).count(), frames.len());
    }
}
