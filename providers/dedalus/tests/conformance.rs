//! The contract of `SshProvider`, clause by clause, with the emulated control plane and its real `sshd`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use anyssh_core::Settings;
use anyssh_dedalus::DedalusProvider;
use anyssh_testkit::conformance::{self, Clause};
use anyssh_testkit::emulator::{Emulator, Machine};

#[tokio::test]
async fn the_contract_is_kept() {
    let awake = Machine::new("0199b1c2-0000-7000-8000-00000000000a").phase("running");
    let asleep = Machine::new("0199b1c2-0000-7000-8000-00000000000b").phase("sleeping");
    let world = Emulator::dedalus().with_machine(awake).with_machine(asleep).start().await.unwrap();
    let settings = Settings::new()
        .with_setting("DEDALUS_BASE_URL", world.base_url().into())
        .with_setting("DEDALUS_API_KEY", world.api_key().into());
    let provider = DedalusProvider::new(&settings).unwrap();
    let report = conformance::all(&provider, &world).await;
    report.assert_kept();
    // Only the process that records clause 1 leaves the others out.
    assert!(report.not_shown().is_empty() || report.not_shown() == Clause::ALL, "{report}");
}
