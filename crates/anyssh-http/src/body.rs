//! Bodies, read to a cap.

use reqwest::Response;

/// The largest answer where a call does not say otherwise, in bytes (S9).
pub(crate) const LARGEST: usize = 1024 * 1024;

/// How much of an error's body is looked at, in bytes.
pub(crate) const LARGEST_REFUSAL: usize = 64 * 1024;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It is, or says that it is, larger than the cap.
    TooLarge,
    /// The connection or the framing broke.
    Lost(reqwest::Error),
}

/// The whole body, if it is no larger than `cap`.
pub(crate) async fn read(mut response: Response, cap: usize) -> Result<Vec<u8>, Broken> {
    if response.content_length().is_some_and(|length| length > cap as u64) {
        return Err(Broken::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Broken::Lost)? {
        if body.len() + chunk.len() > cap {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Puts as much of the body as comes and fits into `body`: an error's words are worth having even cut.
pub(crate) async fn read_start(mut response: Response, body: &mut Vec<u8>, cap: usize) {
    while let Ok(Some(chunk)) = response.chunk().await {
        let fits = chunk.len().min(cap - body.len());
        body.extend_from_slice(&chunk[..fits]);
        if body.len() == cap {
            break;
        }
    }
}
