//! Id: the name of a message, made by its sender.

use std::fmt;
use std::str::FromStr;

/// The 16 bytes that name a message, on the wire 32 hexadecimal digits.
///
/// Those that we make are UUIDs of version 7: sorted, they are in the order of their making, as
/// far as clocks agree. Any other 16 bytes do as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id([u8; 16]);

impl Id {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Made at so many milliseconds since 1970, as the `count`th of a maker with this seed.
    pub(crate) fn version_7(milliseconds: u64, count: u64, seed: u64) -> Id {
        let high = milliseconds << 16 | 7 << 12 | count & 0xfff;
        let low = scatter(seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let low = low & (u64::MAX >> 2) | 1 << 63;
        Id((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }

    /// The `number`th of a counter that is told from others by its seed.
    pub(crate) fn counted(seed: u64, number: u64) -> Id {
        Id((u128::from(seed) << 64 | u128::from(number)).to_be_bytes())
    }

    /// The number, if it is of the counter with this seed.
    pub(crate) fn number(self, seed: u64) -> Option<u64> {
        let value = u128::from_be_bytes(self.0);
        ((value >> 64) as u64 == seed).then_some(value as u64)
    }
}

/// Neighbours become strangers, and no two the same.
fn scatter(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
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
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Id(bytes))
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
}
