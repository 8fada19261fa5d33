//! Frame: the numbers of WebSocket framing (RFC 6455, section 5), and the head of a frame of ours.

/// The first bit of a frame: it ends a message.
pub(crate) const FINAL: u8 = 0x80;

/// The bits that only extensions use, and we negotiate none.
pub(crate) const RESERVED: u8 = 0x70;

/// The first bit of a frame's length: a masking key follows it.
pub(crate) const MASKED: u8 = 0x80;

/// A control frame's payload has at most this many bytes; longer lengths take more bytes.
pub(crate) const SHORT: usize = 125;

/// What a frame is.
pub(crate) mod opcode {
    pub(crate) const CONTINUATION: u8 = 0x0;
    pub(crate) const TEXT: u8 = 0x1;
    pub(crate) const BINARY: u8 = 0x2;
    pub(crate) const CLOSE: u8 = 0x8;
    pub(crate) const PING: u8 = 0x9;
    pub(crate) const PONG: u8 = 0xa;
}

/// Why a WebSocket is closed.
pub(crate) mod code {
    /// We take our leave.
    pub(crate) const NORMAL: u16 = 1000;
    /// The other side broke the rules of RFC 6455.
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    /// Text, where only bytes mean something.
    pub(crate) const UNSUPPORTED: u16 = 1003;
}

/// The head of a whole, unmasked frame around `len` bytes.
pub(crate) fn put_head(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(FINAL | opcode);
    match len {
        0..=SHORT => out.push(len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455, section 5.7, and the lengths where the form changes.
    #[test]
    fn a_length_takes_as_few_bytes_as_it_can() {
        let expected: [(usize, &[u8]); 7] = [
            (0, &[0x82, 0x00]),
            (125, &[0x82, 0x7d]),
            (126, &[0x82, 0x7e, 0x00, 0x7e]),
            (256, &[0x82, 0x7e, 0x01, 0x00]),
            (65_535, &[0x82, 0x7e, 0xff, 0xff]),
            (65_536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
            (0x0102_0304, &[0x82, 0x7f, 0, 0, 0, 0, 1, 2, 3, 4]),
        ];
        for (len, head) in expected {
            let mut out = Vec::new();
            put_head(&mut out, opcode::BINARY, len);
            assert_eq!(out, head, "{len}");
        }
    }
}
