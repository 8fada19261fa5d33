//! Model: what a whole stream means, read slowly from its page in the documentation.

use std::ops::Range;

use crate::message::Identity;
use crate::proto::frame::{MessageId, Violation};

/// Everything that a stream of bytes means.
#[derive(Default)]
pub(crate) struct Meaning {
    pub(crate) hello: Option<Identity>,
    /// Ids, and where the payloads are.
    pub(crate) messages: Vec<(Option<MessageId>, Range<usize>)>,
    pub(crate) acks: Vec<MessageId>,
    pub(crate) nacks: Vec<MessageId>,
    pub(crate) skipped: u32,
    pub(crate) violation: Option<Violation>,
    /// Where each whole frame ends.
    pub(crate) ends: Vec<usize>,
}

pub(crate) fn read(bytes: &[u8], max_message: u32) -> Meaning {
    let mut meaning = Meaning::default();
    loop {
        let at = meaning.ends.last().copied().unwrap_or_default();
        let read = match at {
            0 => read_hello(bytes, &mut meaning),
            _ => read_frame(bytes, at, max_message, &mut meaning),
        };
        match read {
            Ok(Some(end)) => meaning.ends.push(end),
            Ok(None) => return meaning,
            Err(violation) => {
                meaning.violation = Some(violation);
                return meaning;
            }
        }
    }
}

/// Where the HELLO at the front of `bytes` ends, if it is all there.
fn read_hello(bytes: &[u8], meaning: &mut Meaning) -> Result<Option<usize>, Violation> {
    // Each byte is judged as it comes.
    let good = [0..=0, 0..=0, 0..=0, 18..=60, 1..=1];
    let mut front = bytes.iter().zip(good);
    if front.any(|(byte, good)| !good.contains(byte)) {
        return Err(Violation::BadHello);
    }
    if let Some(version) = bytes.get(5).filter(|version| **version != 1) {
        return Err(Violation::Version(*version));
    }
    let Some(end) = bytes.get(3).map(|length| 4 + usize::from(*length)) else {
        return Ok(None);
    };
    if bytes.len() < end {
        return Ok(None);
    }
    meaning.hello = bytes[6..].first_chunk().map(|id| Identity::new(*id));
    Ok(Some(end))
}

/// Where the frame at `at` ends, if it is all there.
fn read_frame(
    bytes: &[u8],
    at: usize,
    max_message: u32,
    meaning: &mut Meaning,
) -> Result<Option<usize>, Violation> {
    let Some(length) = bytes[at..].first_chunk::<4>() else {
        return Ok(None);
    };
    let (len, max) = (u32::from_be_bytes(*length), max_message + 17);
    if len > max {
        return Err(Violation::TooLarge { len, max });
    }
    if len == 0 {
        meaning.skipped += 1;
        return Ok(Some(at + 4));
    }
    let Some(&kind) = bytes.get(at + 4) else {
        return Ok(None);
    };
    if matches!(kind, 4..=6) && len < 17 {
        return Err(Violation::Truncated { kind, len });
    }
    let max = max_message + 1;
    if kind == 3 && len > max {
        return Err(Violation::TooLarge { len, max });
    }
    let end = at + 4 + len as usize;
    let is_whole = end <= bytes.len();
    let id = bytes[at + 5..].first_chunk().map(|id| MessageId(*id));
    match kind {
        2 => {}
        3 if is_whole => meaning.messages.push((None, at + 5..end)),
        4 if is_whole => meaning.messages.push((id, at + 21..end)),
        3 | 4 => {}
        5 => meaning.acks.extend(id),
        6 => meaning.nacks.extend(id),
        _ => meaning.skipped += 1,
    }
    Ok(is_whole.then_some(end))
}
