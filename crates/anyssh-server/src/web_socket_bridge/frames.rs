//! Frames as a server reads and writes them (RFC 6455 §5.2). Payload is passed on as it arrives.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The largest frame that is read; more than any client of ours sends.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The largest frame that carries no data (RFC 6455 §5.5); what is answered is kept in memory.
const LARGEST_CONTROL: u64 = 125;

/// The head of a frame from a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHead {
    pub(crate) opcode: u8,
    pub(crate) length: u64,
    key: [u8; 4],
}

impl FrameHead {
    /// Reads a head. Clients mask everything (RFC 6455 §5.1); one that does not is cut off.
    pub(crate) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let (first, second) = (stream.read_u8().await?, stream.read_u8().await?);
        let length = match second & 0x7f {
            126 => stream.read_u16().await?.into(),
            127 => stream.read_u64().await?,
            length => length.into(),
        };
        let limit = if first & 0x08 == 0 { LARGEST } else { LARGEST_CONTROL };
        if second & 0x80 == 0 || first & 0x70 != 0 || length > limit {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut key = [0; 4];
        stream.read_exact(&mut key).await?;
        Ok(Self { opcode: first & 0x0f, length, key })
    }

    /// Passes the payload on, unmasked.
    pub(crate) async fn copy(
        self,
        from: &mut (impl AsyncBufRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        scratch: &mut Vec<u8>,
    ) -> io::Result<()> {
        let (mut left, mut key) = (self.length, self.key);
        while left > 0 {
            let bytes = from.fill_buf().await?;
            let count = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            scratch.clear();
            scratch.extend_from_slice(&bytes[..count]);
            unmask(scratch, key);
            to.write_all(scratch).await?;
            from.consume(count);
            key.rotate_left(count % 4);
            left -= count as u64;
        }
        Ok(())
    }
}

/// Many bytes at a time, so that a build without optimisation is not the slowest part of a test.
fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let wide = u128::from_ne_bytes([key; 4].concat().try_into().unwrap_or_default());
    let mut chunks = bytes.chunks_exact_mut(16);
    for chunk in &mut chunks {
        if let Ok(word) = <[u8; 16]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u128::from_ne_bytes(word) ^ wide).to_ne_bytes());
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The head of a frame to a client, which is not masked.
pub(crate) fn head(is_final: bool, opcode: u8, length: usize) -> Vec<u8> {
    let mut head = vec![u8::from(is_final) << 7 | opcode];
    match length {
        0..126 => head.push(length as u8),
        126..=0xffff => {
            head.push(126);
            head.extend((length as u16).to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N5: a ping is answered from memory, so it is as small as the protocol has it.
    #[tokio::test]
    async fn a_control_frame_that_is_too_large_is_refused_at_its_head() {
        for (opcode, length, fits) in
            [(PING, 125, true), (PING, 126, false), (CLOSE, 65_535, false), (BINARY, 126, true)]
        {
            let [.., high, low] = u64::to_be_bytes(length);
            let sizes = if length < 126 { vec![0x80 | low] } else { vec![0x80 | 126, high, low] };
            let bytes = [&[0x80 | opcode], &sizes[..], &[1, 2, 3, 4]].concat();
            let read = FrameHead::read(&mut &bytes[..]).await;
            assert_eq!(read.is_ok(), fits, "{opcode} {length}");
        }
    }
}
