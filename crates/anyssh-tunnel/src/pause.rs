//! How long to wait before another attempt: our own pause, or longer where the server asks for it.

use std::error::Error as _;
use std::time::Duration;

use anyssh_core::ProviderError;
use anyssh_http::HttpError;

/// `pause`, or longer where the server that refused asks for it. One that says "too many" (429) is left alone for
/// as long as it says, within the bounds of S11; what another says is taken for a guess at when it will be up.
pub(crate) fn after(error: &ProviderError, pause: Duration) -> Duration {
    let Some(refusal) = error.source().and_then(|source| source.downcast_ref::<HttpError>()) else { return pause };
    let asked = refusal.hint().wait.unwrap_or_default();
    pause.max(match refusal.status() {
        Some(429) => asked.clamp(SHORTEST_REST, LONGEST_REST),
        _ => asked.min(LONGEST_GUESS),
    })
}

const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
const LONGEST_GUESS: Duration = Duration::from_secs(2);
