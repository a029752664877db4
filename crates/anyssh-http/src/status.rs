//! The one table from HTTP status to the caller's next step.

use anyssh_core::ErrorKind;

/// What a caller can do about an answer of this status, when it is not the one that was asked for.
///
/// Also for those who speak HTTP without this crate's client, such as a WebSocket dialler. A success
/// that was not expected is [`ErrorKind::Protocol`], and so is a redirect: it is never followed (N1).
///
/// ```
/// use anyssh_core::ErrorKind;
/// assert_eq!(anyssh_http::error_kind(410), ErrorKind::NotFound);
/// ```
pub fn error_kind(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        408 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Protocol,
    }
}

/// Whether a repeat of the same request may get another answer. 501 and 505 will not change.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether the server may have acted on the request although it answered like this. A 4xx says that
/// it did not; 408 and 5xx may come from a proxy that lost sight of it.
pub(crate) fn is_ambiguous(status: u16) -> bool {
    matches!(status, 200..=299 | 408 | 500..=599)
}
