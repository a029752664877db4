//! The one trait, and its contract.

use std::fmt;

use async_trait::async_trait;

use crate::{
    Capabilities, CreateRequest, Deadline, ProviderError, Regenerated, Revocation, Session, SessionRef, Target,
    Validity,
};

/// One vendor's way of giving SSH access.
///
/// # Contract
///
/// 1. **Values only.** A provider returns values. It starts no program, writes no file outside
///    [`Settings::state_dir`](crate::Settings::state_dir), and no method prints.
/// 2. **In time.** Every method ends by its deadline: `create` and `regenerate` by the request's,
///    `validate` and `revoke` by the one given. Revoking what a failed `create` made may take 5 s more.
/// 3. **Bound to the question.** A session that `create` or `regenerate` returns is for the requested
///    target and, where the credential is bound to a key, for the request's key pair.
/// 4. **Usable.** It has not expired, and its host trust names at least one key, one authority or
///    one alias: nothing in it means "any server will do".
/// 5. **Nothing left behind.** When `create` fails after a session was made, that session is revoked.
///    If that fails too, or if nobody can know whether one was made, the error's
///    [`left_behind`](ProviderError::left_behind) names it.
/// 6. **The attempt is enough.** After a `create` that was dropped or whose process died, `revoke` of
///    [`SessionRef::by_attempt`] ends what it made, or its error says what may live until when.
/// 7. **Revoke is a wish for an end state.** A session that is unknown or over is
///    [`Revocation::AlreadyGone`], not an error; revoking twice is fine.
/// 8. **After revoke, nothing.** Once `revoke` has answered [`Revocation::Revoked`], `validate` of the
///    same session is [`Validity::Invalid`] and its credential logs nobody in. [`Revocation::LocalOnly`]
///    is for a provider at whose vendor nothing of a session lives, and needs no answer of the vendor's.
/// 9. **Regenerate replaces.** Afterwards the new session is valid, its credential is another one, and the old
///    one is not, unless [`Regenerated::still_alive`] names it. A provider whose vendor has no way to end a
///    credential says so beforehand, with [`Capabilities::old_credential_stays`]: then the old one is
///    good until it ends by itself.
/// 10. **No fallback.** What a provider cannot do is an error of kind `Unsupported`, in its own words;
///     no method does less than asked and says it was done.
/// 11. **No secret in an error** or in any `Debug`, also not in one that shows the vendor's words.
/// 12. **Shared.** All methods may run at once, from many tasks, on one value. None blocks its thread:
///     signals and deadlines are served there too.
///
/// There are no default bodies: each provider says for itself what it cannot do. `anyssh_testkit::conformance`
/// has a test for each clause.
#[async_trait]
pub trait SshProvider: fmt::Debug + Send + Sync + 'static {
    /// What this provider can do; no request is made.
    fn capabilities(&self) -> Capabilities;

    /// Makes a session for the request's target.
    ///
    /// # Errors
    /// Any kind but `Local`; see clauses 2, 5 and 6 for what a failure may leave behind.
    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError>;

    /// Asks whether a session is still good. That it is not is an answer, not an error.
    ///
    /// # Errors
    /// When there is no answer: network, refusal, a malformed reply.
    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError>;

    /// Puts a new credential in place of a session's old one.
    ///
    /// # Errors
    /// As `create`. When it fails, the old session is as it was unless the error says otherwise.
    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError>;

    /// Ends a session.
    ///
    /// # Errors
    /// When the session may still live.
    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError>;
}

/// The optional power to list what there is to connect to, found through
/// [`ProviderInfo::directory`](crate::ProviderInfo::directory).
#[async_trait]
pub trait TargetDirectory: fmt::Debug + Send + Sync + 'static {
    /// All targets that the settings' account can see, over all pages.
    ///
    /// # Errors
    /// As for the provider's other calls.
    async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError>;
}

/// One target in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSummary {
    /// What to type.
    pub target: Target,
    /// The name people gave it, escaped, where there is one.
    pub name: Option<String>,
    /// The provider's word for its state, escaped.
    pub state: String,
}
