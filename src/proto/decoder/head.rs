//! Head: the length and type in front of a frame.

use crate::proto::decoder::ID;
use crate::proto::frame::{LENGTH, Violation, envelope_len, kind};

/// The length and type in front of a frame, found to be acceptable.
pub(super) struct Head {
    pub(super) len: u32,
    /// Zero, a type that nobody uses, for an envelope that has no type.
    pub(super) kind: u8,
}

impl Head {
    pub(super) fn parse(bytes: &[u8], max: u32) -> Result<Option<Head>, Violation> {
        if bytes.len() < LENGTH {
            return Ok(None);
        }
        let len = envelope_len(bytes);
        if len > max {
            return Err(Violation::TooLarge { len, max });
        }
        if len == 0 {
            return Ok(Some(Head { len, kind: 0 }));
        }
        let Some(&kind) = bytes.get(LENGTH) else {
            return Ok(None);
        };
        let carries_id = matches!(kind, kind::DATA_REQ | kind::ACK | kind::NACK);
        if carries_id && len < (1 + ID) as u32 {
            return Err(Violation::Truncated { kind, len });
        }
        let max = longest(kind, max);
        if len > max {
            return Err(Violation::TooLarge { len, max });
        }
        Ok(Some(Head { len, kind }))
    }

    pub(super) fn frame_len(&self) -> usize {
        LENGTH + self.len as usize
    }
}

/// The longest envelope of this kind, where none is longer than `max`: an id is no payload.
pub(super) fn longest(kind: u8, max: u32) -> u32 {
    match kind {
        kind::DATA => max - ID as u32,
        _ => max,
    }
}
