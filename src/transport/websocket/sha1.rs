//! SHA-1: the checksum that a WebSocket handshake asks for (RFC 3174). It protects nothing.

const BLOCK: usize = 64;

/// The SHA-1 of `message`.
pub(crate) fn sha1(message: &[u8]) -> [u8; 20] {
    let padded = pad(message);
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let blocks = padded.chunks_exact(BLOCK);
    blocks.for_each(|block| mix(&mut state, block));
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// The message, one bit, zeros, and its length in bits: whole blocks.
fn pad(message: &[u8]) -> Vec<u8> {
    let bits = message.len() as u64 * 8;
    let mut padded = [message, &[0x80]].concat();
    let len = (padded.len() + 8).next_multiple_of(BLOCK);
    padded.resize(len - 8, 0);
    padded.extend_from_slice(&bits.to_be_bytes());
    padded
}

fn mix(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("four bytes of a block"));
    }
    for at in 16..80 {
        let word = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
        words[at] = word.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.into_iter().enumerate() {
        let (choice, constant) = match at {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = [choice, e, word, constant]
            .into_iter()
            .fold(a.rotate_left(5), u32::wrapping_add);
        [a, b, c, d, e] = [next, a, b.rotate_left(30), c, d];
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
        *old = old.wrapping_add(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(message: &[u8]) -> String {
        sha1(message).iter().map(|b| format!("{b:02x}")).collect()
    }

    /// RFC 3174, section 7.3, the fourth shortened from what is there repeated 80 times.
    #[test]
    fn the_vectors_of_rfc_3174_hold() {
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(
            hex(&b"a".repeat(1_000_000)),
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f"
        );
        assert_eq!(
            hex(&b"0123456701234567012345670123456701234567012345670123456701234567".repeat(10)),
            "dea356a2cddd90c7a7ecedc5ebb563934f460452"
        );
    }

    #[test]
    fn nothing_has_a_digest_too() {
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }

    /// Where the padding takes a block of its own: checked against another implementation.
    #[test]
    fn lengths_around_a_block_are_padded_right() {
        let expected = [
            (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
            (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
            (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"),
            (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
            (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
        ];
        for (len, digest) in expected {
            assert_eq!(hex(&b"a".repeat(len)), digest, "{len}");
        }
    }
}
