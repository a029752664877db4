//! Requests, each with a key pair and an idempotency key of its own.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyssh_core::{CreateRequest, Deadline, IdempotencyKey, KeyPair, ProviderError, Session, SshProvider, Target};
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;

/// Longer than any call takes that waits for nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A deadline so far ahead.
pub fn within(time: Duration) -> Deadline {
    Deadline::at(Instant::now() + time)
}

/// A request that nobody made before, with a fresh ed25519 key pair and an idempotency key in the form of a
/// compact UUID version 7 (RFC 9562 §5.7).
///
/// ```
/// use anyssh_core::Target;
/// use anyssh_testkit::conformance::{fresh_request, within};
/// let target = Target::parse("target", "pond-1")?;
/// let request = |seconds| fresh_request(target.clone(), within(std::time::Duration::from_secs(seconds)));
/// let (one, two) = (request(1)?, request(1)?);
/// assert_ne!(one.attempt.public_key, two.attempt.public_key);
/// assert_ne!(one.attempt.idempotency_key, two.attempt.idempotency_key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// None that can happen: the idempotency key has its form.
pub fn fresh_request(target: Target, deadline: Deadline) -> Result<CreateRequest, ProviderError> {
    let now = SystemTime::now();
    let pair = KeyPair::Fresh(Arc::new(fresh_key()));
    let key = IdempotencyKey::parse("idempotency_key", &unique_id(now)).map_err(ProviderError::usage)?;
    Ok(CreateRequest::new(target, pair, key, now, deadline))
}

/// A session that has to come about, since all is well.
pub(super) async fn created(provider: &dyn SshProvider, request: &CreateRequest) -> Result<Session, String> {
    provider.create(request).await.map_err(|error| format!("create failed although all is well: {error}"))
}

/// A request for the fixture's target, with time enough.
pub(super) fn request(target: Target) -> Result<CreateRequest, String> {
    fresh_request(target, within(PATIENCE)).map_err(|error| error.to_string())
}

fn fresh_key() -> PrivateKey {
    let mut seed = [0; 32];
    for bytes in seed.chunks_mut(8) {
        bytes.copy_from_slice(&random().to_be_bytes());
    }
    PrivateKey::from(Ed25519Keypair::from_seed(&seed))
}

fn unique_id(now: SystemTime) -> String {
    let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64 & 0xffff_ffff_ffff;
    format!("{:016x}{:016x}", millis << 16 | 0x7000 | random() & 0xfff, 1 << 63 | random() >> 2)
}

/// Good enough to be unique; nothing here is a secret of anybody's.
fn random() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}
