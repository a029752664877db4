//! Somebody else's provider with the whole `anyssh` command: `main` is the last line.
//!
//! `cargo run -p anyssh-examples --bin custom_provider -- lab rack7 -- hostname`
//!
//! The "vendor" is a lab whose machines are SSH servers of this very process, so that the example runs
//! anywhere. A real provider would ask its vendor's API in `create` and `revoke`.

use std::process::ExitCode;
use std::sync::Arc;

use anyssh_core::{
    Capabilities, CreateRequest, Deadline, ErrorKind, ProviderError, ProviderInfo, Regenerated, Revocation, Session,
    SessionRef, Settings, SshProvider, Target, Validity, async_trait,
};

/// The machines of the lab.
const MACHINES: [&str; 2] = ["rack7", "rack8"];

/// A lab whose machines all let in whoever holds a certificate of the mock provider's authority.
#[derive(Debug)]
struct Lab(Arc<dyn SshProvider>);

#[async_trait]
impl SshProvider for Lab {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        if !MACHINES.contains(&request.target.as_str()) {
            let message = format!("the lab has no such machine, only: {}", MACHINES.join(", "));
            return Err(ProviderError::new(ErrorKind::NotFound, message));
        }
        let mut inner = request.clone();
        inner.target = behind(&request.target)?;
        let mut session = self.0.create(&inner).await?;
        session.target = request.target.clone();
        Ok(session)
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        self.0.validate(&inner(session)?, deadline).await
    }

    async fn regenerate(&self, _: &SessionRef, _: &CreateRequest) -> Result<Regenerated, ProviderError> {
        Err(ProviderError::unsupported("the lab cannot regenerate: revoke the session and create another"))
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        self.0.revoke(&inner(session)?, deadline).await
    }
}

/// What stands behind a machine of the lab.
fn behind(_machine: &Target) -> Result<Target, ProviderError> {
    Target::parse("target", "certificate").map_err(ProviderError::usage)
}

/// The same session, as what stands behind the machine knows it.
fn inner(session: &SessionRef) -> Result<SessionRef, ProviderError> {
    let mut inner = session.clone();
    inner.target = behind(&session.target)?;
    Ok(inner)
}

static LAB: ProviderInfo = ProviderInfo::new("lab", "Machines of the lab", |settings: &Settings| {
    Ok(Arc::new(Lab(anyssh_mock::PROVIDER.build(settings)?)))
})
.with_target_form("MACHINE")
.with_target_noun("machine")
.with_capabilities(anyssh_mock::PROVIDER.capabilities);

fn main() -> ExitCode {
    anyssh::main(&[anyssh::BUILTIN, &[&LAB]].concat())
}

/// What everybody may rely on, tested in a few lines.
#[cfg(test)]
mod tests {
    use anyssh_core::SessionId;
    use anyssh_testkit::conformance::{self, Fixture};

    use super::*;

    struct Room;

    impl Fixture for Room {
        fn target(&self) -> Target {
            Target::parse("target", "rack7").unwrap()
        }

        fn unknown_session(&self) -> SessionId {
            SessionId::parse("id", "mock-0").unwrap()
        }
    }

    #[tokio::test]
    async fn the_lab_keeps_the_contract() {
        let lab = LAB.build(&Settings::new()).unwrap();
        conformance::all(&*lab, &Room).await.assert_kept();
    }
}
