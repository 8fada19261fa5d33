//! Id: the name of a message, made by its sender.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
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
            pair.copy_from_slice(&PAIRS[usize::from(byte)]);
        }
        if self.capitals != 0 {
            let is_capital = |place: usize| self.capitals << place >> 31 == 1;
            let digits = digits.iter_mut().enumerate();
            let capitals = digits.filter(|(place, _)| is_capital(*place));
            capitals.for_each(|(_, digit)| digit.make_ascii_uppercase());
        }
        digits
    }

    /// When it was made, in milliseconds since 1970, if it is one that says so.
    pub(crate) fn milliseconds(&self) -> Option<u64> {
        let value = u128::from_be_bytes(self.bytes);
        let is_version_7 = value >> 76 & 0xf == 7 && value >> 62 & 0b11 == 0b10;
        is_version_7.then_some((value >> 80) as u64)
    }

    /// A UUID of version 7: its stamp are milliseconds since 1970 and, in the lowest 12 bits, a
    /// count within them.
    pub(crate) fn version_7(stamp: u64, random: u64) -> Id {
        let high = stamp >> 12 << 16 | 7 << 12 | stamp & 0xfff;
        let low = random & (u64::MAX >> 2) | 1 << 63;
        Id::of(u128::from(high) << 64 | u128::from(low))
    }

    /// Of a number that only whoever knows the keys finds in it, and can give an id to.
    pub(crate) fn sealed(number: u64, keys: &impl BuildHasher) -> Id {
        Id::of(u128::from(keys.hash_one(number)) << 64 | u128::from(number))
    }

    /// The number, if it was sealed with these keys.
    pub(crate) fn number(self, keys: &impl BuildHasher) -> Option<u64> {
        let value = u128::from_be_bytes(self.bytes);
        let (seal, number) = ((value >> 64) as u64, value as u64);
        (keys.hash_one(number) == seal).then_some(number)
    }
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

/// Of each byte: its two digits.
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    pairs
};

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
        let mut seen = 0;
        let mut value = |digits: &[u8]| {
            digits.iter().fold(0, |value, digit| {
                let digit = DIGITS[usize::from(*digit)];
                seen |= digit;
                value << 4 | u64::from(digit & 15)
            })
        };
        let (high, low) = (value(&digits[..16]), value(&digits[16..]));
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        let mut capitals = 0;
        if seen & CAPITAL != 0 {
            let is_capital = |digit: &u8| u32::from(digit.is_ascii_uppercase());
            let bits = digits.iter().map(is_capital);
            capitals = bits.fold(0, |all, bit| all << 1 | bit);
        }
        match seen & NONE {
            0 => Ok(Id { bytes, capitals }),
            _ => Err(ParseIdError),
        }
    }
}

/// Of each byte: the digit that it is, and whether it is a capital, or none.
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        let byte = HEX[digit];
        let is_letter = byte.is_ascii_lowercase();
        digits[byte.to_ascii_uppercase() as usize] =
            digit as u8 | if is_letter { CAPITAL } else { 0 };
        digits[byte as usize] = digit as u8;
        digit += 1;
    }
    digits
};
const CAPITAL: u8 = 0x10;
const NONE: u8 = 0x80;

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn an_id_has_the_form_of_a_uuid_of_version_7() {
        let id = Id::version_7(0x0192_3456_789a << 12 | 0xabc, u64::MAX);
        assert_eq!(
            id.to_string(),
            "01923456-789a-7abc-bfff-ffffffffffff".replace('-', "")
        );
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_whoever_has_the_keys_gives_an_id_to_a_number() {
        let (ours, others) = (RandomState::new(), RandomState::new());
        let sealed: Vec<Id> = (1..100).map(|number| Id::sealed(number, &ours)).collect();
        for (id, number) in sealed.iter().zip(1..) {
            assert_eq!(id.number(&ours), Some(number));
            assert_eq!(id.number(&others), None);
            let next = u128::from_be_bytes(*id.as_bytes()) + 1;
            assert_eq!(
                Id::of(next).number(&ours),
                None,
                "the next one is known from it"
            );
        }
    }

    #[test]
    fn capitals_are_shown_and_make_no_other_id() {
        let text = "0123456789abcdefABCDEFabcdefAbCd";
        let id: Id = text.parse().expect("32 digits");
        assert_eq!(id.to_string(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(id));
        for bad in ["", "0", "g", "G", ":", "@", "`", "/", "é", " "] {
            let text = format!("{bad}{}", "0".repeat(32 - bad.len()));
            let good = bad == "0" || bad.is_empty();
            assert_eq!(text.parse::<Id>().is_ok(), good, "{text}");
        }
        assert!("0".repeat(31).parse::<Id>().is_err());
    }
}
