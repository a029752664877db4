//! What the launcher and the helper that ssh runs as its ProxyCommand say to each other: messages of
//! fields, each with its length before it. Both ends are of one version, which the helper's second word names.

use std::io;

use anyssh_core::ErrorKind;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// The helper asks what to dial. Answer: milliseconds, URL, CA file, then names and values of headers.
pub(crate) const ORDER: &[u8] = b"order";

/// The helper's headers were answered with 401. Answer: [`HEADERS`], [`NONE`] or [`FAILED`].
pub(crate) const REFUSED: &[u8] = b"refused";

/// Names and values of headers follow.
pub(crate) const HEADERS: &[u8] = b"headers";

/// There are no other headers.
pub(crate) const NONE: &[u8] = b"none";

/// Kind, whether it is worth another try, and a message follow. From the helper it has no answer.
pub(crate) const FAILED: &[u8] = b"failed";

/// Sends one message.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), fields: &[&[u8]]) -> io::Result<()> {
    let mut message = Zeroizing::new(Vec::with_capacity(LARGEST));
    for field in fields {
        message.extend(length(field)?.to_be_bytes());
        message.extend_from_slice(field);
    }
    // Beyond the room some of it would have been copied, and the copy not wiped.
    if message.len() > LARGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    stream.write_all(&length(&message)?.to_be_bytes()).await?;
    stream.write_all(&message).await?;
    stream.flush().await
}

fn length(bytes: &[u8]) -> io::Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Receives one message; `None` at the end of the connection.
pub(crate) async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<Zeroizing<Vec<u8>>>>> {
    let mut size = [0; 4];
    match stream.read_exact(&mut size).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let size = u32::from_be_bytes(size) as usize;
    if size > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = Zeroizing::new(vec![0; size]);
    stream.read_exact(&mut message).await?;
    let mut fields = Vec::new();
    let mut rest = message.as_slice();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let (field, after) = after.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
        fields.push(Zeroizing::new(field.to_vec()));
        rest = after;
    }
    if rest.is_empty() { Ok(Some(fields)) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// The word for a kind of error.
pub(crate) fn kind_word(kind: ErrorKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("local", |(_, word)| word)
}

/// The kind of error that a word stands for.
pub(crate) fn kind_of(word: &[u8]) -> ErrorKind {
    KINDS.iter().find(|(_, known)| known.as_bytes() == word).map_or(ErrorKind::Local, |(kind, _)| *kind)
}

const KINDS: [(ErrorKind, &str); 11] = [
    (ErrorKind::Usage, "usage"),
    (ErrorKind::Config, "config"),
    (ErrorKind::Unauthenticated, "unauthenticated"),
    (ErrorKind::Forbidden, "forbidden"),
    (ErrorKind::NotFound, "not_found"),
    (ErrorKind::Conflict, "conflict"),
    (ErrorKind::Unavailable, "unavailable"),
    (ErrorKind::TimedOut, "timed_out"),
    (ErrorKind::Failed, "failed"),
    (ErrorKind::Protocol, "protocol"),
    (ErrorKind::Local, "local"),
];

/// The largest message: a long URL and a few long tokens.
const LARGEST: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fields_come_back_as_they_were_and_broken_ones_are_refused() {
        let (mut one, mut other) = tokio::io::duplex(64);
        let sending = tokio::spawn(async move {
            send(&mut one, &[b"a", b"", &[7; 1000]]).await.unwrap();
            one.write_all(&[0, 0, 0, 5, 0, 0, 0, 9, 1]).await.unwrap();
        });
        let fields = receive(&mut other).await.unwrap().unwrap();
        assert_eq!(fields.iter().map(|field| field.len()).collect::<Vec<_>>(), [1, 0, 1000]);
        assert!(receive(&mut other).await.is_err());
        assert!(receive(&mut other).await.unwrap().is_none());
        sending.await.unwrap();
    }

    #[test]
    fn kinds_have_words_that_lead_back() {
        for (kind, word) in KINDS {
            assert_eq!((kind_of(word.as_bytes()), kind_word(kind)), (kind, word));
        }
        assert_eq!(kind_of(b"?"), ErrorKind::Local);
    }
}
