//! Unary calls: what is answered, and what is refused.

use anyssh_testkit::emulator::{
    Attempt, Boot, Emulator, Fault, FlyteEmulator, Link, LinkKind, Phase, RpcCode, RpcLogin, Run, Snapshot,
};
use serde_json::{Value, json};

use super::client::{Ask, by_action, details, run_id, run_service};

fn emulator(run: Run) -> FlyteEmulator {
    Emulator::flyte().with_run(run).start_blocking().unwrap()
}

#[test]
fn a_debug_run_shows_phase_attempt_and_the_link_to_its_pod() {
    let emulator = emulator(Run::default());
    let details = details(&emulator);
    assert_eq!(details["id"], by_action("pond-dbg", "a0")["actionId"]);
    assert_eq!(details["status"]["phase"], "ACTION_PHASE_RUNNING");
    let link = &details["attempts"][0]["logInfo"][0];
    assert_eq!(link["uri"], format!("{}/pods/pond-dbg/a0/1", emulator.gateway_url()));
    // As the vendor's: not ready, and a zero is left out.
    assert_eq!((&link["linkType"], &link["ready"]), (&json!("IDE"), &Value::Null));
    assert!(details["task"]["taskTemplate"].is_object(), "{details}");
}

#[test]
fn snapshots_come_in_their_order_with_links_attempts_and_reasons() {
    let boot = Boot::with(Snapshot::in_phase(Phase::Queued))
        .then(Snapshot::in_phase(Phase::Unknown(77)))
        .then(
            Snapshot::in_phase(Phase::Running).attempt(Attempt::in_phase(Phase::Failed).link(Link::ide())).attempt(
                Attempt::in_phase(Phase::Running)
                    .link(Link::ide().to("https://logs.example/").kind(LinkKind::External))
                    .link(Link::ide().ready().relative().followed_by("/x%2Fy?a=b c")),
            ),
        )
        .then(Snapshot::in_phase(Phase::Failed).error("OOMKilled", "too big"));
    let emulator = emulator(Run::new("pond-dbg").with_boot(boot));
    assert_eq!(details(&emulator)["status"]["phase"], "ACTION_PHASE_QUEUED");
    assert_eq!(details(&emulator)["status"]["phase"], 77);
    let running = details(&emulator);
    assert_eq!((&running["attempts"][0]["attempt"], &running["attempts"][1]["attempt"]), (&json!(1), &json!(2)));
    let links = &running["attempts"][1]["logInfo"];
    assert_eq!((&links[0]["linkType"], &links[0]["uri"]), (&Value::Null, &json!("https://logs.example/")));
    assert_eq!(links[1]["uri"], "/pods/pond-dbg/a0/2/x%2Fy?a=b c");
    assert_eq!(links[1]["ready"], true);
    let failed = details(&emulator);
    assert_eq!(
        (&failed["status"]["phase"], &failed["errorInfo"]["code"]),
        (&json!("ACTION_PHASE_FAILED"), &json!("OOMKilled"))
    );
    assert_eq!((details(&emulator), emulator.phase("pond-dbg", "a0")), (failed, Some(Phase::Failed)));
}

#[test]
fn what_is_not_there_or_not_whole_is_refused_with_its_code() {
    let emulator = emulator(Run::default());
    let refused = |input: &Value| Ask::run("GetActionDetails", input).send(&emulator).failure();
    assert_eq!(refused(&by_action("other", "a0")), (404, "not_found".into()));
    assert_eq!(refused(&by_action("pond-dbg", "a1")), (404, "not_found".into()));
    let elsewhere =
        json!({"actionId": {"run": {"org": "other", "project": "p", "domain": "d", "name": "r"}, "name": "a0"}});
    assert_eq!(refused(&elsewhere), (404, "not_found".into()));
    let invalid = (400, "invalid_argument".to_owned());
    for (place, value) in [("org", json!("")), ("project", Value::Null), ("domain", json!("x".repeat(64)))] {
        let mut input = by_action("pond-dbg", "a0");
        input["actionId"]["run"][place] = value;
        assert_eq!(refused(&input), invalid, "{place}");
    }
    assert_eq!(refused(&by_action(&"r".repeat(31), "a0")), invalid);
    assert_eq!(refused(&by_action("pond-dbg", "")), invalid);
    assert_eq!(refused(&json!({"actionId": by_action("pond-dbg", "a0")["actionId"], "more": 1})), invalid);
    assert_eq!(refused(&json!([])), invalid);
}

#[test]
fn requests_have_to_look_like_the_connect_protocol() {
    let emulator = emulator(Run::default());
    let good = Ask::run("GetActionDetails", &by_action("pond-dbg", "a0"));
    let path = run_service("GetActionDetails");
    assert_eq!(good.clone().header("connect-protocol-version", "1").send(&emulator).status, 200);
    assert_eq!(good.clone().header("connect-protocol-version", "2").send(&emulator).failure().1, "invalid_argument");
    assert_eq!(
        good.clone().header("connect-timeout-ms", "12345678901").send(&emulator).failure().1,
        "invalid_argument"
    );
    assert_eq!(good.clone().header("content-encoding", "br").send(&emulator).failure(), (501, "unimplemented".into()));
    assert_eq!(good.clone().typed("text/json", b"{}".to_vec()).send(&emulator).status, 415);
    assert_eq!(good.clone().typed("application/connect+json", b"{}".to_vec()).send(&emulator).status, 415);
    let charset = by_action("pond-dbg", "a0").to_string().into_bytes();
    assert_eq!(good.typed("application/json; charset=utf-8", charset).send(&emulator).status, 200);
    let unknown = Ask::call(&run_service("GetEverything"), &json!({})).send(&emulator);
    assert_eq!((unknown.status, unknown.body.len()), (404, 0));
    let put = Ask::new(&format!("PUT {path}")).send(&emulator);
    assert!(put.status == 405 && put.head.contains("allow: get, post"), "{}", put.head);
    assert_eq!(Ask::new(&format!("GET {}", run_service("CreateRun"))).send(&emulator).status, 405);
    let message = super::client::encoded(&by_action("pond-dbg", "a0").to_string());
    let get = Ask::new(&format!("GET {path}?connect=v1&encoding=json&message={message}")).send(&emulator);
    assert_eq!(get.json()["details"]["status"]["phase"], "ACTION_PHASE_RUNNING");
}

#[test]
fn a_message_in_binary_is_answered_in_binary() {
    let emulator = emulator(Run::default());
    let input = b"\x0a\x29\x0a\x23\x0a\x04acme\x12\x04pond\x1a\x0bdevelopment\"\x08pond-dbg\x12\x02a0".to_vec();
    let ask = Ask::new(&format!("POST {}", run_service("GetActionDetails"))).typed("application/proto", input);
    let reply = ask.send(&emulator);
    assert!(reply.status == 200 && reply.head.contains("content-type: application/proto\r\n"), "{reply:?}");
    let uri = format!("{}/pods/pond-dbg/a0/1", emulator.gateway_url());
    assert!(reply.body.windows(uri.len()).any(|window| window == uri.as_bytes()));
}

#[test]
fn a_token_that_is_sent_has_to_be_good_and_may_be_asked_for() {
    let open = emulator(Run::default());
    let ask = Ask::run("GetActionDetails", &by_action("pond-dbg", "a0"));
    assert_eq!(ask.clone().bearer("stale").send(&open).failure(), (401, "unauthenticated".into()));
    let closed = Emulator::flyte().with_rpc_login(RpcLogin::Required).start_blocking().unwrap();
    assert_eq!(ask.send(&closed).failure(), (401, "unauthenticated".into()));
    let token = closed.issue_token(std::time::Duration::from_secs(60));
    for header in ["authorization", "flyte-authorization"] {
        assert_eq!(ask.clone().header(header, &format!("Bearer {token}")).send(&closed).status, 200);
    }
    closed.advance_clock(std::time::Duration::from_secs(60));
    assert_eq!(ask.bearer(&token).send(&closed).status, 401);
    let metadata = Ask::call("/flyteidl2.auth.AuthMetadataService/GetPublicClientConfig", &json!({})).send(&closed);
    assert_eq!(metadata.json()["authorizationMetadataKey"], "flyte-authorization");
}

#[test]
fn faults_and_spoiled_answers_are_as_they_were_scripted() {
    let emulator = emulator(Run::default());
    let body = FlyteEmulator::error_body(RpcCode::Unavailable, "one moment");
    emulator.add_fault(Fault::on("POST", &run_service("GetActionDetails")).status(503).body(body));
    let ask = Ask::run("GetActionDetails", &by_action("pond-dbg", "a0"));
    assert_eq!(ask.send(&emulator).failure(), (503, "unavailable".into()));
    emulator.spoil("GetActionDetails", |answer| answer["details"]["news"] = json!([1, 2]));
    assert_eq!(details(&emulator)["news"], json!([1, 2]));
    emulator.unspoil();
    assert_eq!(details(&emulator)["news"], Value::Null);
    let statuses: Vec<Option<u16>> = emulator.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(200), Some(200)]);
}

#[test]
fn an_aborted_run_is_over_and_says_why() {
    let emulator = emulator(Run::default());
    let abort = Ask::run("AbortRun", &json!({"runId": run_id("pond-dbg"), "reason": "enough"}));
    let reply = abort.send(&emulator);
    assert_eq!((reply.status, reply.json()), (200, json!({})));
    let details = details(&emulator);
    assert_eq!(details["status"]["phase"], "ACTION_PHASE_ABORTED");
    assert_eq!(details["abortInfo"]["reason"], "enough");
    assert_eq!(abort.send(&emulator).status, 200);
    assert_eq!(Ask::run("AbortRun", &json!({"runId": run_id("gone")})).send(&emulator).failure().0, 404);
}
