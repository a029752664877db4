//! What a caller says about a new session; the rest of a request is made here.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyssh_core::ssh_key::private::{Ed25519Keypair, KeypairData};
use anyssh_core::{CreateRequest, Deadline, ErrorKind, IdempotencyKey, KeyPair, Progress, ProviderError, Target, Wake};
use rand::RngExt as _;

/// How a new session is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestOptions {
    /// When to give up.
    pub deadline: Deadline,
    /// Whether the target may be woken.
    pub wake: Wake,
    /// Who hears what is being waited for.
    pub progress: Progress,
    /// The caller's own key pair instead of a fresh one.
    pub key_pair: Option<KeyPair>,
}

impl RequestOptions {
    /// A session within `timeout` from now; the target may be woken, progress is silent, the key is fresh.
    pub fn new(timeout: Duration) -> Self {
        // A timeout beyond what the clock can count is as good as a year.
        let now = Instant::now();
        let end = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
        Self::until(Deadline::at(end))
    }

    /// The same with a deadline that is already fixed.
    pub fn until(deadline: Deadline) -> Self {
        Self { deadline, wake: Wake::Allowed, progress: Progress::silent(), key_pair: None }
    }

    /// The same with another answer to whether the target may be woken.
    #[must_use]
    pub fn with_wake(mut self, wake: Wake) -> Self {
        self.wake = wake;
        self
    }

    /// The same with a listener for progress.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// The same with the caller's own key pair.
    #[must_use]
    pub fn with_key_pair(mut self, key_pair: KeyPair) -> Self {
        self.key_pair = Some(key_pair);
        self
    }

    /// The request for `target`: a new attempt with a new idempotency key and, unless the caller has
    /// its own, a fresh ed25519 key pair (K7).
    pub(crate) fn request(&self, target: Target, own_key: Option<&KeyPair>) -> Result<CreateRequest, ProviderError> {
        let now = SystemTime::now();
        let key_pair = match own_key {
            Some(own) => own.clone(),
            None => fresh_key_pair()?,
        };
        let key = IdempotencyKey::parse("idempotency_key", &compact_uuid_v7(now)).map_err(ProviderError::usage)?;
        Ok(CreateRequest::new(target, key_pair, key, now, self.deadline)
            .with_wake(self.wake)
            .with_progress(self.progress.clone()))
    }
}

fn fresh_key_pair() -> Result<KeyPair, ProviderError> {
    let pair = Ed25519Keypair::from_seed(&rand::rng().random());
    let key = anyssh_core::ssh_key::PrivateKey::new(KeypairData::Ed25519(pair), "")
        .map_err(|error| ProviderError::new(ErrorKind::Local, "no key pair could be made").with_source(error))?;
    Ok(KeyPair::Fresh(Arc::new(key)))
}

/// A UUID version 7 (RFC 9562 §5.7) as 32 hexadecimal digits without hyphens.
fn compact_uuid_v7(now: SystemTime) -> String {
    let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64 & 0xffff_ffff_ffff;
    let random_a = rand::rng().random::<u64>() & 0xfff;
    let random_b = rand::rng().random::<u64>() & 0x3fff_ffff_ffff_ffff;
    format!("{:016x}{:016x}", millis << 16 | 0x7000 | random_a, 1 << 63 | random_b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotency_keys_are_version_7_uuids_and_sort_by_time() {
        let at = |millis| compact_uuid_v7(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        let key = at(0x0190_f3c2_7b1a);
        assert_eq!((key.len(), &key[..12], &key[12..13]), (32, "0190f3c27b1a", "7"));
        assert!(matches!(&key[16..17], "8" | "9" | "a" | "b"));
        assert!(at(1) < at(2) && at(1) != at(1));
    }

    /// K7: a key pair belongs to one session.
    #[test]
    fn every_request_has_its_own_key_pair_and_idempotency_key() {
        let options = RequestOptions::new(Duration::from_secs(1));
        let request = || options.request(Target::parse("target", "t").unwrap(), None).unwrap();
        let (one, two) = (request(), request());
        assert_ne!(one.attempt.idempotency_key, two.attempt.idempotency_key);
        assert_ne!(one.attempt.public_key, two.attempt.public_key);
        assert_eq!(&one.attempt.public_key, one.key_pair.public_key());
    }

    #[test]
    fn an_endless_timeout_is_not_a_panic() {
        assert!(RequestOptions::new(Duration::MAX).deadline.instant() > Instant::now());
    }
}
