//! From the POST to a session, and what happens to it when there is none.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyssh_core::{Credential, ErrorKind, Expiry, HostTrust, Progress, SshProvider as _, Target, Transport, Wake};
use anyssh_dedalus::DedalusProvider;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    API_KEY, ATTEMPT_KEY, ENDPOINT, LONG, MACHINE, Minted, OURS, SESSION, USER, X_API_KEY, answer, calls, count,
    create, header, key, ok, over, pending, provider, public_line, ready, request, requests, server_creating,
    session_path, sessions_path, settings, time, with,
};

#[tokio::test]
async fn a_ready_session_becomes_a_session_with_all_its_parts() {
    let server = server_creating(&ready()).await;
    let session = create(&server).await.unwrap();
    assert_eq!((session.id.as_str(), session.target.as_str()), (SESSION, MACHINE));
    let Transport::Tcp { host, port } = &session.endpoint.transport else { panic!("{session:?}") };
    assert_eq!((host.to_string().as_str(), port.get()), (ENDPOINT, 2222));
    let HostTrust::CertAuthority { key: authority } = &session.endpoint.host_trust else { panic!("{session:?}") };
    assert_eq!(authority.to_line(), public_line(crate::kit::HOST_CA));
    assert_eq!(session.login.user.as_str(), USER);
    let Credential::Certificate { key: ours, certificate } = &session.login.credential else { panic!("{session:?}") };
    assert_eq!(ours.public_key().key_data(), key(OURS).public_key().key_data());
    assert_eq!(certificate.certificate().key_id(), SESSION);
    assert!(matches!(session.expiry, Expiry::At(_)) && session.created_at.is_some());
    assert_eq!(calls(&server).await, [format!("POST {}", sessions_path())]);
}

#[tokio::test]
async fn a_create_sends_both_keys_the_idempotency_key_and_the_public_key_and_no_more() {
    let server = server_creating(&ready()).await;
    create(&server).await.unwrap();
    let sent = &requests(&server).await[0];
    assert_eq!(header(sent, "authorization").unwrap(), format!("Bearer {API_KEY}"));
    assert_eq!(header(sent, "x-api-key"), Some(X_API_KEY));
    assert_eq!(header(sent, "idempotency-key"), Some(ATTEMPT_KEY));
    assert_eq!(header(sent, "content-type"), Some("application/json"));
    assert_eq!(header(sent, "x-dedalus-org-id"), None);
    assert_eq!(sent.body_json::<Value>().unwrap(), json!({"public_key": public_line(OURS)}));
}

#[tokio::test]
async fn the_organisation_and_custom_headers_go_with_every_request_and_a_base_path_stays() {
    let server = MockServer::start().await;
    let at = format!("/eu{}", session_path());
    answer(&server, "GET", &at, 1, ok(&ready())).await;
    let settings = settings(&format!("{}/eu/", server.uri()))
        .with_setting("DEDALUS_ORG_ID", "org-1".into())
        .with_setting("DEDALUS_CUSTOM_HEADERS", "\n X-One :  a:b \r\nx-two: c d\n\n".into());
    let provider = DedalusProvider::new(&settings).unwrap();
    provider.validate(&crate::kit::by_id(SESSION), crate::kit::within(LONG)).await.unwrap();
    let sent = &requests(&server).await[0];
    let values = ["x-dedalus-org-id", "x-one", "x-two"].map(|name| header(sent, name).unwrap());
    assert_eq!(values, ["org-1", "a:b", "c d"]);
}

/// S8: a status that nobody knows yet is waited for; each change is told.
#[tokio::test]
async fn pending_words_known_and_unknown_are_waited_for_and_told() {
    let server = server_creating(&pending("wake_in_progress")).await;
    for status in ["wake_in_progress", "ssh_in_progress", "polishing_keys"] {
        answer(&server, "GET", &session_path(), 1, ok(&pending(status))).await;
    }
    answer(&server, "GET", &session_path(), 1, ok(&ready())).await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let progress = Progress::new(move |message| listener.lock().unwrap().push(message.to_owned()));
    provider(&server).create(&request(LONG).with_progress(progress)).await.unwrap();
    let expected = ["waking the machine (wake_in_progress)", "preparing SSH (ssh_in_progress)", "polishing_keys"];
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!((count(&server, "GET").await, count(&server, "DELETE").await), (4, 0));
}

/// S11: the session's own hint is followed, within bounds.
#[tokio::test]
async fn the_hint_of_the_session_sets_the_wait() {
    for (hint, bounds) in [(json!(700), 700..1500), (json!(-5), 500..1300), (json!(0), 500..1300), (json!(1), 100..450)]
    {
        let server = server_creating(&with(pending("wake_in_progress"), "/retry_after_ms", Some(hint.clone()))).await;
        answer(&server, "GET", &session_path(), 1, ok(&ready())).await;
        let begin = Instant::now();
        create(&server).await.unwrap();
        assert!(bounds.contains(&begin.elapsed().as_millis()), "{hint}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_session_that_failed_is_an_error_with_the_servers_words_and_is_not_deleted() {
    for status in ["failed", "expired", "closed"] {
        let server = server_creating(&pending("wake_in_progress")).await;
        answer(&server, "GET", &session_path(), 1, ok(&over(status))).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Failed, Some("status")));
        assert_eq!(error.to_string(), format!(r"the session is {status}: GUEST_BOOT_FAILED: no\x1b[2J luck"));
        assert_eq!((count(&server, "DELETE").await, error.left_behind()), (0, None));
    }
}

/// S8: the deadline wins, the last state is named, and the session is deleted.
#[tokio::test]
async fn a_session_that_is_not_ready_in_time_is_deleted() {
    let server = server_creating(&pending("wake_in_progress")).await;
    answer(&server, "GET", &session_path(), u64::MAX, ok(&pending("ssh_in_progress"))).await;
    let begin = Instant::now();
    let error = provider(&server).create(&request(Duration::from_millis(700))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("ssh_in_progress"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3) && error.left_behind().is_none());
    assert_eq!(count(&server, "DELETE").await, 1);
}

#[tokio::test]
async fn what_cannot_be_deleted_either_is_named_as_left_behind() {
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), 1, ok(&with(ready(), "/connection", None))).await;
    answer(&server, "DELETE", &session_path(), u64::MAX, ResponseTemplate::new(403)).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("connection")));
    assert_eq!(error.left_behind().unwrap().session.as_ref().unwrap().as_str(), SESSION);
}

/// N4: each repeat of a create has the same key and the same body, so that there is one session.
#[tokio::test]
async fn a_create_is_repeated_with_the_same_key() {
    let server = MockServer::start().await;
    let in_flight =
        json!({"error_code": "RATE_LIMITED", "message": "in flight", "retryable": true, "retry_after_ms": 150});
    answer(&server, "POST", &sessions_path(), 1, ResponseTemplate::new(503)).await;
    answer(&server, "POST", &sessions_path(), 1, ResponseTemplate::new(429).set_body_json(in_flight)).await;
    answer(&server, "POST", &sessions_path(), 1, ok(&ready())).await;
    create(&server).await.unwrap();
    let sent = requests(&server).await;
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|one| header(one, "idempotency-key") == Some(ATTEMPT_KEY) && one.body == sent[0].body));
}

#[tokio::test]
async fn the_bodys_retryable_is_obeyed_either_way() {
    let body = |retryable: bool| json!({"error_code": "INVALID_STATE", "message": "m", "retryable": retryable, "retry_after_ms": 1});
    for (status, retryable, expected, times) in [
        (409, false, ErrorKind::Conflict, 1),
        (409, true, ErrorKind::Conflict, 4),
        (429, false, ErrorKind::Unavailable, 1),
    ] {
        let server = MockServer::start().await;
        let refusal = ResponseTemplate::new(status).set_body_json(body(retryable));
        answer(&server, "POST", &sessions_path(), u64::MAX, refusal).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable(), count(&server, "POST").await), (expected, retryable, times));
        assert!(error.to_string().contains("INVALID_STATE: m") && error.left_behind().is_none(), "{error}");
    }
}

#[tokio::test]
async fn refusals_have_their_kind_and_the_servers_words_and_leave_nothing() {
    let own = |code: &str| json!({"error_code": code, "message": "said so", "retryable": false});
    let problem = json!({"title": "Unprocessable", "detail": "bad request",
        "errors": [{"location": "body.public_key", "message": "not a key"}]});
    for (status, body, kind, words) in [
        (401, own("AUTH_INVALID"), ErrorKind::Unauthenticated, "AUTH_INVALID: said so"),
        (403, own("AUTH_SCOPE_FORBIDDEN"), ErrorKind::Forbidden, "AUTH_SCOPE_FORBIDDEN: said so"),
        (404, json!({"title": "Not Found"}), ErrorKind::NotFound, "Not Found"),
        (409, own("IDEMPOTENCY_KEY_REUSED"), ErrorKind::Conflict, "IDEMPOTENCY_KEY_REUSED"),
        (422, problem, ErrorKind::Protocol, "bad request: body.public_key: not a key"),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &sessions_path(), u64::MAX, ResponseTemplate::new(status).set_body_json(body)).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words) && error.left_behind().is_none(), "{error}");
        assert_eq!(calls(&server).await.len(), 1, "{status}");
    }
}

/// Clause 5: an answer that was lost is asked for again with the same key, and what it names is deleted.
#[tokio::test]
async fn a_create_whose_answer_is_late_is_found_by_its_key_and_deleted() {
    let server = MockServer::start().await;
    let late = ok(&ready()).set_delay(Duration::from_secs(30));
    answer(&server, "POST", &sessions_path(), 1, late).await;
    answer(&server, "POST", &sessions_path(), 1, ok(&pending("wake_in_progress"))).await;
    answer(&server, "DELETE", &session_path(), 1, ok(&over("closed"))).await;
    let error = provider(&server).create(&request(Duration::from_millis(400))).await.unwrap_err();
    assert_eq!((error.kind(), error.left_behind()), (ErrorKind::TimedOut, None));
    let sent = requests(&server).await;
    assert_eq!(calls(&server).await[1..], [format!("POST {}", sessions_path()), format!("DELETE {}", session_path())]);
    assert_eq!((header(&sent[1], "idempotency-key"), &sent[1].body), (Some(ATTEMPT_KEY), &sent[0].body));
}

#[tokio::test]
async fn a_create_that_nobody_can_ask_about_says_what_may_live() {
    let server = MockServer::start().await;
    let broken =
        ResponseTemplate::new(503).set_body_json(json!({"error_code": "DEPENDENCY_UNAVAILABLE", "retryable": false}));
    answer(&server, "POST", &sessions_path(), u64::MAX, broken).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.left_behind().is_some_and(|left| left.session.is_none()), "{error}");
}

#[tokio::test]
async fn a_machine_that_may_not_be_woken_is_looked_at_first() {
    let machine = |phase: &str| json!({"machine_id": MACHINE, "desired_state": "running", "status": {"phase": phase, "reason": "r"}});
    for phase in ["sleeping", "starting", "destroyed", "new\u{7}"] {
        let server = server_creating(&ready()).await;
        answer(&server, "GET", &format!("/v1/machines/{MACHINE}"), 1, ok(&machine(phase))).await;
        let error = provider(&server).create(&request(LONG).with_wake(Wake::Forbidden)).await.unwrap_err();
        assert_eq!((error.kind(), error.field(), count(&server, "POST").await), (ErrorKind::Failed, Some("phase"), 0));
        assert!(error.to_string().contains("may not be woken") && !error.to_string().contains('\u{7}'), "{error}");
    }
    let server = server_creating(&ready()).await;
    answer(&server, "GET", &format!("/v1/machines/{MACHINE}"), 1, ok(&machine("running"))).await;
    provider(&server).create(&request(LONG).with_wake(Wake::Forbidden)).await.unwrap();
}

/// S7: a target that is no machine id is refused before any request.
#[tokio::test]
async fn a_target_that_is_no_machine_id_is_a_usage_error() {
    let server = server_creating(&ready()).await;
    for word in ["a/b", "a?b", "a%2fb", "a;b", "_a"] {
        let mut request = request(LONG);
        request.target = Target::parse("target", word).unwrap();
        let error = provider(&server).create(&request).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("target")), "{word}");
    }
    assert!(calls(&server).await.is_empty());
}

/// S8: the session ends with what ends first.
#[tokio::test]
async fn the_expiry_is_the_earlier_of_the_session_and_the_certificate() {
    for (session, certificate, expected) in [(300, 600, 300), (900, 600, 600)] {
        let line = Minted { to: certificate, ..Minted::default() }.line();
        let body = with(ready(), "/expires_at", Some(json!(time(session))));
        let server = server_creating(&with(body, "/connection/user_certificate", Some(json!(line)))).await;
        let Expiry::At(end) = create(&server).await.unwrap().expiry else { panic!("no expiry") };
        let left = end.duration_since(std::time::SystemTime::now()).unwrap().as_secs();
        assert!((expected - 10..=expected).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn ids_with_and_without_the_old_prefix_are_one_machine() {
    let server = server_creating(&with(ready(), "/machine_id", Some(json!(format!("dm-{MACHINE}"))))).await;
    create(&server).await.unwrap();
}
