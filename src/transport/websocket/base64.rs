//! Base64: the text form of a WebSocket's key and of the answer to it (RFC 4648).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..group.len()].copy_from_slice(group);
        let [a, b, c] = three.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 0x3f;
            text.push(match digit <= group.len() {
                true => char::from(ALPHABET[index as usize]),
                false => '=',
            });
        }
    }
    text
}

/// How many bytes `text` stands for; `None` if it is no base64. Bits that stand for nothing may
/// be set: some programs make their keys up digit by digit.
pub(crate) fn decoded_len(text: &[u8]) -> Option<usize> {
    let digits = text.strip_suffix(b"==").or(text.strip_suffix(b"="));
    let digits = digits.unwrap_or(text);
    let is_whole = text.len() % 4 == 0;
    let is_base64 = digits.iter().all(|digit| ALPHABET.contains(digit));
    (is_whole && is_base64).then_some(digits.len() * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        for (bytes, text) in VECTORS {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decoded_len(text.as_bytes()), Some(bytes.len()), "{text}");
        }
    }

    #[test]
    fn every_digit_is_in_its_place() {
        let bytes: Vec<u8> = (0..16_u32)
            .flat_map(|group| {
                let [a, b, c, d] = [0, 1, 2, 3].map(|at| 4 * group + at);
                let bits = a << 18 | b << 12 | c << 6 | d;
                [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
            })
            .collect();
        assert_eq!(encode(&bytes).as_bytes(), ALPHABET);
    }

    #[test]
    fn what_is_no_base64_has_no_length() {
        for text in [
            "Z", "Zg=", "Zm9", "Zg==Zg==", "Zg-=", "Zm 9", "====", "Z===",
        ] {
            assert_eq!(decoded_len(text.as_bytes()), None, "{text}");
        }
    }
}
