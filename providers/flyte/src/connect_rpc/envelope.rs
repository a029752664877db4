//! Messages in a stream: `[flags: u8][length: u32, big endian][payload]`.

/// The largest message, in bytes (S9, N5). Real ones are some KiB.
pub(crate) const LARGEST: usize = 1024 * 1024;

const COMPRESSED: u8 = 0b01;
const END: u8 = 0b10;
const HEAD: usize = 5;

/// One message of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// A message of the method's own type.
    Message(Vec<u8>),
    /// The last one: how the stream ended, as JSON.
    End(Vec<u8>),
}

/// One message, wrapped. A longer one than a `u32` can say is never made here.
pub(super) fn wrap(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut wrapped = Vec::with_capacity(HEAD + payload.len());
    wrapped.push(0);
    wrapped.extend_from_slice(&length.to_be_bytes());
    wrapped.extend_from_slice(payload);
    wrapped
}

/// Bytes that came and are not yet a whole message.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    bytes: Vec<u8>,
}

impl Unwrapper {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the stream would end within a message if it ended here.
    pub(super) fn is_within_a_message(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    /// Why the stream cannot be read further.
    pub(super) fn next(&mut self) -> Result<Option<Envelope>, String> {
        let Some((head, rest)) = self.bytes.split_at_checked(HEAD) else { return Ok(None) };
        let flags = head[0];
        let length = head[1..].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if flags & COMPRESSED != 0 {
            return Err("a compressed message was not asked for".to_owned());
        }
        if flags & !END != 0 {
            return Err(format!("unknown flags {flags:#04x} before a message"));
        }
        if length > LARGEST {
            return Err(format!("a message is too large: {length} bytes, at most {LARGEST} are read"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let payload = rest[..length].to_vec();
        self.bytes.drain(..HEAD + length);
        Ok(Some(if flags & END != 0 { Envelope::End(payload) } else { Envelope::Message(payload) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_bytes_are_cut() {
        let mut bytes = wrap(b"one");
        bytes.extend_from_slice(&wrap(b""));
        bytes.extend_from_slice(b"\x02\0\0\0\x02{}");
        let mut unwrapper = Unwrapper::default();
        let mut found = Vec::new();
        for byte in bytes {
            unwrapper.push(&[byte]);
            found.extend(unwrapper.next().unwrap());
        }
        let expected =
            [Envelope::Message(b"one".to_vec()), Envelope::Message(Vec::new()), Envelope::End(b"{}".to_vec())];
        assert_eq!(found, expected);
        assert!(!unwrapper.is_within_a_message());
    }

    /// S9, N5: what is too large, compressed or of an unknown kind is refused before it is read.
    #[test]
    fn large_compressed_and_unknown_messages_are_refused_at_their_head() {
        for (head, word) in
            [(b"\0\x7f\xff\xff\xff", "too large"), (b"\x01\0\0\0\x01", "compressed"), (b"\x80\0\0\0\0", "flags")]
        {
            let mut unwrapper = Unwrapper::default();
            unwrapper.push(head);
            let error = unwrapper.next().unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
