//! Which generation answers: found out once, remembered, and never believed against an answer.

use anyssh_core::{Revocation, SessionRef, SshProvider as _};
use anyssh_leap0::{Generation, Leap0Provider};
use wiremock::MockServer;

use crate::kit::{ID, LONG, SANDBOX, access, calls, count, fixed, provider, request, server, settings, within};

fn with_state(server: &MockServer, directory: &std::path::Path) -> Leap0Provider {
    Leap0Provider::new(&settings(&server.uri()).with_state_dir(directory)).unwrap()
}

async fn questions(server: &MockServer) -> usize {
    count(server, &format!("POST ssh/{ID}/validate")).await
}

#[tokio::test]
async fn one_question_is_asked_for_each_base_url_by_one_value() {
    for generation in [Generation::One, Generation::Two] {
        let server = server(generation, &access()).await;
        let provider = provider(&server);
        for _ in 0..3 {
            provider.create(&request(LONG)).await.unwrap();
        }
        assert_eq!(questions(&server).await, 1, "{generation:?}");
    }
}

#[tokio::test]
async fn where_there_is_a_state_directory_the_next_process_need_not_ask() {
    for generation in [Generation::One, Generation::Two] {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("providers/leap0");
        let (ours, other) = (server(generation, &access()).await, server(generation, &access()).await);
        for _ in 0..3 {
            with_state(&ours, &directory).create(&request(LONG)).await.unwrap();
        }
        assert_eq!(questions(&ours).await, 1);
        with_state(&other, &directory).create(&request(LONG)).await.unwrap();
        assert_eq!(questions(&other).await, 1, "another base URL is another question");
    }
}

#[tokio::test]
async fn a_generation_that_was_said_is_not_asked_for() {
    for (generation, setting) in [(Generation::One, "1"), (Generation::Two, "2")] {
        let server = server(generation, &access()).await;
        fixed(&server, setting).create(&request(LONG)).await.unwrap();
        assert_eq!(calls(&server).await, ["GET ", "POST ssh/access"]);
    }
}

/// Clause 8: a service that moved on since it was remembered still ends what is to be ended.
#[tokio::test]
async fn what_is_remembered_wrong_does_not_keep_a_credential_alive() {
    let scratch = tempfile::tempdir().unwrap();
    for (before, after) in [(Generation::One, Generation::Two), (Generation::Two, Generation::One)] {
        let server_before = server(before, &access()).await;
        let provider = with_state(&server_before, scratch.path());
        let session = provider.create(&request(LONG)).await.unwrap();
        // The same base URL, answered by the other generation from now on.
        server_before.reset().await;
        let delete = match after {
            Generation::One => {
                let valid = crate::kit::ok(&crate::kit::validation(true));
                crate::kit::answer(&server_before, "POST", &crate::kit::at("ssh/validate"), 1, valid).await;
                crate::kit::at("ssh/access")
            }
            Generation::Two => crate::kit::at(&format!("ssh/{ID}")),
        };
        crate::kit::answer(&server_before, "DELETE", &delete, 1, wiremock::ResponseTemplate::new(204)).await;
        let revoked = provider.revoke(&SessionRef::from(&session), within(LONG)).await.unwrap();
        assert_eq!(revoked, Revocation::Revoked, "{SANDBOX} {before:?}");
    }
}
