//! A new session in place of an old one.

use anyssh_core::{ErrorKind, SshProvider as _, Target};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{LONG, MACHINE, answer, by_id, calls, ok, over, provider, ready, request, sessions_path, with};

const OLD: &str = "wssh-0";

fn old_path() -> String {
    format!("/v1/machines/{MACHINE}/ssh/{OLD}")
}

async fn regenerated(deleted: ResponseTemplate) -> (Option<String>, Vec<String>) {
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), 1, ok(&ready())).await;
    answer(&server, "DELETE", &old_path(), u64::MAX, deleted).await;
    let regenerated = provider(&server).regenerate(&by_id(OLD), &request(LONG)).await.unwrap();
    assert_eq!(regenerated.session.id.as_str(), crate::kit::SESSION);
    (regenerated.still_alive.map(|id| id.to_string()), calls(&server).await)
}

/// Clause 9: first the new one, then the end of the old one.
#[tokio::test]
async fn the_new_session_is_made_and_then_the_old_one_is_deleted() {
    let closed = with(over("closed"), "/session_id", Some(OLD.into()));
    for deleted in [ok(&closed), ResponseTemplate::new(404)] {
        let (still_alive, calls) = regenerated(deleted).await;
        assert_eq!(still_alive, None);
        assert_eq!(calls, [format!("POST {}", sessions_path()), format!("DELETE {}", old_path())]);
    }
}

#[tokio::test]
async fn an_old_session_that_cannot_be_deleted_is_named() {
    let (still_alive, _) = regenerated(ResponseTemplate::new(403)).await;
    assert_eq!(still_alive.as_deref(), Some(OLD));
}

#[tokio::test]
async fn the_old_session_stays_when_there_is_no_new_one() {
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), 1, ResponseTemplate::new(403)).await;
    let error = provider(&server).regenerate(&by_id(OLD), &request(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Forbidden, 1));
}

#[tokio::test]
async fn a_session_of_one_machine_is_not_replaced_on_another() {
    let server = MockServer::start().await;
    let mut request = request(LONG);
    request.target = Target::parse("target", "another").unwrap();
    let error = provider(&server).regenerate(&by_id(OLD), &request).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Usage, 0));
}
