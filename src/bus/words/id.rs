//! Id: the name of a message, made by its sender.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The 16 bytes that name a message, on the wire 32 hexadecimal digits.
///
/// Those that we make are UUIDs of version 7: sorted, they are in the order of their making, as
/// far as clocks agree. Any other 16 bytes do as well. An id that was parsed is shown as it was
/// written, capitals and all; they make no other id of it.
#[derive(Clone, Copy, Default)]
pub struct Id {
    bytes: [u8; 16],
    /// Which of the digits are capitals, the first one highest.
    capitals: u32,
}

impl Id {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    fn of(value: u128) -> Id {
        Id {
            bytes: value.to_be_bytes(),
            capitals: 0,
        }
    }

    /// As it is written.
    pub(crate) fn digits(&self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        if self.capitals != 0 {
            let is_capital = |place: usize| self.capitals << place >> 31 == 1;
            let digits = digits.iter_mut().enumerate();
            let capitals = digits.filter(|(place, _)| is_capital(*place));
            capitals.for_each(|(_, digit)| digit.make_ascii_uppercase());
        }
        digits
    }

    /// Made at so many milliseconds since 1970, as the `count`th of a maker with this seed.
    pub(crate) fn version_7(milliseconds: u64, count: u64, seed: u64) -> Id {
        let high = milliseconds << 16 | 7 << 12 | count & 0xfff;
        let low = scatter(seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let low = low & (u64::MAX >> 2) | 1 << 63;
        Id::of(u128::from(high) << 64 | u128::from(low))
    }

    /// The `number`th of a counter that is told from others by its seed.
    pub(crate) fn counted(seed: u64, number: u64) -> Id {
        Id::of(u128::from(seed) << 64 | u128::from(number))
    }

    /// The number, if it is of the counter with this seed.
    pub(crate) fn number(self, seed: u64) -> Option<u64> {
        let value = u128::from_be_bytes(self.bytes);
        ((value >> 64) as u64 == seed).then_some(value as u64)
    }
}

/// Neighbours become strangers, and no two the same.
fn scatter(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl PartialEq for Id {
    fn eq(&self, other: &Id) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Id {}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Id) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Id) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 32 hexadecimal digits")
    }
}

impl std::error::Error for ParseIdError {}

impl FromStr for Id {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Id, ParseIdError> {
        let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| ParseIdError)?;
        let (mut bytes, mut capitals) = ([0; 16], 0);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
            let is_capital = |digit: u8| u32::from(digit.is_ascii_uppercase());
            capitals = capitals << 2 | is_capital(pair[0]) << 1 | is_capital(pair[1]);
        }
        Ok(Id { bytes, capitals })
    }
}

fn digit(byte: u8) -> Result<u8, ParseIdError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        b'A'..=b'F' => Ok(byte - b'A' + 10),
        _ => Err(ParseIdError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_time_and_no_two_are_the_same() {
        let mut ids: Vec<Id> = (0..10_000)
            .map(|n| Id::version_7(1_000 + n / 8, n, 5))
            .collect();
        let made = ids.clone();
        ids.sort_by_key(|id| id.as_bytes()[..6].to_vec());
        assert_eq!(ids, made);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn an_id_has_the_form_of_a_uuid_of_version_7() {
        let id = Id::version_7(0x0192_3456_789a, 0xabc, 1);
        let text = id.to_string();
        assert!(text.starts_with("01923456789a7abc"), "{text}");
        assert!("89ab".contains(&text[16..17]), "{text}");
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn capitals_are_shown_and_make_no_other_id() {
        let text = "0123456789abcdefABCDEFabcdefAbCd";
        let id: Id = text.parse().expect("32 digits");
        assert_eq!(id.to_string(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(id));
    }
}
