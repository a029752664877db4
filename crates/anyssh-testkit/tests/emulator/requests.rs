//! What is asked has to be right in every part.

use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Machine};

use crate::client::{Call, create_body, idempotency_key, machine, sessions_path};

fn start() -> DedalusEmulator {
    Emulator::dedalus().without_gateway().start_blocking().unwrap()
}

#[test]
fn each_key_that_is_sent_has_to_be_the_right_one() {
    let emulator = start();
    let list = Call::new(&emulator, "GET /v1/machines");
    let by_header = list.clone().without("authorization").header("x-api-key", emulator.api_key());
    assert_eq!((list.send(&emulator).status, by_header.send(&emulator).status), (200, 200));
    let nothing = list.clone().without("authorization");
    assert_eq!(nothing.send(&emulator).failure(), (401, "AUTH_REQUIRED".into()));
    for wrong in [
        nothing.clone().header("authorization", "Bearer dsk-test-other"),
        nothing.clone().header("authorization", emulator.api_key()),
        nothing.header("x-api-key", ""),
        list.clone().header("x-api-key", "dsk-test-other"),
    ] {
        assert_eq!(wrong.send(&emulator).failure(), (401, "AUTH_INVALID".into()), "{wrong:?}");
    }
    let twice = list.header("authorization", "Bearer x");
    assert_eq!(twice.send(&emulator).failure(), (400, "Bad Request".into()));
}

#[test]
fn the_organisation_is_the_one_of_the_key_if_it_is_named() {
    let emulator = start();
    let list = Call::new(&emulator, "GET /v1/machines");
    let right = list.clone().header("X-Dedalus-Org-Id", emulator.organisation());
    assert_eq!(right.send(&emulator).status, 200);
    let wrong = list.header("X-Dedalus-Org-Id", "0199b1c2-1111-7000-8000-0000000000bb");
    assert_eq!(wrong.send(&emulator).failure(), (403, "AUTH_ORG_MISMATCH".into()));
}

#[test]
fn paths_methods_and_ids_that_are_not_there_are_told_apart() {
    let emulator = start();
    let failure = |line: &str| Call::new(&emulator, line).send(&emulator).failure();
    for line in ["GET /", "GET /v1", "GET /v1/machines/", "GET //v1/machines", "GET /v1/workspaces"] {
        assert_eq!(failure(line), (404, "Not Found".into()), "{line}");
    }
    for line in ["GET /v1/machines/x".to_owned(), format!("GET {}/x", sessions_path()), "GET /v1/machines/x/ssh".into()]
    {
        assert_eq!(failure(&line), (404, "Not Found".into()), "{line}");
    }
    for line in
        ["POST /v1/machines".to_owned(), format!("PUT {}", sessions_path()), format!("PATCH {}/x", sessions_path())]
    {
        assert_eq!(failure(&line), (405, "Method Not Allowed".into()), "{line}");
    }
}

#[test]
fn everything_is_below_the_prefix_of_the_base_url() {
    let emulator = Emulator::dedalus().without_gateway().with_prefix("/dcs").start_blocking().unwrap();
    assert!(emulator.base_url().ends_with("/dcs"), "{}", emulator.base_url());
    assert_eq!(Call::new(&emulator, "GET /v1/machines").send(&emulator).status, 200);
    assert_eq!(emulator.requests()[0].line(), "GET /v1/machines");
}

#[test]
fn the_body_of_create_is_one_key_and_nothing_else() {
    let emulator = start();
    let key = create_body();
    let (key, good) = (key.trim_end_matches('}'), Call::create(&emulator, 1));
    let refusals = [
        ("", 400),
        ("{", 400),
        ("[]", 422),
        ("{}", 422),
        ("{\"public_key\": null}", 422),
        ("{\"public_key\": \"ssh-ed25519 AAAA\"}", 422),
        (&format!("{key}, \"wake_if_needed\": true}}"), 422),
        (&format!("{}\\n# two\"}}", key.trim_end_matches('"')), 422),
    ];
    for (number, (body, status)) in (10..).zip(refusals) {
        let call =
            good.clone().json(body).without("idempotency-key").header("idempotency-key", &idempotency_key(number));
        assert_eq!(call.send(&emulator).failure().0, status, "{body}");
    }
    let plain = Call::create(&emulator, 2).without("content-type").header("content-type", "text/plain");
    assert_eq!(plain.send(&emulator).failure().0, 415);
    assert!(emulator.sessions().is_empty());
    let with_newline = good.json(&create_body().replace("\"}", "\\n\"}"));
    assert_eq!(with_newline.send(&emulator).status, 200);
}

#[test]
fn create_needs_a_compact_version_7_key() {
    let emulator = start();
    let create = Call::create(&emulator, 1).without("idempotency-key");
    assert_eq!(create.send(&emulator).failure().0, 400);
    let hyphens = create.header("idempotency-key", "0199b1c2-0000-7000-8000-000000000001");
    assert_eq!(hyphens.send(&emulator).failure().0, 400);
    assert!(emulator.sessions().is_empty());
}

#[test]
fn queries_bodies_and_accept_are_looked_at() {
    let emulator = start();
    let list = Call::new(&emulator, "GET /v1/machines");
    for query in ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "page=2", "cursor=made-up", "limit"] {
        let call = list.clone().line(&format!("GET /v1/machines?{query}"));
        assert_eq!(call.send(&emulator).failure().0, 422, "{query}");
    }
    assert_eq!(list.clone().line(&format!("GET /v1/machines/{}?x", machine())).send(&emulator).status, 400);
    assert_eq!(list.clone().json("{}").send(&emulator).status, 400);
    assert_eq!(list.clone().header("accept", "text/html").send(&emulator).status, 406);
    assert_eq!(list.header("accept", "application/json").send(&emulator).status, 200);
}

#[test]
fn requests_are_written_down_with_headers_body_and_status_and_printed_without_them() {
    let emulator = start();
    let sent = Call::create(&emulator, 1).header("X-Mine", "a b").send(&emulator);
    let request = emulator.requests().remove(0);
    assert_eq!((request.line(), sent.status), (format!("POST {}", sessions_path()), 200));
    assert_eq!((request.header("x-mine"), request.header("x-other"), request.status), (Some("a b"), None, Some(200)));
    assert_eq!(request.json()["public_key"].as_str().map(|key| &key[..11]), Some("ssh-ed25519"));
    assert!(!format!("{request:?}").contains(emulator.api_key()), "{request:?}");
}

#[test]
fn machines_are_listed_with_a_phase_and_told_with_a_status() {
    let emulator = Emulator::dedalus()
        .without_gateway()
        .with_machine(Machine::new("0199b1c2-0000-7000-8000-00000000000a").named("pond"))
        .with_machine(Machine::new("0199b1c2-0000-7000-8000-00000000000b").phase("destroyed"))
        .start_blocking()
        .unwrap();
    let get = |line: &str| Call::new(&emulator, line).send(&emulator).json();
    let list = get("GET /v1/machines");
    assert_eq!((&list["items"][0]["phase"], &list["items"][0]["name"]), (&"sleeping".into(), &"pond".into()));
    assert_eq!((&list["items"][1]["phase"], list["items"][1]["name"].is_null()), (&"destroyed".into(), true));
    let machine = get("GET /v1/machines/0199b1c2-0000-7000-8000-00000000000a");
    assert_eq!((&machine["status"]["phase"], machine["phase"].is_null()), (&"sleeping".into(), true));
    let create = Call::create(&emulator, 1).line("POST /v1/machines/0199b1c2-0000-7000-8000-00000000000b/ssh");
    assert_eq!(create.send(&emulator).failure(), (409, "INVALID_STATE".into()));
}
