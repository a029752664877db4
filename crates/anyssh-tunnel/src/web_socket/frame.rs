//! The head of a frame (RFC 6455 §5.2): a pure codec, without a connection.

use std::fmt;

/// The largest frame that is accepted, in bytes of payload. A message may be any number of frames.
pub const LARGEST_FRAME: u64 = 1024 * 1024;

/// The longest payload of a control frame (RFC 6455 §5.5).
pub(crate) const LONGEST_CONTROL: u64 = 125;

/// The longest head: two bytes, eight of length, four of mask.
pub(crate) const LONGEST_HEAD: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// The head of a frame from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Whether it ends its message.
    pub(crate) is_final: bool,
    pub(crate) opcode: Opcode,
    /// Of the payload, in bytes.
    pub(crate) length: u64,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Reserved,
    Opcode(u8),
    Masked,
    Length,
    TooLarge(u64),
    Control,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => f.write_str("a frame with reserved bits, which no extension gave a meaning"),
            Self::Opcode(code) => write!(f, "a frame of unknown type {code:#x}"),
            Self::Masked => f.write_str("a masked frame, which servers may not send"),
            Self::Length => f.write_str("a frame whose length is not written in its shortest form"),
            Self::TooLarge(length) => {
                write!(f, "a frame of {length} bytes is too large; the limit is {LARGEST_FRAME}")
            }
            Self::Control => f.write_str("a control frame that is split or longer than 125 bytes"),
        }
    }
}

impl Opcode {
    fn of(code: u8) -> Option<Self> {
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong]
            .into_iter()
            .find(|opcode| opcode.code() == code)
    }

    fn code(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub(crate) fn is_control(self) -> bool {
        self.code() >= 8
    }
}

impl Head {
    /// Reads a head from the start of `bytes`, with its own length; `None` if there are too few bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Fault::Reserved);
        }
        let code = first & 0x0f;
        let opcode = Opcode::of(code).ok_or(Fault::Opcode(code))?;
        if second & 0x80 != 0 {
            return Err(Fault::Masked);
        }
        let (length, size) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(bytes) => (shortest(u16::from_be_bytes(*bytes).into(), 126)?, 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(bytes) => (shortest(u64::from_be_bytes(*bytes), 1 << 16)?, 10),
                None => return Ok(None),
            },
            length => (u64::from(length), 2),
        };
        let is_final = first & 0x80 != 0;
        if opcode.is_control() && (!is_final || length > LONGEST_CONTROL) {
            return Err(Fault::Control);
        }
        if length > LARGEST_FRAME {
            return Err(Fault::TooLarge(length));
        }
        Ok(Some((Self { is_final, opcode, length }, size)))
    }
}

fn shortest(length: u64, least: u64) -> Result<u64, Fault> {
    if length < least { Err(Fault::Length) } else { Ok(length) }
}

/// Appends a whole frame as clients send them: final and masked with `key` (RFC 6455 §5.3).
pub(crate) fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    out.push(0x80 | opcode.code());
    match payload.len() {
        length @ ..126 => out.push(0x80 | length as u8),
        length if length < 1 << 16 => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(key);
    let start = out.len();
    out.extend_from_slice(payload);
    mask(&mut out[start..], key);
}

/// Eight bytes at a time, which compilers turn into more.
fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(word) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(is_final: bool, opcode: Opcode, length: u64) -> Head {
        Head { is_final, opcode, length }
    }

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        // RFC 6455 §5.7.
        assert_eq!(Head::read(&[0x01, 0x03, 0x48]), Ok(Some((head(false, Opcode::Text, 3), 2))));
        assert_eq!(Head::read(&[0x80, 0x02]), Ok(Some((head(true, Opcode::Continuation, 2), 2))));
        assert_eq!(Head::read(&[0x82, 0x7e, 0x01, 0x00]), Ok(Some((head(true, Opcode::Binary, 256), 4))));
        let long = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(Head::read(&long), Ok(Some((head(true, Opcode::Binary, 65536), 10))));
        let mut out = Vec::new();
        write(&mut out, Opcode::Pong, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(out, [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    /// N5: what a server may not send, and nothing larger than the limit.
    #[test]
    fn every_kind_of_wrong_head_is_refused_by_its_name() {
        for (bytes, fault) in [
            (&[0xc2, 0x00][..], Fault::Reserved),
            (&[0x92, 0x00], Fault::Reserved),
            (&[0x83, 0x00], Fault::Opcode(3)),
            (&[0x8f, 0x00], Fault::Opcode(15)),
            (&[0x82, 0x81], Fault::Masked),
            (&[0x82, 0x7e, 0x00, 0x7d], Fault::Length),
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Fault::Length),
            (&[0x09, 0x00], Fault::Control),
            (&[0x88, 0x7e, 0x00, 0x7e], Fault::Control),
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 1], Fault::TooLarge(LARGEST_FRAME + 1)),
            (&[0x82, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0], Fault::TooLarge(0xff << 56)),
        ] {
            assert_eq!(Head::read(bytes), Err(fault), "{bytes:x?}");
        }
        let largest = [0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 0];
        assert_eq!(Head::read(&largest), Ok(Some((head(true, Opcode::Binary, LARGEST_FRAME), 10))));
        assert!(Fault::TooLarge(9).to_string().ends_with("the limit is 1048576"));
    }

    proptest! {
        /// N5: any bytes are a head, too few, or a fault.
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            if let Ok(Some((head, size))) = Head::read(&bytes) {
                prop_assert!(size <= bytes.len() && head.length <= LARGEST_FRAME);
            }
        }

        #[test]
        fn a_written_frame_unmasks_to_what_was_said(seed: u8, length in prop_oneof![0usize..300, 65_530usize..65_540], key: [u8; 4]) {
            let payload: Vec<u8> = (0..length).map(|index| seed.wrapping_add(index as u8)).collect();
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, &payload, key);
            prop_assert!(out.len() - payload.len() <= LONGEST_HEAD);
            // The same head without its mask, as a server would send it.
            let mut unmasked = out.clone();
            unmasked[1] &= 0x7f;
            let (head, size) = Head::read(&unmasked).unwrap().unwrap();
            prop_assert_eq!(head.length, payload.len() as u64);
            let body = &mut out[size + 4..];
            mask(body, key);
            prop_assert_eq!(body, &payload[..]);
        }
    }
}
