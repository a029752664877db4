//! The headers of a dial, which hold tokens that go stale.

use std::fmt;

use anyssh_core::secrecy::SecretString;
use anyssh_core::{ProviderError, async_trait};

/// Header names with secret values, such as `Authorization`.
pub type Headers = Vec<(String, SecretString)>;

/// Why headers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// For the next attempt: they should be good for as long as a dial takes.
    Dial,
    /// The last ones were answered with 401: others are needed. Asked for once in each dial.
    Refused,
}

/// Where the headers of a dial come from. It is asked anew before each attempt, so that a token is as
/// fresh as it can be.
#[async_trait]
pub trait HeaderSource: fmt::Debug + Send + Sync {
    /// The headers to send, or `None` if there are no others than those that were refused.
    ///
    /// # Errors
    /// When headers cannot be had; the dial ends with this error.
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError>;
}

/// Headers that do not change.
#[derive(Clone, Debug)]
pub struct FixedHeaders(pub Headers);

#[async_trait]
impl HeaderSource for FixedHeaders {
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError> {
        Ok((why == Why::Dial).then(|| self.0.clone()))
    }
}
