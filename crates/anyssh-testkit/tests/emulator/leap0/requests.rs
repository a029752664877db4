//! What is asked has to be right in every part.

use anyssh_testkit::emulator::{Emulator, Fault, Generation, Sandbox, Wake};
use serde_json::{Value, json};

use super::{GENERATIONS, SANDBOX, create, failure, ssh, start, text};
use crate::client::Call;

#[test]
fn a_key_comes_in_one_of_two_headers_with_bearer_or_without() {
    let emulator = start(Generation::Two);
    let list = Call::new(&emulator, "GET /v1/sandboxes").without("authorization");
    let bearer = format!("Bearer {}", emulator.api_key());
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("authorization", emulator.api_key()),
        ("leap0-authorization", bearer.as_str()),
        ("Leap0-Authorization", emulator.api_key()),
    ] {
        assert_eq!(list.clone().header(name, value).send(&emulator).status, 200, "{name}: {value}");
    }
    for wrong in [
        list.clone(),
        list.clone().header("authorization", "Bearer other"),
        list.clone().header("authorization", &format!("bearer {}", emulator.api_key())),
        list.clone().header("x-api-key", emulator.api_key()),
        list.clone().header("authorization", &bearer).header("leap0-authorization", "other"),
    ] {
        assert_eq!(failure(&wrong.send(&emulator)), (401, "Unauthorized".into()), "{wrong:?}");
    }
    let twice = list.header("authorization", &bearer).header("authorization", &bearer);
    assert_eq!(twice.send(&emulator).status, 400);
}

#[test]
fn paths_and_methods_of_the_other_generation_are_not_there() {
    let lines = [
        ("DELETE /access", 404, 405),
        ("POST /validate", 400, 405),
        ("POST /regen", 404, 405),
        ("POST /ssh-1/validate", 404, 400),
        ("POST /ssh-1/regen", 404, 404),
        ("DELETE /ssh-1", 404, 404),
        ("GET /access", 405, 405),
    ];
    for (line, one, two) in lines {
        for (generation, status) in GENERATIONS.into_iter().zip([one, two]) {
            let emulator = start(generation);
            assert_eq!(failure(&ssh(&emulator, line).send(&emulator)).0, status, "{generation:?} {line}");
        }
    }
    let emulator = start(Generation::Two);
    for line in ["GET /", "GET /v1/sandbox/sbx-abc123", "GET /v1/sandboxes/", "GET /v1/sandbox//", "GET /v1/sandbox/x/"]
    {
        assert_eq!(Call::new(&emulator, line).send(&emulator).status, 404, "{line}");
    }
}

#[test]
fn calls_that_take_no_body_and_no_query_get_none() {
    for generation in GENERATIONS {
        let emulator = start(generation);
        assert_eq!(ssh(&emulator, "POST /access").json("{}").send(&emulator).status, 400);
        assert_eq!(ssh(&emulator, "POST /access?x=1").send(&emulator).status, 400);
        assert_eq!(Call::new(&emulator, "GET /v1/sandbox/sbx-abc123/?x").send(&emulator).status, 400);
        assert!(emulator.accesses().is_empty());
    }
}

#[test]
fn the_body_of_validate_is_what_its_generation_says_and_nothing_else() {
    for generation in GENERATIONS {
        let emulator = start(generation);
        let made = create(&emulator).json();
        let (id, password) = (text(&made, "id"), text(&made, "password"));
        let (path, good) = match generation {
            Generation::One => ("POST /validate".to_owned(), json!({"id": id, "password": password})),
            Generation::Two => (format!("POST /{id}/validate"), json!({"password": password})),
        };
        let call = ssh(&emulator, &path);
        assert_eq!(call.clone().json(&good.to_string()).send(&emulator).status, 200);
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut body = good.clone();
            change(&mut body);
            body.to_string()
        };
        for body in [
            String::new(),
            "{".into(),
            "[]".into(),
            changed(&|body| body["password"] = Value::Null),
            changed(&|body| body["password"] = "".into()),
            changed(&|body| body["more"] = "x".into()),
        ] {
            let refused = call.clone().json(&body).send(&emulator);
            assert_eq!(failure(&refused), (400, "Invalid request".into()), "{body}");
            assert!(text(&refused.json()["errors"][0], "field").len() > 3);
        }
        let plain = call.json(&good.to_string()).without("content-type").header("content-type", "text/plain");
        assert_eq!(plain.send(&emulator).status, 400);
    }
}

#[test]
fn lists_have_pages_and_a_total_and_their_query_has_hyphens() {
    let many = (0..23).map(|number| Sandbox::new(&format!("sbx-{number:02}")));
    let builder =
        many.fold(Emulator::leap0(Generation::Two), anyssh_testkit::emulator::Leap0Builder::with_sandbox).without_ssh();
    let emulator = builder.with_sandbox(Sandbox::new("sbx-zz").in_state("stopped")).start_blocking().unwrap();
    let list = |query: &str| Call::new(&emulator, &format!("GET /v1/sandboxes{query}")).send(&emulator);
    let ids = |query: &str| {
        let body = list(query).json();
        let ids = body["items"].as_array().unwrap().iter().map(|item| text(item, "id").to_owned());
        (ids.collect::<Vec<_>>(), body["total_items"].clone())
    };
    assert_eq!((ids("").0.len(), ids("").1), (20, json!(24)));
    assert_eq!(ids("?page=2").0.len(), 4);
    assert_eq!(ids("?page=3"), (vec![], json!(24)));
    assert_eq!(ids("?page=2&page-size=1&order-by=asc&sort=created_at").0, ["sbx-01"]);
    assert_eq!(ids("?state=stopped"), (vec!["sbx-zz".to_owned()], json!(1)));
    for query in ["page=0", "page-size=101", "page_size=5", "order_by=asc", "sort=name", "page=1&page=1", "order-by=up"]
    {
        assert_eq!(failure(&list(&format!("?{query}"))), (400, "Invalid request".into()), "{query}");
    }
    let item = &list("?state=running").json()["items"][0];
    assert!(["template_id", "pod_id", "created_at"].iter().all(|name| item[*name].is_string()), "{item}");
}

#[test]
fn a_sandbox_comes_up_while_it_is_read_and_credentials_wait_for_it() {
    let starting = Sandbox::default().coming_up(Wake::at_once().stage("starting", 2));
    let emulator = Emulator::leap0(Generation::One).without_ssh().with_sandbox(starting).start_blocking().unwrap();
    assert_eq!(failure(&create(&emulator)), (409, "Sandbox is starting".into()));
    let read = || Call::new(&emulator, &format!("GET /v1/sandbox/{SANDBOX}/")).send(&emulator).json();
    let states: Vec<Value> = (0..3).map(|_| read()["state"].clone()).collect();
    assert_eq!(states, ["starting", "starting", "running"]);
    assert_eq!(create(&emulator).status, 201);
    assert_eq!((read()["memory"].clone(), read()["timeout"].clone()), (json!(1024), json!(300)));
}

#[test]
fn a_paused_sandbox_is_woken_by_a_request_and_a_stopped_or_deleted_one_is_not() {
    let paused = Sandbox::default().in_state("paused").coming_up(Wake::at_once().stage("unpausing", 1));
    let emulator = Emulator::leap0(Generation::Two).without_ssh().with_sandbox(paused).start_blocking().unwrap();
    let read = || Call::new(&emulator, &format!("GET /v1/sandbox/{SANDBOX}/")).send(&emulator).json()["state"].clone();
    assert_eq!([read(), read()], ["paused", "paused"]);
    assert_eq!(create(&emulator).status, 201);
    assert_eq!([read(), read()], ["unpausing", "running"]);
    emulator.set_sandbox_state(SANDBOX, "stopped").unwrap();
    assert_eq!(failure(&create(&emulator)), (409, "Sandbox is stopped".into()));
    emulator.set_sandbox_state(SANDBOX, "deleted").unwrap();
    assert_eq!((failure(&create(&emulator)), read()), ((404, "Sandbox not found".into()), json!("deleted")));
    assert!(emulator.set_sandbox_state("sbx-other", "running").is_err());
}

#[test]
fn faults_are_for_these_paths_too_and_everything_is_below_the_prefix() {
    let emulator = Emulator::leap0(Generation::Two).without_ssh().with_prefix("/api").start_blocking().unwrap();
    assert!(emulator.base_url().ends_with("/api"));
    emulator.add_fault(Fault::on("POST", "/v1/sandbox/*/ssh/access").after_the_work().close());
    assert!(ssh(&emulator, "POST /access").try_send(&emulator).is_err());
    assert_eq!(emulator.alive().len(), 1, "the answer was lost, the credential was made");
    emulator.add_fault(Fault::on("*", "/v1/sandboxes").status(429).header("retry-after", "1").always());
    assert_eq!(Call::new(&emulator, "GET /v1/sandboxes").send(&emulator).status, 429);
    emulator.clear_faults();
    assert_eq!(Call::new(&emulator, "GET /v1/sandboxes").send(&emulator).status, 200);
    assert_eq!(emulator.requests()[0].line(), format!("POST /v1/sandbox/{SANDBOX}/ssh/access"));
}
